//! A stored file's bytes as a stream of large reads.
//!
//! What lies in the system's page cache is read where the stream is polled, in tens of
//! microseconds and without waking another thread, which costs more than the reading. With the
//! first byte that would have to come from the disk the stream changes over to blocking threads,
//! one chunk ahead of the reader. A buffer is used again once its reader has let go of it.
//!
//! Measured against sendfile: with 512 KiB it is faster at nearly the same cost.

use super::lost;
use crate::storage::{ByteStream, error::StorageError};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, path::PathBuf, sync::Arc};
use tokio::task::{JoinHandle, spawn_blocking};

/// How much one read takes.
const CHUNK: u64 = 512 * 1024;

/// Opens the file at `path` and streams a range of it.
///
/// The stream goes on with the same bytes if the file is overwritten or deleted meanwhile.
pub(super) async fn read(path: PathBuf, range: Range<u64>) -> Result<ByteStream, StorageError> {
    let end = range.end;
    let opened = spawn_blocking(move || {
        let file = File::open(&path).map_err(lost)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(StorageError::NotFound);
        }
        if end > found.len() {
            let message = format!("the stored file ends at byte {}", found.len());
            return Err(StorageError::incomplete(message));
        }
        Ok(file)
    });
    let chunks = Chunks {
        file: Arc::new(opened.await??),
        rest: range,
        cached: true,
        running: None,
        given: Bytes::new(),
    };
    Ok(Box::pin(stream::unfold(chunks, Chunks::next)))
}

/// Reads a range chunk by chunk.
struct Chunks {
    file: Arc<File>,
    /// What has not been asked for yet.
    rest: Range<u64>,
    /// Whether all bytes so far were found in memory.
    cached: bool,
    /// The read on a blocking thread that is one chunk ahead.
    running: Option<JoinHandle<io::Result<BytesMut>>>,
    /// The chunk that was given out last; its memory comes back when the reader has dropped it.
    given: Bytes,
}

impl Chunks {
    async fn next(mut self) -> Option<(Result<Bytes, StorageError>, Self)> {
        if self.cached {
            if let Some(chunk) = self.read_cached() {
                return Some((Ok(self.give(chunk)), self));
            }
            self.cached = false;
            self.start();
        }
        let read = match self.running.take()?.await {
            Ok(Ok(chunk)) => {
                self.start();
                Ok(self.give(chunk))
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(StorageError::incomplete("the stored file was cut short"))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(stopped) => Err(stopped.into()),
        };
        Some((read, self))
    }

    /// The next chunk, or the beginning of it, if it can be had without waiting.
    fn read_cached(&mut self) -> Option<BytesMut> {
        let mut chunk = self.buffer();
        let length = read_without_waiting(&self.file, &mut chunk, self.rest.start);
        chunk.truncate(length);
        self.rest.start += length as u64;
        (length > 0).then_some(chunk)
    }

    /// Sends a blocking thread for the next chunk, if there is one.
    fn start(&mut self) {
        let mut chunk = self.buffer();
        if chunk.is_empty() {
            return;
        }
        let at = self.rest.start;
        self.rest.start += chunk.len() as u64;
        let file = Arc::clone(&self.file);
        self.running = Some(spawn_blocking(move || {
            file.read_exact_at(&mut chunk, at)?;
            Ok(chunk)
        }));
    }

    /// Room for the next chunk; none at the end.
    fn buffer(&mut self) -> BytesMut {
        let length = self.rest.end.saturating_sub(self.rest.start).min(CHUNK);
        let given = std::mem::take(&mut self.given);
        let mut buffer = given.try_into_mut().unwrap_or_default();
        buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        buffer
    }

    fn give(&mut self, chunk: BytesMut) -> Bytes {
        let chunk = chunk.freeze();
        self.given = chunk.clone();
        chunk
    }
}

/// Reads what is in memory already and says how much that was.
#[cfg(target_os = "linux")]
fn read_without_waiting(file: &File, buffer: &mut [u8], at: u64) -> usize {
    use rustix::io::{ReadWriteFlags, preadv2};
    let buffers = &mut [io::IoSliceMut::new(buffer)];
    // Whatever the error says, the blocking read will say it too, or do better.
    preadv2(file, buffers, at, ReadWriteFlags::NOWAIT).unwrap_or_default()
}

/// Elsewhere nobody can tell beforehand.
#[cfg(not(target_os = "linux"))]
fn read_without_waiting(_: &File, _: &mut [u8], _: u64) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use std::io::Write;

    /// 1.5 MB and a few bytes, in memory or as if it were not.
    async fn read_through(cached: bool, range: Range<u64>) -> (Vec<u8>, Vec<u8>) {
        let bytes: Vec<u8> = (0..1_500_007_u32).map(|n| (n % 253) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let chunks = Chunks {
            file: Arc::new(file),
            rest: range.clone(),
            cached,
            running: None,
            given: Bytes::new(),
        };
        let mut read = Vec::new();
        let mut chunks = chunks;
        if !cached {
            chunks.start();
        }
        let mut stream = Box::pin(stream::unfold(chunks, Chunks::next));
        let mut kept = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.unwrap();
            read.extend_from_slice(&chunk);
            // A reader that holds on to chunks keeps what it was given.
            kept.push(chunk);
        }
        assert_eq!(kept.concat(), read);
        let (start, end) = (range.start as usize, range.end as usize);
        (read, bytes[start..end].to_vec())
    }

    #[tokio::test]
    async fn bytes_are_the_same_from_memory_and_from_the_disk() {
        for range in [0..1_500_007, 0..0, 7..8, 524_287..1_048_577] {
            for cached in [true, false] {
                let (read, expected) = read_through(cached, range.clone()).await;
                assert!(read == expected, "{range:?} {cached}");
            }
        }
    }
}
