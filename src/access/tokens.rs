//! Management tokens: what a script shows to the management API.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;

use super::accounts::Role;
use super::audit::{self, Actor, Deed};
use super::{AccessError, ApplicationId, random_secret, rules, token_hash};
use crate::clock::Clock;
use crate::database::Database;

/// Letters of a token's hash that name it: two tokens of one server never share so many.
const ID_LENGTH: usize = 16;
/// How exactly it is kept when a token was used last: a call does not cost a write.
const USED_MS: i64 = 60 * 60 * 1000;

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

/// What the bearer of a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Names the token in the log of what it did.
    pub id: String,
    /// What it reaches.
    pub scope: Scope,
    /// How much it may do there.
    pub role: Role,
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for: 1 to 100 characters.
    pub name: String,
    /// What it reaches.
    pub scope: Scope,
    /// How much it may do there.
    pub role: Role,
    /// When it ends, in milliseconds since the epoch; none: when it is revoked.
    pub expires_at: Option<i64>,
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
    /// How much it may do.
    pub role: Role,
    /// Who made it, as the log names them.
    pub made_by: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch, to the hour.
    pub last_used_at: Option<i64>,
    /// Milliseconds since the epoch.
    pub expires_at: Option<i64>,
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

    /// Makes a token; it is not shown again. Answers it with its id.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] for a name or time that cannot be used.
    pub async fn create(
        &self,
        new: NewToken,
        actor: &Actor,
    ) -> Result<(String, String), AccessError> {
        let name = rules::token_name(&new.name)?;
        let now = self.clock.now_ms();
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(AccessError::Invalid("expires_at has passed".to_owned()));
        }
        let token = format!("lsm_{}", random_secret());
        let hash = token_hash(&token);
        let id = id_of(&hash);
        let application = match new.scope {
            Scope::Application(id) => Some(id),
            Scope::Everything => None,
        };
        let actor = actor.clone();
        let deed = Deed::new("token.create", &name).with(format!("{}; {id}", new.role.as_str()));
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "INSERT INTO management_tokens (token_hash, application_id, name, role, \
                         made_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    )
                    .bind(hash)
                    .bind(application.map(|id| id.0))
                    .bind(name)
                    .bind(new.role.as_str())
                    .bind(actor.as_str().to_owned())
                    .bind(now)
                    .bind(new.expires_at)
                    .execute(&mut *tx)
                    .await?;
                    audit::record(tx, application, &actor, &deed, now).await?;
                    Ok::<_, AccessError>(())
                }
                .boxed()
            })
            .await?;
        Ok((token, id))
    }

    /// What the bearer of `token` may do.
    ///
    /// # Errors
    /// [`AccessError::WrongCredentials`] for a token that is unknown, revoked or over.
    pub async fn grant_of(&self, token: &str) -> Result<Grant, AccessError> {
        let hash = token_hash(token);
        let now = self.clock.now_ms();
        let mut connection = self.database.read().await?;
        let row = sqlx::query(
            "SELECT application_id, role, last_used_at FROM management_tokens \
             WHERE token_hash = $1 AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(hash.clone())
        .bind(now)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(AccessError::WrongCredentials)?;
        drop(connection);
        let used: Option<i64> = row.try_get("last_used_at")?;
        if used.is_none_or(|used| now - used >= USED_MS) {
            self.note_use(hash.clone(), now).await?;
        }
        Ok(Grant {
            id: id_of(&hash),
            scope: match row.try_get::<Option<i64>, _>("application_id")? {
                Some(id) => Scope::Application(ApplicationId(id)),
                None => Scope::Everything,
            },
            role: Role::parse(&row.try_get::<String, _>("role")?),
        })
    }

    async fn note_use(&self, hash: String, now: i64) -> Result<(), AccessError> {
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE management_tokens SET last_used_at = $1 WHERE token_hash = $2",
                    )
                    .bind(now)
                    .bind(hash)
                    .execute(tx)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// All tokens, also those that were revoked, newest first; of one application, or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        application: Option<ApplicationId>,
    ) -> Result<Vec<ManagementToken>, AccessError> {
        let which = match application {
            Some(_) => "WHERE t.application_id = $1",
            None => "",
        };
        let sql = format!(
            "SELECT t.token_hash, t.name, t.role, t.made_by, t.created_at, t.last_used_at, \
             t.expires_at, t.revoked_at, a.apikey \
             FROM management_tokens t LEFT JOIN applications a ON a.id = t.application_id \
             {which} ORDER BY t.created_at DESC, t.token_hash"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        if let Some(id) = application {
            query = query.bind(id.0);
        }
        let mut connection = self.database.read().await?;
        let rows = query.fetch_all(&mut *connection).await?;
        rows.iter()
            .map(|row| {
                Ok(ManagementToken {
                    id: id_of(&row.try_get::<String, _>("token_hash")?),
                    name: row.try_get("name")?,
                    apikey: row.try_get("apikey")?,
                    role: Role::parse(&row.try_get::<String, _>("role")?),
                    made_by: row.try_get("made_by")?,
                    created_at: row.try_get("created_at")?,
                    last_used_at: row.try_get("last_used_at")?,
                    expires_at: row.try_get("expires_at")?,
                    revoked_at: row.try_get("revoked_at")?,
                })
            })
            .collect()
    }

    /// Ends a token, named by its id or by itself, at once and on every node; with an
    /// application only one of its own. To revoke one that is revoked does nothing.
    ///
    /// # Errors
    /// [`AccessError::WrongCredentials`] when there is no such token.
    pub async fn revoke(
        &self,
        which: &str,
        application: Option<ApplicationId>,
        actor: &Actor,
    ) -> Result<(), AccessError> {
        let prefix = match which.strip_prefix("lsm_") {
            Some(_) => token_hash(which),
            None => which.to_owned(),
        };
        // Also keeps the wildcards of LIKE out.
        if prefix.len() < ID_LENGTH || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(AccessError::WrongCredentials);
        }
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    // Without an application, any: 0 is the id of none.
                    let row = sqlx::query(
                        "UPDATE management_tokens SET revoked_at = COALESCE(revoked_at, $1) \
                         WHERE token_hash LIKE $2 AND ($3 = 0 OR application_id = $3) \
                         RETURNING name, application_id",
                    )
                    .bind(now)
                    .bind(format!("{prefix}%"))
                    .bind(application.map_or(0, |id| id.0))
                    .fetch_optional(&mut *tx)
                    .await?
                    .ok_or(AccessError::WrongCredentials)?;
                    let of = row.try_get::<Option<i64>, _>("application_id")?;
                    let deed = Deed::new("token.revoke", &row.try_get::<String, _>("name")?);
                    audit::record(tx, of.map(ApplicationId), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

fn id_of(hash: &str) -> String {
    hash.chars().take(ID_LENGTH).collect()
}
