//! The log of what was changed, by whom: written in the transaction that makes the change.

use serde::Serialize;
use sqlx::Row;

use super::{AccessError, ApplicationId};
use crate::database::{Database, Tx};

/// Characters of a subject or of details at most; the rest is cut.
const LONGEST: usize = 1000;

/// Who does something, as the log names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// Whoever runs the program beside the server.
    pub fn command_line() -> Self {
        Self("command line".to_owned())
    }

    /// The bearer of a management token, by the token's id.
    pub fn token(id: &str) -> Self {
        Self(format!("token {id}"))
    }

    /// A person, by their address.
    pub fn person(email: &str) -> Self {
        Self(email.to_owned())
    }

    /// The words of the log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Deed {
    /// `application.update`, `endpoint.create`, …
    pub action: String,
    /// What it was done to, as people name it.
    pub subject: String,
    /// What changed, in words; never a secret.
    pub detail: String,
}

impl Deed {
    /// Something done to `subject`.
    pub fn new(action: &str, subject: &str) -> Self {
        Self {
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: String::new(),
        }
    }

    /// With what changed.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// One line of the log.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the log.
    pub id: i64,
    /// An e-mail address, `token ID` or `command line`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What changed.
    pub detail: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// Writes a deed down in the transaction that does it.
///
/// # Errors
/// What the database says.
pub async fn record(
    tx: &mut Tx,
    application: Option<ApplicationId>,
    actor: &Actor,
    deed: &Deed,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_log (application_id, actor, action, subject, detail, at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(application.map(|id| id.0))
    .bind(actor.0.clone())
    .bind(deed.action.clone())
    .bind(cut(&deed.subject))
    .bind(cut(&deed.detail))
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// What was done to an application, newest first; `before`: the last id of the page before.
///
/// # Errors
/// When the database fails.
pub async fn log_of(
    database: &Database,
    application: ApplicationId,
    before: Option<i64>,
    rows: i64,
) -> Result<Vec<Entry>, AccessError> {
    let mut connection = database.read().await?;
    let found = sqlx::query(
        "SELECT id, actor, action, subject, detail, at FROM audit_log \
         WHERE application_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(application.0)
    .bind(before.unwrap_or(i64::MAX))
    .bind(rows)
    .fetch_all(&mut *connection)
    .await?;
    let entries = found.iter().map(|row| {
        Ok(Entry {
            id: row.try_get("id")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            detail: row.try_get("detail")?,
            at: row.try_get("at")?,
        })
    });
    entries.collect()
}
