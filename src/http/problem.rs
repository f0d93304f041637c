//! The one place where errors become statuses and bodies.
//!
//! Two shapes: [`Problem`] is RFC 9457 (`application/problem+json`), for our own API;
//! [`Refusal`] is the same problem in Filestack's shape, `{"error", "c", "i", "t"}`, for the
//! protocol's routes. A problem's `code` is a heading in `docs/API.md`.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::request_id;

mod rooms;

/// Characters of a message at most: a parser's words repeat what a client sent, however long.
const LONGEST_MESSAGE: usize = 400;

/// An error as it is told to a client.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    reason: Option<String>,
    retry_after: Option<Duration>,
}

/// A [`Problem`] in the shape of the protocol's routes.
#[derive(Clone, Debug)]
pub struct Refusal(pub Problem);

impl Problem {
    /// A problem with a stable code and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            status,
            code,
            message,
            reason: None,
            retry_after: None,
        }
    }

    /// The request is not understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    /// Nothing is there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Filestack has this, we do not.
    pub fn not_implemented(what: &str) -> Self {
        let message = format!("{what} is not available on this server");
        Self::new(StatusCode::NOT_IMPLEMENTED, "not-implemented", message)
    }

    /// A fault of ours, told without details.
    pub fn internal() -> Self {
        let message = "something went wrong on the server; the log has details under this id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds a reason to a message whose words the protocol fixes.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// In how many seconds trying again makes sense, if that is known.
    pub fn wait_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn respond(&self, content_type: &'static str, body: &serde_json::Value) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(seconds) = self.wait_seconds() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.content_type(content_type).body(body.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let body = json!({
            "type": format!("/problems/{}", self.code),
            "title": self.code.replace('-', " "),
            "status": self.status.as_u16(),
            "detail": self.message,
            "request_id": request_id::current(),
        });
        let mut response = self.respond("application/problem+json", &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        #[expect(
            clippy::disallowed_methods,
            reason = "an error body tells when it was made"
        )]
        let now = chrono::Utc::now().timestamp();
        let mut body = json!({
            "error": self.0.message,
            "code": self.0.code,
            "c": request_id::current(),
            "i": "longshore",
            "t": now,
        });
        if let (Some(reason), Some(members)) = (&self.0.reason, body.as_object_mut()) {
            members.insert("reason".to_owned(), reason.as_str().into());
        }
        // The JS SDK parses a body only when it is announced as application/json.
        self.0.respond("application/json", &body)
    }
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_people_read_and_no_longer() {
        let whole = "é".repeat(LONGEST_MESSAGE);
        assert_eq!(Problem::bad_request(whole.as_str()).message(), whole);
        let cut = Problem::bad_request(format!("{whole}x"));
        assert_eq!(cut.message(), format!("{whole}…"));
    }
}
