//! The catalog: every file that has a handle, what we know of it, and where its bytes lie.
//!
//! A file is either *stored* (its bytes are in our storage) or a *symlink* (they are still in
//! the person's Dropbox). Nobody above needs to care which. Knows nothing of HTTP, of policies
//! or of subscribers.
//!
//! Uses `clock`, `database`, `access`, `storage`, `dropbox`, `connections`. Used by `events`,
//! `leases`, `picking`, `uploading`, `http`.

mod catalog;
pub mod claims;
mod content;
pub mod facts;
pub mod garbage;
mod handle;
mod hashes;
mod inspector;
mod links;
mod orphans;
mod settings;
mod store_options;
mod usage;

use chrono::{DateTime, Utc};

use crate::access::ApplicationId;
use crate::database::DatabaseError;

pub use catalog::{Catalog, Place, Replacement};
pub use content::{AccountOf, Content, ContentError, Contents};
pub use facts::Facts;
pub use garbage::{Garbage, Reservation};
pub use handle::Handle;
pub use hashes::Algorithm;
pub use inspector::{InspectError, Inspector};
pub use links::Links;
pub use orphans::{OrphanError, Orphans};
pub use settings::Settings;
pub use store_options::{BadOption, StoreOptions};
pub use usage::Usage;

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In our storage.
    Stored,
    /// In the person's Dropbox.
    Symlink,
}

/// One file of the catalog.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// Its public name.
    pub handle: Handle,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// Where its bytes are.
    pub kind: Kind,
    /// `internal`, `s3`, `gcs`, `azure`, or `dropbox` for a symlink.
    pub provider: String,
    /// What the events call its source: `Dropbox`, `Computer`, `URL`.
    pub client: String,
    /// The storage's container (bucket), as it is told to integrators.
    pub container: String,
    /// The object's key in storage; empty for a symlink.
    pub storage_key: String,
    /// The path that the integrator asked for; empty: none.
    pub storage_path: String,
    /// `private` or `public`.
    pub access: String,
    /// Its name, as the person saw it.
    pub filename: String,
    /// Its media type.
    pub mimetype: String,
    /// Its size in bytes.
    pub size: u64,
    /// Dropbox's content hash of the bytes; empty where not known.
    pub content_hash: String,
    /// Pixels across, for images.
    pub width: Option<u32>,
    /// Pixels down, for images.
    pub height: Option<u32>,
    /// EXIF as JSON text, for photos that have it.
    pub exif: Option<String>,
    /// The integrator's tags, a JSON object.
    pub upload_tags: serde_json::Value,
    /// The grant under which it was fetched or is still read.
    pub connection_id: Option<i64>,
    /// Its path in the source, for a person's eyes.
    pub source_path: String,
    /// Dropbox's `id:…` of it.
    pub source_id: String,
    /// Dropbox's revision that was copied.
    pub source_rev: String,
    /// Counts overwrites, from 1; part of the ETag.
    pub version: i64,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When its bytes last changed here.
    pub modified_at: DateTime<Utc>,
}

impl StoredFile {
    /// The object's key within its container, as it is told to integrators. A container that a
    /// pick asked for is a folder of the configured storage.
    pub fn key(&self) -> &str {
        let within = self.storage_key.strip_prefix(self.container.as_str());
        match within.and_then(|rest| rest.strip_prefix('/')) {
            Some(key) if !self.container.is_empty() => key,
            _ => &self.storage_key,
        }
    }
}

/// Why the catalog could not answer.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No file has this handle, or it was deleted.
    #[error("there is no file with this handle")]
    NotFound,
    /// The text is not a handle.
    #[error("a handle has 20 letters and digits")]
    BadHandle,
    /// The file was overwritten or deleted meanwhile: find it again.
    #[error("the file was changed meanwhile")]
    Changed,
    /// An object of this key is about to be removed: choose another key, or try again soon.
    #[error("what lay at this place in the storage is still being removed")]
    BeingRemoved,
    /// Another file is at this place in the storage, or will be: choose another key.
    #[error("another file has this place in the storage")]
    Claimed,
    /// Storing took so long that the object's reservation has lapsed.
    #[error("storing the bytes took too long")]
    TookTooLong,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for FileError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
