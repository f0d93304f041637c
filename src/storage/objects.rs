//! Bytes in an object store: S3 and what speaks like it, Google's, Azure's, or memory for tests.
//!
//! A small file is one request, a large one a multipart upload whose parts travel in any order.
//! For each multipart upload a note lies under `.uploads/` in the same bucket, so that any node
//! can give up what a crashed one left behind; the service keeps no state of its own.
//! May not know of folders.

mod draft;

pub(super) use draft::{ObjectDraft, swept};

use super::{
    ByteStream, Piece,
    copying::PartCopier,
    error::StorageError,
    key::{RESERVED, StorageKey, leftover_name, upload_id_of},
    memory::Memory,
    redirect::{Presigner, Shown},
    unfinished::Unfinished,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream, stream::BoxStream};
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, multipart::MultipartStore, path::Path,
};
use serde::{Deserialize, Serialize};
use std::{ops::Range, sync::Arc, time::Duration};

/// The most parts a multipart upload may have, S3's own limit.
const MOST_PARTS: u64 = 10_000;

/// Part sizes are multiples of the 4 MiB blocks that Dropbox hashes.
const PART_STEP: u64 = 4 * 1024 * 1024;

/// A bucket, or a part of one.
pub(super) struct Objects {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) multipart: Arc<dyn MultipartStore>,
    /// Stands before every key, with a slash at its end; may be empty.
    pub(super) prefix: String,
    pub(super) part_size: u64,
    pub(super) memory: Arc<Memory>,
    pub(super) provider: &'static str,
    pub(super) container: String,
    pub(super) description: String,
    pub(super) traits: Traits,
    pub(super) presigner: Option<Presigner>,
    pub(super) unfinished: Option<Unfinished>,
    /// None where the store cannot copy parts of an object.
    pub(super) copier: Option<PartCopier>,
}

/// In what stores differ beyond what they are called.
pub(super) struct Traits {
    /// Whether an unfinished multipart upload can be given up, so that it can never be completed.
    pub(super) aborts: bool,
}

impl Default for Traits {
    fn default() -> Self {
        Self { aborts: true }
    }
}

/// What a node needs to know to give up another node's multipart upload.
#[derive(Serialize, Deserialize)]
struct Note {
    object: String,
    multipart: String,
}

impl Objects {
    /// The part size for a file: as set, but never so small that the parts become too many.
    pub(super) fn part_size_for(&self, size: u64) -> u64 {
        let least = size.div_ceil(MOST_PARTS);
        if least <= self.part_size {
            self.part_size
        } else {
            least.next_multiple_of(PART_STEP)
        }
    }

    /// The largest size for which parts of the plain size do, with a byte to spare.
    pub(super) fn plain_limit(&self) -> u64 {
        self.part_size.saturating_mul(MOST_PARTS) - 1
    }

    fn path_of(&self, key: &StorageKey) -> Result<Path, StorageError> {
        let whole = format!("{}{key}", self.prefix);
        if whole.len() > 1024 {
            return Err(StorageError::bad_key(
                "it is longer than 1024 bytes with the prefix",
            ));
        }
        Path::parse(whole).map_err(|_| StorageError::bad_key("the object store refuses the name"))
    }

    fn leftover_path(&self, name: &str) -> Result<Path, StorageError> {
        let path = Path::parse(format!("{}{RESERVED}/{name}", self.prefix));
        path.map_err(|_| StorageError::bad_key("the object store refuses the name"))
    }

