//! What keeps picks moving when nodes die and stop: abandoned picks are taken up, leftovers of
//! dead copies removed, unfinished picks handed over.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::journey::Begun;
use super::ledger::Entry;
use super::{PickError, Picking};
use crate::files::Handle;

/// Abandoned picks taken up in one round.
const TAKE_UP: i64 = 32;

impl Picking {
    /// Takes up picks whose node died and sweeps up after them, now and from time to time, until
    /// [`Picking::stop`].
    pub fn start(&self) {
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            let mut swept: Option<Instant> = None;
            loop {
                // Not only at the start: a store that was away when a copy was taken back or
                // taken over keeps what it left.
                if swept.is_none_or(|at| at.elapsed() >= this.inner.settings.sweep_interval) {
                    swept = Some(Instant::now());
                    if let Err(error) = this.sweep().await {
                        log::warn!("leftovers of dead copies stay for now: {error}");
                    }
                }
                if let Err(error) = this.take_up().await {
                    log::warn!("abandoned picks cannot be taken up now: {error}");
                }
                if let Err(error) = this.clear_cancelled().await {
                    log::warn!("what cancelled picks have staged stays for now: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(this.inner.ledger.renewal()) => {}
                    () = this.inner.stopping.cancelled() => return,
                }
            }
        });
    }

    /// Works on picks that nobody holds any more; answers how many were taken up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_up(&self) -> Result<usize, PickError> {
        if self.inner.taking_up.swap(true, Ordering::SeqCst) {
            return Ok(0);
        }
        let outcome = self.take_up_some().await;
        self.inner.taking_up.store(false, Ordering::SeqCst);
        outcome
    }

    async fn take_up_some(&self) -> Result<usize, PickError> {
        let mut taken = 0;
        for entry in self.inner.ledger.abandoned(TAKE_UP).await? {
            let ours = self.running(entry.id).is_some();
            if ours || !self.inner.ledger.take_over(&entry).await? {
                continue;
            }
            taken += 1;
            if entry.attempts >= self.inner.settings.max_attempts {
                let error = PickError::Earlier {
                    code: "gave-up",
                    message: "the copy was cut short too often".to_owned(),
                };
                self.inner.ledger.fail(entry.id, &error).await?;
                continue;
            }
            log::info!("pick {} is taken up again", entry.id);
            let entry = self.inner.ledger.look(entry.id).await?;
            drop(self.begin(entry, Begun::Again, None));
        }
        Ok(taken)
    }

    /// Takes back what cancelled picks have staged on nodes that died.
    async fn clear_cancelled(&self) -> Result<(), PickError> {
        for entry in self.inner.ledger.left_behind(TAKE_UP).await? {
            if self.running(entry.id).is_none() {
                self.clear(&entry).await;
                self.inner.ledger.let_go(entry.id, false).await?;
            }
        }
        Ok(())
    }

    /// Removes what copies left in storage that nobody works on any more.
    async fn sweep(&self) -> Result<(), PickError> {
        // Listed first, asked afterwards: a copy that begins in between is not taken for dead.
        let leftovers = self.inner.storage.leftovers().await?;
        let alive = self.inner.ledger.under_way().await?;
        let is_alive = |id: &str| Handle::parse(id).is_err() || alive.contains(id);
        self.inner.storage.sweep_these(leftovers, is_alive).await?;
        Ok(())
    }

    /// Stops at once: running copies are handed over to whoever comes next.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Err(error) = self.inner.ledger.hand_over().await {
            log::warn!("picks stay with this node until their leases run out: {error}");
        }
    }

    /// How many copies run or wait on this node.
    pub fn running_copies(&self) -> usize {
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Waits until nothing is being copied here, but no longer than `most`.
    pub async fn settle(&self, most: Duration) {
        let idle = async {
            while !self
                .inner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        drop(tokio::time::timeout(most, idle).await);
    }

    /// Removes the drafts of earlier tries at a pick that is ours now. Should one of them still
    /// be written by a node that has not noticed its loss, its commit fails.
    pub(super) async fn clear(&self, entry: &Entry) {
        let handle = entry.handle.as_str();
        if let Err(error) = self.inner.storage.remove_leftovers(handle).await {
            log::warn!("leftovers of a dead copy stay for now: {error}");
        }
    }
}
