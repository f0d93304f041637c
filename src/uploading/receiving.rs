//! The beginning of an upload and the taking in of its pieces.
//!
//! A piece is streamed into an object of its own and becomes part of the upload only when all of
//! it is there and its digest is right. Whichever of two pieces for the same place was written
//! down last counts.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use md5::{Digest as _, Md5};

use super::figures;
use super::ledger::{Entry, Kept, State};
use super::pieces::{Said, StoredPiece};
use super::ticket::Leave;
use super::{PieceRequest, StartRequest, Ticket, UploadError, Uploading};
use crate::access::{Application, random_name, random_secret, token_hash};
use crate::files::Handle;
use crate::storage::{BlockSink, Put, StorageError, StorageKey};

/// The folder of pieces in the storage. What lies there bears a random name, so no key that a
/// client asks for meets it.
pub(super) const FOLDER: &str = ".parts";

/// What the beginning of an upload is answered with.
#[derive(Clone, Debug)]
pub struct Started {
    /// Names the upload and is the authority to send its parts.
    pub upload_id: String,
    /// Container and key under which the file will lie, should nothing come between.
    pub place: String,
}

struct Digest(Md5);

impl BlockSink for Digest {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl Uploading {
    /// Begins an upload.
    ///
    /// # Errors
    /// An [`UploadError`]; nothing was written down then.
    pub async fn start(&self, request: StartRequest) -> Result<Started, UploadError> {
        let wanted = request.check(self.inner.max_file_size)?;
        let upload_id = random_secret();
        let (application, ledger) = (&request.application, &self.inner.ledger);
        let handle = ledger
            .open(application, &token_hash(&upload_id), &wanted)
            .await?;
        let key = wanted
            .store
            .storage_key(application, &handle, &wanted.filename)?;
        let container = wanted.store.container(&self.inner.storage.container());
        let within = key.as_str().strip_prefix(&format!("{container}/"));
        let within = within.unwrap_or(key.as_str());
        Ok(Started {
            upload_id,
            place: format!("/{container}/{within}"),
        })
    }

    /// Gives out the leave to send one piece.
    ///
    /// # Errors
    /// [`UploadError::NotFound`] or [`UploadError::Closed`] for an upload that takes none,
    /// [`UploadError::Size`] for a piece that is too large for it.
    pub async fn ticket(&self, request: PieceRequest) -> Result<Ticket, UploadError> {
        request.check()?;
        let hash = token_hash(&request.upload_id);
        let application = request.application.as_deref();
        let entry = self.find(&request.upload_id, application).await?;
        if entry.state != State::Open {
            return Err(UploadError::Closed);
        }
        let ends = request.offset.saturating_add(request.size);
        let limit = entry.wanted.limit(self.inner.max_file_size);
        let limit = entry.wanted.size.unwrap_or(limit).min(limit);
        if ends > limit {
            return Err(UploadError::Size { size: ends, limit });
        }
        let leave = Leave {
            upload: entry.id,
            part: request.part,
            offset: request.offset,
            size: request.size,
            md5: request.md5.map(hex::encode),
            until: entry.expires_at,
        };
        leave.ticket(&self.inner.master_key, &hash)
    }

    /// Takes a piece in and answers its MD5 digest in hex.
    ///
    /// `length` and `md5` are what the sender says of the body, if it says so.
    ///
    /// # Errors
    /// An [`UploadError`]; the upload is as before then.
    pub async fn receive<S>(
        &self,
        authorization: &str,
        part: u32,
        length: Option<u64>,
        md5: Option<[u8; 16]>,
        body: S,
    ) -> Result<String, UploadError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        let now = self.inner.clock.now_ms();
        let mut leave = Leave::read(&self.inner.master_key, authorization, now)?;
        if leave.part != part {
            return Err(UploadError::BadTicket);
        }
        if let Some(length) = length.filter(|length| *length != leave.size) {
            return Err(other_length(length, leave.size));
        }
        let said = md5.map(hex::encode);
        if leave.md5.is_some() && said.is_some() && leave.md5 != said {
            return Err(UploadError::WrongDigest);
        }
        leave.md5 = said.or(leave.md5);
        let entry = self.inner.ledger.look(leave.upload).await?;
        if entry.state != State::Open {
            return Err(UploadError::Closed);
        }
        let said = Said {
            part,
            offset: leave.offset,
            size: Some(leave.size),
            md5: leave.md5,
        };
        self.take_in(&entry, said, body).await
    }

