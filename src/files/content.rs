//! A file's bytes, wherever they lie: in our storage, or still in the person's Dropbox.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::{Kind, StoredFile};
use crate::dropbox::{Account, ContentStream, Dropbox, DropboxError, FileMetadata, Metadata};
use crate::storage::{Storage, StorageError, StorageKey};

/// How often a download is taken up again without a byte having come in between.
const MOST_RESUMES: u32 = 4;

/// The person's Dropbox that a connection (by its key in the database) opens; none when the
/// grant is gone or cannot be read.
pub type AccountOf = Arc<dyn Fn(i64) -> BoxFuture<'static, Option<Account>> + Send + Sync>;

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The person has deleted or moved the file that this one stands for.
    #[error("the file has gone from the Dropbox that it was linked from")]
    SourceGone,
    /// The person's Dropbox cannot be entered any more: they have to connect it again.
    #[error("the Dropbox that this file was linked from is no longer connected")]
    SourceClosed,
    /// The file in the person's Dropbox is no longer the one that was linked.
    #[error("the file has changed in the Dropbox that it was linked from")]
    SourceChanged,
    /// Dropbox does not answer, or not as it should.
    #[error(transparent)]
    Dropbox(DropboxError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The reading was stopped, for the server is about to end.
    #[error("the reading was stopped before it was done")]
    Interrupted,
}

impl From<DropboxError> for ContentError {
    fn from(error: DropboxError) -> Self {
        match error {
            DropboxError::PathNotFound
            | DropboxError::NotAFile
            | DropboxError::NotDownloadable { .. }
            | DropboxError::RestrictedContent => Self::SourceGone,
            DropboxError::LinkRevoked
            | DropboxError::TokenExpired
            | DropboxError::MissingScope { .. }
            | DropboxError::NoPermission(_) => Self::SourceClosed,
            DropboxError::Changed | DropboxError::RangeNotSatisfiable => Self::SourceChanged,
            other => Self::Dropbox(other),
        }
    }
}

/// A file's bytes on their way.
pub struct Content {
    /// The bytes.
    pub stream: BoxStream<'static, Result<Bytes, ContentError>>,
    /// Whether they come from a file of this machine. Such a stream may be polled on any
    /// runtime; others belong to the one on which they were opened.
    pub local: bool,
}

/// Opens files; cheap to clone.
#[derive(Clone)]
pub struct Contents {
    storage: Storage,
    dropbox: Dropbox,
    account_of: AccountOf,
}

impl Contents {
    /// Bytes of stored files come from `storage`, those of symlinks from `dropbox`.
    pub fn new(storage: Storage, dropbox: Dropbox, account_of: AccountOf) -> Self {
        Self {
            storage,
            dropbox,
            account_of,
        }
    }

    /// Streams the bytes `range` of a file; the range must lie within its size.
    ///
    /// # Errors
    /// A [`ContentError`]; later ones come out of the stream.
    pub async fn open(
        &self,
        file: &StoredFile,
        range: Range<u64>,
    ) -> Result<Content, ContentError> {
        match file.kind {
            Kind::Stored => {
                let key = StorageKey::parse(&file.storage_key)?;
                let bytes = self.storage.read(&key, range).await?;
                Ok(Content {
                    stream: bytes.map_err(ContentError::from).boxed(),
                    local: self.storage.is_folder(),
                })
            }
            Kind::Symlink => self.open_symlink(file, range).await,
        }
    }

    /// What lies in the person's Dropbox now under a symlink that knows its source's id; the id
    /// stays with a file that is edited, renamed or moved.
    ///
    /// # Errors
    /// A [`ContentError`].
    pub async fn look(&self, symlink: &StoredFile) -> Result<FileMetadata, ContentError> {
        let account = self.account(symlink).await?;
        let found = self.dropbox.get_metadata(&account, &symlink.source_id);
        match found.await? {
            Metadata::File(file) => Ok(file),
            _ => Err(ContentError::SourceGone),
        }
    }

