//! What each room's errors are to a client: status, stable code, words.

use std::time::Duration;

use actix_web::http::StatusCode;

use super::Problem;
use crate::access::AccessError;
use crate::access::accounts::AccountError;
use crate::connections::ConnectionError;
use crate::database::DatabaseError;
use crate::dropbox::DropboxError;
use crate::files::{ContentError, FileError, InspectError};
use crate::outbound::OutboundError;
use crate::picking::PickError;
use crate::picking::browse::BrowseError;
use crate::storage::StorageError;
use crate::uploading::{DuplicateError, UploadError};
use crate::webhooks::WebhookError;

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

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        use AccountError as E;
        let message = error.to_string();
        let (status, code) = match error {
            E::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong-credentials"),
            E::CodeNeeded => (StatusCode::UNAUTHORIZED, "code-needed"),
            E::WrongCode => (StatusCode::UNAUTHORIZED, "wrong-code"),
            E::SignedOut => (StatusCode::UNAUTHORIZED, "signed-out"),
            E::TooManyTries(wait) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Self::new(status, "too-many-tries", message).retry_after(wait);
            }
            E::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            E::Invalid(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            E::EmailTaken => (StatusCode::CONFLICT, "email-taken"),
            E::IsMember => (StatusCode::CONFLICT, "is-member"),
            E::LastOwner => (StatusCode::CONFLICT, "last-owner"),
            E::TooManyMembers(_) => (StatusCode::CONFLICT, "too-many-members"),
            E::NoInvitation => (StatusCode::NOT_FOUND, "no-invitation"),
            E::SecondFactor(_) => (StatusCode::CONFLICT, "second-factor"),
            E::Seal(error) => {
                log::error!("{error}");
                return Self::internal();
            }
            E::Database(error) => return error.into(),
        };
        Self::new(status, code, message)
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
            FileError::Claimed => Self::new(StatusCode::CONFLICT, "path-taken", error.to_string()),
            FileError::TookTooLong => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "took-too-long",
                error.to_string(),
            ),
            FileError::Database(error) => error.into(),
        }
    }
}

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Self {
        let message = error.to_string();
        match error {
            ConnectionError::NotConnected => {
                Self::new(StatusCode::UNAUTHORIZED, "not-connected", message)
            }
            ConnectionError::Reconnect => Self::new(StatusCode::UNAUTHORIZED, "reconnect", message),
            ConnectionError::InvalidSession => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid-session", message)
            }
            ConnectionError::NotConfigured => {
                Self::new(StatusCode::FORBIDDEN, "dropbox-not-configured", message)
            }
            ConnectionError::ReturnUrlTooLong => Self::bad_request(message),
            ConnectionError::Dropbox(error) => error.into(),
            ConnectionError::Access(error) => error.into(),
            ConnectionError::Seal(error) => {
                log::error!("{error}");
                Self::internal()
            }
            ConnectionError::Database(error) => error.into(),
        }
    }
}

impl From<DropboxError> for Problem {
    fn from(error: DropboxError) -> Self {
        use DropboxError as E;
        let message = error.to_string();
        let wait = error.retry_after();
        let problem = match error {
            E::LinkRevoked | E::TokenExpired => {
                Self::new(StatusCode::UNAUTHORIZED, "reconnect", message)
            }
            E::MissingScope { .. } => {
                Self::new(StatusCode::FORBIDDEN, "dropbox-missing-scope", message)
            }
            E::AppMisconfigured { .. } => {
                Self::new(StatusCode::FORBIDDEN, "dropbox-app-misconfigured", message)
            }
            E::RateLimited { .. } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "dropbox-rate-limited",
                message,
            ),
            E::Unavailable { .. } | E::Stalled { .. } | E::Cut { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, "dropbox-unavailable", message)
            }
            E::PathNotFound => Self::new(StatusCode::NOT_FOUND, "path-not-found", message),
            E::NotAFile | E::NotAFolder | E::NotDownloadable { .. } | E::BadRequest { .. } => {
                Self::bad_request(message)
            }
            E::NoPermission(_) | E::RestrictedContent => {
                Self::new(StatusCode::FORBIDDEN, "dropbox-no-permission", message)
            }
            E::Changed | E::Conflict(_) | E::CursorReset | E::PathRootChanged { .. } => {
                Self::new(StatusCode::CONFLICT, "dropbox-changed", message)
            }
            E::InsufficientSpace => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "dropbox-full", message)
            }
            other => {
                log::warn!("Dropbox answered in an unexpected way: {other}");
                let message = "Dropbox answered in an unexpected way";
                Self::new(StatusCode::BAD_GATEWAY, "dropbox-unexpected", message)
            }
        };
        match wait {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }
}

