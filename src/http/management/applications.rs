//! Applications: listed, made, looked at, changed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{number_cursor, page_length, present, query, rows};
use super::{Bearer, Body, Owner, answer, ok, page};
use crate::access::{Application, Change, NewApplication, OwnDropboxApp, Scope};
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

/// What the token reaches: lets a script find out what it may do.
pub(super) async fn token(bearer: Bearer) -> Result<HttpResponse, Problem> {
    let (scope, apikey) = match bearer.scope {
        Scope::Everything => ("everything", None),
        Scope::Application(id) => {
            let applications = bearer.edge.applications.clone();
            let found = bearer.edge.run(async move { applications.by_id(id).await });
            ("application", Some(found.await?.apikey.clone()))
        }
    };
    Ok(ok(&json!({ "scope": scope, "apikey": apikey })))
}

/// The applications that the token reaches, oldest first.
pub(super) async fn list(bearer: Bearer) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&bearer.request)?;
    let length = page_length(asked.limit)?;
    let after = number_cursor(asked.cursor.as_deref())?.unwrap_or(0);
    let (applications, scope) = (bearer.edge.applications.clone(), bearer.scope);
    let found = bearer.edge.run(async move {
        match scope {
            Scope::Application(id) if id.0 > after => Ok(vec![applications.by_id(id).await?]),
            Scope::Application(_) => Ok(Vec::new()),
            Scope::Everything => applications.list(after, rows(length)).await,
        }
    });
    Ok(page(
        found.await?,
        length,
        |application| shown(application),
        |application| application.id.0.to_string(),
    ))
}

/// Makes an application; the answer is the only one that shows its secret.
pub(super) async fn create(bearer: Bearer, body: Body) -> Result<HttpResponse, Problem> {
    if bearer.scope != Scope::Everything {
        let message = "this token reaches one application and cannot make another";
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
    };
    let applications = bearer.edge.applications.clone();
    let made = bearer
        .edge
        .run(async move { applications.create(new).await });
    let (application, secret) = made.await?;
    let mut told = shown(&application);
    told["secret"] = secret.into();
    Ok(answer(StatusCode::CREATED, &told))
}

/// One application.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    Ok(ok(&shown(&owner.application)))
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
    let (applications, id) = (owner.edge.applications.clone(), owner.id());
    let changed = owner.edge.run(async move {
        applications.update(id, change).await?;
        applications.by_id(id).await
    });
    Ok(ok(&shown(&*changed.await?)))
}
