//! Removes what has ended: sessions, invitations, counts of tries, old lines of the log.

use futures_util::FutureExt;

use super::{AccountError, Accounts};

/// Rows that one statement removes at most.
const ROUND: i64 = 1000;

impl Accounts {
    /// Removes some of what has ended; answers whether there may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tidy(&self) -> Result<bool, AccountError> {
        let now = self.clock.now_ms();
        let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let idle = now.saturating_sub(ms(self.settings.session_idle));
        let window = now.saturating_sub(ms(self.settings.sign_in_window));
        let log = now.saturating_sub(ms(self.settings.audit_retention));
        let rounds = [
            (
                "DELETE FROM account_sessions WHERE id IN \
                 (SELECT id FROM account_sessions WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM account_sessions WHERE id IN \
                 (SELECT id FROM account_sessions WHERE seen_at <= $1 LIMIT $2)",
                idle,
            ),
            (
                "DELETE FROM invitations WHERE id IN \
                 (SELECT id FROM invitations WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM sign_in_tries WHERE subject IN \
                 (SELECT subject FROM sign_in_tries WHERE begun_at <= $1 LIMIT $2)",
                window,
            ),
            (
                "DELETE FROM audit_log WHERE id IN \
                 (SELECT id FROM audit_log WHERE at <= $1 LIMIT $2)",
                log,
            ),
        ];
        let mut more = false;
        for (sql, until) in rounds {
            let removed = self.database.write(move |tx| {
                async move {
                    let done = sqlx::query(sql).bind(until).bind(ROUND).execute(tx).await?;
                    Ok::<_, AccountError>(done.rows_affected())
                }
                .boxed()
            });
            more |= i64::try_from(removed.await?).unwrap_or(ROUND) >= ROUND;
        }
        Ok(more)
    }
}
