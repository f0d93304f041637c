//! A file that comes in one piece: an upload that is begun, filled and completed in one go.

use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::ledger::{Entry, State};
use super::pieces::Said;
use super::request::Wanted;
use super::{Completed, Completion, StartRequest, UploadError, Uploading};
use crate::access::{Application, random_secret, token_hash};
use crate::database::DatabaseError;
use crate::files::StoredFile;

impl Uploading {
    /// Takes a whole file in. `length` is what the sender says of the body, if it says so.
    ///
    /// # Errors
    /// An [`UploadError`]; nothing became visible then, and no event was recorded.
    pub async fn take<S>(
        &self,
        request: StartRequest,
        length: Option<u64>,
        body: S,
    ) -> Result<StoredFile, UploadError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        let wanted = request.check(self.inner.max_file_size)?;
        if let Some(length) = length {
            wanted.check_size(length, self.inner.max_file_size)?;
        }
        let entry = self
            .enter(&request.application, &random_secret(), &wanted)
            .await?;
        self.fill(entry, length, body).await
    }

    /// Begins an upload under a token, or finds the one that has it.
    pub(super) async fn enter(
        &self,
        application: &Application,
        token: &str,
        wanted: &Wanted,
    ) -> Result<Entry, UploadError> {
        let (ledger, hash) = (&self.inner.ledger, token_hash(token));
        match ledger.open(application, &hash, wanted).await {
            Ok(_) | Err(UploadError::Database(DatabaseError::Duplicate)) => {
                ledger.find(&hash).await
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the file of an open upload from one stream.
    pub(super) async fn fill<S>(
        &self,
        entry: Entry,
        length: Option<u64>,
        body: S,
    ) -> Result<StoredFile, UploadError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        let said = Said {
            part: 1,
            offset: 0,
            size: length,
            md5: None,
        };
        match self.take_in(&entry, said, body).await {
            // Whoever sent the same at the same time was first.
            Ok(_) | Err(UploadError::Closed) => self.end(entry, length).await,
            Err(error) => Err(error),
        }
    }

    /// Waits for the file of an upload whose bytes are all there.
    pub(super) async fn end(
        &self,
        entry: Entry,
        length: Option<u64>,
    ) -> Result<StoredFile, UploadError> {
        let completion = Completion {
            upload_id: String::new(),
            application: None,
            size: length.filter(|_| entry.state == State::Open),
            upload_tags: serde_json::Value::Null,
            parts: vec![(1, None)],
            policy: None,
        };
        let mut entry = entry;
        loop {
            let id = entry.id;
            match self.bring_to_an_end(entry, &completion).await? {
                Completed::Stored(file) => return Ok(*file),
                Completed::Joining => entry = self.inner.ledger.look(id).await?,
            }
        }
    }
}
