//! A folder, page by page.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use super::cursor::Cursor;
use super::{Accept, BrowseError, Browser, Entry, entry, order};
use crate::connections::Connection;
use crate::dropbox::{DropboxError, Metadata};

/// Bytes of a path at most; Dropbox's own limit on what it creates is lower.
const LONGEST_PATH: usize = 8_192;
/// Characters of a search at most, as in Dropbox's documentation.
const LONGEST_SEARCH: usize = 1_000;

/// What a picker wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The folder; empty or `/` for the root.
    pub path: String,
    /// Where the listing goes on: [`Listing::next`] of the page before; empty for the first.
    pub next: String,
    /// Names to search for below the folder; empty: list it.
    pub search: String,
    /// Which files to show.
    pub accept: Accept,
}

/// One page of a folder, in Filestack's shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    /// Whose Dropbox it is: always `dropbox`.
    pub client: &'static str,
    /// The folder's name.
    pub filename: String,
    /// What lies in it.
    pub contents: Vec<Entry>,
    /// Where it goes on; empty on the last page.
    pub next: String,
    /// The folder changed so much that Dropbox begins anew: this is its first page again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restarted: bool,
}

/// Entries gathered from one or more pages of Dropbox, and the cursor behind them.
struct Gathered {
    found: Vec<Metadata>,
    cursor: Option<String>,
}

/// A page of Dropbox, of a listing or of a search.
struct Page {
    entries: Vec<Metadata>,
    cursor: Option<String>,
}

