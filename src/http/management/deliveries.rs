//! Deliveries: listed, looked into, sent again.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::asked::{number_cursor, page_length, query, rows};
use super::{Body, Owner, answer, ok, page};
use crate::http::Problem;
use crate::webhooks::{DeliveryState, Filter, WebhookError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    endpoint: Option<i64>,
    event: Option<i64>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    since: i64,
}

/// The deliveries, newest first.
pub(super) async fn list(owner: Owner) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&owner.request)?;
    let length = page_length(asked.limit)?;
    let state = match asked.state.as_deref() {
        None => None,
        Some(name) => Some(DeliveryState::parse(name).ok_or_else(|| {
            Problem::bad_request(
                "state is one of pending, delivered, exhausted, cancelled and held",
            )
        })?),
    };
    let filter = Filter {
        endpoint_id: asked.endpoint,
        event_id: asked.event,
        state,
        before: number_cursor(asked.cursor.as_deref())?,
        limit: rows(length),
    };
    let (webhooks, id) = (owner.edge.webhooks.clone(), owner.id());
    let found = owner
        .edge
        .run(async move { webhooks.deliveries(id, filter).await });
    Ok(page(
        found.await?,
        length,
        |delivery| json!(delivery),
        |delivery| delivery.id.to_string(),
    ))
}

/// One delivery with its attempts, oldest first: the first thousand.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    let number = owner.number("delivery")?;
    let (webhooks, id) = (owner.edge.webhooks.clone(), owner.id());
    let found = owner.edge.run(async move {
        let delivery = webhooks.delivery(id, number).await?;
        let attempts = webhooks.attempts(id, number).await?;
        Ok::<_, WebhookError>((delivery, attempts))
    });
    let (delivery, attempts) = found.await?;
    let mut told = json!(delivery);
    told["attempt_log"] = json!(attempts);
    Ok(ok(&told))
}

/// Has one delivery attempted once more, now.
pub(super) async fn resend(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let Nothing {} = body.read()?;
    let number = owner.number("delivery")?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let asked = owner.edge.run(async move {
        webhooks.resend(id, number, &actor).await?;
        webhooks.delivery(id, number).await
    });
    Ok(answer(StatusCode::ACCEPTED, &json!(asked.await?)))
}

/// Has everything attempted once more that an endpoint did not accept since a time.
pub(super) async fn resend_failed(owner: Owner, body: Body) -> Result<HttpResponse, Problem> {
    let again: Again = body.read()?;
    let number = owner.number("endpoint")?;
    let (webhooks, id, actor) = (owner.edge.webhooks.clone(), owner.id(), owner.actor);
    let resent = owner.edge.run(async move {
        webhooks
            .resend_failed(id, number, again.since, &actor)
            .await
    });
    Ok(answer(
        StatusCode::ACCEPTED,
        &json!({ "resent": resent.await? }),
    ))
}
