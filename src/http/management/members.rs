//! Members of an application, invitations, its tokens, and the log of what was changed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{number_cursor, page_length, present, query, rows};
use super::who::Owner;
use super::{Body, answer, ok, page};
use crate::access::accounts::{AccountId, Invitation, Member, Role};
use crate::access::{NewToken, Scope, audit};
use crate::http::Problem;

/// A page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    cursor: Option<String>,
    limit: Option<i64>,
}

/// Nothing may be asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invited {
    email: String,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default = "owner")]
    role: Role,
    #[serde(default, deserialize_with = "present")]
    expires_at: Option<i64>,
}

fn owner() -> Role {
    Role::Owner
}

fn shown(member: &Member) -> Value {
    json!({
        "id": member.account.id,
        "email": member.account.email,
        "name": member.account.name,
        "role": member.role,
        "second_factor": member.account.second_factor,
        "since": member.since,
    })
}

fn offered(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "invited_by": invitation.invited_by,
        "expires_at": invitation.expires_at,
    })
}

/// The members; there are a hundred at most, so there are no pages.
pub(super) async fn list(owner: Owner) -> Result<HttpResponse, Problem> {
    let Nothing {} = query(&owner.request)?;
    let (accounts, id) = (owner.edge.accounts.clone(), owner.id());
    let found = owner.edge.run(async move { accounts.members(id).await });
    let items: Vec<Value> = found.await?.iter().map(shown).collect();
    Ok(ok(&json!({ "items": items, "next": null })))
}

/// Gives a member another role.
pub(super) async fn change(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let changed: Changed = body.read()?;
    let member = AccountId(owner.number("member")?);
    let (accounts, id, actor) = (owner.edge.accounts.clone(), owner.id(), owner.actor);
    let members = owner.edge.run(async move {
        accounts
            .change_role(id, member, changed.role, &actor)
            .await?;
        accounts.members(id).await
    });
    let members = members.await?;
    let changed = members.iter().find(|one| one.account.id == member);
    let changed = changed.ok_or_else(|| Problem::not_found("there is no such member"))?;
    Ok(ok(&shown(changed)))
}

/// Takes somebody off the application.
pub(super) async fn remove(owner: Owner) -> Result<HttpResponse, Problem> {
    let member = AccountId(owner.number("member")?);
    let (accounts, id, actor) = (owner.edge.accounts.clone(), owner.id(), owner.actor);
    owner
        .edge
        .run(async move { accounts.remove_member(id, member, &actor).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The invitations that are good.
pub(super) async fn invitations(owner: Owner) -> Result<HttpResponse, Problem> {
    let Nothing {} = query(&owner.request)?;
    let (accounts, id) = (owner.edge.accounts.clone(), owner.id());
    let found = owner
        .edge
        .run(async move { accounts.invitations(id).await });
    let items: Vec<Value> = found.await?.iter().map(offered).collect();
    Ok(ok(&json!({ "items": items, "next": null })))
}

/// Makes a link for somebody; the answer is the only one that shows it.
pub(super) async fn invite(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let invited: Invited = body.read()?;
    let (accounts, id, actor) = (owner.edge.accounts.clone(), owner.id(), owner.actor);
    let made = owner.edge.run(async move {
        accounts
            .invite(id, &invited.email, invited.role, &actor)
            .await
    });
    let (token, invitation) = made.await?;
    let mut told = offered(&invitation);
    // After a hash: what stands there is sent to no server and written into no log.
    told["url"] = format!("{}/portal/join#{token}", owner.edge.links.public()).into();
    Ok(answer(StatusCode::CREATED, &told))
}

/// Withdraws an invitation.
pub(super) async fn withdraw(owner: Owner) -> Result<HttpResponse, Problem> {
    let number = owner.number("invitation")?;
    let (accounts, id, actor) = (owner.edge.accounts.clone(), owner.id(), owner.actor);
    owner
        .edge
        .run(async move { accounts.withdraw(id, number, &actor).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The application's own tokens, also those that were revoked, newest first.
pub(super) async fn tokens(owner: Owner) -> Result<HttpResponse, Problem> {
    let Nothing {} = query(&owner.request)?;
    let (tokens, id) = (owner.edge.tokens.clone(), owner.id());
    let found = owner.edge.run(async move { tokens.list(Some(id)).await });
    Ok(ok(&json!({ "items": found.await?, "next": null })))
}

/// Makes a token; the answer is the only one that shows it.
pub(super) async fn create_token(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let wanted: Wanted = body.read()?;
    if wanted.role > owner.role {
        let message = "a token may not do more than whoever makes it";
        return Err(Problem::new(StatusCode::FORBIDDEN, "role-too-low", message));
    }
    let (name, role, expires_at) = (wanted.name.clone(), wanted.role, wanted.expires_at);
    let new = NewToken {
        name: wanted.name,
        scope: Scope::Application(owner.id()),
        role,
        expires_at,
    };
    let (tokens, actor) = (owner.edge.tokens.clone(), owner.actor);
    let made = owner
        .edge
        .run(async move { tokens.create(new, &actor).await });
    let (token, id) = made.await?;
    let told = json!({
        "id": id, "name": name, "role": role, "expires_at": expires_at, "token": token,
    });
    Ok(answer(StatusCode::CREATED, &told))
}

/// Ends a token.
pub(super) async fn revoke_token(owner: Owner) -> Result<HttpResponse, Problem> {
    let which = owner.request.match_info().get("token");
    let which = which.unwrap_or_default().to_owned();
    let (tokens, id, actor) = (owner.edge.tokens.clone(), owner.id(), owner.actor);
    let revoked = owner.edge.run(async move {
        use crate::access::AccessError::WrongCredentials;
        match tokens.revoke(&which, Some(id), &actor).await {
            Err(WrongCredentials) => Err(Problem::not_found("there is no such token")),
            other => other.map_err(Problem::from),
        }
    });
    revoked.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What was changed, newest first.
pub(super) async fn log(owner: Owner) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&owner.request)?;
    let length = page_length(asked.limit)?;
    let before = number_cursor(asked.cursor.as_deref())?;
    let (database, id) = (owner.edge.database.clone(), owner.id());
    let found = owner
        .edge
        .run(async move { audit::log_of(&database, id, before, rows(length)).await });
    Ok(page(
        found.await?,
        length,
        |entry| json!(entry),
        |entry| entry.id.to_string(),
    ))
}