impl Browser {
    /// One page of a folder, or of a search below it.
    ///
    /// Dropbox lists in an order of its own and cannot be asked for another. A folder of up to
    /// `page_entries` entries is gathered whole: folders first, names in natural order. A larger
    /// one comes in pages of about that many, each in that order for itself. What is found by a
    /// search keeps Dropbox's order, the best first. A page may be empty although `next` says
    /// that more follows, when `accept` lets nothing of a long stretch through.
    ///
    /// # Errors
    /// [`BrowseError::BadCursor`] for a cursor that was not made for this connection; what
    /// Dropbox says; [`crate::connections::ConnectionError::Reconnect`] when the link is dead.
    pub async fn list(&self, connection: &Connection, wish: &Wish) -> Result<Listing, BrowseError> {
        check(wish)?;
        let begin = Cursor {
            connection: connection.id,
            path: wish.path.clone(),
            search: (!wish.search.is_empty()).then(|| wish.search.clone()),
            dropbox: String::new(),
        };
        if wish.next.is_empty() {
            let gathered = self.gather(connection, &begin, &wish.accept).await?;
            return Ok(self.page(connection, begin, gathered));
        }
        let cursor = Cursor::open(&self.inner.master_key, &wish.next, connection.id)?;
        match self.gather(connection, &cursor, &wish.accept).await {
            Ok(gathered) => Ok(self.page(connection, cursor, gathered)),
            Err(BrowseError::Dropbox(DropboxError::CursorReset)) => {
                let begin = Cursor {
                    dropbox: String::new(),
                    ..cursor
                };
                let gathered = self.gather(connection, &begin, &wish.accept).await?;
                let mut page = self.page(connection, begin, gathered);
                page.restarted = true;
                Ok(page)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks Dropbox until there is enough for a page. Empty pages are no end: only Dropbox's own
    /// word is.
    async fn gather(
        &self,
        connection: &Connection,
        from: &Cursor,
        accept: &Accept,
    ) -> Result<Gathered, BrowseError> {
        let settings = &self.inner.settings;
        let mut at = from.clone();
        let mut found = Found::default();
        for _ in 0..settings.most_calls.max(1) {
            let page = self
                .ask(
                    connection,
                    &at,
                    settings.page_entries.saturating_sub(found.len()),
                )
                .await?;
            for entry in page.entries {
                found.take(entry, accept);
            }
            let Some(cursor) = page.cursor else {
                return Ok(Gathered {
                    found: found.entries(),
                    cursor: None,
                });
            };
            at.dropbox = cursor;
            if found.len() >= settings.page_entries {
                break;
            }
        }
        Ok(Gathered {
            found: found.entries(),
            cursor: Some(at.dropbox),
        })
    }

    /// One call to Dropbox.
    async fn ask(
        &self,
        connection: &Connection,
        at: &Cursor,
        entries: usize,
    ) -> Result<Page, BrowseError> {
        let dropbox = self.inner.connections.dropbox();
        let limit = u32::try_from(entries.clamp(100, 2_000)).ok();
        self.with_account(connection, |account| async move {
            if let Some(search) = &at.search {
                let page = match at.dropbox.as_str() {
                    "" => dropbox.search(&account, search, &at.path, limit).await?,
                    cursor => dropbox.search_continue(&account, cursor).await?,
                };
                return Ok(Page {
                    entries: page.matches,
                    cursor: page.cursor.filter(|_| page.has_more),
                });
            }
            let page = match at.dropbox.as_str() {
                "" => {
                    dropbox
                        .list_folder(&account, &at.path, limit, false)
                        .await?
                }
                cursor => dropbox.list_folder_continue(&account, cursor).await?,
            };
            Ok(Page {
                entries: page.entries,
                cursor: page.has_more.then_some(page.cursor),
            })
        })
        .await
    }

    fn page(&self, connection: &Connection, mut at: Cursor, gathered: Gathered) -> Listing {
        let signer = self.signer(connection);
        let mut contents: Vec<Entry> = gathered
            .found
            .into_iter()
            .filter_map(|found| entry::of(found, &signer))
            .collect();
        if at.search.is_none() {
            contents.sort_by(|a, b| {
                let folders_first = Reverse(a.folder).cmp(&Reverse(b.folder));
                folders_first.then_with(|| order::natural(&a.name, &b.name))
            });
        }
        let filename = name_of(&at.path);
        let next = match gathered.cursor {
            Some(cursor) => {
                at.dropbox = cursor;
                at.seal(&self.inner.master_key)
            }
            None => String::new(),
        };
        Listing {
            client: "dropbox",
            filename,
            contents,
            next,
            restarted: false,
        }
    }
}

/// What was found, each path once. Pages of one listing may name an entry again, or say that one
/// of an earlier page has gone meanwhile (files.stone, `list_folder/continue`); the last word
/// counts.
#[derive(Default)]
pub(super) struct Found {
    entries: Vec<Option<Metadata>>,
    by_path: HashMap<String, usize>,
    gone: usize,
}

impl Found {
    /// Takes files and folders.
    pub(super) fn take(&mut self, entry: Metadata, accept: &Accept) {
        let shown = shows(&entry, accept);
        self.note(entry, shown);
    }

    /// Takes files alone.
    pub(super) fn take_file(&mut self, entry: Metadata, accept: &Accept) {
        let shown = matches!(entry, Metadata::File(_)) && shows(&entry, accept);
        self.note(entry, shown);
    }

    fn note(&mut self, entry: Metadata, shown: bool) {
        let path = match &entry {
            Metadata::File(file) => file.path_lower.clone(),
            Metadata::Folder(folder) => folder.path_lower.clone(),
            Metadata::Deleted(deleted) => deleted.path_lower.clone(),
            Metadata::Other => None,
        };
        if let Some(before) = path.as_ref().and_then(|path| self.by_path.remove(path)) {
            self.entries[before] = None;
            self.gone += 1;
        }
        if !shown {
            return;
        }
        if let Some(path) = path {
            self.by_path.insert(path, self.entries.len());
        }
        self.entries.push(Some(entry));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.gone
    }

    pub(super) fn entries(self) -> Vec<Metadata> {
        self.entries.into_iter().flatten().collect()
    }
}

fn shows(entry: &Metadata, accept: &Accept) -> bool {
    match entry {
        Metadata::File(file) => accept.passes(&file.name),
        Metadata::Folder(_) => true,
        Metadata::Deleted(_) | Metadata::Other => false,
    }
}

/// Refuses what Dropbox would only refuse after a call.
fn check(wish: &Wish) -> Result<(), BrowseError> {
    check_path(&wish.path)?;
    match wish.search.chars().count() > LONGEST_SEARCH {
        true => Err(refused("the search is too long")),
        false => Ok(()),
    }
}

/// The same for a path alone.
pub(super) fn check_path(path: &str) -> Result<(), BrowseError> {
    if path.len() > LONGEST_PATH {
        Err(refused("the path is too long"))
    } else if path.contains('\0') {
        Err(refused("the path holds a NUL"))
    } else {
        Ok(())
    }
}

fn refused(why: &str) -> BrowseError {
    BrowseError::Dropbox(DropboxError::BadRequest {
        message: why.to_owned(),
    })
}

fn name_of(path: &str) -> String {
    let path = path.trim_end_matches('/');
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "Dropbox".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_what_is_named_twice_the_last_word_counts() {
        let entry = |tag: &str, name: &str, id: &str| {
            let entry = json!({
                ".tag": tag, "name": name, "id": id, "path_lower": format!("/{name}"),
                "rev": "0123456789", "size": 1, "client_modified": "2026-01-01T00:00:00Z",
                "server_modified": "2026-01-01T00:00:00Z",
            });
            serde_json::from_value::<Metadata>(entry).unwrap()
        };
        let mut found = Found::default();
        for one in [
            entry("file", "a", "id:1"),
            entry("file", "b", "id:2"),
            entry("file", "a", "id:3"),
            entry("deleted", "b", ""),
            entry("folder", "c", "id:4"),
            entry("deleted", "never-seen", ""),
        ] {
            found.take(one, &Accept::default());
        }
        assert_eq!(found.len(), 2);
        let ids: Vec<String> = found
            .entries()
            .into_iter()
            .map(|entry| match entry {
                Metadata::File(file) => file.id,
                Metadata::Folder(folder) => folder.id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, ["id:3", "id:4"]);
    }
}
