//! Moves the bytes: parallel ranges of one revision, into storage, hashed on the way.
//!
//! Every range is streamed straight into its place; memory is a constant whatever the size.
//! Dropbox's content hash is a hash of the hashes of 4 MiB blocks, so parts that are multiples
//! of a block hash independently and out of order. A range that is cut goes on where it was
//! cut. Nothing is visible before the hash agrees and the storage has committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::task::JoinSet;

use super::progress::Progress;
use super::{PickError, Settings};
use crate::dropbox::content_hash::{BLOCK, BlockHash, BlockHasher, combine};
use crate::dropbox::{Account, Dropbox, DropboxError, FileMetadata};
use crate::storage::{BlockSink, Storage, StorageKey, Upload};

/// First pause after a cut that brought no new byte; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// One file's copy: what is copied, from where, to where.
#[derive(Clone)]
pub(super) struct Copy {
    pub dropbox: Dropbox,
    pub account: Account,
    pub storage: Storage,
    pub settings: Settings,
    /// The version that is copied, whatever happens to the file meanwhile.
    pub pinned: FileMetadata,
    pub key: StorageKey,
    /// Names what a crash would leave behind.
    pub upload_id: String,
    /// Whether an object under this key may be replaced, because it can only be our own.
    pub replace: bool,
    /// How far it is.
    pub progress: Arc<Progress>,
}

impl Copy {
    /// Copies the file; when this answers `Ok`, the bytes are right and durable.
    pub async fn run(&self) -> Result<(), PickError> {
        for _ in 0..self.settings.hash_attempts.max(1) {
            self.progress.begin(Some(self.pinned.size));
            let upload = self
                .storage
                .begin(&self.key, self.pinned.size, &self.upload_id, self.replace)
                .await?;
            let blocks = match self.progress.while_wanted(self.fetch(&upload)).await {
                Ok(blocks) => blocks,
                Err(error) => {
                    upload.abort().await;
                    return Err(error);
                }
            };
            let found = combine(blocks);
            if self
                .pinned
                .content_hash
                .as_ref()
                .is_none_or(|hash| *hash == found)
            {
                return Ok(upload.commit().await?);
            }
            log::warn!("a copy does not agree with Dropbox's content hash; it is fetched anew");
            upload.abort().await;
        }
        Err(PickError::Corrupt)
    }

    /// Fetches all parts, several at once, and answers the hashes of all blocks in order.
    async fn fetch(&self, upload: &Upload) -> Result<Vec<BlockHash>, PickError> {
        let parts = upload.parts();
        let mut hashes: Vec<Vec<BlockHash>> = Vec::new();
        hashes.resize_with(usize::try_from(parts).unwrap_or(0), Vec::new);
        let mut next = 0..parts;
        // Dropping the set ends whatever still runs, so the first error stops them all.
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.settings.parallel_ranges.max(1) {
                // Fewer at once where the memory is short; there is always enough for one.
                let index = next.start;
                let part = (index < parts).then(|| upload.part_beside(index));
                let Some(part) = part.flatten() else { break };
                next.start += 1;
                let copy = self.clone();
                let range = upload.part_range(index);
                running.spawn(async move {
                    let mut part = part.with_hasher(PartHasher::default());
                    let mut pace = Pace::new(copy.settings.patience);
                    while range.start + part.written() < range.end {
                        let from = range.start + part.written();
                        let outcome = copy.stream(from..range.end, &mut part).await;
                        let arrived = range.start + part.written() > from;
                        if let Err(error) = outcome {
                            pace.after(error, arrived).await?;
                        }
                    }
                    let hashed = part.finish().await?;
                    Ok::<_, PickError>((index, hashed.finish()))
                });
            }
            let Some(done) = running.join_next().await else {
                break;
            };
            let (index, blocks) = done.map_err(|_| ended())??;
            if let Some(place) = usize::try_from(index).ok().and_then(|i| hashes.get_mut(i)) {
                *place = blocks;
            }
        }
        Ok(hashes.into_iter().flatten().collect())
    }

    /// Streams one range until it ends, is cut, or fails.
    async fn stream(
        &self,
        range: std::ops::Range<u64>,
        part: &mut crate::storage::PartWriter<PartHasher>,
    ) -> Result<(), PickError> {
        let whole = range.start == 0 && range.end == self.pinned.size;
        let asked = (!whole).then(|| range.clone());
        let download = self
            .dropbox
            .download_pinned(&self.account, &self.pinned, asked)
            .await?;
        let mut stream = download.stream;
        let mut left = range.end - range.start;
        while let Some(piece) = stream.next().await {
            let mut piece = piece?;
            // A server that sends more than was asked for must not write over the next part.
            if piece.len() as u64 > left {
                piece.truncate(usize::try_from(left).unwrap_or(0));
            }
            left -= piece.len() as u64;
            self.progress.add(piece.len());
            part.write(piece).await?;
            if left == 0 {
                break;
            }
        }
        Ok(())
    }
}

fn ended() -> PickError {
    PickError::Dropbox(DropboxError::Unavailable {
        cause: "the copy came to a sudden end".to_owned(),
        retry_after: None,
    })
}

/// Decides whether a range that was cut is fetched on, and waits before it is.
struct Pace {
    patience: Duration,
    progress: Instant,
    pause: Duration,
}

impl Pace {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            progress: Instant::now(),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits if trying again makes sense; gives the error back if not.
    async fn after(&mut self, error: PickError, arrived: bool) -> Result<(), PickError> {
        let PickError::Dropbox(cause) = &error else {
            return Err(error);
        };
        if !cause.is_retryable() {
            return Err(error);
        }
        if arrived {
            (self.progress, self.pause) = (Instant::now(), FIRST_PAUSE);
        }
        let wait = cause.retry_after().unwrap_or(self.pause);
        if self.progress.elapsed() + wait > self.patience {
            return Err(error);
        }
        log::info!("a copy goes on in {} ms: {cause}", wait.as_millis());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        // Jitter, so that the ranges of one file do not come back all at once.
        tokio::time::sleep(wait + wait.mul_f64(rand::random_range(0.0..0.2))).await;
        Ok(())
    }
}

/// Hashes the blocks of one part; parts begin on a block's edge.
#[derive(Default)]
pub(super) struct PartHasher {
    block: Option<BlockHasher>,
    filled: u64,
    done: Vec<BlockHash>,
}

impl PartHasher {
    fn finish(mut self) -> Vec<BlockHash> {
        if let Some(block) = self.block.take() {
            self.done.push(block.finish());
        }
        self.done
    }
}

impl BlockSink for PartHasher {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK - self.filled).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.block.get_or_insert_with(BlockHasher::new).update(now);
            self.filled += now.len() as u64;
            if self.filled == BLOCK {
                self.done.extend(self.block.take().map(BlockHasher::finish));
                self.filled = 0;
            }
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dropbox::content_hash::ContentHasher;

    #[test]
    fn parts_hashed_apart_give_dropboxs_hash_of_the_whole() {
        let block = usize::try_from(BLOCK).unwrap();
        let bytes: Vec<u8> = (0..block * 5 / 2)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let mut whole = ContentHasher::new();
        whole.update(&bytes);
        let parts = [&bytes[..block * 2], &bytes[block * 2..]];
        let blocks = parts.iter().flat_map(|part| {
            let mut hasher = PartHasher::default();
            part.chunks(70_001).for_each(|chunk| hasher.update(chunk));
            hasher.finish()
        });
        assert_eq!(combine(blocks.collect::<Vec<_>>()), whole.finish());
    }
}
