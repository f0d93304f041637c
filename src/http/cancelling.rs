//! `POST /cancel`: the end of picks that a picker wants no more.
//!
//! Filestack's protocol has no such route: there a copy goes on whoever closed the picker. The
//! answer says how each pick stands, for one may have become a file just before.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::cloud_request::CloudRequest;
use super::edge::Edge;
use super::picks::{is_key, picked, picker_of};
use super::problem::{Problem, Refusal};
use crate::files::Links;
use crate::picking::{Cancellation, Outcome, Which};

/// Keys in one call at most.
const MOST_KEYS: usize = 100;

/// Cancels picks of a session's picker: all, or those of one `path`, or those with these
/// `idempotency_keys`.
pub(super) async fn cancel(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let application = asked.application(&edge, &request).await?;
    asked.may_pick(&application, &edge)?;
    let token = asked.text("token")?;
    let picker_session_id = picker_of(&asked)?;
    let which = which(&asked)?;
    let (connections, picking) = (edge.connections.clone(), edge.picking.clone());
    let (outcomes, token) = edge
        .run(async move {
            let session = connections.session(&application, token.as_deref()).await?;
            let cancellation = Cancellation {
                application_id: application.id,
                session_hash: session.hash,
                connection_id: session.connection.ok().map(|connection| connection.id),
                picker_session_id,
                which,
            };
            let outcomes = picking.cancel(cancellation).await?;
            Ok::<_, Problem>((outcomes, session.token))
        })
        .await?;
    let told = |outcome: &Outcome| told(outcome, &edge.links);
    let files: Vec<Value> = outcomes.iter().map(told).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({ "files": files, "token": token })))
}

fn which(asked: &CloudRequest) -> Result<Which, Problem> {
    let keys = asked.texts("idempotency_keys")?;
    if keys.len() > MOST_KEYS || !keys.iter().all(|key| is_key(key)) {
        let message = format!("idempotency_keys has at most {MOST_KEYS} keys, as they were sent");
        return Err(Problem::bad_request(message));
    }
    let path = asked.text("path")?.filter(|path| !path.is_empty());
    // No key at all means none, and not all picks.
    match (asked.value("idempotency_keys"), path) {
        (None, Some(path)) => Ok(Which::Path(path)),
        (None, None) => Ok(Which::All),
        (Some(_), None) => Ok(Which::Keys(keys)),
        (Some(_), Some(_)) => Err(Problem::bad_request(
            "path and idempotency_keys cannot both say which picks are meant",
        )),
    }
}

/// One pick in the answer: a file as `/store/` would answer it, or that it is cancelled.
fn told(outcome: &Outcome, links: &Links) -> Value {
    let mut told = match &outcome.file {
        Some(file) => picked(file, links),
        None => json!({}),
    };
    told["state"] = match outcome.file {
        Some(_) => "stored".into(),
        None => "cancelled".into(),
    };
    if !outcome.path.is_empty() {
        told["path"] = outcome.path.as_str().into();
    }
    if let Some(key) = &outcome.idempotency_key {
        told["idempotency_key"] = key.as_str().into();
    }
    told
}
