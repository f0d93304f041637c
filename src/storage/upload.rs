//! An upload: parts written in any order by several tasks, visible all at once or never.
//!
//! Bytes are gathered to half a mebibyte or so and then written and digested in one call on a
//! blocking thread, while the next ones are on their way. So an async thread never waits for a
//! disk or a hash, and memory per part in flight stays constant: two batches for a folder, one
//! part for an object store. What the parts are written to is the draft's business (`folder`,
//! `objects`).

use super::{
    error::StorageError,
    figures,
    folder::FolderDraft,
    memory::{Room, Share},
    objects::ObjectDraft,
};
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedRwLockReadGuard, RwLock},
    task::{JoinHandle, spawn_blocking},
};

/// How many bytes are gathered for one call on a blocking thread.
const BATCH: usize = 512 * 1024;

/// Something that looks at a part's bytes in order, such as a hash.
///
/// It runs on a blocking thread right beside the write, while the bytes are in the cache.
pub trait BlockSink: Send + 'static {
    /// Takes the bytes that follow those of the last call.
    fn update(&mut self, bytes: &[u8]);
}

/// Looks at nothing.
impl BlockSink for () {
    fn update(&mut self, _: &[u8]) {}
}

/// A file being written. Dropping it takes back whatever was written.
pub struct Upload {
    shared: Arc<Shared>,
    /// Of the memory for parts; taken by the first part that asks for room.
    share: OnceLock<Share>,
    /// True once there is nothing left to take back.
    ended: bool,
}

/// What an upload and its part writers have in common.
struct Shared {
    size: u64,
    part_size: u64,
    done: Mutex<BTreeSet<u64>>,
    /// True once committed or aborted. Whoever writes holds it for reading, so that a commit
    /// waits for a straggler and no straggler can touch a file that is already visible.
    closed: Arc<RwLock<bool>>,
    draft: Draft,
}

/// Where the bytes go until they are complete.
pub(super) enum Draft {
    Folder(FolderDraft),
    Objects(ObjectDraft),
}

impl Upload {
    pub(super) fn new(draft: Draft, size: u64, part_size: u64) -> Self {
        let shared = Shared {
            size,
            part_size,
            done: Mutex::default(),
            closed: Arc::default(),
            draft,
        };
        Self {
            shared: Arc::new(shared),
            share: OnceLock::new(),
            ended: false,
        }
    }

    /// The size of every part but the last.
    pub fn part_size(&self) -> u64 {
        self.shared.part_size
    }

    /// How many parts there are; an empty file has none.
    pub fn parts(&self) -> u64 {
        self.shared.size.div_ceil(self.shared.part_size)
    }

    /// Which of the file's bytes belong to a part; empty for a part that does not exist.
    pub fn part_range(&self, index: u64) -> Range<u64> {
        self.shared.part_range(index)
    }

    /// Starts to write a part beside others, if there is memory to hold it until it is sent. There
    /// always is while no other part that was begun in this way is being written.
    pub fn part_beside(&self, index: u64) -> Option<PartWriter<()>> {
        let mut part = self.part(index);
        if let Draft::Objects(draft) = &self.shared.draft
            && self.parts() > 1
        {
            let share = self.share.get_or_init(|| draft.share());
            part.room = Some(share.take(self.shared.part_size)?);
        }
        Some(part)
    }

    /// Starts to write a part, from its first byte.
    ///
    /// A part whose writer failed or was dropped is written again with a new writer.
    pub fn part(&self, index: u64) -> PartWriter<()> {
        PartWriter {
            shared: Arc::clone(&self.shared),
            index,
            range: self.part_range(index),
            written: 0,
            batch: Vec::new(),
            batched: 0,
            sent: 0,
            kept: Vec::new(),
            sink: Some(()),
            running: None,
            room: None,
        }
    }

    /// Makes the file visible, once all parts are finished.
    ///
    /// When this returns `Ok`, the bytes survive a power cut.
    pub async fn commit(self) -> Result<(), StorageError> {
        let size = self.shared.size;
        self.commit_at(size).await
    }

    /// Makes the first `size` bytes the whole file.
    pub(super) async fn commit_at(mut self, size: u64) -> Result<(), StorageError> {
        let committed = figures::noted("commit", self.shared.commit(size).await);
        if committed.is_err() {
            self.shared.discard().await;
        }
        self.ended = true;
        committed
    }

    /// Takes everything back and returns when it is gone.
    pub async fn abort(mut self) {
        self.shared.discard().await;
        self.ended = true;
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Upload({} bytes)", self.shared.size)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        match (Handle::try_current(), &self.shared.draft) {
            (Ok(runtime), _) => {
                let shared = Arc::clone(&self.shared);
                runtime.spawn(async move { shared.discard().await });
            }
            (Err(_), Draft::Folder(draft)) => draft.discard_now(),
            // The store cannot be reached from here; its note remains for the next sweep.
            (Err(_), Draft::Objects(_)) => {}
        }
    }
}

impl Shared {
    fn part_range(&self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(self.part_size).min(self.size);
        start..start.saturating_add(self.part_size).min(self.size)
    }

