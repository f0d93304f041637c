//! All files below a folder, so that the folder can be picked whole.

use serde::Serialize;

use super::listing::{Found, check_path};
use super::{Accept, BrowseError, Browser, Entry, entry, order};
use crate::connections::Connection;
use crate::dropbox::{DropboxError, Page};

/// The files below a folder, in Filestack's shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Below {
    /// Whose Dropbox it is: always `dropbox`.
    pub client: &'static str,
    /// The files that are accepted, by path; folders are not among them.
    pub files: Vec<Entry>,
    /// Their sizes together, in bytes.
    pub bytes: u64,
    /// Whether there are more, or might be: not everything was looked at.
    pub more: bool,
}

impl Browser {
    /// The files below a folder, at whatever depth: at most `limit` of them, and never more than
    /// the setting `folder_files`. No more than `folder_entries` entries are looked at.
    ///
    /// # Errors
    /// As [`Browser::list`].
    pub async fn below(
        &self,
        connection: &Connection,
        path: &str,
        accept: &Accept,
        limit: Option<usize>,
    ) -> Result<Below, BrowseError> {
        check_path(path)?;
        let settings = &self.inner.settings;
        let most = limit.unwrap_or(usize::MAX).min(settings.folder_files);
        let mut found = Found::default();
        let (mut looked_at, mut cursor) = (0_usize, None);
        let more = loop {
            let page = match self.page_below(connection, path, cursor.take()).await {
                // It counts as a look, so that a Dropbox which always begins anew comes to an end.
                Err(BrowseError::Dropbox(DropboxError::CursorReset)) => {
                    looked_at += found.len().max(1000);
                    found = Found::default();
                    if looked_at >= settings.folder_entries {
                        break true;
                    }
                    continue;
                }
                page => page?,
            };
            looked_at += page.entries.len().max(1);
            for entry in page.entries {
                found.take_file(entry, accept);
            }
            let enough = found.len() > most || looked_at >= settings.folder_entries;
            if !page.has_more || enough {
                break page.has_more;
            }
            cursor = Some(page.cursor);
        };
        let signer = self.signer(connection);
        let entries = found.entries().into_iter();
        let mut files: Vec<Entry> = entries
            .filter_map(|found| entry::of(found, &signer))
            .collect();
        let more = more || files.len() > most;
        files.sort_by(|a, b| order::natural(&a.path, &b.path));
        files.truncate(most);
        Ok(Below {
            client: "dropbox",
            bytes: files.iter().map(|file| file.bytes).sum(),
            files,
            more,
        })
    }

    async fn page_below(
        &self,
        connection: &Connection,
        path: &str,
        cursor: Option<String>,
    ) -> Result<Page, BrowseError> {
        let dropbox = self.inner.connections.dropbox();
        let cursor = cursor.as_deref();
        self.with_account(connection, |account| async move {
            match cursor {
                None => dropbox.list_folder(&account, path, None, true).await,
                Some(cursor) => dropbox.list_folder_continue(&account, cursor).await,
            }
        })
        .await
    }
}
