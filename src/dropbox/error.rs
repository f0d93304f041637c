//! How a call to Dropbox fails, in terms of what its caller can do about it.
//!
//! More variants than the house likes, because each has a way out of its own; statuses and tags
//! are read in `refusal`.

use std::{fmt, time::Duration};

use super::ExportInfo;

/// Why Dropbox did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DropboxError {
    /// The person withdrew the link, or the token has died: they connect again.
    #[error("the Dropbox link is no longer valid")]
    LinkRevoked,
    /// The access token has expired. Renewed inside; comes out only if the new one failed too.
    #[error("the Dropbox access token has expired")]
    TokenExpired,
    /// The person's consent does not cover this: they are asked again, with this scope.
    #[error("the consent lacks the scope {scope}")]
    MissingScope {
        /// The scope that the call needs.
        scope: String,
    },
    /// The Dropbox app is set up wrongly: its developer mends it.
    #[error("the Dropbox app is not set up for this: {message}")]
    AppMisconfigured {
        /// Dropbox's own words.
        message: String,
    },
    /// The team's root namespace has changed: read the current account, then try again with its.
    #[error("the root namespace is no longer the right one")]
    PathRootChanged {
        /// The namespace to use, where Dropbox names it.
        root_namespace_id: Option<String>,
    },
    /// Dropbox asked us to slow down, for longer than this call may wait.
    #[error("Dropbox asks us to wait {} s", retry_after.as_secs())]
    RateLimited {
        /// The wait that was asked for.
        retry_after: Duration,
    },
    /// Dropbox does not answer, or not properly: try later.
    #[error("Dropbox is not available: {cause}")]
    Unavailable {
        /// What was seen last.
        cause: String,
        /// The wait that was asked for, if any.
        retry_after: Option<Duration>,
    },
    /// The path has moved or gone since it was listed.
    #[error("nothing lies at that path any more")]
    PathNotFound,
    /// A folder, where only a file will do.
    #[error("that is not a file")]
    NotAFile,
    /// A file, where only a folder will do.
    #[error("that is not a folder")]
    NotAFolder,
    /// The file has no bytes of its own (Paper, Google documents): export it.
    #[error("the file cannot be downloaded as it is")]
    NotDownloadable {
        /// In which formats it can be had, if in any.
        export: Option<ExportInfo>,
    },
    /// The file is no longer the version that was asked for: begin anew.
    #[error("the file has changed meanwhile")]
    Changed,
    /// The asked range lies outside of the file.
    #[error("the file has no such range")]
    RangeNotSatisfiable,
    /// The cursor is worth nothing any more: list again from the start.
    #[error("the listing has to begin anew")]
    CursorReset,
    /// This account may not do that here.
    #[error("Dropbox does not permit this: {0}")]
    NoPermission(Refusal),
    /// Dropbox has blocked the content, for example after a complaint.
    #[error("Dropbox has restricted this content")]
    RestrictedContent,
    /// Something else lies at the target: choose another name or another mode.
    #[error("something else lies there: {0}")]
    Conflict(Refusal),
    /// The person's Dropbox is full.
    #[error("there is not enough space in the Dropbox")]
    InsufficientSpace,
    /// The upload session stands elsewhere: go on from there.
    #[error("the upload session stands at {correct_offset}")]
    IncorrectOffset {
        /// How many bytes the session holds.
        correct_offset: u64,
    },
    /// The upload session is closed or has expired: begin a new one.
    #[error("the upload session is gone")]
    UploadSessionGone,
    /// There is a shared link already.
    #[error("there is a shared link already")]
    SharedLinkExists {
        /// The link, where Dropbox names it.
        url: Option<String>,
    },
    /// No byte of the download has come for so long: resume it by range.
    #[error("the download has stalled for {} s", silence.as_secs())]
    Stalled {
        /// How long nothing came.
        silence: Duration,
    },
    /// The download was cut: resume it by range.
    #[error("the download was cut: {cause}")]
    Cut {
        /// What the connection said.
        cause: String,
    },
    /// The request itself is wrong; asking again will not help.
    #[error("Dropbox refuses the request: {message}")]
    BadRequest {
        /// Dropbox's own words.
        message: String,
    },
    /// An answer that this client does not know.
    #[error("Dropbox answered in an unexpected way: {0}")]
    Unexpected(Refusal),
}

impl DropboxError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Stalled { .. }
                | Self::Cut { .. }
                | Self::TokenExpired
        )
    }

    /// How long Dropbox asked us to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What Dropbox said when it refused, for logs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// `error_summary`, or the beginning of a text. For reading only: it ends in varying dots.
    pub summary: String,
    /// What Dropbox would tell the person.
    pub user_message: Option<String>,
    /// Names the call to Dropbox's support (`X-Dropbox-Request-Id`).
    pub request_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.user_message.as_ref().unwrap_or(&self.summary);
        write!(out, "{words} (status {}", self.status)?;
        if let Some(request_id) = &self.request_id {
            write!(out, ", request {request_id}")?;
        }
        out.write_str(")")
    }
}
