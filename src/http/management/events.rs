//! The log of events.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{number_cursor, page_length, query, rows};
use super::{Owner, ok, page};
use crate::events::{ACTIONS, ENDPOINT_NOTICE, Event, Filter, Log};
use crate::files::Handle;
use crate::http::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    action: Option<String>,
    handle: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

/// An event; `text` is what its deliveries bear under that name.
fn shown(event: &Event) -> Value {
    let text: Value = serde_json::from_str(&event.text).unwrap_or_default();
    json!({
        "id": event.id,
        "action": event.action,
        "handle": event.handle,
        "created_at": event.created_at,
        "text": text,
    })
}

/// The events, newest first.
pub(super) async fn list(owner: Owner) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&owner.request)?;
    let length = page_length(asked.limit)?;
    if let Some(action) = &asked.action
        && !ACTIONS.contains(&action.as_str())
        && action != ENDPOINT_NOTICE
    {
        let why = format!("action is one of {}, {ENDPOINT_NOTICE}", ACTIONS.join(", "));
        return Err(Problem::bad_request(why));
    }
    let handle = asked.handle.as_deref().map(Handle::parse).transpose();
    let handle = handle.map_err(|error| Problem::bad_request(error.to_string()))?;
    let filter = Filter {
        action: asked.action,
        handle: handle.map(|handle| handle.to_string()),
        before: number_cursor(asked.cursor.as_deref())?,
        limit: rows(length),
    };
    let (log, id) = (Log::new(owner.edge.database.clone()), owner.id());
    let found = owner.edge.run(async move { log.list(id, filter).await });
    Ok(page(found.await?, length, shown, |event| {
        event.id.to_string()
    }))
}

/// One event.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    let number = owner.number("event")?;
    let (log, id) = (Log::new(owner.edge.database.clone()), owner.id());
    let found = owner.edge.run(async move { log.find(id, number).await });
    match found.await? {
        Some(event) => Ok(ok(&shown(&event))),
        None => Err(Problem::not_found("there is no such event")),
    }
}
