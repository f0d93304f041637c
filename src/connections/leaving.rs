//! Signing out, and letting go of what nobody can reach any more.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use sqlx::Row;

use super::connection::State;
use super::{Connection, ConnectionError, Connections, Session};
use crate::clock::Clock;
use crate::database::Dialect;
use crate::dropbox::DropboxError;

/// Grants revoked in one round of tidying.
const ROUND: i64 = 100;
/// Sessions forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// What still needs the grant of connection `c`: symlinks, whose bytes are only there, and picks
/// that are still being copied.
///
/// Not as EXISTS: PostgreSQL would then read all files to save a few looks by the connection.
const NEEDED: &str = "((SELECT 1 FROM files f WHERE f.connection_id = c.id AND f.kind = 1 \
     AND f.deleted_at IS NULL LIMIT 1) IS NOT NULL OR (SELECT 1 FROM picks p \
     WHERE p.connection_id = c.id AND p.state = 0 LIMIT 1) IS NOT NULL)";

impl Connections {
    /// Signs the session out. The grant is revoked at Dropbox unless a symlink or a copy still
    /// needs it; if Dropbox does not answer in time, that is done later ([`Connections::tidy`]).
    /// Signing out twice is no error.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, session: &Session) -> Result<(), ConnectionError> {
        let hash = session.hash.clone();
        let now = self.inner.needs.clock.now_ms();
        let left: Option<i64> = self
            .inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    let row = sqlx::query(
                        "DELETE FROM sessions WHERE token_hash = $1 RETURNING connection_id",
                    )
                    .bind(hash)
                    .fetch_optional(&mut *tx)
                    .await?;
                    let Some(row) = row else { return Ok(None) };
                    let left: Option<i64> = row.try_get("connection_id")?;
                    sqlx::query(
                        "UPDATE connections SET state = $1, updated_at = $2 \
                         WHERE id = $3 AND state = $4",
                    )
                    .bind(State::SignedOut.number())
                    .bind(now)
                    .bind(left)
                    .bind(State::Live.number())
                    .execute(tx)
                    .await?;
                    Ok::<_, ConnectionError>(left)
                }
                .boxed()
            })
            .await?;
        let Some(id) = left else { return Ok(()) };
        let this = self.clone();
        let revoking = tokio::spawn(async move { this.revoke_if_unneeded(id).await });
        let patience = self.inner.settings.revoke_patience;
        match tokio::time::timeout(patience, revoking).await {
            Ok(Ok(Err(error))) => log::warn!("connection {id} is revoked later: {error}"),
            Ok(Err(ended)) => log::error!("a revocation came to a sudden end: {ended}"),
            Ok(Ok(Ok(()))) => {}
            Err(_) => log::info!("Dropbox takes its time to revoke connection {id}"),
        }
        Ok(())
    }

    /// Forgets sessions and ways to Dropbox whose time is over, and revokes the grants that
    /// nobody can reach and nothing needs. To be called now and then, on any node.
    ///
    /// # Errors
    /// When the database fails; Dropbox's failures are logged and tried again next time.
    pub async fn tidy(&self) -> Result<(), ConnectionError> {
        let full = u64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(u64::MAX);
        while self.forget_sessions().await? == full {}
        while self.forget_authorizations().await? == full {}
        for id in self.abandoned().await? {
            if let Err(error) = self.revoke_if_unneeded(id).await {
                log::warn!("connection {id} is revoked later: {error}");
            }
        }
        Ok(())
    }

    /// Forgets some sessions whose time is over and signs out what nobody can reach any more;
    /// answers how many sessions those were.
    async fn forget_sessions(&self) -> Result<u64, ConnectionError> {
        let (clock, dialect) = self.ground();
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    let now = clock.now_ms();
                    let sql = format!(
                        "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions \
                         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2{}) \
                         AND expires_at < $1 RETURNING connection_id",
                        dialect.skip_locked()
                    );
                    let left: Vec<(Option<i64>,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
                        .bind(now)
                        .bind(FORGOTTEN_AT_ONCE)
                        .fetch_all(&mut *tx)
                        .await?;
                    let connections: BTreeSet<i64> = left.iter().filter_map(|row| row.0).collect();
                    for id in connections {
                        sqlx::query(
                            "UPDATE connections SET state = $1, updated_at = $2 WHERE id = $3 \
                             AND state = $4 AND NOT EXISTS (SELECT 1 FROM sessions s \
                             WHERE s.connection_id = connections.id)",
                        )
                        .bind(State::SignedOut.number())
                        .bind(now)
                        .bind(id)
                        .bind(State::Live.number())
                        .execute(&mut *tx)
                        .await?;
                    }
                    Ok::<_, ConnectionError>(left.len() as u64)
                }
                .boxed()
            })
            .await
    }

    /// Forgets some ways to Dropbox whose time is over; answers how many.
    async fn forget_authorizations(&self) -> Result<u64, ConnectionError> {
        let (clock, dialect) = self.ground();
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    let sql = format!(
                        "DELETE FROM authorizations WHERE state_hash IN (SELECT state_hash \
                         FROM authorizations WHERE expires_at < $1 ORDER BY expires_at \
                         LIMIT $2{})",
                        dialect.skip_locked()
                    );
                    let gone = sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(clock.now_ms())
                        .bind(FORGOTTEN_AT_ONCE)
                        .execute(tx)
                        .await?;
                    Ok(gone.rows_affected())
                }
                .boxed()
            })
            .await
    }

    fn ground(&self) -> (Clock, Dialect) {
        let needs = &self.inner.needs;
        (needs.clock.clone(), needs.database.dialect())
    }

    /// Connections that are signed out but whose grant is still open and needed by nothing.
    async fn abandoned(&self) -> Result<Vec<i64>, ConnectionError> {
        let sql = format!(
            "SELECT c.id AS id FROM connections c WHERE c.state <> 0 AND c.state = $1 \
             AND length(c.refresh_token) > 0 AND NOT {NEEDED} ORDER BY c.updated_at LIMIT $2"
        );
        let mut connection = self.inner.needs.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(State::SignedOut.number())
            .bind(ROUND)
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    async fn revoke_if_unneeded(&self, id: i64) -> Result<(), ConnectionError> {
        if self.is_needed(id).await? {
            return Ok(());
        }
        match self.row(id).await? {
            Some(connection) if !connection.is_spent() => self.revoke(&connection).await?,
            _ => {}
        }
        self.forget_tokens(id).await
    }

    /// Revokes the grant at Dropbox, with a new access token if the old one has expired.
    async fn revoke(&self, connection: &Connection) -> Result<(), ConnectionError> {
        let tokens = self.account(connection);
        let token = match tokens.access_token().await {
            Ok(token) => token,
            Err(DropboxError::LinkRevoked) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let revoked = match self.dropbox().revoke(&token).await {
            Err(DropboxError::TokenExpired) => {
                let token = tokens.renewed_token(&token).await?;
                self.dropbox().revoke(&token).await
            }
            other => other,
        };
        Ok(revoked?)
    }

    async fn is_needed(&self, id: i64) -> Result<bool, ConnectionError> {
        let sql = format!("SELECT c.id AS id FROM connections c WHERE c.id = $1 AND {NEEDED}");
        let mut connection = self.inner.needs.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
        Ok(row.is_some())
    }

    async fn forget_tokens(&self, id: i64) -> Result<(), ConnectionError> {
        let now = self.inner.needs.clock.now_ms();
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE connections SET refresh_token = $1, access_token = $1, \
                         updated_at = $2 WHERE id = $3",
                    )
                    .bind(Vec::<u8>::new())
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
}
