//! A duty that one process has for all who share the database, for as long as it renews its lease.
//!
//! Knows nothing of what is done: whoever does it names it. The lease goes by the clock that all
//! nodes share; a process that dies loses the duty when the lease has run out.

use std::time::Duration;

use super::{DatabaseError, Tx};
use crate::clock::Clock;

/// One duty, and who we are among those who may have it; cheap to clone.
#[derive(Clone)]
pub struct Duty {
    name: &'static str,
    lease: Duration,
    owner: String,
    clock: Clock,
}

impl Duty {
    /// A duty of this name, which stays for `lease` with a process that says nothing any more.
    pub fn new(name: &'static str, lease: Duration, clock: Clock) -> Self {
        Self {
            name,
            lease,
            owner: format!("{:032x}", rand::random::<u128>()),
            clock,
        }
    }

    /// Takes the duty if it is due and nobody has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(&self, tx: &mut Tx) -> Result<bool, DatabaseError> {
        let now = self.clock.now_ms();
        let taken = sqlx::query(
            "INSERT INTO duties (name, owner, lease_until, next_at) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, \
             lease_until = excluded.lease_until \
             WHERE duties.lease_until <= $4 AND duties.next_at <= $4",
        )
        .bind(self.name)
        .bind(self.owner.clone())
        .bind(later(now, self.lease))
        .bind(now)
        .execute(tx)
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Says that we are still at it; `false` when another process has taken over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&self, tx: &mut Tx) -> Result<bool, DatabaseError> {
        let until = later(self.clock.now_ms(), self.lease);
        let kept = sqlx::query("UPDATE duties SET lease_until = $1 WHERE name = $2 AND owner = $3")
            .bind(until)
            .bind(self.name)
            .bind(self.owner.clone())
            .execute(tx)
            .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Gives the duty back; it is due again after `rest`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, tx: &mut Tx, rest: Duration) -> Result<(), DatabaseError> {
        sqlx::query(
            "UPDATE duties SET lease_until = 0, next_at = $1 WHERE name = $2 AND owner = $3",
        )
        .bind(later(self.clock.now_ms(), rest))
        .bind(self.name)
        .bind(self.owner.clone())
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn later(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
