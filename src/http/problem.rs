//! The one place where errors become statuses and bodies.
//!
//! Two shapes: [`Problem`] is RFC 9457 (`application/problem+json`), for our own API;
//! [`Refusal`] is the same problem in Filestack's shape, `{"error", "c", "i", "t"}`, for the
//! protocol's routes. A problem's `code` is a heading in `docs/API.md`.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::request_id;
use crate::access::AccessError;
use crate::database::DatabaseError;
use crate::files::{ContentError, FileError, InspectError};
use crate::storage::StorageError;

/// An error as it is told to a client.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

/// A [`Problem`] in the shape of the protocol's routes.
#[derive(Clone, Debug)]
pub struct Refusal(pub Problem);

impl Problem {
    /// A problem with a stable code and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
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
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((RETRY_AFTER, seconds.max(1)));
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
        self.respond("application/problem+json", &body)
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
        let body = json!({
            "error": self.0.message,
            "code": self.0.code,
            "c": request_id::current(),
            "i": "longshore",
            "t": now,
        });
        // The JS SDK parses a body only when it is announced as application/json.
        self.0.respond("application/json", &body)
    }
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(why) => {
                log::warn!("the database is not available: {why}");
                let message = "the server's database does not answer; try again";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database-unavailable",
                    message,
                )
                .retry_after(Duration::from_secs(2))
            }
            other => {
                log::error!("{other}");
                Self::internal()
            }
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let message = error.to_string();
        match error {
            AccessError::UnknownApplication => {
                Self::new(StatusCode::UNAUTHORIZED, "unknown-apikey", message)
            }
            AccessError::PolicyMissing => {
                Self::new(StatusCode::FORBIDDEN, "policy-required", message)
            }
            AccessError::PolicyInvalid(_) => {
                Self::new(StatusCode::FORBIDDEN, "invalid-policy", message)
            }
            AccessError::PolicyExpired => {
                Self::new(StatusCode::FORBIDDEN, "policy-expired", message)
            }
            AccessError::NotAllowed(_) => Self::new(StatusCode::FORBIDDEN, "not-allowed", message),
            AccessError::WrongCredentials => {
                Self::new(StatusCode::UNAUTHORIZED, "wrong-credentials", message)
            }
            AccessError::Invalid(_) => Self::bad_request(message),
            AccessError::Seal(error) => {
                log::error!("{error}");
                Self::internal()
            }
            AccessError::Database(error) => error.into(),
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound | FileError::BadHandle => Self::not_found(error.to_string()),
            FileError::Changed => {
                Self::new(StatusCode::CONFLICT, "file-changed", error.to_string())
            }
            FileError::BeingRemoved => {
                Self::new(StatusCode::CONFLICT, "being-removed", error.to_string())
                    .retry_after(Duration::from_secs(2))
            }
            FileError::TookTooLong => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "took-too-long",
                error.to_string(),
            ),
            FileError::Database(error) => error.into(),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        let status = match &error {
            StorageError::TooLarge { .. } => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Self::new(status, "file-too-large", error.to_string());
            }
            StorageError::Exists => {
                return Self::new(StatusCode::CONFLICT, "exists", error.to_string());
            }
            StorageError::BadKey { .. } => return Self::bad_request(error.to_string()),
            StorageError::Full => StatusCode::INSUFFICIENT_STORAGE,
            StorageError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            StorageError::NotFound
            | StorageError::Denied { .. }
            | StorageError::Incomplete { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        log::error!("{error}");
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            return Self::internal();
        }
        let message = "the server's storage cannot do this now; try again later";
        Self::new(status, "storage-unavailable", message).retry_after(Duration::from_secs(5))
    }
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        let message = error.to_string();
        match error {
            ContentError::SourceGone => Self::new(StatusCode::GONE, "source-gone", message),
            ContentError::SourceClosed => {
                Self::new(StatusCode::CONFLICT, "source-disconnected", message)
            }
            ContentError::SourceChanged => {
                Self::new(StatusCode::CONFLICT, "source-changed", message)
            }
            ContentError::Dropbox(error) => {
                log::warn!("a linked file was not read: {error}");
                let wait = error.retry_after().unwrap_or(Duration::from_secs(5));
                let message = "Dropbox does not give this file at the moment; try again later";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "dropbox-unavailable",
                    message,
                )
                .retry_after(wait)
            }
            ContentError::Storage(error) => error.into(),
            ContentError::Interrupted => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "interrupted", message)
                    .retry_after(Duration::from_secs(1))
            }
        }
    }
}

impl From<InspectError> for Problem {
    fn from(error: InspectError) -> Self {
        match error {
            InspectError::File(error) => error.into(),
            InspectError::Content(error) => error.into(),
        }
    }
}
