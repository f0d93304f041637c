//! `POST /auth/status` and `POST /auth/logout`: whether a session is connected, and its end.
//!
//! Dropbox's pages cut the popup off from the page that opened it, so that page asks here. With
//! `wait` the answer comes as soon as there is something new, which costs less than asking
//! every second and is felt at once.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::cloud_request::CloudRequest;
use super::edge::Edge;
use super::problem::{Problem, Refusal};
use crate::clock::from_ms;
use crate::connections::{Absence, Connection, Outcome};

/// Proxies give an idle answer 30 seconds at least.
const LONGEST_WAIT_SECONDS: i64 = 25;
/// A failure that is older than this when a wait without `since` begins is of an earlier try.
const JUST_NOW_MS: i64 = 2_000;

/// Tells whether the session is connected, to whom, and how the last try failed.
///
/// `{apikey, token, wait?, since?}`: `wait` is how many seconds to wait for news, `since` the
/// `time` of an earlier answer, so that an earlier try's failure is not told again.
pub(super) async fn status(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let token = asked.text("token")?;
    let wait = asked.number("wait")?.unwrap_or(0);
    let since = asked.number("since")?;
    let application = asked.application(&edge, &request).await?;
    let (connections, clock) = (edge.connections.clone(), edge.clock.clone());
    let answer = edge
        .run(async move {
            let mut session = connections.session(&application, token.as_deref()).await?;
            let now = clock.now_ms();
            let known = session.connection.is_ok() || is_fresh(&session.connection);
            let wait = if known {
                0
            } else {
                wait.clamp(0, LONGEST_WAIT_SECONDS)
            };
            let since = since.unwrap_or(if wait > 0 { now - JUST_NOW_MS } else { 0 });
            let patience = Duration::from_secs(wait.unsigned_abs());
            let outcome = connections
                .outcome_within(&session, since, patience)
                .await?;
            if outcome.as_ref().is_some_and(Outcome::is_connected) {
                session = connections.session(&application, token.as_deref()).await?;
            }
            let dropbox = match &session.connection {
                Ok(connection) => connected(connection),
                Err(absence) => not_connected(*absence, outcome),
            };
            let time = clock.now_ms();
            Ok::<_, Problem>(json!({
                "token": session.token, "dropbox": dropbox, "time": time,
            }))
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(answer))
}

/// Signs the session out and revokes its grant. The body of Filestack's answer is not documented;
/// its SDKs read the cloud's member at most.
pub(super) async fn logout(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let token = asked.text("token")?;
    let clouds = asked.clouds()?;
    let application = asked.application(&edge, &request).await?;
    let ours = clouds.is_empty() || clouds.iter().any(|(name, _)| name == "dropbox");
    let connections = edge.connections.clone();
    let token = edge
        .run(async move {
            let session = connections.session(&application, token.as_deref()).await?;
            // A token that is not valid has nothing to sign out, and that is no error.
            if ours && !is_fresh(&session.connection) {
                connections.logout(&session).await?;
            }
            Ok::<_, Problem>(session.token)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({ "dropbox": {}, "token": token })))
}

/// Whether the session was made for this request: nobody can be on their way in it.
fn is_fresh(connection: &Result<Connection, Absence>) -> bool {
    matches!(connection, Err(Absence::InvalidSession))
}

fn connected(connection: &Connection) -> Value {
    json!({
        "connected": true,
        "account": { "email": connection.email, "name": connection.display_name },
    })
}

fn not_connected(absence: Absence, outcome: Option<Outcome>) -> Value {
    let failure = match (outcome.filter(|outcome| !outcome.is_connected()), absence) {
        (Some(outcome), _) => Some(json!({
            "code": outcome.code,
            "message": outcome.message,
            "at": from_ms(outcome.ended_ms).to_rfc3339(),
        })),
        (None, Absence::Reconnect) => Some(json!({
            "code": "reconnect",
            "message": "the Dropbox link is no longer valid: connect again",
        })),
        (None, Absence::InvalidSession) => Some(json!({
            "code": "session-expired",
            "message": "the session token has expired or belongs to another application",
        })),
        (None, Absence::NotConnected) => None,
    };
    match failure {
        Some(failure) => json!({ "connected": false, "failure": failure }),
        None => json!({ "connected": false }),
    }
}
