//! Removing what is older than the settings keep it: events with their deliveries and attempts,
//! subscribers' answers, ended picks, deleted files' rows, connections that nothing names.
//!
//! The one room that looks at the tables of others, because what may go depends on what hangs
//! together across them (`batches.rs`). It removes rows that have ended and changes none that
//! has not: an event that is still owed to anybody stays, however old, and so does whatever a
//! live file names. Every batch is one short transaction over an index, passes over rows that
//! somebody holds, and is followed by a pause, so that nobody waits for it. One node does it at a
//! time.
//!
//! Sessions are not removed here but by `connections`, as soon as their time is over.
//!
//! Uses `clock`, `figures`, `database`. Used by `app`.

mod batches;
mod figures;
mod settings;

use std::time::Duration;

use futures_util::FutureExt;

use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Duty};

use batches::{KINDS, Kind, Place};

pub use settings::Settings;

/// How long the duty stays with a node that says nothing any more. Every batch renews it.
const LEASE: Duration = Duration::from_secs(60);
/// How often a node looks whether it is due; the least of this and the interval counts.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why a sweep ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RetentionError {
    /// Another node has taken the turn over.
    #[error("another node has taken over")]
    TurnLost,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for RetentionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Removes what is too old; cheap to clone.
#[derive(Clone)]
pub struct Retention {
    database: Database,
    clock: Clock,
    settings: Settings,
    duty: Duty,
}

impl Retention {
    /// What one node does for this database under these settings.
    pub fn new(settings: Settings, database: Database, clock: Clock) -> Self {
        Self {
            duty: Duty::new("retention", LEASE, clock.clone()),
            database,
            clock,
            settings,
        }
    }

    /// Sweeps whenever it is due and our turn; never returns.
    pub async fn keep_sweeping(self) {
        loop {
            if let Err(error) = self.sweep().await {
                log::warn!("what is too old stays for now: {error}");
            }
            tokio::time::sleep(LOOK_EVERY.min(self.settings.interval)).await;
        }
    }

    /// Removes everything that is too old now, if that is due and no other node is at it.
    /// Answers how many of each kind were removed; `None` when it is not our turn.
    ///
    /// # Errors
    /// When the database fails or another node took over; what was removed stays removed, and the
    /// rest is due again when the lease has run out.
    pub async fn sweep(&self) -> Result<Option<Vec<(&'static str, u64)>>, RetentionError> {
        let duty = self.duty.clone();
        let ours = self
            .database
            .write(move |tx| async move { duty.take(tx).await }.boxed())
            .await?;
        if !ours {
            return Ok(None);
        }
        let mut removed = Vec::with_capacity(KINDS.len());
        for kind in KINDS {
            removed.push((kind.name, self.remove(kind).await?));
        }
        let (duty, rest) = (self.duty.clone(), self.settings.interval);
        self.database
            .write(move |tx| async move { duty.end(tx, rest).await }.boxed())
            .await?;
        Ok(Some(removed))
    }

    async fn remove(&self, kind: &'static Kind) -> Result<u64, RetentionError> {
        let kept = (kind.kept)(&self.settings);
        if kept.is_zero() {
            return Ok(0);
        }
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let mut place = Place {
            before_ms: self.clock.now_ms().saturating_sub(kept),
            limit: i64::from(self.settings.batch),
            dialect: self.database.dialect(),
            after: (i64::MIN, i64::MIN),
        };
        let mut removed = 0;
        loop {
            let duty = self.duty.clone();
            let batch = self
                .database
                .write(move |tx| {
                    async move {
                        // What was begun in this transaction is taken back with it.
                        if !duty.keep(tx).await? {
                            return Err(RetentionError::TurnLost);
                        }
                        Ok::<_, RetentionError>((kind.remove)(tx, place).await?)
                    }
                    .boxed()
                })
                .await?;
            removed += batch.removed;
            figures::removed(kind.name, batch.removed);
            match batch.next {
                Some(after) => place.after = after,
                None => break,
            }
            tokio::time::sleep(self.settings.pause).await;
        }
        if removed > 0 {
            log::info!("{removed} {} were older than they are kept", kind.name);
        }
        Ok(removed)
    }
}
