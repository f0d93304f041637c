//! Who is at the picker, and whether they are connected.

use std::fmt;

use futures_util::FutureExt;
use sqlx::Row;

use super::connection::{COLUMNS, State};
use super::settings::ms;
use super::{Connection, ConnectionError, Connections, session_token};
use crate::access::{Application, ApplicationId, token_hash};

/// A person at a picker.
#[derive(Clone)]
pub struct Session {
    /// The form in which the token is kept; names the session in the database.
    pub hash: String,
    /// The token to answer with: the one that came, or a fresh one in place of one that is not
    /// valid.
    pub token: String,
    /// Whose picker it is.
    pub application_id: ApplicationId,
    /// The connected Dropbox, or why there is none.
    pub connection: Result<Connection, Absence>,
}

/// Why a session has no Dropbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nobody has connected yet, or they signed out.
    NotConnected,
    /// The link was withdrawn at Dropbox, or has died: connect again.
    Reconnect,
    /// The token that came has expired, or was not minted here for this application. The session
    /// is a fresh one.
    InvalidSession,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("application_id", &self.application_id)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl Connections {
    /// A token for a person who has none. Nothing is written.
    pub fn mint_token(&self, application: &Application) -> String {
        let needs = &self.inner.needs;
        session_token::mint(&needs.master_key, application, needs.clock.now_ms())
    }

    /// The session that this token names; a fresh one for no token or one that is not valid.
    ///
    /// # Errors
    /// When the database fails or the master key has changed.
    pub async fn session(
        &self,
        application: &Application,
        token: Option<&str>,
    ) -> Result<Session, ConnectionError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(self.fresh(application, Absence::NotConnected));
        };
        let needs = &self.inner.needs;
        let Some(genuine) = session_token::read(&needs.master_key, application, token) else {
            return Ok(self.fresh(application, Absence::InvalidSession));
        };
        let now = needs.clock.now_ms();
        let Some((expires_at, connection)) = self.kept(&genuine.hash).await? else {
            // Nobody connected in it, so nothing is kept but the time in the token.
            let age = now.saturating_sub(genuine.minted_ms);
            if age > ms(self.inner.settings.session_lifetime) {
                return Ok(self.fresh(application, Absence::InvalidSession));
            }
            return Ok(Session {
                hash: genuine.hash,
                token: token.to_owned(),
                application_id: application.id,
                connection: Err(Absence::NotConnected),
            });
        };
        if expires_at <= now {
            return Ok(self.fresh(application, Absence::InvalidSession));
        }
        self.extend(&genuine.hash, expires_at, now).await?;
        let connection = match connection {
            None => Err(Absence::NotConnected),
            Some(connection) if connection.is_spent() => Err(Absence::Reconnect),
            Some(connection) if connection.state == State::SignedOut => Err(Absence::NotConnected),
            Some(connection) => Ok(connection),
        };
        Ok(Session {
            hash: genuine.hash,
            token: token.to_owned(),
            application_id: application.id,
            connection,
        })
    }

    /// The session that this token names and its connection, for calls that need both.
    ///
    /// # Errors
    /// [`ConnectionError::InvalidSession`], [`ConnectionError::NotConnected`] or
    /// [`ConnectionError::Reconnect`].
    pub async fn require(
        &self,
        application: &Application,
        token: Option<&str>,
    ) -> Result<(Session, Connection), ConnectionError> {
        if token.is_none_or(str::is_empty) {
            return Err(ConnectionError::InvalidSession);
        }
        let session = self.session(application, token).await?;
        match session.connection.clone() {
            Ok(connection) => Ok((session, connection)),
            Err(absence) => Err(absence.into()),
        }
    }

    fn fresh(&self, application: &Application, absence: Absence) -> Session {
        let token = self.mint_token(application);
        Session {
            hash: token_hash(&token),
            token,
            application_id: application.id,
            connection: Err(absence),
        }
    }

    /// What is kept of a session: when it expires, and its connection.
    async fn kept(&self, hash: &str) -> Result<Option<(i64, Option<Connection>)>, ConnectionError> {
        let sql = format!(
            "SELECT s.expires_at AS expires_at, s.connection_id AS connection_id, {COLUMNS} \
             FROM sessions s LEFT JOIN connections c ON c.id = s.connection_id \
             WHERE s.token_hash = $1"
        );
        let mut connection = self.inner.needs.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(hash.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        let Some(row) = row else { return Ok(None) };
        let connected: Option<i64> = row.try_get("connection_id")?;
        let connection = connected.map(|_| self.read(&row)).transpose()?;
        Ok(Some((row.try_get("expires_at")?, connection)))
    }

    /// Puts the end of a session off once a good part of its time is gone: a write now and then,
    /// not one for each call.
    async fn extend(&self, hash: &str, expires_at: i64, now: i64) -> Result<(), ConnectionError> {
        let lifetime = ms(self.inner.settings.session_lifetime);
        if expires_at - now > lifetime - lifetime / 8 {
            return Ok(());
        }
        let hash = hash.to_owned();
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE sessions SET expires_at = $1 \
                         WHERE token_hash = $2 AND expires_at < $1",
                    )
                    .bind(now + lifetime)
                    .bind(hash)
                    .execute(tx)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

impl From<Absence> for ConnectionError {
    fn from(absence: Absence) -> Self {
        match absence {
            Absence::NotConnected => Self::NotConnected,
            Absence::Reconnect => Self::Reconnect,
            Absence::InvalidSession => Self::InvalidSession,
        }
    }
}