    async fn account(&self, symlink: &StoredFile) -> Result<Account, ContentError> {
        let connection = symlink.connection_id.ok_or(ContentError::SourceClosed)?;
        let account = (self.account_of)(connection).await;
        account.ok_or(ContentError::SourceClosed)
    }

    async fn open_symlink(
        &self,
        file: &StoredFile,
        range: Range<u64>,
    ) -> Result<Content, ContentError> {
        let account = self.account(file).await?;
        let mut following = Following {
            dropbox: self.dropbox.clone(),
            account,
            source: source_of(file),
            id: file.source_id.clone(),
            rev: file.source_rev.clone(),
            size: file.size,
            rest: range,
            stream: None,
            resumes: 0,
        };
        // The first answer tells whether the file can be read at all.
        following.begin().await?;
        Ok(Content {
            stream: stream::unfold(following, Following::next).boxed(),
            local: false,
        })
    }
}

/// How Dropbox is asked for the file: by the version that was linked, so that a file edited
/// meanwhile is never a mixture.
fn source_of(file: &StoredFile) -> String {
    if !file.source_rev.is_empty() {
        format!("rev:{}", file.source_rev)
    } else if !file.source_id.is_empty() {
        file.source_id.clone()
    } else {
        file.source_path.clone()
    }
}

/// A download that is taken up again when it is cut.
struct Following {
    dropbox: Dropbox,
    account: Account,
    source: String,
    /// Dropbox's id of the file, and its version that is read; empty where not known.
    id: String,
    rev: String,
    size: u64,
    /// What has not come yet.
    rest: Range<u64>,
    stream: Option<ContentStream>,
    resumes: u32,
}

impl Following {
    async fn begin(&mut self) -> Result<(), ContentError> {
        let whole = self.rest.start == 0 && self.rest.end == self.size;
        let range = (!whole).then(|| self.rest.clone());
        let (dropbox, account) = (&self.dropbox, &self.account);
        let download = match dropbox.download(account, &self.source, range.clone()).await {
            // Versions are kept for a while only, and a Dropbox may know none: what lies there
            // now will do if it says that it is the same.
            Err(DropboxError::PathNotFound | DropboxError::BadRequest { .. })
                if !self.id.is_empty() && self.source != self.id =>
            {
                let now = dropbox.download(account, &self.id, range).await?;
                let same = now.metadata.as_ref().is_some_and(|is| is.rev == self.rev);
                if !same {
                    return Err(ContentError::SourceChanged);
                }
                now
            }
            outcome => outcome?,
        };
        if download.total.is_some_and(|total| total != self.size) {
            return Err(ContentError::SourceChanged);
        }
        self.stream = Some(download.stream);
        Ok(())
    }

    async fn next(mut self) -> Option<(Result<Bytes, ContentError>, Self)> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let failure = match &mut self.stream {
                None => None,
                Some(stream) => match stream.next().await {
                    Some(Ok(mut chunk)) => {
                        let left = self.rest.end - self.rest.start;
                        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                        self.rest.start += chunk.len() as u64;
                        self.resumes = 0;
                        return Some((Ok(chunk), self));
                    }
                    Some(Err(error)) => Some(error),
                    None => None,
                },
            };
            let failure = failure.map(ContentError::from);
            if self.resumes >= MOST_RESUMES || !failure.as_ref().is_none_or(may_resume) {
                // An error ends the body: what follows must not look like the rest of the file.
                self.rest = 0..0;
                let error = failure.unwrap_or(ContentError::SourceChanged);
                return Some((Err(error), self));
            }
            self.resumes += 1;
            self.stream = None;
            if let Err(error) = self.begin().await
                && !may_resume(&error)
            {
                self.rest = 0..0;
                return Some((Err(error), self));
            }
        }
    }
}

fn may_resume(error: &ContentError) -> bool {
    matches!(error, ContentError::Dropbox(error) if error.is_retryable())
}
