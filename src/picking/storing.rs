//! From what lies in Dropbox to what lies in storage: a copy, or the export of a document.

use std::sync::Arc;

use futures_util::StreamExt;

use super::copy::Copy;
use super::figures;
use super::journey::not_copyable;
use super::ledger::Entry;
use super::progress::Progress;
use super::request::Wanted;
use super::{PickError, Picking};
use crate::access::Application;
use crate::dropbox::{Account, ContentHasher, FileMetadata};
use crate::files::claims::Ground;
use crate::files::{Handle, Kind, StoredFile};
use crate::storage::{BlockSink, Put, StorageError, StorageKey};

/// What is being picked, looked up.
pub(super) struct Source<'a> {
    pub entry: &'a Entry,
    /// What stands before the file's name in storage.
    pub prefix: Handle,
    pub wanted: &'a Wanted,
    pub application: &'a Application,
    pub account: Account,
    pub metadata: FileMetadata,
}

struct ExportHasher(ContentHasher);

impl BlockSink for ExportHasher {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl Picking {
    pub(super) fn check_size(&self, wanted: &Wanted, size: u64) -> Result<(), PickError> {
        let most = self.inner.settings.max_file_size.as_u64();
        let most = wanted.max_size.unwrap_or(u64::MAX).min(most);
        let least = wanted.min_size.unwrap_or(0);
        match size {
            size if size > most => Err(PickError::Size { size, limit: most }),
            size if size < least => Err(PickError::Size { size, limit: least }),
            _ => Ok(()),
        }
    }

    /// Brings one version of the file into storage.
    pub(super) async fn store(
        &self,
        source: &Source<'_>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        if source.metadata.is_downloadable {
            self.copy(source, progress).await
        } else {
            self.export(source, progress).await
        }
    }

    /// Copies a file that Dropbox has the bytes of.
    async fn copy(
        &self,
        source: &Source<'_>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        let filename = source.wanted.store.filename(&source.metadata.name);
        let (key, replace) = self.place(source, &filename).await?;
        let copy = Copy {
            dropbox: self.inner.dropbox.clone(),
            account: source.account.clone(),
            storage: self.inner.storage.clone(),
            settings: self.inner.settings.clone(),
            pinned: source.metadata.clone(),
            key: key.clone(),
            upload_id: source.entry.handle.to_string(),
            replace,
            progress,
        };
        let begun = std::time::Instant::now();
        copy.run().await.map_err(taken)?;
        figures::copied(source.metadata.size, begun.elapsed());
        log::info!(
            "pick {} ({}): copied {} bytes in {} ms",
            source.entry.id,
            source.entry.handle,
            source.metadata.size,
            begun.elapsed().as_millis()
        );
        let hash = source.metadata.content_hash.clone().unwrap_or_default();
        Ok(self.described(source, filename, source.metadata.size, hash, key.as_str()))
    }

    /// Copies a cloud document in the format that Dropbox exports it to.
    async fn export(
        &self,
        source: &Source<'_>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        let path = &source.entry.source_path;
        if source.metadata.export_info.is_none() {
            return Err(not_copyable(
                "this document cannot be downloaded or exported",
            ));
        }
        let export = self
            .inner
            .dropbox
            .export(&source.account, path, None)
            .await?;
        let filename = source.wanted.store.filename(&export.export.name);
        let (key, replace) = self.place(source, &filename).await?;
        let how = Put {
            upload_id: source.entry.handle.as_str(),
            max_size: self.inner.settings.max_file_size.as_u64(),
            overwrite: replace,
        };
        progress.begin(None);
        let stream = export.stream.map(|piece| {
            let piece = piece.map_err(std::io::Error::other)?;
            if progress.cancelled.is_cancelled() {
                return Err(std::io::Error::other(PickError::Cancelled));
            }
            progress.add(piece.len());
            Ok(piece)
        });
        let sink = ExportHasher(ContentHasher::new());
        let put = self.inner.storage.put(&key, stream, how, sink).await;
        let (size, hasher) = put.map_err(|error| taken(error.into()))?;
        let hash = hasher.0.finish();
        if export
            .export
            .export_hash
            .is_some_and(|expected| expected != hash)
        {
            self.inner.storage.delete(&key).await?;
            return Err(PickError::Corrupt);
        }
        Ok(self.described(source, filename, size, hash, key.as_str()))
    }

    /// Where the file is to lie, written into the ledger before anything lies there; and whether
    /// what lies there already can only be our own.
    ///
    /// A plain path is looked at first. What is found there and is in no catalog stays, and so
    /// does what comes between this look and our writing, as far as the store can tell.
    async fn place(
        &self,
        source: &Source<'_>,
        filename: &str,
    ) -> Result<(StorageKey, bool), PickError> {
        let store = &source.wanted.store;
        let key = store.storage_key(source.application, &source.prefix, filename)?;
        let shared = store.key_is_shared();
        let (ledger, id) = (&self.inner.ledger, source.entry.id);
        if ledger.place(id, key.as_str(), shared).await? == Ground::Vacant {
            return Ok((key, true));
        }
        match self.inner.storage.size(&key).await {
            Err(StorageError::NotFound) => {
                ledger.found_vacant(id, key.as_str()).await?;
                Ok((key, false))
            }
            Ok(_) => Err(PickError::PathTaken),
            Err(error) => Err(error.into()),
        }
    }

    fn described(
        &self,
        source: &Source<'_>,
        filename: String,
        size: u64,
        content_hash: String,
        key: &str,
    ) -> StoredFile {
        let now = self.inner.clock.now();
        let store = &source.wanted.store;
        let container = store.container(&self.inner.storage.container());
        StoredFile {
            handle: source.entry.handle.clone(),
            application_id: source.application.id,
            kind: Kind::Stored,
            provider: self.inner.storage.provider().to_owned(),
            client: "Dropbox".to_owned(),
            container,
            storage_key: key.to_owned(),
            storage_path: store.path.clone(),
            access: store.access().to_owned(),
            mimetype: store.mimetype(&filename),
            filename,
            size,
            content_hash,
            width: None,
            height: None,
            exif: None,
            upload_tags: source.wanted.upload_tags.clone(),
            connection_id: Some(source.entry.connection_id),
            source_path: source
                .metadata
                .path_display
                .clone()
                .unwrap_or_else(|| source.entry.source_path.clone()),
            source_id: source.metadata.id.clone(),
            source_rev: source.metadata.rev.clone(),
            version: 1,
            created_at: now,
            modified_at: now,
        }
    }
}

fn taken(error: PickError) -> PickError {
    match error {
        PickError::Storage(StorageError::Exists) => PickError::PathTaken,
        other => other,
    }
}
