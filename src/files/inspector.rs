//! What can be told of a file only by reading its bytes: computed when first asked for, kept in
//! the catalog, never twice at once.
//!
//! The work goes on when whoever asked has gone, so that asking again about a large file finds
//! the answer instead of beginning anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::StreamExt;
use serde_json::{Map, Value};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Mutex as Turn, Semaphore};

use super::hashes::{Algorithm, Hashing};
use super::{Catalog, ContentError, Contents, Facts, FileError, Handle, Kind, StoredFile, facts};
use crate::storage::{Storage, StorageKey};

/// Files that are read through for hashes at the same time.
const AT_ONCE: usize = 2;

/// Why a file could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The catalog could not answer.
    #[error(transparent)]
    File(#[from] FileError),
    /// The bytes could not be read.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// Reads files to tell more of them; cheap to clone.
#[derive(Clone)]
pub struct Inspector {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    contents: Contents,
    storage: Storage,
    slots: Semaphore,
    /// Files that are being read, each with the turn of those who ask for it.
    turns: Mutex<Turns>,
}

/// By handle and version; gone with the last of those who ask.
type Turns = HashMap<(Handle, i64), Weak<Turn<()>>>;

impl Inspector {
    /// An inspector of these files.
    pub fn new(catalog: Catalog, contents: Contents, storage: Storage) -> Self {
        let inner = Inner {
            catalog,
            contents,
            storage,
            slots: Semaphore::new(AT_ONCE),
            turns: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The file as it is now: a symlink whose source was edited in the person's Dropbox takes
    /// over its new version, so that its link shows what lies there. Costs one call to Dropbox
    /// for a symlink, and nothing for other files.
    ///
    /// # Errors
    /// When the source cannot be looked at, or the catalog fails.
    pub async fn current(&self, file: StoredFile, now_ms: i64) -> Result<StoredFile, InspectError> {
        if file.kind != Kind::Symlink || file.source_id.is_empty() {
            return Ok(file);
        }
        let source = self.inner.contents.look(&file).await?;
        if source.rev == file.source_rev {
            return Ok(file);
        }
        Ok(self.inner.catalog.follow(&file, source, now_ms).await?)
    }

    /// These hashes of the file, in hex, by their names.
    ///
    /// # Errors
    /// When the bytes cannot be read or the catalog fails.
    pub async fn hashes(
        &self,
        file: &StoredFile,
        wanted: &[Algorithm],
    ) -> Result<Map<String, Value>, InspectError> {
        let known = self.inner.catalog.computed(file).await?.hashes;
        if missing(&known, wanted).is_empty() {
            return Ok(known);
        }
        let (inner, file, wanted) = (self.inner.clone(), file.clone(), wanted.to_vec());
        finished(tokio::spawn(
            async move { inner.hash(&file, &wanted).await },
        ))
        .await
    }

    /// Width, height and EXIF of the file, where it is a stored image.
    ///
    /// # Errors
    /// When the bytes cannot be read or the catalog fails.
    pub async fn facts(&self, file: &StoredFile) -> Result<Facts, InspectError> {
        let known = self.inner.catalog.computed(file).await?;
        let nothing_to_read = file.kind == Kind::Symlink || !facts::may_have(&file.mimetype);
        if known.facts_read || nothing_to_read {
            return Ok(known.facts);
        }
        let (inner, file) = (self.inner.clone(), file.clone());
        finished(tokio::spawn(async move { inner.look(&file).await })).await
    }
}

impl Inner {
    async fn hash(
        &self,
        file: &StoredFile,
        wanted: &[Algorithm],
    ) -> Result<Map<String, Value>, InspectError> {
        let turn = self.turn_of(file);
        let _turn = turn.lock().await;
        // Whoever had the turn before may have computed the same.
        let mut known = self.catalog.computed(file).await?.hashes;
        let missing = missing(&known, wanted);
        if missing.is_empty() {
            return Ok(known);
        }
        let _slot = self.slots.acquire().await;
        let mut stream = self.contents.open(file, 0..file.size).await?.stream;
        let runtime = Runtime::current();
        let hashing = tokio::task::spawn_blocking(move || {
            let mut hashing = Hashing::new(&missing);
            while let Some(chunk) = runtime.block_on(stream.next()) {
                hashing.update(&chunk?);
            }
            Ok::<_, ContentError>(hashing.finish())
        });
        let new = hashing.await.map_err(|_| ContentError::Interrupted)??;
        self.catalog.keep_hashes(file, new.clone()).await?;
        known.extend(new);
        Ok(known)
    }

    async fn look(&self, file: &StoredFile) -> Result<Facts, InspectError> {
        let turn = self.turn_of(file);
        let _turn = turn.lock().await;
        let known = self.catalog.computed(file).await?;
        if known.facts_read {
            return Ok(known.facts);
        }
        let key = StorageKey::parse(&file.storage_key).map_err(ContentError::from)?;
        let read = facts::read(&self.storage, &key, file.size, &file.mimetype).await;
        let found = read.map_err(ContentError::from)?;
        self.catalog.keep_facts(file, found.clone()).await?;
        Ok(found)
    }

    fn turn_of(&self, file: &StoredFile) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let place = turns.entry((file.handle.clone(), file.version));
        let place = place.or_default();
        place.upgrade().unwrap_or_else(|| {
            let turn = Arc::new(Turn::new(()));
            *place = Arc::downgrade(&turn);
            turn
        })
    }
}

fn missing(known: &Map<String, Value>, wanted: &[Algorithm]) -> Vec<Algorithm> {
    let wanted = wanted.iter().copied();
    wanted.filter(|w| !known.contains_key(w.name())).collect()
}

async fn finished<T>(
    work: tokio::task::JoinHandle<Result<T, InspectError>>,
) -> Result<T, InspectError> {
    work.await.map_err(|_| ContentError::Interrupted)?
}
