//! Looking around in a connected Dropbox: folders page by page or whole, search, small pictures.
//!
//! Entries come in Filestack's item shape. What Dropbox's paging does to the order is said at
//! [`Browser::list`]. Knows no HTTP and no policies, and keeps nothing but a bounded cache of
//! thumbnails.
//!
//! *Uses* `clock`, `access` (to seal cursors), `dropbox`, `connections`, `files` (links). *Used
//! by* `http`.

mod accept;
mod below;
mod cursor;
mod entry;
mod listing;
mod order;
mod thumbnail_cache;
mod thumbnail_link;
mod thumbnails;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::access::MasterKey;
use crate::clock::Clock;
use crate::connections::{Connection, ConnectionError, Connections};
use crate::dropbox::{Account, DropboxError};
use crate::files::Links;

pub use accept::Accept;
pub use below::Below;
pub use entry::{Entry, icon_kind};
pub use listing::{Listing, Wish};
pub use thumbnails::Picture;

use thumbnails::Thumbnails;

/// How folders are shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Entries of one page. A folder with no more is shown whole and sorted; a larger one comes
    /// in pages of about this size, each sorted for itself.
    pub page_entries: usize,
    /// Pages that are asked of Dropbox for one page of ours at most, when they come short.
    pub most_calls: usize,
    /// Files of a folder that can be picked with it at most.
    pub folder_files: usize,
    /// Entries that are looked at below a folder at most, to find its files.
    pub folder_entries: usize,
    /// How long the link to a thumbnail works at least.
    #[serde(with = "humantime_serde")]
    pub thumbnail_lifetime: Duration,
    /// How long a thumbnail waits for others to be fetched with it.
    #[serde(with = "humantime_serde")]
    pub thumbnail_gathering: Duration,
    /// Bytes of thumbnails kept in memory.
    pub thumbnail_cache: ByteSize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_entries: 2_000,
            most_calls: 8,
            folder_files: 1_000,
            folder_entries: 20_000,
            thumbnail_lifetime: Duration::from_secs(1_800),
            thumbnail_gathering: Duration::from_millis(8),
            thumbnail_cache: ByteSize::mib(16),
        }
    }
}

/// Looks around in people's Dropboxes; cheap to clone.
#[derive(Clone)]
pub struct Browser {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    connections: Connections,
    clock: Clock,
    master_key: MasterKey,
    links: Links,
    thumbnails: Thumbnails,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrowseError {
    /// The cursor was not made here for this connection: list from the start.
    #[error("next is not a cursor of this listing: list again without it")]
    BadCursor,
    /// The link to a thumbnail has expired or was not made here: list again.
    #[error("the thumbnail's link has expired or is not valid: list again")]
    BadLink,
    /// The connection fails: connect again.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// Dropbox refuses, or does not answer.
    #[error(transparent)]
    Dropbox(#[from] DropboxError),
}

impl Browser {
    /// Looks around through these connections; links to thumbnails are sealed with `master_key`.
    pub fn new(
        settings: Settings,
        connections: Connections,
        clock: Clock,
        master_key: MasterKey,
        links: Links,
    ) -> Self {
        let thumbnails = Thumbnails::new(&settings, connections.clone());
        Self {
            inner: Arc::new(Inner {
                settings,
                connections,
                clock,
                master_key,
                links,
                thumbnails,
            }),
        }
    }

    /// What lies at one path.
    ///
    /// # Errors
    /// A [`BrowseError`] as for a listing.
    pub async fn stat(&self, connection: &Connection, path: &str) -> Result<Entry, BrowseError> {
        let dropbox = self.inner.connections.dropbox();
        let found = self
            .with_account(connection, |account| async move {
                dropbox.get_metadata(&account, path).await
            })
            .await?;
        let signer = self.signer(connection);
        entry::of(found, &signer).ok_or(BrowseError::Dropbox(DropboxError::PathNotFound))
    }

    /// Makes a call for the connection.
    async fn with_account<T, F, R>(
        &self,
        connection: &Connection,
        call: F,
    ) -> Result<T, BrowseError>
    where
        F: Fn(Account) -> R,
        R: Future<Output = Result<T, DropboxError>>,
    {
        match self.inner.connections.call(connection, call).await {
            Ok((_, value)) => Ok(value),
            Err(ConnectionError::Dropbox(error)) => Err(error.into()),
            Err(error) => Err(error.into()),
        }
    }
}
