//! Against those who guess: tries are counted before they are looked at, in the database, so that
//! all nodes count together and a crowd of tries at once is counted, too.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;

use super::{AccountError, Accounts};
use crate::access::token_hash;

impl Accounts {
    /// Counts a try at `subject`.
    ///
    /// # Errors
    /// [`AccountError::TooManyTries`] with the time after which the next one is looked at.
    pub(super) async fn count_try(&self, subject: &str) -> Result<(), AccountError> {
        let subject = token_hash(subject);
        let now = self.clock.now_ms();
        let window = i64::try_from(self.settings.sign_in_window.as_millis()).unwrap_or(i64::MAX);
        let most = i64::from(self.settings.sign_in_tries);
        let (tries, begun): (i64, i64) = self
            .database
            .write(move |tx| {
                async move {
                    let row = sqlx::query(
                        "INSERT INTO sign_in_tries (subject, tries, begun_at) VALUES ($1, 1, $2) \
                         ON CONFLICT (subject) DO UPDATE SET \
                         tries = CASE WHEN sign_in_tries.begun_at <= $3 THEN 1 \
                                      ELSE sign_in_tries.tries + 1 END, \
                         begun_at = CASE WHEN sign_in_tries.begun_at <= $3 THEN $2 \
                                         ELSE sign_in_tries.begun_at END \
                         RETURNING tries, begun_at",
                    )
                    .bind(subject)
                    .bind(now)
                    .bind(now.saturating_sub(window))
                    .fetch_one(tx)
                    .await?;
                    Ok::<_, AccountError>((row.try_get("tries")?, row.try_get("begun_at")?))
                }
                .boxed()
            })
            .await?;
        if tries <= most {
            return Ok(());
        }
        let left = begun.saturating_add(window).saturating_sub(now).max(1000);
        let left = u64::try_from(left).unwrap_or_default().div_ceil(1000);
        Err(AccountError::TooManyTries(Duration::from_secs(left)))
    }

    /// Whoever got it right was not guessing.
    pub(super) async fn forget_tries(&self, subject: &str) -> Result<(), AccountError> {
        let subject = token_hash(subject);
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query("DELETE FROM sign_in_tries WHERE subject = $1")
                        .bind(subject)
                        .execute(tx)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
