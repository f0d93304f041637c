//! Figures of an application: simple counts over a time, bounded.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::json;

use super::asked::query;
use super::{Owner, ok};
use crate::events::Log;
use crate::http::Problem;

/// How far back figures go if nothing else is asked for: thirty days.
const USUAL_SPAN_MS: i64 = 30 * 24 * 3600 * 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    since: Option<i64>,
}

/// Files kept, events by kind and deliveries by state, since a time. Each figure looks at the
/// latest 100,000 rows at most and is a lower bound beyond that.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&owner.request)?;
    let until = owner.edge.clock.now_ms();
    let since = asked.since.unwrap_or(until - USUAL_SPAN_MS);
    let (catalog, id) = (owner.edge.catalog.clone(), owner.id());
    let files = owner
        .edge
        .run(async move { catalog.usage(id, since).await })
        .await?;
    let log = Log::new(owner.edge.database.clone());
    let events = owner
        .edge
        .run(async move { log.counts(id, since).await })
        .await?;
    let webhooks = owner.edge.webhooks.clone();
    let deliveries = owner
        .edge
        .run(async move { webhooks.delivery_counts(id, since).await })
        .await?;
    let events: BTreeMap<_, _> = events.into_iter().collect();
    let deliveries: serde_json::Map<_, _> = deliveries
        .into_iter()
        .filter_map(|(state, count)| Some((json!(state).as_str()?.to_owned(), json!(count))))
        .collect();
    Ok(ok(&json!({
        "since": since,
        "until": until,
        "files": { "count": files.files, "bytes": files.bytes, "more": files.more },
        "events": events,
        "deliveries": deliveries,
    })))
}
