//! Management tokens: what a script shows to the management API.

use futures_util::FutureExt;
use sqlx::Row;

use super::{AccessError, ApplicationId, random_secret, token_hash};
use crate::clock::Clock;
use crate::database::Database;

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
}
