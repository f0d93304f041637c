//! Places in storage that a client chose by name, each claimed by one file at a time.
//!
//! A key that bears a handle is nobody else's. A plain path can be asked for by two picks at once,
//! by two applications whose folders are nested, or by one that guesses another's key; and stores
//! have no "create only" for large objects. So a plain path is claimed, in the transaction that
//! reserves the key, before anything is written, and whoever comes second is refused before a
//! byte moves. A crash leaves the claim with the pick, which is taken up again or fails.

use sqlx::Row;

use super::{FileError, Handle};
use crate::database::{DatabaseError, Tx};

/// What may lie at a claimed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Nobody has looked: it may be an object of somebody whom the catalog does not know.
    Unknown,
    /// Nothing, or what the claimant or a predecessor left: it may be replaced and removed.
    Vacant,
}

/// Claims a plain path for the file with this handle, which may have claimed it before.
///
/// # Errors
/// [`FileError::Claimed`] when another file is or will be there, [`FileError::BeingRemoved`] while
/// an older object is on its way out.
pub async fn claim(
    tx: &mut Tx,
    storage_key: &str,
    handle: &Handle,
    now_ms: i64,
) -> Result<Ground, FileError> {
    // Whoever claims the same place at the same time waits here for how the other one ends.
    let added = sqlx::query(
        "INSERT INTO claims (storage_key, handle, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (storage_key) DO NOTHING",
    )
    .bind(storage_key.to_owned())
    .bind(handle.as_str().to_owned())
    .bind(now_ms)
    .execute(&mut *tx)
    .await?;
    if added.rows_affected() == 1 {
        return settle_on(tx, storage_key, handle, now_ms).await;
    }
    let row = sqlx::query("SELECT handle, vacant FROM claims WHERE storage_key = $1")
        .bind(storage_key.to_owned())
        .fetch_optional(tx)
        .await?
        .ok_or(FileError::BeingRemoved)?;
    if row.try_get::<String, _>("handle")? != handle.as_str() {
        return Err(FileError::Claimed);
    }
    Ok(match row.try_get::<i64, _>("vacant")? {
        0 => Ground::Unknown,
        _ => Ground::Vacant,
    })
}

/// Looks around at a place that was just claimed, for those who have none: files that were stored
/// before there were claims, and whoever writes under this key because it bears their handle.
async fn settle_on(
    tx: &mut Tx,
    storage_key: &str,
    handle: &Handle,
    now_ms: i64,
) -> Result<Ground, FileError> {
    let named = sqlx::query(
        "SELECT 1 FROM files WHERE storage_key = $1 AND kind = 0 AND deleted_at IS NULL \
         AND handle <> $2 LIMIT 1",
    )
    .bind(storage_key.to_owned())
    .bind(handle.as_str().to_owned())
    .fetch_optional(&mut *tx)
    .await?;
    if named.is_some() {
        return Err(FileError::Claimed);
    }
    let row = sqlx::query("SELECT MAX(not_before) AS until FROM garbage WHERE storage_key = $1")
        .bind(storage_key.to_owned())
        .fetch_one(&mut *tx)
        .await?;
    match row.try_get::<Option<i64>, _>("until")? {
        None => Ok(Ground::Unknown),
        // Somebody holds the key, is at work to remove its object, or lets readers finish first.
        Some(until) if until > now_ms => Err(FileError::BeingRemoved),
        // A predecessor let go of what lies there.
        Some(_) => {
            vacate(tx, storage_key, handle).await?;
            Ok(Ground::Vacant)
        }
    }
}

/// Notes that nothing lies at a claimed place but what its claimant will write; answers whether
/// the claim is still there.
///
/// # Errors
/// When the database fails.
pub async fn vacate(tx: &mut Tx, storage_key: &str, handle: &Handle) -> Result<bool, FileError> {
    let done = sqlx::query("UPDATE claims SET vacant = 1 WHERE storage_key = $1 AND handle = $2")
        .bind(storage_key.to_owned())
        .bind(handle.as_str().to_owned())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a claim, inside the transaction in which the file or the pick lets go of the place; that
/// there is none is fine. Answers what may lie there.
///
/// # Errors
/// When the database fails.
pub async fn free(
    tx: &mut Tx,
    storage_key: &str,
    handle: &Handle,
) -> Result<Ground, DatabaseError> {
    let row =
        sqlx::query("DELETE FROM claims WHERE storage_key = $1 AND handle = $2 RETURNING vacant")
            .bind(storage_key.to_owned())
            .bind(handle.as_str().to_owned())
            .fetch_optional(tx)
            .await?;
    let vacant = match row {
        Some(row) => row.try_get::<i64, _>("vacant")?,
        None => 0,
    };
    Ok(match vacant {
        0 => Ground::Unknown,
        _ => Ground::Vacant,
    })
}