impl From<BrowseError> for Problem {
    fn from(error: BrowseError) -> Self {
        let message = error.to_string();
        match error {
            BrowseError::BadCursor => Self::new(StatusCode::BAD_REQUEST, "cursor-invalid", message),
            BrowseError::BadLink => Self::new(StatusCode::NOT_FOUND, "link-expired", message),
            BrowseError::Connection(error) => error.into(),
            BrowseError::Dropbox(error) => error.into(),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        use StorageError as E;
        let message = error.to_string();
        match error {
            E::Exists => Self::new(StatusCode::CONFLICT, "path-taken", message),
            E::BadKey { .. } => Self::bad_request(message),
            E::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "file-size", message),
            E::Full => {
                log::error!("{message}");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", message)
            }
            E::Unavailable { .. } => {
                // What the store said is the operator's business and may name places inside.
                log::error!("{message}");
                let message = "the storage does not work at the moment; try again";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "storage-unavailable",
                    message,
                )
                .retry_after(Duration::from_secs(5))
            }
            // The catalog promised these bytes: that they are not there is a fault of ours.
            E::NotFound | E::Denied { .. } | E::Incomplete { .. } => {
                log::error!("{message}");
                Self::internal()
            }
        }
    }
}

impl From<PickError> for Problem {
    fn from(error: PickError) -> Self {
        use PickError as E;
        let (code, message) = (error.code(), error.to_string());
        match error {
            E::Invalid(_) | E::NotCopyable(_) => Self::new(StatusCode::BAD_REQUEST, code, message),
            E::Size { size, limit } if size > limit => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
            }
            E::Size { .. } => Self::new(StatusCode::BAD_REQUEST, code, message),
            E::Corrupt => Self::new(StatusCode::BAD_GATEWAY, code, message),
            E::OtherRequest => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            E::PathTaken | E::Cancelled => Self::new(StatusCode::CONFLICT, code, message),
            E::Earlier {
                code: "deleted", ..
            } => Self::new(StatusCode::GONE, "deleted", message),
            E::Earlier { .. } => Self::new(StatusCode::CONFLICT, code, message),
            E::Busy(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_after(wait)
            }
            E::LeaseLost => {
                let message = "the copy goes on; send the same request again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
                    .retry_after(Duration::from_secs(1))
            }
            E::Connection(error) => error.into(),
            E::Dropbox(error) => error.into(),
            E::Storage(error) => error.into(),
            E::Database(error) => error.into(),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        use UploadError as E;
        let message = error.to_string();
        let bad = StatusCode::BAD_REQUEST;
        match error {
            E::Invalid(_) => Self::bad_request(message),
            E::NotFound => Self::new(StatusCode::NOT_FOUND, "upload-not-found", message),
            E::Closed => Self::new(StatusCode::CONFLICT, "upload-closed", message),
            E::BadTicket => Self::new(StatusCode::FORBIDDEN, "part-not-authorized", message),
            E::WrongDigest => Self::new(bad, "wrong-digest", message),
            E::BrokenOff(_) => Self::new(bad, "incomplete-body", message),
            E::WrongParts(_) => Self::new(bad, "wrong-parts", message),
            E::Size { size, limit } if size > limit => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "file-size", message)
            }
            E::Size { .. } => Self::new(bad, "file-size", message),
            E::Link(OutboundError::NotAllowed) => {
                let message = "the server fetches nothing from this address: it lies in a private \
                     network or at a closed port";
                Self::new(bad, "link-refused", message)
            }
            E::Link(OutboundError::BadUrl(_)) => Self::new(bad, "link-refused", message),
            E::LinkStatus(400..500) => Self::new(bad, "link-refused", message),
            E::Link(_) | E::LinkStatus(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "link-unreachable", message)
            }
            E::OtherRequest => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "idempotency-key-reused", message)
            }
            E::PathTaken => Self::new(StatusCode::CONFLICT, "path-taken", message),
            E::TooMany(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-uploads", message)
                    .retry_after(wait)
            }
            E::Deleted => Self::new(StatusCode::GONE, "deleted", message),
            E::LeaseLost => {
                let message = "the upload goes on; send the same request again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "lease-lost", message)
                    .retry_after(Duration::from_secs(1))
            }
            E::Refused(error) => error.into(),
            E::Storage(error) => error.into(),
            E::Database(error) => error.into(),
        }
    }
}

impl From<DuplicateError> for Problem {
    fn from(error: DuplicateError) -> Self {
        match error {
            DuplicateError::Upload(error) => error.into(),
            DuplicateError::Content(error) => error.into(),
            DuplicateError::File(error) => error.into(),
        }
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
            ContentError::Storage(StorageError::NotFound) => {
                // The file is there for the catalog: to say that it is not would be wrong.
                log::error!("the bytes of a file are not in the storage");
                Self::internal()
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

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let message = error.to_string();
        match error {
            WebhookError::NotFound => Self::not_found(message),
            WebhookError::Invalid(_) => Self::bad_request(message),
            WebhookError::EndpointOff => Self::new(StatusCode::CONFLICT, "endpoint-off", message),
            WebhookError::RotationOpen => Self::new(StatusCode::CONFLICT, "rotation-open", message),
            WebhookError::NoRotation => Self::new(StatusCode::CONFLICT, "no-rotation", message),
            WebhookError::Queue(error) => {
                log::warn!("the queue is away: {error}");
                let message = "the server's queue does not answer; try again";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "queue-unavailable",
                    message,
                )
                .retry_after(Duration::from_secs(2))
            }
            WebhookError::Seal(error) => {
                log::error!("{error}");
                Self::internal()
            }
            WebhookError::Database(error) => error.into(),
        }
    }
}