    /// Streams a piece of an open upload into the storage and writes it down; answers its digest.
    pub(super) async fn take_in<S>(
        &self,
        entry: &Entry,
        said: Said,
        body: S,
    ) -> Result<String, UploadError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        let turns = &self.inner.receiving;
        let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
        let key = format!("{FOLDER}/{}_{}", Handle::generate(), said.part);
        let key = StorageKey::parse(&key)?;
        let held = self.inner.ledger.hold_piece(&key, entry, &said).await;
        held.inspect_err(|error| figures::refused(error.code()))?;
        let limit = entry.wanted.limit(self.inner.max_file_size);
        let outcome = async {
            let (size, md5) = self.store(&said, limit, &key, body).await?;
            let piece = StoredPiece {
                part: said.part,
                offset: said.offset,
                size,
                md5: md5.clone(),
                storage_key: key.to_string(),
            };
            match self.inner.ledger.keep_piece(entry.id, piece, limit).await? {
                Kept::Noted => Ok((size, md5)),
                kept => Err(not_kept(kept, self.inner.settings.max_pieces)),
            }
        };
        let outcome = outcome.await;
        match &outcome {
            Ok((size, _)) => figures::stored(*size),
            Err(error) => figures::refused(error.code()),
        }
        // With a database that did not answer, the piece may have been written down all the same.
        if !matches!(outcome, Ok(_) | Err(UploadError::Database(_))) {
            // What cannot be given up now is removed when its time is over.
            drop(self.inner.ledger.drop_piece(&key).await);
        }
        outcome.map(|(_, md5)| md5)
    }

    /// Streams a piece into the storage and answers its size and digest.
    async fn store<S>(
        &self,
        said: &Said,
        limit: u64,
        key: &StorageKey,
        body: S,
    ) -> Result<(u64, String), UploadError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        // The time in its name tells a cleaner whether it may still be under way.
        let now = self.inner.clock.now_ms();
        let upload_id = format!("part-{now}-{}", random_name(8));
        let put = Put {
            upload_id: &upload_id,
            max_size: said.size.unwrap_or(limit),
            overwrite: true,
        };
        let stored = self.inner.storage.put(key, body, put, Digest(Md5::new()));
        let (size, digest) = stored.await.map_err(|error| match (error, said.size) {
            (StorageError::Incomplete { message }, _) => UploadError::BrokenOff(message),
            (StorageError::TooLarge { limit }, None) => too_large(limit),
            (StorageError::TooLarge { limit }, Some(size)) => {
                other_length(limit.saturating_add(1), size)
            }
            (other, _) => other.into(),
        })?;
        if let Some(announced) = said.size.filter(|announced| *announced != size) {
            return Err(other_length(size, announced));
        }
        let md5 = hex::encode(digest.0.finalize());
        match &said.md5 {
            Some(said) if *said != md5 => Err(UploadError::WrongDigest),
            _ => Ok((size, md5)),
        }
    }

    /// Sees whether all pieces of a part are there (intelligent ingestion's `commit`).
    ///
    /// # Errors
    /// [`UploadError::WrongParts`] when one is missing.
    pub async fn commit(
        &self,
        upload_id: &str,
        application: Option<&Application>,
        part: u32,
    ) -> Result<(), UploadError> {
        let entry = self.find(upload_id, application).await?;
        if entry.state == State::Done {
            return Ok(());
        }
        let pieces = self.inner.ledger.pieces(entry.id).await?;
        let of_part = pieces.into_iter().filter(|p| p.part == part);
        let as_first = of_part.map(|piece| StoredPiece { part: 1, ..piece });
        match super::pieces::in_order(as_first.collect(), 1) {
            Ok(_) => Ok(()),
            Err(_) => Err(UploadError::WrongParts(format!(
                "part {part} is not all there"
            ))),
        }
    }
}

/// Why a piece was not written down.
pub(super) fn not_kept(kept: Kept, most: u32) -> UploadError {
    match kept {
        Kept::Noted | Kept::Closed => UploadError::Closed,
        Kept::TooLarge(limit) => too_large(limit),
        Kept::TooMany => UploadError::Invalid(format!("an upload has at most {most} parts")),
    }
}

fn too_large(limit: u64) -> UploadError {
    UploadError::Size {
        size: limit.saturating_add(1),
        limit,
    }
}

fn other_length(size: u64, announced: u64) -> UploadError {
    UploadError::BrokenOff(format!("{announced} bytes were announced and {size} came"))
}
