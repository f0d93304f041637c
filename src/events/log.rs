//! The log of events as its owners read it.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::Event;
use crate::access::ApplicationId;
use crate::database::{Database, DatabaseError};

/// Rows that a count looks at, at most.
const MOST_COUNTED: i64 = 100_000;

const COLUMNS: &str = "id, application_id, action, handle, text, created_at";

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this kind.
    pub action: Option<String>,
    /// Only those about this file.
    pub handle: Option<String>,
    /// Only those older than this one: the last id of the page before.
    pub before: Option<i64>,
    /// How many.
    pub limit: i64,
}

/// Reads events.
#[derive(Clone)]
pub struct Log {
    database: Database,
}

impl Log {
    /// The log kept in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Events of an application, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        application: ApplicationId,
        filter: Filter,
    ) -> Result<Vec<Event>, DatabaseError> {
        // Conditions that are not asked for are left out, so that the database sees which index
        // serves.
        let mut sql = format!("SELECT {COLUMNS} FROM events WHERE application_id = $1 AND id < $2");
        let mut texts = Vec::new();
        for (column, value) in [("action", filter.action), ("handle", filter.handle)] {
            if let Some(value) = value {
                texts.push(value);
                sql.push_str(&format!(" AND {column} = ${}", texts.len() + 2));
            }
        }
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", texts.len() + 3));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(application.0)
            .bind(filter.before.unwrap_or(i64::MAX));
        for text in texts {
            query = query.bind(text);
        }
        let mut connection = self.database.read().await?;
        let rows = query.bind(filter.limit).fetch_all(&mut *connection).await?;
        rows.iter().map(|row| Ok(event(row)?)).collect()
    }

    /// One event of an application; none if it has no event of this number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(
        &self,
        application: ApplicationId,
        id: i64,
    ) -> Result<Option<Event>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE id = $1 AND application_id = $2");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(application.0)
            .fetch_optional(&mut *connection)
            .await?;
        Ok(row.as_ref().map(event).transpose()?)
    }

    /// How many events of each kind were recorded since a time, in milliseconds since the epoch:
    /// counts among the newest 100,000 of the application.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(
        &self,
        application: ApplicationId,
        since: i64,
    ) -> Result<Vec<(String, i64)>, DatabaseError> {
        let mut connection = self.database.read().await?;
        let rows = sqlx::query_as(
            "SELECT action, COUNT(*) FROM (SELECT action, created_at FROM events \
             WHERE application_id = $1 ORDER BY id DESC LIMIT $2) AS newest \
             WHERE created_at >= $3 GROUP BY action ORDER BY action",
        )
        .bind(application.0)
        .bind(MOST_COUNTED)
        .bind(since)
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }
}

fn event(row: &AnyRow) -> Result<Event, sqlx::Error> {
    Ok(Event {
        id: row.try_get("id")?,
        application_id: ApplicationId(row.try_get("application_id")?),
        action: row.try_get("action")?,
        handle: row.try_get("handle")?,
        text: row.try_get("text")?,
        created_at: row.try_get("created_at")?,
    })
}
