//! One file made of several that are stored already.
//!
//! A folder lets the kernel do it: a single piece gets a second name, several are copied without
//! passing through this process, and on file systems that share blocks without being copied at
//! all. An object store copies a single piece by itself. Of several, S3 copies those by itself that
//! are large enough for a part, and what is smaller is read and written again; so are all of them
//! at a store that has no such call, a few parts at a time.

mod plan;

use super::{
    Place, Storage,
    error::StorageError,
    figures,
    key::StorageKey,
    objects::{ObjectDraft, Objects},
    upload::Upload,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use plan::Part;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Semaphore};

/// Parts that are written at once, and are held in memory for it.
const AT_ONCE: usize = 4;
/// Parts that are copied at once.
const COPIED_AT_ONCE: usize = 8;
/// The most parts that are copied and written; S3 takes no more of one file.
const MOST_PARTS: u64 = 10_000;
/// The most bytes that stores copy by themselves in one request (S3's limit).
const MOST_COPIED: u64 = 5 * 1024 * 1024 * 1024;

/// A stored file that becomes a piece of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies.
    pub key: StorageKey,
    /// How many bytes it has.
    pub size: u64,
}

impl Storage {
    /// Makes the file `key` of these pieces, in their order. The pieces stay.
    ///
    /// `upload_id` and `overwrite` are as in [`Storage::begin`]. Nothing becomes visible before all
    /// of it is there; when this answers `Ok`, the bytes survive a power cut.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] or [`StorageError::Incomplete`] when a piece is missing or of
    /// another size.
    pub async fn join(
        &self,
        pieces: &[Piece],
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let joined = match (&self.place, pieces) {
            (Place::Folder(folder), _) => folder.join(pieces, key, upload_id, overwrite).await,
            (Place::Objects(objects), [only]) if (1..=MOST_COPIED).contains(&only.size) => {
                objects.copy(only, key, overwrite).await
            }
            (Place::Objects(objects), _) => match objects.plan(pieces) {
                Some(parts) => {
                    let draft = objects.begin(key, upload_id, overwrite).await?;
                    match Joint::of(draft).join(self, pieces, parts, key).await {
                        Joined::Done(joined) => joined,
                        Joined::Refused => {
                            self.write_again(pieces, key, upload_id, overwrite).await
                        }
                    }
                }
                None => self.write_again(pieces, key, upload_id, overwrite).await,
            },
        };
        figures::noted("join", joined)
    }

    /// Whether what was copied has as many bytes as its pieces should have.
    async fn is_of_size(&self, key: &StorageKey, size: u64) -> Result<(), StorageError> {
        match self.size(key).await? {
            copied if copied == size => Ok(()),
            copied => {
                let message = format!("the pieces have {copied} bytes and not {size}");
                Err(StorageError::incomplete(message))
            }
        }
    }

    /// Reads what makes up a part.
    async fn bytes_of(
        &self,
        pieces: &[Piece],
        run: Vec<(usize, Range<u64>)>,
    ) -> Result<Vec<Bytes>, StorageError> {
        let mut all = Vec::new();
        for (piece, range) in run {
            let mut left = range.end - range.start;
            let mut bytes = self.read(&pieces[piece].key, range).await?;
            while let Some(chunk) = bytes.next().await.transpose()? {
                left = left.saturating_sub(chunk.len() as u64);
                all.push(chunk);
            }
            if left > 0 {
                return Err(StorageError::incomplete("a piece broke off"));
            }
        }
        Ok(all)
    }