    pub(super) async fn begin(
        self: &Arc<Self>,
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<ObjectDraft, StorageError> {
        let path = self.path_of(key)?;
        let note = self.leftover_path(&leftover_name(upload_id)?)?;
        if !overwrite && self.exists(&path).await? {
            return Err(StorageError::Exists);
        }
        Ok(ObjectDraft::new(Arc::clone(self), path, note, overwrite))
    }

    /// Has the store copy a stored file by itself.
    pub(super) async fn copy(
        &self,
        piece: &Piece,
        key: &StorageKey,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let (from, path) = (self.path_of(&piece.key)?, self.path_of(key)?);
        // As for large files: nothing of ours writes one key from two places.
        if !overwrite && self.exists(&path).await? {
            return Err(StorageError::Exists);
        }
        self.store.copy(&from, &path).await?;
        let copied = self.store.head(&path).await?.size;
        if copied == piece.size {
            return Ok(());
        }
        let message = format!("a piece has {copied} bytes and not {}", piece.size);
        Err(StorageError::incomplete(message))
    }

    async fn exists(&self, path: &Path) -> Result<bool, StorageError> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn read(
        &self,
        key: &StorageKey,
        range: Range<u64>,
    ) -> Result<ByteStream, StorageError> {
        let path = self.path_of(key)?;
        if range.is_empty() {
            self.store.head(&path).await?;
            return Ok(Box::pin(stream::empty()));
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..Default::default()
        };
        let found = self.store.get_opts(&path, options).await?;
        if found.range != range {
            let message = format!("the stored file ends at byte {}", found.meta.size);
            return Err(StorageError::incomplete(message));
        }
        Ok(Box::pin(
            found
                .into_stream()
                .map(|bytes| bytes.map_err(StorageError::from)),
        ))
    }

    pub(super) async fn address(
        &self,
        key: &StorageKey,
        shown: Shown<'_>,
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<Option<String>, StorageError> {
        let Some(presigner) = &self.presigner else {
            return Ok(None);
        };
        let path = self.path_of(key)?;
        let signed = presigner.sign(&path, shown, lifetime, now_ms).await?;
        Ok(signed.map(String::from))
    }

    pub(super) async fn size(&self, key: &StorageKey) -> Result<u64, StorageError> {
        Ok(self.store.head(&self.path_of(key)?).await?.size)
    }

    pub(super) async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.remove(&self.path_of(key)?).await
    }

    async fn remove(&self, path: &Path) -> Result<(), StorageError> {
        match self.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn check(&self, probe: &str) -> Result<(), StorageError> {
        let path = self.leftover_path(probe)?;
        let probe = Bytes::from_static(b"probe");
        self.store
            .put(&path, probe.clone().into())
            .await
            .map_err(no_bucket)?;
        let read = async { self.store.get(&path).await?.bytes().await }.await;
        self.remove(&path).await?;
        if read? == probe {
            Ok(())
        } else {
            Err(StorageError::unavailable(
                "what was written is not what is read",
            ))
        }
    }

    pub(super) async fn leftovers(&self) -> Result<Vec<String>, StorageError> {
        let folder = self.leftover_path("")?;
        let found: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        Ok(found
            .iter()
            .filter_map(|object| name(&object.location))
            .collect())
    }

    /// One that cannot be removed does not keep the others.
    pub(super) async fn remove_leftovers(&self, upload_id: &str) -> Result<(), StorageError> {
        let mut outcome = Ok(());
        for name in self.leftovers().await? {
            if upload_id_of(&name) == upload_id {
                let removed = self.give_up(&self.leftover_path(&name)?).await;
                outcome = outcome.and(removed);
            }
        }
        outcome
    }

    /// Aborts the multipart upload that a note speaks of, then removes the note.
    async fn give_up(&self, note: &Path) -> Result<(), StorageError> {
        let text = match self.store.get(note).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // Anything else in there, such as a probe, has nothing to abort.
        if let Ok(Note { object, multipart }) = serde_json::from_slice(&text)
            && let Ok(path) = Path::parse(object)
        {
            self.abort(&path, &multipart).await?;
        }
        self.remove(note).await
    }

    async fn abort(&self, path: &Path, multipart: &String) -> Result<(), StorageError> {
        match self.multipart.abort_multipart(path, multipart).await {
            // It was completed or aborted already.
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            // Some servers say so of an upload that is gone. Whether they mean it is tried out.
            Err(Error::PermissionDenied { .. }) if self.may_abort().await => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn abort_uploads(
        &self,
        before_ms: i64,
        is_ours: impl Fn(&str) -> bool + Send + Sync,
    ) -> Result<usize, StorageError> {
        let Some(unfinished) = &self.unfinished else {
            return Ok(0);
        };
        let trials = format!("{RESERVED}/");
        let (mut aborted, mut outcome, mut after) = (0, Ok(()), None);
        loop {
            let page = unfinished.page(&self.prefix, after.as_ref()).await?;
            for upload in &page.uploads {
                let key = upload.key.strip_prefix(&self.prefix).unwrap_or_default();
                let old = upload.at_ms().is_some_and(|at| at < before_ms);
                if !old || !(is_ours(key) || key.starts_with(&trials)) {
                    continue;
                }
                let Ok(path) = Path::parse(&upload.key) else {
                    continue;
                };
                let done = self.abort(&path, &upload.upload_id).await;
                aborted += usize::from(done.is_ok());
                outcome = outcome.and(done);
            }
            after = page.next();
            if after.is_none() {
                return outcome.map(|()| aborted);
            }
        }
    }

    pub(super) fn stored_before(
        &self,
        before_ms: i64,
    ) -> BoxStream<'static, Result<StorageKey, StorageError>> {
        let prefix = self.prefix.clone();
        let folder = Path::parse(&prefix).ok().filter(|_| !prefix.is_empty());
        let listed = self.store.list(folder.as_ref()).map_err(StorageError::from);
        let keys = listed.try_filter_map(move |object| {
            let old = object.last_modified.timestamp_millis() < before_ms;
            let key = object.location.as_ref().strip_prefix(&prefix);
            let key = key
                .filter(|_| old)
                .and_then(|key| StorageKey::parse(key).ok());
            ready(Ok(key))
        });
        keys.boxed()
    }

    /// Whether the store lets us abort an upload of ours.
    async fn may_abort(&self) -> bool {
        let tried = async {
            let path = self.leftover_path(&leftover_name("abort")?)?;
            let multipart = self.multipart.create_multipart(&path).await?;
            self.multipart.abort_multipart(&path, &multipart).await?;
            Ok::<_, StorageError>(())
        };
        tried.await.is_ok()
    }
}

/// A store that cannot find what we are about to write lacks the whole bucket.
fn no_bucket(error: Error) -> StorageError {
    match error {
        Error::NotFound { .. } => StorageError::denied("the bucket does not exist"),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[test]
    fn parts_grow_so_that_they_never_become_too_many() {
        const MIB: u64 = 1024 * 1024;
        let store = Arc::new(InMemory::new());
        let objects = Objects {
            multipart: Arc::clone(&store) as Arc<dyn MultipartStore>,
            store,
            prefix: String::new(),
            part_size: 8 * MIB,
            memory: Memory::new(0),
            provider: "internal",
            container: String::new(),
            description: String::new(),
            traits: Traits::default(),
            presigner: None,
            unfinished: None,
            copier: None,
        };
        for size in [
            0,
            1,
            80_000 * MIB,
            80_000 * MIB + 1,
            2_000_000 * MIB,
            5_000_000 * MIB,
        ] {
            let part_size = objects.part_size_for(size);
            assert!(size.div_ceil(part_size) <= MOST_PARTS, "{size}");
            assert_eq!(part_size % PART_STEP, 0);
        }
        assert_eq!(objects.part_size_for(80_000 * MIB), 8 * MIB);
        assert_eq!(objects.part_size_for(objects.plain_limit() + 1), 8 * MIB);
        assert_eq!(objects.part_size_for(80_000 * MIB + 1), 12 * MIB);
    }
}
