//! Everything the service knows about Dropbox's wire.
//!
//! Dropbox's words (`cursor`, `rev`, `path_lower`), its hosts, its header rules and its failures
//! are translated here, once, so that no other room has to read Dropbox's manual. A failure comes
//! out as a [`DropboxError`] that names the caller's way out; statuses and tags stay inside.
//!
//! One [`Dropbox`] serves every person: each call names the [`Account`] it is made for, whose
//! access tokens somebody else keeps and renews ([`AccessTokens`]).
//!
//! Knows nothing of picks, handles or applications, and reads no clock but tokio's.
//!
//! *Uses* none of our rooms. *Used by* `connections`, `picking`, `exporting`, `files`, `config`.

mod account;
mod address;
mod backoff;
mod call;
mod client;
pub mod content_hash;
mod content_stream;
mod download;
mod error;
mod figures;
mod folders;
mod header_arg;
mod listing;
mod metadata;
pub mod notify;
pub mod oauth;
mod refusal;
mod search;
mod secret;
mod settings;
mod sharing;
mod thumbnails;
mod upload;
mod upload_session;
mod users;
mod wire;

pub use account::{AccessTokens, Account, FixedToken};
pub use client::Dropbox;
pub use content_hash::ContentHasher;
pub use content_stream::ContentStream;
pub use download::{ContentRange, Download, Export, ExportMetadata, TemporaryLink};
pub use error::{DropboxError, Refusal};
pub use listing::{Changes, Page};
pub use metadata::{DeletedMetadata, ExportInfo, FileMetadata, FolderMetadata, Metadata};
pub use oauth::{AppCredentials, AuthorizeRequest, OAuthError, Refreshed, TokenGrant};
pub use search::SearchPage;
pub use secret::Secret;
pub use settings::{BaseUrl, InvalidBaseUrl, Settings};
pub use sharing::{SharedLink, SharedLinkPage};
pub use thumbnails::{LARGEST_BATCH, Thumbnail, ThumbnailOutcome, ThumbnailSize};
pub use upload::{Commit, MAX_UPLOAD, WriteMode};
pub use upload_session::{FinishEntry, FinishOutcome, SessionKind};
pub use users::{CurrentAccount, Name, RootInfo, SpaceUsage, Team};
