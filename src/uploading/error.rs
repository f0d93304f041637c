//! How an upload fails, as ways out for the caller.

use std::time::Duration;

use crate::access::{AccessError, SealError};
use crate::database::DatabaseError;
use crate::files::{BadOption, FileError};
use crate::leases::LeaseError;
use crate::outbound::OutboundError;
use crate::storage::StorageError;

/// Why a part or a file was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UploadError {
    /// A member of the request cannot be used; asking again will not help.
    #[error("{0}")]
    Invalid(String),
    /// No such upload, or its time is over.
    #[error("there is no such upload, or its time is over")]
    NotFound,
    /// The upload is completed, or is being completed: it takes no more parts.
    #[error("the upload is completed and takes no more parts")]
    Closed,
    /// The leave to send this part was not given by us, or its time is over.
    #[error("the Authorization of this part was not given by this server, or its time is over")]
    BadTicket,
    /// The bytes that came are not those that were announced.
    #[error("the bytes do not have the MD5 digest that was announced")]
    WrongDigest,
    /// The body ended early.
    #[error("the body did not arrive: {0}")]
    BrokenOff(String),
    /// Not all parts are there, or not those that the client means.
    #[error("{0}")]
    WrongParts(String),
    /// The file is larger (or smaller) than allowed.
    #[error("the file has {size} bytes; {limit} is the limit")]
    Size {
        /// The file's size.
        size: u64,
        /// The limit it broke.
        limit: u64,
    },
    /// Another file lies under the storage key that was asked for.
    #[error("another file is stored under this path already")]
    PathTaken,
    /// The application has too many uploads open, or too many bytes in them.
    #[error("too many uploads are open or too large together; try again in {} s", .0.as_secs())]
    TooMany(Duration),
    /// The upload was completed before, and its file was deleted since.
    #[error("this upload was completed before, and its file has been deleted since")]
    Deleted,
    /// The policy that came with the completion does not allow this file.
    #[error("{0}")]
    Refused(AccessError),
    /// The link cannot be followed: its address is wrong, or leads where nobody may be sent.
    #[error("the link cannot be fetched: {0}")]
    Link(OutboundError),
    /// What answers under the link has no such file.
    #[error("the link was answered with the status {0}")]
    LinkStatus(u16),
    /// The same idempotency key came with another request.
    #[error("this idempotency key belongs to another request")]
    OtherRequest,
    /// Another node completes this upload.
    #[error("the upload is completed elsewhere")]
    LeaseLost,
    /// The storage said no.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The database said no.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

impl UploadError {
    /// What the figures call it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "bad-request",
            Self::NotFound => "upload-not-found",
            Self::Closed => "upload-closed",
            Self::BadTicket => "part-not-authorized",
            Self::WrongDigest => "wrong-digest",
            Self::BrokenOff(_) => "incomplete-body",
            Self::WrongParts(_) => "wrong-parts",
            Self::Size { .. } => "file-size",
            Self::PathTaken => "path-taken",
            Self::TooMany(_) => "too-many-uploads",
            Self::Deleted => "deleted",
            Self::Refused(_) => "not-allowed",
            Self::Link(_) | Self::LinkStatus(_) => "link",
            Self::OtherRequest => "idempotency-key-reused",
            Self::LeaseLost => "lease-lost",
            Self::Storage(_) => "storage",
            Self::Database(_) => "database-unavailable",
        }
    }

    /// Whether the same may succeed a moment later without anybody doing anything.
    pub(super) fn is_passing(&self) -> bool {
        let away = matches!(self, Self::Storage(StorageError::Unavailable { .. }));
        away || matches!(self, Self::Database(_) | Self::LeaseLost)
    }
}

impl From<sqlx::Error> for UploadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<BadOption> for UploadError {
    fn from(error: BadOption) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<SealError> for UploadError {
    fn from(_: SealError) -> Self {
        Self::BadTicket
    }
}

impl From<FileError> for UploadError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Database(error) => Self::Database(error),
            FileError::NotFound => Self::Deleted,
            // Another file's object lies at that place, or is just being removed from it.
            FileError::Claimed | FileError::BeingRemoved | FileError::TookTooLong => {
                Self::PathTaken
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<LeaseError> for UploadError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Place(error) => error.into(),
            LeaseError::Database(error) => Self::Database(error),
        }
    }
}
