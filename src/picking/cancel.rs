//! The end of picks that nobody wants any more.
//!
//! A pick is either cancelled, and never becomes a file, or it was one before: the ledger decides
//! (`ledger/cancelled.rs`), in one transaction. A copy that runs here is stopped at once; on
//! another node when it next writes into the ledger how far it is (the setting
//! `progress_interval`).

use std::sync::PoisonError;

use super::ledger::State;
use super::{PickError, Picking};
use crate::access::ApplicationId;
use crate::files::{FileError, StoredFile};

/// Picks that are wanted no more.
#[derive(Clone, Debug)]
pub struct Cancellation {
    /// Whose application's.
    pub application_id: ApplicationId,
    /// Whose session's; those of others are never touched.
    pub session_hash: String,
    /// The session's grant, if it has one: without it no further pick can come.
    pub connection_id: Option<i64>,
    /// In which picker they were asked for.
    pub picker_session_id: String,
    /// Which of these.
    pub which: Which,
}

/// Which picks of a picker are meant.
#[derive(Clone, Debug)]
pub enum Which {
    /// All that have come so far.
    All,
    /// Those of the file at this path, as it was asked for.
    Path(String),
    /// Those with these idempotency keys, even if they have not come yet.
    Keys(Vec<String>),
}

/// How a pick stands after it was to be cancelled.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where the file lies in Dropbox, as it was asked for; empty where the pick had not come yet.
    pub path: String,
    /// The key by which it was named.
    pub idempotency_key: Option<String>,
    /// The file that it had become before; none: it is cancelled.
    pub file: Option<StoredFile>,
}

impl Picking {
    /// Cancels picks and answers how they stand.
    ///
    /// # Errors
    /// When the database fails; then nothing is cancelled.
    pub async fn cancel(&self, asked: Cancellation) -> Result<Vec<Outcome>, PickError> {
        let mut outcomes = Vec::new();
        for (idempotency_key, entry) in self.inner.ledger.cancel(&asked).await? {
            let file = if entry.state == State::Done {
                match self.inner.catalog.find(&entry.handle).await {
                    Ok(file) => Some(file),
                    // It was stored and has been deleted since: there is nothing to tell.
                    Err(FileError::NotFound) => continue,
                    Err(error) => return Err(error.into()),
                }
            } else {
                self.stop_copy(entry.id);
                None
            };
            outcomes.push(Outcome {
                path: entry.source_path,
                idempotency_key,
                file,
            });
        }
        Ok(outcomes)
    }

    /// Stops a copy that runs here.
    fn stop_copy(&self, id: i64) {
        let running = self.inner.running.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.get(&id) {
            running.progress.cancelled.cancel();
        }
    }
}
