//! Whether the process lives, and whether it can do its work.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::Edge;
use crate::webhooks::{QueueError, WebhookError};

/// The process answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// The database and the storage answer; names the part that does not. Details go to the log.
pub(super) async fn ready(edge: web::Data<Edge>) -> HttpResponse {
    let database = edge.database.reserved();
    let database_answers = edge
        .run(async move { database.check().await })
        .await
        .is_ok();
    let storage = edge.storage.clone();
    let now = edge.clock.now_ms();
    let storage_answers = edge
        .run(async move { storage.check(now).await })
        .await
        .is_ok();
    let webhooks = edge.webhooks.clone();
    let look = async move { Ok::<_, WebhookError>(trouble(webhooks.check().await)) };
    let trouble = edge.run(look).await.unwrap_or(Some("other"));
    // Without its queue a node still takes picks: deliveries catch up when it is back.
    let ready = database_answers && storage_answers && edge.ready.load(Ordering::SeqCst);
    let parts = json!({
        "ready": ready,
        "database": database_answers,
        "storage": storage_answers,
        "queue": trouble.is_none(),
        "queue_trouble": trouble,
    });
    if ready {
        HttpResponse::Ok().json(parts)
    } else {
        HttpResponse::ServiceUnavailable().json(parts)
    }
}

/// What keeps the queue from working, in a word.
fn trouble(queue: Result<(), QueueError>) -> Option<&'static str> {
    match queue {
        Ok(()) => None,
        Err(QueueError::Unavailable { trouble, .. }) => Some(trouble.name()),
        Err(QueueError::Settings { .. }) => Some("other"),
    }
}
