//! How a pick fails, as ways out for the caller.

use std::time::Duration;

use crate::connections::ConnectionError;
use crate::database::DatabaseError;
use crate::dropbox::DropboxError;
use crate::files::{BadOption, FileError};
use crate::leases::LeaseError;
use crate::storage::StorageError;

/// Why a file was not picked. Nothing became visible and no event was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PickError {
    /// A member of the request cannot be used; asking again will not help.
    #[error("{0}")]
    Invalid(String),
    /// The file is larger (or smaller) than allowed.
    #[error("the file has {size} bytes; {limit} is the limit")]
    Size {
        /// The file's size.
        size: u64,
        /// The limit it broke.
        limit: u64,
    },
    /// What lies there has no bytes to copy (a folder, or a document without export).
    #[error("{0}")]
    NotCopyable(String),
    /// The bytes did not agree with Dropbox's content hash, however often they were fetched.
    #[error("the bytes received do not agree with Dropbox's content hash")]
    Corrupt,
    /// The same idempotency key came with another request.
    #[error("this idempotency key belongs to another request")]
    OtherRequest,
    /// Another file lies under the storage key that was asked for.
    #[error("another file is stored under this path already")]
    PathTaken,
    /// Too much is waiting here already.
    #[error("too many copies are waiting; try again in {} s", .0.as_secs())]
    Busy(Duration),
    /// The person's connection does not work any more.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    /// Dropbox said no, or did not answer for too long.
    #[error("{0}")]
    Dropbox(#[from] DropboxError),
    /// The storage said no.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The database said no.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// An earlier try at the very same pick failed for good; its own words.
    #[error("{message}")]
    Earlier {
        /// The code under which it failed.
        code: &'static str,
        /// What it said.
        message: String,
    },
    /// Whoever asked for it wants it no more. Final: it never becomes a file.
    #[error("this pick was cancelled")]
    Cancelled,
    /// Another node took this pick over; it goes on there.
    #[error("the pick goes on elsewhere")]
    LeaseLost,
}

impl PickError {
    /// A stable code, kept with a failed pick.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "bad-request",
            Self::Size { .. } => "file-size",
            Self::NotCopyable(_) => "not-downloadable",
            Self::Corrupt => "content-hash-mismatch",
            Self::OtherRequest => "idempotency-key-reused",
            Self::PathTaken => "path-taken",
            Self::Busy(_) => "busy",
            Self::Connection(_) => "connection",
            Self::Dropbox(_) => "dropbox",
            Self::Storage(_) => "storage",
            Self::Database(_) => "database-unavailable",
            Self::Earlier { .. } => "pick-failed",
            Self::Cancelled => "cancelled",
            Self::LeaseLost => "lease-lost",
        }
    }
}

impl From<sqlx::Error> for PickError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<FileError> for PickError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Database(error) => Self::Database(error),
            // Another file's object lies at that place, or is just being removed from it.
            FileError::Claimed | FileError::BeingRemoved | FileError::TookTooLong => {
                Self::PathTaken
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<BadOption> for PickError {
    fn from(error: BadOption) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<LeaseError> for PickError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Place(error) => error.into(),
            LeaseError::Database(error) => Self::Database(error),
        }
    }
}
