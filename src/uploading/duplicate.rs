//! A stored file that is stored once more, as a file of its own.
//!
//! What lies in our storage is copied there, by the storage itself where it can; what is only
//! linked to is read from the Dropbox in which it lies. Either is an upload of one piece, and ends
//! as all uploads do.

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::Value;

use super::ledger::{Entry, Kept, State};
use super::link::LABEL;
use super::pieces::{Said, StoredPiece};
use super::receiving::{FOLDER, not_kept};
use super::request::Wanted;
use super::{StartRequest, UploadError, Uploading};
use crate::access::{Application, Policy, random_secret, token_hash};
use crate::files::{ContentError, Contents, FileError, Handle, Kind, StoreOptions, StoredFile};
use crate::storage::{Piece, StorageError, StorageKey};

/// How often a file is found again that was overwritten while it was copied.
const MOST_TRIES: usize = 3;

/// A file that is to be stored once more.
#[derive(Clone, Debug)]
pub struct DuplicateRequest {
    /// For whom.
    pub application: Arc<Application>,
    /// The file as it is.
    pub file: StoredFile,
    /// Where and how it is to be stored; what is not said is as with the file.
    pub store: StoreOptions,
    /// The integrator's tags.
    pub upload_tags: Value,
    /// What the caller sends again when it repeats this very request.
    pub idempotency_key: Option<String>,
    /// The caller's policy, for its limits.
    pub policy: Option<Policy>,
}

/// Why a file was not stored once more.
#[derive(Debug, thiserror::Error)]
pub enum DuplicateError {
    /// As with other uploads.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The linked file cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The file has gone meanwhile, or changes too often.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Uploading {
    /// Stores a file once more and answers the new one when it is stored, recorded and announced.
    ///
    /// # Errors
    /// A [`DuplicateError`]; nothing became visible then, and no event was recorded.
    pub async fn duplicate(
        &self,
        request: DuplicateRequest,
        contents: &Contents,
    ) -> Result<StoredFile, DuplicateError> {
        let (file, application) = (request.file.clone(), request.application.clone());
        let wanted = request.check(self.inner.max_file_size)?;
        let token = match &request.idempotency_key {
            Some(key) => {
                let text = format!("{}\0{key}", application.id.0);
                self.inner.master_key.mac(LABEL, &text)
            }
            None => random_secret(),
        };
        match self.inner.ledger.find(&token_hash(&token)).await {
            Ok(entry) if entry.wanted.asked != wanted.asked => {
                return Err(UploadError::OtherRequest.into());
            }
            Ok(entry) if entry.state != State::Open => return Ok(self.end(entry, None).await?),
            Ok(_) | Err(UploadError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        if file.kind == Kind::Symlink {
            let turns = &self.inner.fetching;
            let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
            let content = contents.open(&file, 0..file.size).await?;
            let entry = self.begun(&application, &token, &wanted).await?;
            let body = content
                .stream
                .map(|piece| piece.map_err(io::Error::other))
                .boxed();
            return Ok(self.fill(entry, Some(file.size), body).await?);
        }
        let entry = self.begun(&application, &token, &wanted).await?;
        let size = match self.copy_in(&entry, file).await {
            Ok(size) => Some(size),
            // Whoever sent the same at the same time was first.
            Err(DuplicateError::Upload(UploadError::Closed)) => None,
            Err(error) => return Err(error),
        };
        Ok(self.end(entry, size).await?)
    }

    async fn begun(
        &self,
        application: &Application,
        token: &str,
        wanted: &Wanted,
    ) -> Result<Entry, UploadError> {
        let entry = self.enter(application, token, wanted).await?;
        match entry.wanted.asked == wanted.asked {
            true => Ok(entry),
            false => Err(UploadError::OtherRequest),
        }
    }

    /// Has the storage copy the file's object as the one piece of an upload; answers its size.
    async fn copy_in(&self, entry: &Entry, mut file: StoredFile) -> Result<u64, DuplicateError> {
        let turns = &self.inner.receiving;
        let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
        let key = format!("{FOLDER}/{}_1", Handle::generate());
        let key = StorageKey::parse(&key).map_err(UploadError::from)?;
        let ledger = &self.inner.ledger;
        let said = Said {
            part: 1,
            offset: 0,
            size: Some(file.size),
            md5: None,
        };
        ledger.hold_piece(&key, entry, &said).await?;
        for _ in 0..MOST_TRIES {
            let error = match self.copy_object(entry, &file, &key).await {
                Ok(()) => return Ok(file.size),
                Err(error) => error,
            };
            let moved = matches!(
                error,
                UploadError::Storage(StorageError::NotFound | StorageError::Incomplete { .. })
            );
            let now = match moved {
                true => self.inner.catalog.find(&file.handle).await,
                false => Ok(file.clone()),
            };
            match now {
                Ok(now) if now.version != file.version => file = now,
                outcome => {
                    // With a database that did not answer, the piece may have been written down.
                    if !matches!(error, UploadError::Database(_)) {
                        // What cannot be given up now is removed when its time is over.
                        drop(ledger.drop_piece(&key).await);
                    }
                    outcome?;
                    return Err(error.into());
                }
            }
        }
        drop(ledger.drop_piece(&key).await);
        Err(FileError::Changed.into())
    }

    async fn copy_object(
        &self,
        entry: &Entry,
        file: &StoredFile,
        key: &StorageKey,
    ) -> Result<(), UploadError> {
        let limit = entry.wanted.limit(self.inner.max_file_size);
        entry
            .wanted
            .check_size(file.size, self.inner.max_file_size)?;
        let source = Piece {
            key: StorageKey::parse(&file.storage_key)?,
            size: file.size,
        };
        // The time in its name tells a cleaner whether it may still be under way.
        let now = self.inner.clock.now_ms();
        let draft = format!("part-{now}-{}", entry.handle);
        let storage = &self.inner.storage;
        storage.join(&[source], key, &draft, true).await?;
        let piece = StoredPiece {
            part: 1,
            offset: 0,
            size: file.size,
            // Nobody has to name it.
            md5: String::new(),
            storage_key: key.to_string(),
        };
        let kept = self.inner.ledger.keep_piece(entry.id, piece, limit).await?;
        match kept {
            Kept::Noted => Ok(()),
            kept => Err(not_kept(kept, self.inner.settings.max_pieces)),
        }
    }
}

impl DuplicateRequest {
    fn check(&self, most: u64) -> Result<Wanted, UploadError> {
        let (file, store) = (&self.file, &self.store);
        let start = StartRequest {
            application: self.application.clone(),
            filename: file.filename.clone(),
            mimetype: file.mimetype.clone(),
            size: Some(file.size),
            store: store.clone(),
            upload_tags: self.upload_tags.clone(),
            policy: self.policy.clone(),
        };
        let asked = serde_json::json!([file.handle.as_str(), store, self.upload_tags]);
        Ok(Wanted {
            client: file.client.clone(),
            source: file.source_path.clone(),
            asked: token_hash(&asked.to_string()),
            // An overwrite that comes between may change it.
            size: None,
            ..start.check(most)?
        })
    }
}
