//! Applications: listed, made, looked at, changed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{number_cursor, page_length, present, query, rows};
use super::who::{Who, may_make_applications};
use super::{Body, Caller, Owner, answer, ok, page};
use crate::access::accounts::Role;
use crate::access::{AccessError, Application, Change, NewApplication, OwnDropboxApp, Scope};
use crate::http::Problem;

/// A page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    cursor: Option<String>,
    limit: Option<i64>,
}

/// A Dropbox app, always with both parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropboxApp {
    key: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    #[serde(default)]
    security: bool,
    #[serde(default)]
    allowed_origins: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    dropbox_app: Option<DropboxApp>,
    #[serde(default)]
    storage_path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    security: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    allowed_origins: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    dropbox_app: Option<DropboxApp>,
    #[serde(default, deserialize_with = "present")]
    storage_path: Option<String>,
}

fn own(app: DropboxApp) -> OwnDropboxApp {
    OwnDropboxApp {
        key: app.key,
        secret: app.secret,
    }
}

/// An application without its secrets. The key of its Dropbox app is not one: every browser that
/// is sent to Dropbox sees it.
fn shown(application: &Application) -> Value {
    json!({
        "apikey": application.apikey,
        "name": application.name,
        "security": application.security_enabled,
        "allowed_origins": application.allowed_origins,
        "dropbox_app_key": application.dropbox_app.as_ref().map(|app| &app.key),
        "storage_path": application.storage_path,
    })
}

/// With how much the caller may do with it.
fn with_role(application: &Application, role: Role) -> Value {
    let mut told = shown(application);
    told["role"] = json!(role);
    told
}

/// What the token reaches: lets a script find out what it may do.
pub(super) async fn token(caller: Caller) -> Result<HttpResponse, Problem> {
    let Who::Token(grant) = &caller.who else {
        let message = "a management token is needed: Authorization: Bearer lsm_…";
        let status = StatusCode::UNAUTHORIZED;
        return Err(Problem::new(status, "wrong-credentials", message));
    };
    let (scope, apikey) = match grant.scope {
        Scope::Everything => ("everything", None),
        Scope::Application(id) => {
            let applications = caller.edge.applications.clone();
            let found = caller.edge.run(async move { applications.by_id(id).await });
            ("application", Some(found.await?.apikey.clone()))
        }
    };
    Ok(ok(&json!({
        "id": grant.id, "scope": scope, "apikey": apikey, "role": grant.role,
    })))
}

/// The applications that the caller reaches, oldest first.
pub(super) async fn list(caller: Caller) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&caller.request)?;
    let length = page_length(asked.limit)?;
    let after = number_cursor(asked.cursor.as_deref())?.unwrap_or(0);
    let (applications, accounts) = (
        caller.edge.applications.clone(),
        caller.edge.accounts.clone(),
    );
    let who = caller.who.clone();
    let found = caller.edge.run(async move {
        let mut found = Vec::new();
        match who {
            Who::Token(grant) => match grant.scope {
                Scope::Application(id) if id.0 > after => {
                    found.push((applications.by_id(id).await?, grant.role));
                }
                Scope::Application(_) => {}
                Scope::Everything => {
                    let all = applications.list(after, rows(length)).await?;
                    found.extend(all.into_iter().map(|one| (one, grant.role)));
                }
            },
            Who::Person(session) => {
                let id = session.account.id;
                for one in accounts.memberships(id, after, rows(length)).await? {
                    match applications.by_id(one.application).await {
                        Ok(application) => found.push((application, one.role)),
                        Err(AccessError::UnknownApplication) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Ok::<_, Problem>(found)
    });
    Ok(page(
        found.await?,
        length,
        |(application, role)| with_role(application, *role),
        |(application, _)| application.id.0.to_string(),
    ))
}

/// Makes an application; the answer is the only one that shows its secret.
pub(super) async fn create(caller: Caller, body: Body) -> Result<HttpResponse, Problem> {
    if !may_make_applications(&caller.who) {
        let message = "applications are made by operators of this server, and by tokens that \
                       reach everything";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "scope-too-narrow",
            message,
        ));
    }
    let new: New = body.read()?;
    let new = NewApplication {
        name: new.name,
        dropbox_app: new.dropbox_app.map(own),
        security_enabled: new.security,
        allowed_origins: new.allowed_origins,
        storage_path: new.storage_path,
        owner: match &caller.who {
            Who::Person(session) => Some(session.account.id),
            Who::Token(_) => None,
        },
    };
    let (applications, actor) = (caller.edge.applications.clone(), caller.actor());
    let made = caller
        .edge
        .run(async move { applications.create(new, &actor).await });
    let (application, secret) = made.await?;
    let mut told = with_role(&application, Role::Owner);
    told["secret"] = secret.into();
    Ok(answer(StatusCode::CREATED, &told))
}

/// One application.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    Ok(ok(&with_role(&owner.application, owner.role)))
}

/// Changes the members that are given.
pub(super) async fn change(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let wanted: Wanted = body.read()?;
    let change = Change {
        name: wanted.name,
        security_enabled: wanted.security,
        allowed_origins: wanted.allowed_origins,
        dropbox_app: wanted.dropbox_app.map(own),
        storage_path: wanted.storage_path,
    };
    let (applications, id, actor) = (owner.edge.applications.clone(), owner.id(), owner.actor);
    let changed = owner.edge.run(async move {
        applications.update(id, change, &actor).await?;
        applications.by_id(id).await
    });
    Ok(ok(&with_role(&*changed.await?, owner.role)))
}
