//! Places in storage that a client chose by name, each claimed by one file at a time.
//!
//! A key that bears a handle is nobody else's. A plain path can be asked for by two picks at once,
//! by two applications whose folders are nested, or by one that guesses another's key; and stores
//! have no "create only" for large objects. So a plain path is claimed, in the transaction that
//! reserves the key, before anything is written, and whoever comes second is refused before a
//! byte moves. A crash leaves the claim with the pick, which is taken up again or fails.

use std::time::Duration;

use sqlx::Row;

use super::{FileError, Handle, garbage};
use crate::database::{DatabaseError, Tx};

/// Marks a key in a ledger as one that bears no handle; no key begins so.
const SHARED: &str = "/";

/// Where one file's object is to lie, as the ledger of whoever stores it keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key, marked where it bears no handle; empty: nowhere yet.
    at: String,
    /// The handle of the file to be.
    handle: Handle,
}

impl Place {
    /// The place that a ledger has kept; an empty text is no place yet.
    pub fn of(kept: String, handle: Handle) -> Self {
        Self { at: kept, handle }
    }

    /// Another place for the same file; `shared` says that nothing in the key keeps two files
    /// apart.
    #[must_use]
    pub fn moved(&self, storage_key: &str, shared: bool) -> Self {
        let mark = if shared { SHARED } else { "" };
        Self {
            at: format!("{mark}{storage_key}"),
            handle: self.handle.clone(),
        }
    }

    /// The text that a ledger keeps.
    pub fn kept(&self) -> &str {
        &self.at
    }

    /// Whose place it is.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Holds the place for `lasts`, and claims it where it could be another's, leaving the one
    /// `before`. Answers what may lie there.
    ///
    /// # Errors
    /// [`FileError::Claimed`] when another file has the place, [`FileError::BeingRemoved`] while an
    /// older object is on its way out.
    pub async fn take(
        &self,
        tx: &mut Tx,
        before: &Self,
        now_ms: i64,
        lasts: Duration,
    ) -> Result<Ground, FileError> {
        if before != self {
            before.vacate(tx, now_ms, false).await?;
        }
        let (key, ground) = match self.at.strip_prefix(SHARED) {
            Some(key) => (key, claim(tx, key, &self.handle, now_ms).await?),
            None => (self.at.as_str(), Ground::Vacant),
        };
        garbage::hold(tx, key, now_ms, lasts).await?;
        Ok(ground)
    }

    /// Ends hold and claim, and has the object removed where that can only be our own; `theirs`
    /// says that another's was found.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vacate(
        &self,
        tx: &mut Tx,
        now_ms: i64,
        theirs: bool,
    ) -> Result<(), DatabaseError> {
        let Some(key) = self.at.strip_prefix(SHARED) else {
            return match self.at.as_str() {
                "" => Ok(()),
                key => garbage::give_up(tx, key, now_ms).await,
            };
        };
        match free(tx, key, &self.handle).await? {
            Ground::Vacant if !theirs => garbage::give_up(tx, key, now_ms).await,
            _ => garbage::let_go(tx, key, now_ms).await,
        }
    }
}

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
