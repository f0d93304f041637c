//! What is done without anybody asking: completions of dead nodes are taken up, and uploads that
//! were never completed are removed with all that came of them.

use std::time::{Duration, Instant};

use super::{UploadError, Uploading, figures};

/// Abandoned completions taken up in one round.
const TAKE_UP: i64 = 32;

impl Uploading {
    /// Takes up what is abandoned and removes what is over, now and from time to time, until
    /// [`Uploading::stop`].
    pub fn start_upkeep(&self) {
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            if let Err(error) = this.inner.ledger.count_staged().await {
                log::warn!("what open uploads hold is not counted anew: {error}");
            }
            let mut swept: Option<Instant> = None;
            loop {
                if swept.is_none_or(|at| at.elapsed() >= this.inner.settings.sweep_interval) {
                    swept = Some(Instant::now());
                    if let Err(error) = this.sweep().await {
                        log::warn!("uploads that are over stay for now: {error}");
                    }
                }
                if let Err(error) = this.take_up().await {
                    log::warn!("abandoned completions cannot be taken up now: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(this.inner.ledger.renewal()) => {}
                    () = this.inner.stopping.cancelled() => return,
                }
            }
        });
    }

    /// Works on completions that nobody holds any more; answers how many were taken up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_up(&self) -> Result<usize, UploadError> {
        let mut taken = 0;
        for entry in self.inner.ledger.abandoned(TAKE_UP).await? {
            let ours = self.running(entry.id).is_some();
            if ours || !self.inner.ledger.take(&entry, &entry.agreed).await? {
                continue;
            }
            taken += 1;
            if entry.attempts >= self.inner.settings.max_attempts {
                let error = UploadError::Invalid("its completion was cut short too often".into());
                self.inner.ledger.give_back(entry.id, true, &error).await?;
                continue;
            }
            log::info!("the completion of upload {} is taken up again", entry.id);
            let entry = self.inner.ledger.look(entry.id).await?;
            drop(self.begin(entry));
        }
        Ok(taken)
    }

    /// Removes uploads whose time is over, and says how many of them had not been completed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<usize, UploadError> {
        let mut unfinished = 0;
        loop {
            let (seen, removed) = self.inner.ledger.forget_old().await?;
            unfinished += removed;
            figures::abandoned(removed);
            if seen == 0 {
                break;
            }
        }
        if unfinished > 0 {
            log::info!("{unfinished} uploads were never completed and are removed");
        }
        Ok(unfinished)
    }

    /// Stops at once: running completions are handed over to whoever comes next.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Err(error) = self.inner.ledger.hand_over().await {
            log::warn!("uploads stay with this node until their leases run out: {error}");
        }
    }

    /// Waits until nothing is being put together here, but no longer than `most`.
    pub async fn settle(&self, most: Duration) {
        let idle = async {
            while self.is_joining() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        drop(tokio::time::timeout(most, idle).await);
    }
}