    /// Reads the pieces and writes them as one upload.
    async fn write_again(
        &self,
        pieces: &[Piece],
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let size = pieces.iter().map(|piece| piece.size).sum();
        let upload = self.begin(key, size, upload_id, overwrite).await?;
        let parts = stream::iter(0..upload.parts());
        let written = parts
            .map(|index| self.write_part(&upload, index, pieces))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>();
        match written.await {
            Ok(()) => upload.commit().await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn write_part(
        &self,
        upload: &Upload,
        index: u64,
        pieces: &[Piece],
    ) -> Result<(), StorageError> {
        let mut part = upload.part(index);
        for (piece, range) in within(pieces, &upload.part_range(index)) {
            let mut bytes = self.read(&piece.key, range).await?;
            while let Some(chunk) = bytes.next().await {
                part.write(chunk?).await?;
            }
        }
        part.finish().await
    }
}

impl Objects {
    /// Of which parts the file is made; none where the store would copy none of them.
    fn plan(&self, pieces: &[Piece]) -> Option<Vec<Part>> {
        self.copier.as_ref().filter(|copier| copier.is_usable())?;
        let sizes: Vec<u64> = pieces.iter().map(|piece| piece.size).collect();
        let parts = plan::parts(&sizes, self.part_size.max(plan::LEAST));
        let some = parts.iter().any(|part| matches!(part, Part::Copied(..)));
        (some && parts.len() as u64 <= MOST_PARTS).then_some(parts)
    }
}

/// How it went where the store was to copy parts.
enum Joined {
    Done(Result<(), StorageError>),
    /// It would not: nothing became visible, and what was begun is given up.
    Refused,
}

/// A file whose parts the store copies; dropping it takes back whatever was begun.
struct Joint {
    draft: Arc<ObjectDraft>,
    ended: bool,
}

impl Joint {
    fn of(draft: ObjectDraft) -> Self {
        Self {
            draft: Arc::new(draft),
            ended: false,
        }
    }

    async fn join(
        mut self,
        storage: &Storage,
        pieces: &[Piece],
        parts: Vec<Part>,
        key: &StorageKey,
    ) -> Joined {
        let size = pieces.iter().map(|piece| piece.size).sum();
        let outcome = match self.make(storage, pieces, parts).await {
            Ok(()) => self.draft.commit(size).await,
            // Whatever kept it from copying need not keep it from being read and written.
            Err(StorageError::Unavailable { message }) => Err(StorageError::denied(message)),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            self.draft.discard().await;
        }
        self.ended = true;
        match outcome {
            Ok(()) => Joined::Done(storage.is_of_size(key, size).await),
            Err(StorageError::Denied { message }) => {
                log::warn!("the storage copies no parts: {message}; they are written again");
                Joined::Refused
            }
            outcome => Joined::Done(outcome),
        }
    }

    async fn make(
        &self,
        storage: &Storage,
        pieces: &[Piece],
        parts: Vec<Part>,
    ) -> Result<(), StorageError> {
        let (hands, failed) = (Semaphore::new(AT_ONCE), AtomicBool::new(false));
        let (hands, failed) = (&hands, &failed);
        let made = stream::iter(parts)
            .enumerate()
            .map(|(index, part)| async move {
                if failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let made = self.make_one(storage, pieces, index, part, hands).await;
                failed.fetch_or(made.is_err(), Ordering::Relaxed);
                made
            });
        // After a failure those under way are waited for: no part may come after the end.
        let made: Vec<_> = made.buffer_unordered(COPIED_AT_ONCE).collect().await;
        made.into_iter().collect()
    }

    async fn make_one(
        &self,
        storage: &Storage,
        pieces: &[Piece],
        index: usize,
        part: Part,
        hands: &Semaphore,
    ) -> Result<(), StorageError> {
        match part {
            Part::Copied(piece, range) => {
                let copied = self.draft.copy_part(index, &pieces[piece].key, range).await;
                figures::noted("copy", copied)
            }
            Part::Written(run) => {
                let closed = |_| StorageError::unavailable("no part is written any more");
                let _hand = hands.acquire().await.map_err(closed)?;
                let bytes = storage.bytes_of(pieces, run).await?;
                let written = self.draft.put_part(index as u64, bytes, false).await;
                figures::noted("write", written)
            }
        }
    }
}

impl Drop for Joint {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Without a runtime the note remains for the next sweep.
        if let Ok(runtime) = Handle::try_current() {
            let draft = Arc::clone(&self.draft);
            runtime.spawn(async move { draft.discard().await });
        }
    }
}

/// Which bytes of which pieces make up a range of the whole.
fn within<'a>(pieces: &'a [Piece], range: &Range<u64>) -> Vec<(&'a Piece, Range<u64>)> {
    let (mut found, mut begins) = (Vec::new(), 0);
    for piece in pieces {
        let ends = begins + piece.size;
        let (from, to) = (range.start.max(begins), range.end.min(ends));
        if from < to {
            found.push((piece, from - begins..to - begins));
        }
        begins = ends;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_the_whole_is_found_in_its_pieces() {
        let piece = |name: &str, size| Piece {
            key: StorageKey::parse(name).unwrap(),
            size,
        };
        let pieces = [
            piece("a", 5),
            piece("none", 0),
            piece("b", 3),
            piece("c", 9),
        ];
        let found = |range| -> Vec<(String, Range<u64>)> {
            let found = within(&pieces, &range).into_iter();
            found
                .map(|(piece, range)| (piece.key.to_string(), range))
                .collect()
        };
        let at = |name: &str, range| (name.to_owned(), range);
        assert_eq!(found(0..5), [at("a", 0..5)]);
        assert_eq!(found(4..9), [at("a", 4..5), at("b", 0..3), at("c", 0..1)]);
        assert_eq!(found(16..17), [at("c", 8..9)]);
        assert_eq!(found(5..5), []);
    }
}