    fn finished_parts(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn commit(&self, size: u64) -> Result<(), StorageError> {
        let mut closed = self.closed.write().await;
        *closed = true;
        let parts = size.div_ceil(self.part_size);
        let finished = self.finished_parts().range(..parts).count() as u64;
        if finished < parts {
            let message = format!("{finished} of {parts} parts were finished");
            return Err(StorageError::incomplete(message));
        }
        match &self.draft {
            Draft::Folder(draft) => draft.commit(size).await,
            Draft::Objects(draft) => draft.commit(size).await,
        }
    }

    /// Waits for writes under way, so that none outlives the taking back.
    async fn discard(&self) {
        let mut closed = self.closed.write().await;
        *closed = true;
        match &self.draft {
            Draft::Folder(draft) => draft.discard().await,
            Draft::Objects(draft) => draft.discard().await,
        }
    }

    /// Leave to write, until it is dropped.
    async fn enter(&self) -> Result<OwnedRwLockReadGuard<bool>, StorageError> {
        let closed = Arc::clone(&self.closed).read_owned().await;
        if *closed {
            return Err(StorageError::incomplete("the upload has ended"));
        }
        Ok(closed)
    }
}

/// Writes one part, from front to back. Dropping it leaves the part unfinished.
pub struct PartWriter<H: BlockSink = ()> {
    shared: Arc<Shared>,
    index: u64,
    range: Range<u64>,
    written: u64,
    batch: Vec<Bytes>,
    batched: usize,
    /// Bytes handed to the blocking thread so far.
    sent: u64,
    /// The part's bytes, where they have to be sent in one piece at the end.
    kept: Vec<Bytes>,
    /// Absent while the blocking thread has it, and after a failure.
    sink: Option<H>,
    running: Option<JoinHandle<Result<H, StorageError>>>,
    /// Where the part is held in memory until it is sent.
    room: Option<Room>,
}

impl PartWriter<()> {
    /// Shows every byte of the part to `sink`; [`PartWriter::finish`] gives it back.
    ///
    /// Call it before the first write.
    pub fn with_hasher<H: BlockSink>(self, sink: H) -> PartWriter<H> {
        PartWriter {
            shared: self.shared,
            index: self.index,
            range: self.range,
            written: self.written,
            batch: self.batch,
            batched: self.batched,
            sent: self.sent,
            kept: self.kept,
            sink: Some(sink),
            running: None,
            room: self.room,
        }
    }
}

impl<H: BlockSink> PartWriter<H> {
    /// Adds bytes; returns once there is room for more, not once they are on disk.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        let room = (self.range.end - self.range.start) - self.written;
        if bytes.len() as u64 > room {
            return Err(StorageError::TooLarge {
                limit: self.range.end - self.range.start,
            });
        }
        self.written += bytes.len() as u64;
        self.batched += bytes.len();
        self.batch.push(bytes);
        if self.batched >= BATCH {
            self.send().await
        } else {
            Ok(())
        }
    }

    /// How many bytes of the part were taken so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes of the part are still to come.
    pub(super) fn left(&self) -> u64 {
        (self.range.end - self.range.start) - self.written
    }

    /// Ends the part, which must be whole, and gives the sink back.
    pub async fn finish(self) -> Result<H, StorageError> {
        if self.left() > 0 {
            let (index, left) = (self.index, self.left());
            let message = format!("part {index} lacks {left} bytes");
            return Err(StorageError::incomplete(message));
        }
        self.finish_short().await
    }

    /// Ends the part, which may be shorter than planned if it is the last.
    pub(super) async fn finish_short(mut self) -> Result<H, StorageError> {
        if self.batched > 0 {
            self.send().await?;
        }
        let sink = self.returned_sink().await?;
        let entered = self.shared.enter().await?;
        if let Draft::Objects(draft) = &self.shared.draft {
            // A first part that does not fill its place is the whole file.
            let whole = self.index == 0
                && (self.written < self.shared.part_size || self.written == self.shared.size);
            let kept = std::mem::take(&mut self.kept);
            figures::noted("write", draft.put_part(self.index, kept, whole).await)?;
        }
        self.shared.finished_parts().insert(self.index);
        drop(entered);
        Ok(sink)
    }

    /// Hands the batch to a blocking thread, after the one before it has come back.
    async fn send(&mut self) -> Result<(), StorageError> {
        let mut sink = self.returned_sink().await?;
        let entered = match self.shared.enter().await {
            Ok(entered) => entered,
            Err(error) => {
                self.sink = Some(sink);
                return Err(error);
            }
        };
        let batch = std::mem::take(&mut self.batch);
        let at = self.range.start + self.sent;
        self.sent += std::mem::take(&mut self.batched) as u64;
        if matches!(self.shared.draft, Draft::Objects(_)) {
            self.kept.extend(batch.iter().cloned());
        }
        let shared = Arc::clone(&self.shared);
        self.running = Some(spawn_blocking(move || {
            let mut at = at;
            for bytes in &batch {
                if let Draft::Folder(draft) = &shared.draft {
                    draft.write_at(at, bytes)?;
                }
                sink.update(bytes);
                at += bytes.len() as u64;
            }
            drop(entered);
            Ok(sink)
        }));
        Ok(())
    }

    /// Waits for the blocking thread, if it is at work, and takes the sink from it.
    async fn returned_sink(&mut self) -> Result<H, StorageError> {
        if let Some(running) = &mut self.running {
            let ended = running.await;
            self.running = None;
            return ended?;
        }
        let gone = || StorageError::incomplete("an earlier write of this part failed");
        self.sink.take().ok_or_else(gone)
    }
}
