//! How much an application keeps.

use sqlx::Row;

use super::{Catalog, FileError};
use crate::access::ApplicationId;

/// Rows that a count looks at, at most.
const MOST_COUNTED: i64 = 100_000;

/// Files stored since a time and not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How many.
    pub files: i64,
    /// Their bytes together.
    pub bytes: i64,
    /// Whether there are more than were counted.
    pub more: bool,
}

impl Catalog {
    /// Counts the files of an application that were stored since a time, in milliseconds since
    /// the epoch; at most 100,000 of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage(&self, application: ApplicationId, since: i64) -> Result<Usage, FileError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM \
             (SELECT size FROM files WHERE application_id = $1 AND created_at >= $2 \
             AND deleted_at IS NULL ORDER BY created_at LIMIT $3) AS counted",
        )
        .bind(application.0)
        .bind(since)
        .bind(MOST_COUNTED)
        .fetch_one(&mut *connection)
        .await?;
        let files: i64 = row.try_get("files")?;
        Ok(Usage {
            files,
            bytes: row.try_get("bytes")?,
            more: files == MOST_COUNTED,
        })
    }
}
