//! `fp.dialog`: a picker was opened.
//!
//! Filestack told this event with the options of the dialog (payload as decoded by telegraf's
//! webhook input). A page that is opened often opens many pickers, so the event is recorded only
//! where an endpoint asks for it, and nobody waits for it.

use actix_web::web;
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::Edge;
use crate::access::{Application, ApplicationId};
use crate::database::DatabaseError;
use crate::events::{ACTIONS, Happening};

/// The event's name.
const DIALOG: &str = ACTIONS[5];
/// Entries of `accept` that are told at most.
const MOST_ACCEPTED: usize = 50;
/// Characters of one text that is told at most.
const LONGEST_TEXT: usize = 200;

/// Records that a picker was opened with these options, if anybody wants to know.
pub(super) fn announce(edge: &web::Data<Edge>, application: &Application, options: &Value) {
    let text = told(application, options);
    let (edge, application_id) = (edge.clone(), application.id);
    let outbound = edge.outbound.clone();
    outbound.spawn(async move {
        if let Err(error) = record(&edge, application_id, text).await {
            log::warn!("an opened picker was not recorded: {error}");
        }
    });
}

async fn record(edge: &Edge, id: ApplicationId, text: Value) -> Result<(), DatabaseError> {
    if !edge.webhooks.hears(id, DIALOG).await? {
        return Ok(());
    }
    let events = edge.events.clone();
    let event = edge
        .database
        .write(move |tx| {
            async move { events.record(tx, &Happening::Dialog(id, text)).await }.boxed()
        })
        .await?;
    edge.events.committed(&[event]);
    Ok(())
}

/// The options as far as they are told: known members, bounded, no policy and no signature.
fn told(application: &Application, options: &Value) -> Value {
    let accepted: Vec<String> = match &options["accept"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|one| text(one)).collect(),
        _ => Vec::new(),
    };
    let accepted = accepted.into_iter().take(MOST_ACCEPTED);
    let (extensions, mimetypes): (Vec<_>, Vec<_>) = accepted.partition(|one| one.starts_with('.'));
    json!({
        "dialogType": "open",
        "mimetypes": mimetypes,
        "extensions": extensions,
        "language": text(&options["lang"]).unwrap_or_else(|| "en".to_owned()),
        "maxSize": options["maxSize"].as_u64(),
        "mobile": false,
        "iframe": false,
        "app": { "apikey": application.apikey },
    })
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(|text| text.chars().take(LONGEST_TEXT).collect())
}
