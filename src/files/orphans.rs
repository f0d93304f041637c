//! What lies in an object store and belongs to nobody: uploads that were never completed, and
//! objects that the catalog does not know.
//!
//! Everything that is stored passes through the list of `garbage`, so there should be none. A
//! crash between two requests to the store, a database restored from a backup, or a store that said
//! no and did it all the same can leave some, and they are paid for.
//!
//! A bucket may be shared. So only what bears our own kind of key (a last segment of twenty
//! letters and digits, `_` and a name) below our own prefix is looked at, and only when it is
//! older than any upload may take. An object is never removed here: it is put on the list of
//! garbage, unless a file names it or it stands there already, and goes the way of all others.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use sqlx::Row;

use super::{FileError, Handle, handle};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};
use crate::storage::{Storage, StorageError, StorageKey};

/// Objects that are compared with the catalog at once.
const PAGE: usize = 200;
/// How long the database is left alone between two pages.
const PAUSE: Duration = Duration::from_millis(50);
/// How often orphans are looked for, and how long after the start first.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
const FIRST_AFTER: Duration = Duration::from_secs(10 * 60);

/// Why the search ended early.
#[derive(Debug, thiserror::Error)]
pub enum OrphanError {
    /// More objects are unknown than known: rather than orphans, this is the wrong catalog.
    #[error(
        "the catalog knows {known} old objects and not {strange} others, which are not removed: \
         this looks like another bucket's catalog"
    )]
    WrongCatalog {
        /// Old objects with keys like ours that the catalog knows.
        known: usize,
        /// Those that it does not know.
        strange: usize,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] FileError),
}

/// The search for orphans; cheap to clone.
#[derive(Clone)]
pub struct Orphans {
    database: Database,
    storage: Storage,
    clock: Clock,
}

impl Orphans {
    /// The orphans of this catalog and this storage.
    pub fn new(database: Database, storage: Storage, clock: Clock) -> Self {
        Self {
            database,
            storage,
            clock,
        }
    }

    /// Gives up the uploads that were begun too long ago to be completed any more, and says how
    /// many there were.
    ///
    /// # Errors
    /// When the storage fails or does not list uploads.
    pub async fn give_up_uploads(&self) -> Result<usize, StorageError> {
        let before = self.before();
        self.storage.abort_uploads(before, is_ours).await
    }

    /// Puts old objects that the catalog does not know on the list of garbage, page by page, and
    /// says how many.
    ///
    /// # Errors
    /// When storage or database fail, or when too much is unknown. What was found before stays on
    /// the list.
    pub async fn discard_objects(&self) -> Result<usize, OrphanError> {
        let before = self.before();
        let ours = self.storage.objects_before(before);
        let ours = ours.try_filter(|key| std::future::ready(is_ours(key.as_str())));
        let mut pages = ours.try_chunks(PAGE).boxed();
        let (mut known, mut strange, mut discarded) = (0, 0, 0);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|broken| broken.1)?;
            let size = page.len();
            let unknown = self.unknown(page).await?;
            strange += unknown.len();
            known += size - unknown.len();
            if strange > known {
                return Err(OrphanError::WrongCatalog { known, strange });
            }
            discarded += self.discard(unknown).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(discarded)
    }

    /// Looks for orphans from time to time; never returns. Objects only where the settings say so.
    pub async fn keep_looking(self) {
        tokio::time::sleep(FIRST_AFTER).await;
        loop {
            match self.give_up_uploads().await {
                Ok(0) => {}
                Ok(count) => log::info!("{count} abandoned uploads were given up"),
                // Not every store has the list, and not every key may read it.
                Err(error) => log::info!("abandoned uploads were not looked for: {error}"),
            }
            if self.storage.sweeps_orphans() {
                match self.discard_objects().await {
                    Ok(0) => {}
                    Ok(count) => log::warn!("{count} objects that no file names are removed"),
                    Err(error) => log::error!("the search for orphans: {error}"),
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn before(&self) -> i64 {
        let age = self.storage.orphan_age().as_millis();
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        self.clock.now_ms().saturating_sub(age)
    }

    /// Which of these keys no file names or named, and are not on the list of garbage. A file that
    /// was deleted counts: its object may have been left there on purpose.
    async fn unknown(&self, mut keys: Vec<StorageKey>) -> Result<Vec<StorageKey>, FileError> {
        let places: Vec<_> = (1..=keys.len()).map(|place| format!("${place}")).collect();
        let places = places.join(", ");
        let sql = format!(
            "SELECT storage_key FROM files WHERE storage_key IN ({places}) UNION \
             SELECT storage_key FROM garbage WHERE storage_key IN ({places})"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for key in &keys {
            query = query.bind(key.as_str().to_owned());
        }
        let mut connection = self.database.read().await?;
        let rows = query.fetch_all(&mut *connection).await?;
        let known: Result<HashSet<String>, FileError> =
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect();
        let known = known?;
        keys.retain(|key| !known.contains(key.as_str()));
        Ok(keys)
    }

    async fn discard(&self, keys: Vec<StorageKey>) -> Result<usize, FileError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let clock = self.clock.clone();
        let write = self.database.write(move |tx| {
            async move {
                let mut discarded = 0;
                for key in keys {
                    // Looked at once more, inside: it may have been reserved or adopted meanwhile.
                    let done = sqlx::query(
                        "INSERT INTO garbage (storage_key, not_before) \
                         SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT) \
                         WHERE NOT EXISTS (SELECT 1 FROM files WHERE storage_key = $1) \
                         AND NOT EXISTS (SELECT 1 FROM garbage WHERE storage_key = $1)",
                    )
                    .bind(key.as_str().to_owned())
                    .bind(clock.now_ms())
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() > 0 {
                        log::info!("nothing names {key} in the storage: it is removed");
                        discarded += 1;
                    }
                }
                Ok::<_, DatabaseError>(discarded)
            }
            .boxed()
        });
        Ok(write.await?)
    }
}

/// Whether a key is of the kind that we make: its last segment begins with a handle and `_`.
fn is_ours(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let handle = name.get(..handle::LENGTH).map(Handle::parse);
    let rest = name.get(handle::LENGTH..).unwrap_or_default();
    matches!(handle, Some(Ok(_))) && rest.len() > 1 && rest.starts_with('_')
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_keys_of_our_own_kind_are_ours() {
        for ours in [
            "abcdefghij0123456789_a.txt",
            "in/2026/ABCDEFGHIJ0123456789_ä",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "a.txt",
            "abcdefghij0123456789",
            "abcdefghij0123456789_",
            "abcdefghij012345678_a.txt",
            "abcdefghij0123456789a_b.txt",
            "abcdefghij0123456789_a.txt/b.txt",
            "abcdefghij012345678-_a.txt",
            "ääääääääääääääääääää_a",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
