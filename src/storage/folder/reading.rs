//! A stored file's bytes as a stream: large preads on blocking threads, one ahead of the reader.
//!
//! Measured against sendfile: with 512 KiB it is faster and costs no more CPU. For that a buffer
//! is used again once its reader has let go of it: clearing a fresh one costs a quarter of all.

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
    let mut ahead = Ahead {
        file: Arc::new(opened.await??),
        rest: range,
        running: None,
        given: Bytes::new(),
    };
    ahead.start();
    Ok(Box::pin(stream::unfold(ahead, Ahead::next)))
}

/// A reader that is always one chunk ahead.
struct Ahead {
    file: Arc<File>,
    /// What has not been asked for yet.
    rest: Range<u64>,
    running: Option<JoinHandle<io::Result<BytesMut>>>,
    /// The chunk that was given out last; its memory comes back when the reader has dropped it.
    given: Bytes,
}

impl Ahead {
    fn start(&mut self) {
        let length = self.rest.end.saturating_sub(self.rest.start).min(CHUNK);
        if length == 0 {
            return;
        }
        let at = self.rest.start;
        self.rest.start += length;
        let file = Arc::clone(&self.file);
        let given = std::mem::take(&mut self.given);
        self.running = Some(spawn_blocking(move || {
            let mut chunk = given.try_into_mut().unwrap_or_default();
            chunk.resize(usize::try_from(length).unwrap_or_default(), 0);
            file.read_exact_at(&mut chunk, at)?;
            Ok(chunk)
        }));
    }

    async fn next(mut self) -> Option<(Result<Bytes, StorageError>, Self)> {
        let read = self.running.take()?.await;
        let chunk = match read {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let cut = StorageError::incomplete("the stored file was cut short");
                return Some((Err(cut), self));
            }
            Ok(Err(error)) => return Some((Err(error.into()), self)),
            Err(stopped) => return Some((Err(stopped.into()), self)),
        };
        self.start();
        let chunk = chunk.freeze();
        self.given = chunk.clone();
        Some((Ok(chunk), self))
    }
}
