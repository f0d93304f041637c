//! How many bytes an application has in pieces of uploads that are not completed.
//!
//! The count is a row of its own, changed in the transaction that writes a piece down or lets it
//! go: whoever writes two pieces at once waits for the row, so a limit holds on any number of
//! nodes. It is the last row that such a transaction touches, and of several applications that of
//! the lowest id comes first: so no two of them wait for each other.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use sqlx::Row;

use super::{COME_BACK, Ledger};
use crate::access::ApplicationId;
use crate::database::Tx;
use crate::uploading::UploadError;

/// The most bytes of one application; none: any number.
#[derive(Clone, Copy)]
pub(super) struct Limit(Option<i64>);

impl Limit {
    /// The limit that the settings mean by a number of bytes.
    pub fn of(bytes: u64) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Self((bytes > 0).then_some(bytes))
    }

    /// Whether so many are too many.
    fn is_broken_by(self, bytes: i64) -> bool {
        self.0.is_some_and(|most| bytes > most)
    }
}

/// Refuses what will be too many bytes, before any of them come. Two who ask at once may both be
/// let through: what holds is [`add`].
pub(super) async fn leave_room(
    tx: &mut Tx,
    application: ApplicationId,
    coming: i64,
    limit: Limit,
) -> Result<(), UploadError> {
    let row = sqlx::query("SELECT bytes FROM staged_bytes WHERE application_id = $1")
        .bind(application.0)
        .fetch_optional(tx)
        .await?;
    let there = row.map_or(Ok(0), |row| row.try_get::<i64, _>("bytes"))?;
    match coming > 0 && limit.is_broken_by(there.saturating_add(coming)) {
        true => Err(UploadError::TooMany(COME_BACK)),
        false => Ok(()),
    }
}

/// Counts bytes of a piece that came, less those of the piece whose place it takes.
///
/// # Errors
/// [`UploadError::TooMany`] takes the transaction back in which the piece was written down.
pub(super) async fn add(
    tx: &mut Tx,
    application: ApplicationId,
    bytes: i64,
    limit: Limit,
) -> Result<(), UploadError> {
    if bytes <= 0 {
        return take(tx, application, bytes.saturating_neg()).await;
    }
    let row = sqlx::query(
        "INSERT INTO staged_bytes (application_id, bytes) VALUES ($1, $2) \
         ON CONFLICT (application_id) DO UPDATE SET bytes = staged_bytes.bytes + excluded.bytes \
         RETURNING bytes",
    )
    .bind(application.0)
    .bind(bytes)
    .fetch_one(tx)
    .await?;
    match limit.is_broken_by(row.try_get("bytes")?) {
        true => Err(UploadError::TooMany(COME_BACK)),
        false => Ok(()),
    }
}

/// Counts bytes no more.
pub(super) async fn take(
    tx: &mut Tx,
    application: ApplicationId,
    bytes: i64,
) -> Result<(), UploadError> {
    if bytes == 0 {
        return Ok(());
    }
    // Pieces that a node of the version before wrote down were not counted.
    sqlx::query(
        "UPDATE staged_bytes SET bytes = CASE WHEN bytes > $1 THEN bytes - $1 ELSE 0 END \
         WHERE application_id = $2",
    )
    .bind(bytes)
    .bind(application.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts bytes of several applications no more.
pub(super) async fn take_all(tx: &mut Tx, gone: BTreeMap<i64, i64>) -> Result<(), UploadError> {
    for (application, bytes) in gone {
        take(tx, ApplicationId(application), bytes).await?;
    }
    Ok(())
}

impl Ledger {
    /// Counts anew what lies there of each application that has anything. A node of a version that
    /// did not count lets pieces go that others have counted: the next one to start puts it right.
    pub async fn count_staged(&self) -> Result<(), UploadError> {
        let rows = {
            let mut connection = self.database.read().await?;
            sqlx::query("SELECT application_id FROM staged_bytes WHERE bytes > 0")
                .fetch_all(&mut *connection)
                .await?
        };
        for row in rows {
            let application = row.try_get("application_id")?;
            self.database
                .write(move |tx| count(tx, application).boxed())
                .await?;
        }
        Ok(())
    }
}

async fn count(tx: &mut Tx, application: i64) -> Result<(), UploadError> {
    // Locks the row first, so that the sum sees whatever was counted before, and nothing is
    // counted meanwhile.
    sqlx::query("UPDATE staged_bytes SET bytes = bytes WHERE application_id = $1")
        .bind(application)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE staged_bytes SET bytes = (SELECT CAST(COALESCE(SUM(kept.stored_bytes), 0) AS \
         BIGINT) FROM (SELECT stored_bytes FROM uploads WHERE application_id = $1 AND state = 0 \
         UNION ALL SELECT stored_bytes FROM uploads WHERE application_id = $1 AND state = 2) \
         AS kept) WHERE application_id = $1",
    )
    .bind(application)
    .execute(tx)
    .await?;
    Ok(())
}
