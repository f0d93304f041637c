//! The sample subscriber: receives webhooks, checks them, and fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Demo;
use super::check::{self, Signed};
use crate::http::{Edge, Problem};

/// Larger bodies are refused: what comes is kept in memory.
const LARGEST: usize = 64 * 1024;

/// The demo, where there is one.
pub(super) fn of(edge: &Edge) -> Result<Arc<Demo>, Problem> {
    let why = "this server does not run the demo; start one with `longshore demo`";
    edge.demo.clone().ok_or_else(|| Problem::not_found(why))
}

/// `POST /demo/webhooks`: takes a webhook and shows it on the page, genuine or not.
pub(super) async fn receive(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let demo = of(&edge)?;
    if body.len() > LARGEST {
        let why = format!("a webhook of more than {LARGEST} bytes is not kept");
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            why,
        ));
    }
    let line = |name: &str| {
        let value = request.headers().get(name);
        let text = value.and_then(|value| value.to_str().ok());
        text.unwrap_or_default()
            .chars()
            .take(512)
            .collect::<String>()
    };
    let signed = Signed {
        fs_timestamp: line("fs-timestamp"),
        fs_signature: line("fs-signature"),
        id: line("webhook-id"),
        timestamp: line("webhook-timestamp"),
        signatures: line("webhook-signature"),
    };
    let verdict = check::verify(&signed, &demo.secret, &body, edge.clock.now().timestamp());
    let status = match (verdict.genuine, demo.is_failing()) {
        (false, _) => StatusCode::UNAUTHORIZED,
        (true, true) => StatusCode::INTERNAL_SERVER_ERROR,
        (true, false) => StatusCode::OK,
    };
    demo.story.tell(&json!({
        "received_at": edge.clock.now_ms(),
        "delivery": line("fs-delivery"),
        "attempt": line("fs-attempt").parse::<u32>().unwrap_or(1),
        "body": String::from_utf8_lossy(&body),
        "genuine": verdict.genuine,
        "check": verdict.shown,
        "answered": status.as_u16(),
    }));
    Ok(HttpResponse::build(status).finish())
}

/// What the switch is set to.
#[derive(Deserialize)]
pub(super) struct Switch {
    failing: bool,
}

/// `POST /demo/subscriber`: makes the subscriber fail, or mends it.
pub(super) async fn switch(
    edge: web::Data<Edge>,
    switch: web::Json<Switch>,
) -> Result<HttpResponse, Problem> {
    let demo = of(&edge)?;
    demo.failing.store(switch.failing, Ordering::SeqCst);
    demo.story.nudge();
    Ok(HttpResponse::Ok().json(json!({ "failing": switch.failing })))
}
