//! Whose turn it is: one node at a time, once in an interval for all nodes together.

use std::time::Duration;

use super::RetentionError;
use crate::clock::Clock;
use crate::database::{DatabaseError, Tx};

/// How long a turn stays with a node that says nothing any more. Every batch renews it.
const LEASE: Duration = Duration::from_secs(60);
/// What the duty is called in its table.
const NAME: &str = "retention";

/// Who we are among the nodes.
#[derive(Clone)]
pub(super) struct Turn {
    owner: String,
    clock: Clock,
}

impl Turn {
    pub fn new(clock: Clock) -> Self {
        Self {
            owner: format!("{:032x}", rand::random::<u128>()),
            clock,
        }
    }

    /// Takes the turn if it is due and nobody has it.
    pub async fn take(&self, tx: &mut Tx) -> Result<bool, DatabaseError> {
        let now = self.clock.now_ms();
        let taken = sqlx::query(
            "INSERT INTO duties (name, owner, lease_until, next_at) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, \
             lease_until = excluded.lease_until \
             WHERE duties.lease_until <= $4 AND duties.next_at <= $4",
        )
        .bind(NAME)
        .bind(self.owner.clone())
        .bind(later(now, LEASE))
        .bind(now)
        .execute(tx)
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Says that we are still at it, in the transaction of a batch.
    ///
    /// # Errors
    /// [`RetentionError::TurnLost`] takes that transaction back: another node is at it.
    pub async fn keep(&self, tx: &mut Tx) -> Result<(), RetentionError> {
        let kept = sqlx::query("UPDATE duties SET lease_until = $1 WHERE name = $2 AND owner = $3")
            .bind(later(self.clock.now_ms(), LEASE))
            .bind(NAME)
            .bind(self.owner.clone())
            .execute(tx)
            .await
            .map_err(DatabaseError::from)?;
        match kept.rows_affected() {
            1 => Ok(()),
            _ => Err(RetentionError::TurnLost),
        }
    }

    /// Gives the turn back; it is due again after `rest`.
    pub async fn end(&self, tx: &mut Tx, rest: Duration) -> Result<(), DatabaseError> {
        sqlx::query(
            "UPDATE duties SET lease_until = 0, next_at = $1 WHERE name = $2 AND owner = $3",
        )
        .bind(later(self.clock.now_ms(), rest))
        .bind(NAME)
        .bind(self.owner.clone())
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn later(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
