//! Management tokens: what a script shows to the management API.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;

use super::{AccessError, ApplicationId, random_secret, token_hash};
use crate::clock::Clock;
use crate::database::Database;

/// Letters of a token's hash that name it: two tokens of one server never share so many.
const ID_LENGTH: usize = 16;

/// What a management token reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One application.
    Application(ApplicationId),
    /// All applications of this server.
    Everything,
}

impl Scope {
    /// Whether it reaches this application.
    pub fn reaches(self, id: ApplicationId) -> bool {
        self == Self::Everything || self == Self::Application(id)
    }
}

/// A management token, as it is told to the operator; the token itself is not kept.
#[derive(Clone, Debug, Serialize)]
pub struct ManagementToken {
    /// Names it: the first letters of its hash. Also stands in the log of what it did.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The API key of the application that it reaches; none: it reaches all.
    pub apikey: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub revoked_at: Option<i64>,
}

/// All management tokens; only their hashes are kept.
#[derive(Clone)]
pub struct ManagementTokens {
    database: Database,
    clock: Clock,
}

impl ManagementTokens {
    /// Tokens kept in `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Makes a token; it is not shown again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create(&self, scope: Scope, name: &str) -> Result<String, AccessError> {
        let token = format!("lsm_{}", random_secret());
        let (hash, name, now) = (token_hash(&token), name.to_owned(), self.clock.now_ms());
        let application = match scope {
            Scope::Application(id) => Some(id.0),
            Scope::Everything => None,
        };
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "INSERT INTO management_tokens (token_hash, application_id, name, \
                         created_at) VALUES ($1, $2, $3, $4)",
                    )
                    .bind(hash)
                    .bind(application)
                    .bind(name)
                    .bind(now)
                    .execute(tx)
                    .await?;
                    Ok::<_, AccessError>(())
                }
                .boxed()
            })
            .await?;
        Ok(token)
    }

    /// What the bearer of `token` reaches.
    ///
    /// # Errors
    /// [`AccessError::WrongCredentials`] for a token that is unknown or revoked.
    pub async fn scope_of(&self, token: &str) -> Result<Scope, AccessError> {
        let mut connection = self.database.read().await?;
        let row = sqlx::query(
            "SELECT application_id FROM management_tokens \
             WHERE token_hash = $1 AND revoked_at IS NULL",
        )
        .bind(token_hash(token))
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(AccessError::WrongCredentials)?;
        Ok(match row.try_get::<Option<i64>, _>("application_id")? {
            Some(id) => Scope::Application(ApplicationId(id)),
            None => Scope::Everything,
        })
    }

    /// All tokens, also those that were revoked, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<ManagementToken>, AccessError> {
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(
            "SELECT t.token_hash, t.name, t.created_at, t.revoked_at, a.apikey \
             FROM management_tokens t LEFT JOIN applications a ON a.id = t.application_id \
             ORDER BY t.created_at DESC, t.token_hash",
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.iter()
            .map(|row| {
                let hash: String = row.try_get("token_hash")?;
                Ok(ManagementToken {
                    id: hash.chars().take(ID_LENGTH).collect(),
                    name: row.try_get("name")?,
                    apikey: row.try_get("apikey")?,
                    created_at: row.try_get("created_at")?,
                    revoked_at: row.try_get("revoked_at")?,
                })
            })
            .collect()
    }

    /// Ends a token, named by its id or by itself, at once and on every node. To revoke one that
    /// is revoked does nothing.
    ///
    /// # Errors
    /// [`AccessError::WrongCredentials`] when there is no such token.
    pub async fn revoke(&self, which: &str) -> Result<(), AccessError> {
        let prefix = match which.strip_prefix("lsm_") {
            Some(_) => token_hash(which),
            None => which.to_owned(),
        };
        // Also keeps the wildcards of LIKE out.
        if prefix.len() < ID_LENGTH || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(AccessError::WrongCredentials);
        }
        let now = self.clock.now_ms();
        let found = self
            .database
            .write(move |tx| {
                async move {
                    let done = sqlx::query(
                        "UPDATE management_tokens SET revoked_at = COALESCE(revoked_at, $1) \
                         WHERE token_hash LIKE $2",
                    )
                    .bind(now)
                    .bind(format!("{prefix}%"))
                    .execute(tx)
                    .await?;
                    Ok::<_, AccessError>(done.rows_affected())
                }
                .boxed()
            })
            .await?;
        match found {
            0 => Err(AccessError::WrongCredentials),
            _ => Ok(()),
        }
    }
}
