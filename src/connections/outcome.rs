//! How a session's way to Dropbox ended, for the page that waits.
//!
//! Dropbox's pages cut the popup off from the page that opened it, so that page asks; and as it
//! may ask another node than the one the person came back to, the answer lies in the database.

use std::time::Duration;

use sqlx::Row;
use tokio::time::{Instant, timeout_at};

use super::{ConnectionError, Connections, Session};

/// How often somebody who waits looks into the database: the way may end on another node.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);

/// How a way to Dropbox ended, for the page that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `connected`, or [`Failure::code`].
    pub code: String,
    /// The failure in words.
    pub message: String,
    /// When it ended, in milliseconds since the epoch.
    pub ended_ms: i64,
}

impl Outcome {
    /// Whether it ended well.
    pub fn is_connected(&self) -> bool {
        self.code == CONNECTED
    }
}

/// The outcome of a way that ended well.
pub(super) const CONNECTED: &str = "connected";

impl Connections {
    /// How the session's last way to Dropbox ended, if one ended after `since_ms`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outcome(
        &self,
        session: &Session,
        since_ms: i64,
    ) -> Result<Option<Outcome>, ConnectionError> {
        let mut connection = self.inner.needs.database.read().await?;
        let row = sqlx::query(
            "SELECT outcome, message, ended_at FROM authorizations \
             WHERE session_hash = $1 AND ended_at > $2 AND outcome <> '' \
             ORDER BY ended_at DESC LIMIT 1",
        )
        .bind(session.hash.clone())
        .bind(since_ms)
        .fetch_optional(&mut *connection)
        .await?;
        drop(connection);
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Outcome {
            code: row.try_get("outcome")?,
            message: row.try_get("message")?,
            ended_ms: row.try_get("ended_at")?,
        }))
    }

    /// Waits until the session's way to Dropbox has ended after `since_ms`, for up to `patience`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outcome_within(
        &self,
        session: &Session,
        since_ms: i64,
        patience: Duration,
    ) -> Result<Option<Outcome>, ConnectionError> {
        let deadline = Instant::now() + patience;
        let mut ended = self.inner.ended.subscribe();
        loop {
            let outcome = self.outcome(session, since_ms).await?;
            if outcome.is_some() || Instant::now() >= deadline {
                return Ok(outcome);
            }
            let again = deadline.min(Instant::now() + LOOK_AGAIN);
            // Whether it moved or the time is up: the answer lies in the database.
            drop(timeout_at(again, ended.changed()).await);
        }
    }
}
