//! How storage fails, in the words of those who keep files.
//!
//! One variant per thing a caller can do about it. May not know about HTTP statuses, and never
//! carries a secret: what an object store answers is cut down to its error code first.

use std::io;

/// Why bytes could not be stored, read or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// Nothing is stored under that key.
    #[error("nothing is stored under that key")]
    NotFound,
    /// Something is stored under that key already, and the caller did not ask to overwrite it.
    #[error("something is stored under that key already")]
    Exists,
    /// The key can never name a file here; another one may.
    #[error("the storage key is not usable: {reason}")]
    BadKey {
        /// What is wrong with it.
        reason: String,
    },
    /// No room is left: the operator has to make some.
    #[error("the storage is full")]
    Full,
    /// The bytes are more than was allowed.
    #[error("the file is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The most bytes that were allowed.
        limit: u64,
    },
    /// The store does not answer or stumbles; the same call may succeed later.
    #[error("the storage is unavailable: {message}")]
    Unavailable {
        /// What was seen.
        message: String,
    },
    /// The store refuses us; an operator has to mend settings or permissions.
    #[error("the storage refuses us: {message}")]
    Denied {
        /// What was seen.
        message: String,
    },
    /// Fewer bytes came, or lie there, than were promised; nothing became visible.
    #[error("the bytes are incomplete: {message}")]
    Incomplete {
        /// What is missing.
        message: String,
    },
}

impl StorageError {
    pub(super) fn bad_key(reason: impl Into<String>) -> Self {
        Self::BadKey {
            reason: reason.into(),
        }
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::Denied {
            message: message.into(),
        }
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
        }
    }

    pub(super) fn incomplete(message: impl Into<String>) -> Self {
        Self::Incomplete {
            message: message.into(),
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound => Self::NotFound,
            Kind::AlreadyExists => Self::Exists,
            // A limit on the size of one file is, like a quota, the operator's to lift.
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::Full,
            Kind::NotADirectory | Kind::IsADirectory => {
                Self::bad_key("a folder and a file would bear the same name")
            }
            Kind::InvalidFilename => Self::bad_key("the file system refuses the name"),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::denied(error.to_string()),
            _ => Self::unavailable(error.to_string()),
        }
    }
}

impl From<tokio::task::JoinError> for StorageError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::unavailable("the work was stopped before it was done")
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;
        let text = error.to_string();
        match error {
            Error::NotFound { .. } => Self::NotFound,
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Self::Exists,
            Error::InvalidPath { .. } => Self::bad_key("the object store refuses the name"),
            Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. } => Self::denied(essence(&text)),
            _ if FULL_CODES.iter().any(|code| text.contains(code)) => Self::Full,
            _ => Self::unavailable(essence(&text)),
        }
    }
}

/// Error codes by which S3-compatible stores say that they have no room left.
const FULL_CODES: &[&str] = &[
    "<Code>XMinioStorageFull</Code>",
    "<Code>QuotaExceeded</Code>",
    "507 Insufficient Storage",
];

/// The most of a foreign message that is worth a log line.
const MESSAGE_LIMIT: usize = 300;

/// The error code in an XML answer, or else the beginning of the text.
///
/// A store's answer to a bad signature repeats the signature and what was signed; neither
/// belongs in a log.
pub(super) fn essence(text: &str) -> String {
    if let Some((_, rest)) = text.split_once("<Code>")
        && let Some((code, _)) = rest.split_once("</Code>")
    {
        return code.chars().take(MESSAGE_LIMIT).collect();
    }
    let plain = text.split('<').next().unwrap_or_default();
    plain.chars().take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_signature_is_named_but_not_repeated() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code>\
                    <SignatureProvided>abc123</SignatureProvided></Error>";
        assert_eq!(essence(&format!("403: {body}")), "SignatureDoesNotMatch");
        assert_eq!(essence("403: <SignatureProvided>abc123"), "403: ");
    }

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(StorageError::from(full), StorageError::Full);
        let broken = io::Error::other("input/output error");
        assert!(matches!(
            StorageError::from(broken),
            StorageError::Unavailable { .. }
        ));
    }
}
