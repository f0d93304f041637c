//! Has the disk write a draft down while it still grows.
//!
//! Without it the kernel would gather gigabytes, and the last flush would take as long as the
//! whole copy. Knows one file and no names.

use crate::storage::error::StorageError;
use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// After how many bytes the disk is told to begin.
const STEP: u64 = 64 * 1024 * 1024;

/// How many bytes may wait for the disk before writers wait for it too.
const LIMIT: u64 = 4 * STEP;

/// One file and what of it has yet to reach the disk. All its calls block.
#[derive(Clone)]
pub(super) struct Writeback {
    file: Arc<File>,
    waiting: Arc<AtomicU64>,
    at_work: Arc<tokio::sync::Mutex<()>>,
    /// The kernel tells one flush only of a write that failed, so it is kept for the last one.
    failed: Arc<Mutex<Option<StorageError>>>,
}

impl Writeback {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            waiting: Arc::default(),
            at_work: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Writes bytes at their place. Several threads may do so at once.
    pub(super) fn write_at(&self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_all_at(bytes, at)?;
        let written = bytes.len() as u64;
        let waiting = self.waiting.fetch_add(written, Ordering::Relaxed) + written;
        if waiting < STEP {
            return Ok(());
        }
        match Arc::clone(&self.at_work).try_lock_owned() {
            Ok(turn) => {
                self.waiting.store(0, Ordering::Relaxed);
                let work = self.clone();
                tokio::task::spawn_blocking(move || {
                    work.flush();
                    drop(turn);
                });
            }
            Err(_) if waiting >= LIMIT => drop(self.at_work.blocking_lock()),
            Err(_) => {}
        }
        Ok(())
    }

    fn flush(&self) {
        if let Err(error) = self.file.sync_data() {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error.into());
        }
    }

    /// Returns once all `size` bytes are on the disk for good.
    pub(super) fn finish(&self, size: u64) -> Result<(), StorageError> {
        // A flush that is under way has to report first.
        drop(self.at_work.blocking_lock());
        self.file.sync_all()?;
        if let Some(error) = self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            return Err(error);
        }
        let length = self.file.metadata()?.len();
        if length != size {
            let message = format!("{length} of {size} bytes lie on the disk");
            return Err(StorageError::incomplete(message));
        }
        Ok(())
    }
}
