//! Who is signed in, and in which browser.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;

use super::people::COLUMNS;
use super::{Account, AccountError, AccountId, Accounts, later};
use crate::access::{random_secret, token_hash};

/// How exactly it is kept when a session was used last: a request does not cost a write.
const SEEN_MS: i64 = 60_000;
/// Characters of a browser's own words that are kept.
const LONGEST_AGENT: usize = 200;

/// What a browser gets that has just signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// The session's token; only its hash is kept.
    pub token: String,
    /// When the session ends at the latest, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// A browser in which somebody is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Names it to its owner.
    pub id: i64,
    /// The form in which its token is kept.
    pub token_hash: String,
    /// Who.
    pub account: Account,
}

/// A session as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Names it.
    pub id: i64,
    /// The browser, in its own words.
    pub agent: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch, to a minute.
    pub seen_at: i64,
}

impl Accounts {
    /// Opens a session with a token that nobody has seen before; the one that was used least
    /// lately ends where there would be too many.
    pub(super) async fn open_session(
        &self,
        account: Account,
        agent: &str,
    ) -> Result<(SignedIn, Session), AccountError> {
        let token = format!("lss_{}", random_secret());
        let hash = token_hash(&token);
        let now = self.clock.now_ms();
        let expires_at = later(now, self.settings.session_lifetime);
        let most = i64::from(self.settings.max_sessions);
        let agent: String = agent.chars().take(LONGEST_AGENT).collect();
        let (who, kept) = (account.id.0, hash.clone());
        let id = self.database.write(move |tx| {
            async move {
                let row = sqlx::query(
                    "INSERT INTO account_sessions \
                     (token_hash, account_id, agent, created_at, seen_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $4, $5) RETURNING id",
                )
                .bind(kept)
                .bind(who)
                .bind(agent)
                .bind(now)
                .bind(expires_at)
                .fetch_one(&mut *tx)
                .await?;
                let id: i64 = row.try_get("id")?;
                sqlx::query(
                    "DELETE FROM account_sessions WHERE account_id = $1 AND id NOT IN \
                     (SELECT id FROM account_sessions WHERE account_id = $1 \
                      ORDER BY seen_at DESC, id DESC LIMIT $2)",
                )
                .bind(who)
                .bind(most)
                .execute(&mut *tx)
                .await?;
                sqlx::query("UPDATE accounts SET signed_in_at = $1 WHERE id = $2")
                    .bind(now)
                    .bind(who)
                    .execute(tx)
                    .await?;
                Ok::<_, AccountError>(id)
            }
            .boxed()
        });
        let session = Session {
            id: id.await?,
            token_hash: hash,
            account,
        };
        Ok((SignedIn { token, expires_at }, session))
    }

    /// The session with this token.
    ///
    /// # Errors
    /// [`AccountError::SignedOut`] for a token that is unknown or whose time is over.
    pub async fn session(&self, token: &str) -> Result<Session, AccountError> {
        let hash = token_hash(token);
        let now = self.clock.now_ms();
        let sql = format!(
            "SELECT {COLUMNS}, s.id AS session_id, s.seen_at AS seen_at, \
             s.expires_at AS expires_at FROM account_sessions s \
             JOIN accounts a ON a.id = s.account_id WHERE s.token_hash = $1"
        );
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(hash.clone())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(AccountError::SignedOut)?;
        drop(connection);
        let (seen, ends): (i64, i64) = (row.try_get("seen_at")?, row.try_get("expires_at")?);
        if ends <= now || later(seen, self.settings.session_idle) <= now {
            return Err(AccountError::SignedOut);
        }
        let session = Session {
            id: row.try_get("session_id")?,
            token_hash: hash,
            account: Account::from_row(&row)?,
        };
        if now - seen >= SEEN_MS {
            self.note_use(session.id, now).await?;
        }
        Ok(session)
    }

    async fn note_use(&self, id: i64, now: i64) -> Result<(), AccountError> {
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query("UPDATE account_sessions SET seen_at = $1 WHERE id = $2")
                        .bind(now)
                        .bind(id)
                        .execute(tx)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// The sessions of an account, the one used last first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_of(&self, account: AccountId) -> Result<Vec<Seen>, AccountError> {
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(
            "SELECT id, agent, created_at, seen_at FROM account_sessions \
             WHERE account_id = $1 AND expires_at > $2 ORDER BY seen_at DESC, id DESC",
        )
        .bind(account.0)
        .bind(self.clock.now_ms())
        .fetch_all(&mut *connection)
        .await?;
        let seen = rows.iter().map(|row| {
            Ok(Seen {
                id: row.try_get("id")?,
                agent: row.try_get("agent")?,
                created_at: row.try_get("created_at")?,
                seen_at: row.try_get("seen_at")?,
            })
        });
        seen.collect()
    }

    /// Ends one session of an account, at once and on every node.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] when the account has no such session.
    pub async fn end_session(&self, account: AccountId, id: i64) -> Result<(), AccountError> {
        let ended = self.database.write(move |tx| {
            async move {
                let done =
                    sqlx::query("DELETE FROM account_sessions WHERE id = $1 AND account_id = $2")
                        .bind(id)
                        .bind(account.0)
                        .execute(tx)
                        .await?;
                Ok::<_, AccountError>(done.rows_affected())
            }
            .boxed()
        });
        match ended.await? {
            0 => Err(AccountError::NotFound("session")),
            _ => Ok(()),
        }
    }
}
