//! Webhook endpoints: added, looked at, switched, deleted; their secrets rotated.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{present, query};
use super::{Body, Owner, answer, ok};
use crate::http::Problem;
use crate::webhooks::{Endpoint, WebhookError};

/// The longest overlap of two secrets.
const LONGEST_OVERLAP: u64 = 30 * 24 * 3600;

/// Nothing may be asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    url: String,
    #[serde(default = "all")]
    event: String,
    #[serde(default)]
    description: String,
}

fn all() -> String {
    "all".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promotion {
    #[serde(default, deserialize_with = "present")]
    overlap_seconds: Option<u64>,
}

/// An endpoint without its secret; its application is known by its API key.
fn shown(endpoint: &Endpoint) -> Value {
    let mut told = json!(endpoint);
    if let Some(members) = told.as_object_mut() {
        members.remove("application_id");
    }
    told
}

/// The endpoints; there are a hundred at most, so there are no pages.
pub(super) async fn list(owner: Owner) -> Result<HttpResponse, Problem> {
    let Nothing {} = query(&owner.request)?;
    let (webhooks, id) = (owner.edge.webhooks.clone(), owner.id());
    let found = owner.edge.run(async move { webhooks.endpoints(id).await });
    let items: Vec<Value> = found.await?.iter().map(shown).collect();
    Ok(ok(&json!({ "items": items, "next": null })))
}

/// Adds endpoints; the answer is the only one that shows their secret.
pub(super) async fn create(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let new: New = body.read()?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let made = owner.edge.run(async move {
        webhooks
            .create_endpoint(id, &new.url, &new.event, &new.description, &actor)
            .await
    });
    Ok(answer(
        StatusCode::CREATED,
        &json!({ "items": made.await? }),
    ))
}

/// One endpoint.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    let number = owner.number("endpoint")?;
    let (webhooks, id) = (owner.edge.webhooks.clone(), owner.id());
    let found = owner
        .edge
        .run(async move { webhooks.endpoint(id, number).await });
    Ok(ok(&shown(&found.await?)))
}

/// Switches an endpoint on or off.
pub(super) async fn change(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let wanted: Wanted = body.read()?;
    let number = owner.number("endpoint")?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let changed = owner.edge.run(async move {
        match wanted.enabled {
            true => webhooks.enable_endpoint(id, number, &actor).await?,
            false => webhooks.disable_endpoint(id, number, &actor).await?,
        }
        webhooks.endpoint(id, number).await
    });
    Ok(ok(&shown(&changed.await?)))
}

/// Deletes an endpoint; what it is owed is cancelled.
pub(super) async fn delete(owner: Owner) -> Result<HttpResponse, Problem> {
    let number = owner.number("endpoint")?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let deleted = owner
        .edge
        .run(async move { webhooks.delete_endpoint(id, number, &actor).await });
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a second secret, which signs beside the first; this answer alone shows it.
pub(super) async fn rotate_secret(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let Nothing {} = body.read()?;
    let number = owner.number("endpoint")?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let rotated = owner.edge.run(async move {
        let secret = webhooks.rotate_secret(id, number, &actor).await?;
        Ok::<_, WebhookError>((secret, webhooks.endpoint(id, number).await?))
    });
    let (secret, endpoint) = rotated.await?;
    let mut told = shown(&endpoint);
    told["secret"] = secret.into();
    Ok(answer(StatusCode::CREATED, &told))
}

/// Makes the second secret the first.
pub(super) async fn promote_secret(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let promotion: Promotion = body.read()?;
    let number = owner.number("endpoint")?;
    if promotion.overlap_seconds > Some(LONGEST_OVERLAP) {
        let why = format!("overlap_seconds is at most {LONGEST_OVERLAP}");
        return Err(Problem::bad_request(why));
    }
    let overlap = promotion.overlap_seconds.map(Duration::from_secs);
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let promoted = owner.edge.run(async move {
        webhooks.promote_secret(id, number, overlap, &actor).await?;
        webhooks.endpoint(id, number).await
    });
    Ok(ok(&shown(&promoted.await?)))
}
