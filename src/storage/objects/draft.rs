//! An object that is being written: a small one is one request, a large one a multipart upload.

use super::{Note, Objects, no_bucket};
use crate::storage::{StorageError, StorageKey, copying::PartCopy, memory::Share};
use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload, multipart::PartId, path::Path};
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;

/// An object that is being written.
pub(in crate::storage) struct ObjectDraft {
    objects: Arc<Objects>,
    path: Path,
    note: Path,
    overwrite: bool,
    /// The whole of a small file.
    small: Mutex<Option<PutPayload>>,
    /// The id of the multipart upload; begun by the first part that needs it.
    multipart: OnceCell<String>,
    parts: Mutex<Vec<Option<PartId>>>,
}

impl ObjectDraft {
    /// A draft of the object at `path`; what a crash would leave behind is told by a `note`.
    pub(super) fn new(objects: Arc<Objects>, path: Path, note: Path, overwrite: bool) -> Self {
        Self {
            objects,
            path,
            note,
            overwrite,
            small: Mutex::default(),
            multipart: OnceCell::new(),
            parts: Mutex::default(),
        }
    }

    /// A share of the memory in which parts are held until they are sent.
    pub(in crate::storage) fn share(&self) -> Share {
        self.objects.memory.share()
    }

    /// Sends a part, or keeps it if it is the `whole` file.
    pub(in crate::storage) async fn put_part(
        &self,
        index: u64,
        bytes: Vec<Bytes>,
        whole: bool,
    ) -> Result<(), StorageError> {
        let payload = PutPayload::from_iter(bytes);
        let too_many = |_| StorageError::TooLarge {
            limit: self.objects.plain_limit(),
        };
        let index = usize::try_from(index).map_err(too_many)?;
        if whole {
            *self.small.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
            return Ok(());
        }
        let multipart = self.multipart.get_or_try_init(|| self.start()).await?;
        let sent = self
            .objects
            .multipart
            .put_part(&self.path, multipart, index, payload)
            .await;
        let part = sent.map_err(|error| match error {
            Error::NotFound { .. } => swept(),
            other => other.into(),
        })?;
        self.note_part(index, part);
        Ok(())
    }

    /// Has the store copy a part from what lies under another key; without a range all of it.
    ///
    /// # Errors
    /// [`StorageError::Denied`] where the store does not do that.
    pub(in crate::storage) async fn copy_part(
        &self,
        index: usize,
        from: &StorageKey,
        range: Option<Range<u64>>,
    ) -> Result<(), StorageError> {
        let unknown = || StorageError::denied("the store cannot copy parts");
        let copier = self.objects.copier.as_ref().ok_or_else(unknown)?;
        let from = self.objects.path_of(from)?;
        let multipart = self.multipart.get_or_try_init(|| self.start()).await?;
        let part = PartCopy {
            to: &self.path,
            multipart,
            index,
            from: &from,
            range,
        };
        let part = copier.copy(&part).await?;
        self.note_part(index, part);
        Ok(())
    }

    fn note_part(&self, index: usize, part: PartId) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.len() <= index {
            parts.resize(index + 1, None);
        }
        parts[index] = Some(part);
    }

    /// Begins the multipart upload and leaves a note of it.
    async fn start(&self) -> Result<String, StorageError> {
        let begun = self.objects.multipart.create_multipart(&self.path).await;
        let multipart = begun.map_err(no_bucket)?;
        let note = Note {
            object: self.path.to_string(),
            multipart: multipart.clone(),
        };
        let text = serde_json::to_vec(&note);
        let text = text.map_err(|error| StorageError::unavailable(error.to_string()))?;
        if let Err(error) = self.objects.store.put(&self.note, text.into()).await {
            self.objects.abort(&self.path, &multipart).await?;
            return Err(error.into());
        }
        Ok(multipart)
    }

    pub(in crate::storage) async fn commit(&self, size: u64) -> Result<(), StorageError> {
        let Some(multipart) = self.multipart.get() else {
            let small = self
                .small
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            return self.put_whole(small.unwrap_or_default(), size).await;
        };
        let parts: Option<Vec<_>> = {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.drain(..).collect()
        };
        let parts = parts.ok_or_else(|| StorageError::incomplete("a part is missing"))?;
        if !self.objects.traits.aborts && !self.objects.exists(&self.note).await? {
            return Err(swept());
        }
        // Stores offer no "create only" here; nothing of ours writes one key from two places.
        if !self.overwrite && self.objects.exists(&self.path).await? {
            return Err(StorageError::Exists);
        }
        let done = self
            .objects
            .multipart
            .complete_multipart(&self.path, multipart, parts)
            .await;
        done.map_err(|error| match error {
            Error::NotFound { .. } => swept(),
            // Azure: whatever else was written there meanwhile did away with our blocks.
            other if other.to_string().contains("<Code>InvalidBlockList</Code>") => swept(),
            // A store that wants all parts but the last to be of one size (Cloudflare's).
            other if other.to_string().contains("<Code>InvalidPart</Code>") => {
                StorageError::denied("the store refuses the parts")
            }
            other => other.into(),
        })?;
        // A note that stays is removed by the next sweep, which finds nothing to abort.
        let _ = self.objects.remove(&self.note).await;
        Ok(())
    }

    async fn put_whole(&self, bytes: PutPayload, size: u64) -> Result<(), StorageError> {
        if bytes.content_length() as u64 != size {
            let message = format!("{} of {size} bytes came", bytes.content_length());
            return Err(StorageError::incomplete(message));
        }
        let store = &self.objects.store;
        if self.overwrite {
            store.put(&self.path, bytes).await.map_err(no_bucket)?;
            return Ok(());
        }
        match store
            .put_opts(&self.path, bytes.clone(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(()),
            // A store that does not know "create only".
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                if self.objects.exists(&self.path).await? {
                    return Err(StorageError::Exists);
                }
                store.put(&self.path, bytes).await.map_err(no_bucket)?;
                Ok(())
            }
            Err(error) => Err(no_bucket(error)),
        }
    }

    pub(in crate::storage) async fn discard(&self) {
        if let Some(multipart) = self.multipart.get() {
            // The note stays if the store refuses, and the next sweep tries again.
            if self.objects.abort(&self.path, multipart).await.is_ok() {
                let _ = self.objects.remove(&self.note).await;
            }
        }
    }
}

/// Another node has given our upload up.
pub(in crate::storage) fn swept() -> StorageError {
    StorageError::incomplete("the upload was swept away")
}
