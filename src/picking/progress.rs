//! How far picks are, for whoever waits for them.
//!
//! What is copied here is told to the byte; what another node copies, as it last wrote into the
//! ledger (the setting `progress_interval`). Only picks under way are told: how one ended is the
//! answer to the pick itself.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{PickError, Picking};
use crate::access::token_hash;

/// Picks told at once.
const MOST: i64 = 200;
/// While nobody has looked at the file.
const UNKNOWN: u64 = u64::MAX;

/// A pick under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnderWay {
    /// Where the file lies in Dropbox, as it was asked for.
    pub path: String,
    /// `waiting` for its turn, or `copying`.
    pub state: &'static str,
    /// Bytes that have arrived.
    pub copied: u64,
    /// Bytes in all; absent while they are not known, and for a document that is exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// How far one copy is, and whether it is wanted any more.
#[derive(Debug)]
pub(super) struct Progress {
    copied: AtomicU64,
    size: AtomicU64,
    /// Ends the copy where it stands, so that it takes back what it has staged.
    pub cancelled: CancellationToken,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            copied: AtomicU64::new(0),
            size: AtomicU64::new(UNKNOWN),
            cancelled: CancellationToken::new(),
        }
    }

    /// Does a work that may be left off at any moment, for as long as the pick is wanted.
    ///
    /// # Errors
    /// [`PickError::Cancelled`], or the work's own.
    pub async fn while_wanted<T>(
        &self,
        work: impl Future<Output = Result<T, PickError>>,
    ) -> Result<T, PickError> {
        tokio::select! {
            () = self.cancelled.cancelled() => Err(PickError::Cancelled),
            outcome = work => outcome,
        }
    }

    /// A copy of so many bytes begins, or begins anew.
    pub fn begin(&self, size: Option<u64>) {
        self.copied.store(0, Ordering::Relaxed);
        self.size.store(size.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub fn add(&self, bytes: usize) {
        self.copied.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that have arrived: never more than there are, although some may have come twice.
    pub fn copied(&self) -> u64 {
        let size = self.size.load(Ordering::Relaxed);
        self.copied.load(Ordering::Relaxed).min(size)
    }

    pub fn size(&self) -> Option<u64> {
        Some(self.size.load(Ordering::Relaxed)).filter(|size| *size != UNKNOWN)
    }
}

/// The word for a picker session in the ledger; empty for none.
pub(super) fn picker_hash(picker_session_id: Option<&str>) -> String {
    picker_session_id.map_or_else(String::new, token_hash)
}

impl Picking {
    /// The picks that a session has under way in one picker, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn progress(
        &self,
        session_hash: &str,
        picker_session_id: &str,
    ) -> Result<Vec<UnderWay>, PickError> {
        let picker = picker_hash(Some(picker_session_id));
        let written = self.inner.ledger.of_picker(session_hash, &picker, MOST);
        let mut told = Vec::new();
        for (id, path, copied, size) in written.await? {
            let here = {
                let running = self.inner.running.lock();
                let running = running.unwrap_or_else(PoisonError::into_inner);
                running.get(&id).map(|running| running.progress.clone())
            };
            let (copied, size) = match here {
                Some(progress) => (progress.copied(), progress.size()),
                None => (copied, size),
            };
            let waits = copied == 0 && size.is_none();
            told.push(UnderWay {
                path,
                state: if waits { "waiting" } else { "copying" },
                copied,
                size,
            });
        }
        Ok(told)
    }
}
