//! What the ledger knows of the pieces that lie in the storage: where each is, and for how long it
//! is held there.
//!
//! A piece is held in the list of garbage before its first byte, so none stays behind for good,
//! whatever ends in between.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Entry, Ledger, staged};
use crate::access::ApplicationId;
use crate::database::Tx;
use crate::files::garbage;
use crate::storage::StorageKey;
use crate::uploading::UploadError;
use crate::uploading::pieces::{Said, StoredPiece};

/// What became of a piece that was to be written down.
pub(in crate::uploading) enum Kept {
    /// It is there.
    Noted,
    /// The upload takes no more.
    Closed,
    /// It would be too much: the most bytes that may come.
    TooLarge(u64),
    /// It would be too many.
    TooMany,
}

/// How much longer than its upload a piece is held.
const GRACE: Duration = Duration::from_secs(60 * 60);

impl Ledger {
    /// The pieces of an upload by part and offset.
    pub async fn pieces(&self, id: i64) -> Result<Vec<StoredPiece>, UploadError> {
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(
            "SELECT part, piece_offset, size, md5, storage_key FROM upload_pieces \
             WHERE upload_id = $1 ORDER BY part, piece_offset",
        )
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(piece_from_row).collect()
    }

    /// Holds the key of a piece that is about to be written.
    ///
    /// # Errors
    /// [`UploadError::TooMany`] when the application has too much in open uploads.
    pub async fn hold_piece(
        &self,
        key: &StorageKey,
        entry: &Entry,
        said: &Said,
    ) -> Result<(), UploadError> {
        let (key, clock, limit) = (key.to_string(), self.clock.clone(), self.staged_limit());
        let (application, expires_at) = (entry.application_id, entry.expires_at);
        let (id, part, offset) = (entry.id, said.part, said.offset);
        let coming = as_i64(said.size.unwrap_or(1));
        self.database
            .write(move |tx| {
                async move {
                    let old = piece_at(tx, id, part, offset).await?;
                    let more = coming - old.map_or(0, |old| old.0);
                    staged::leave_room(tx, application, more, limit).await?;
                    let now = clock.now_ms();
                    let left = u64::try_from(expires_at - now).unwrap_or_default();
                    let lasts = Duration::from_millis(left) + GRACE;
                    garbage::hold(tx, &key, now, lasts).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Gives the key of a piece up: what was written there is removed.
    pub async fn drop_piece(&self, key: &StorageKey) -> Result<(), UploadError> {
        let (key, clock) = (key.to_string(), self.clock.clone());
        self.database
            .write(move |tx| {
                async move { Ok(garbage::give_up(tx, &key, clock.now_ms()).await?) }.boxed()
            })
            .await
    }

    /// Writes down a piece that lies in the storage, in place of an earlier one; `most` is the
    /// largest file that is taken.
    ///
    /// # Errors
    /// [`UploadError::TooMany`] when the application has too much in open uploads.
    pub async fn keep_piece(
        &self,
        id: i64,
        piece: StoredPiece,
        most: u64,
    ) -> Result<Kept, UploadError> {
        let (clock, limit) = (self.clock.clone(), self.staged_limit());
        let most_pieces = i64::from(self.settings.max_pieces);
        self.database
            .write(move |tx| {
                async move {
                    let now = clock.now_ms();
                    // Locks the row: pieces of one upload are written down one after the other.
                    let row = sqlx::query(
                        "UPDATE uploads SET stored_bytes = stored_bytes \
                         WHERE id = $1 AND state = 0 AND expires_at > $2 \
                         RETURNING application_id, stored_bytes, pieces",
                    )
                    .bind(id)
                    .bind(now)
                    .fetch_optional(&mut *tx)
                    .await?;
                    let Some(row) = row else {
                        return Ok(Kept::Closed);
                    };
                    let (before, mut pieces): (i64, i64) =
                        (row.try_get("stored_bytes")?, row.try_get("pieces")?);
                    let mut bytes = before;
                    let old = piece_at(tx, id, piece.part, piece.offset).await?;
                    match &old {
                        Some((size, _)) => bytes -= size,
                        None => pieces += 1,
                    }
                    bytes = bytes.saturating_add(as_i64(piece.size));
                    if bytes > as_i64(most) {
                        return Ok(Kept::TooLarge(most));
                    }
                    if pieces > most_pieces {
                        return Ok(Kept::TooMany);
                    }
                    if let Some((_, key)) = old {
                        garbage::give_up(tx, &key, now).await?;
                    }
                    put_piece(tx, id, piece).await?;
                    sqlx::query("UPDATE uploads SET stored_bytes = $1, pieces = $2 WHERE id = $3")
                        .bind(bytes)
                        .bind(pieces)
                        .bind(id)
                        .execute(&mut *tx)
                        .await?;
                    let application = ApplicationId(row.try_get("application_id")?);
                    staged::add(tx, application, bytes - before, limit).await?;
                    Ok(Kept::Noted)
                }
                .boxed()
            })
            .await
    }
}

/// Size and storage key of the piece that begins there.
async fn piece_at(
    tx: &mut Tx,
    upload: i64,
    part: u32,
    offset: u64,
) -> Result<Option<(i64, String)>, UploadError> {
    let row = sqlx::query(
        "SELECT size, storage_key FROM upload_pieces \
         WHERE upload_id = $1 AND part = $2 AND piece_offset = $3",
    )
    .bind(upload)
    .bind(i64::from(part))
    .bind(as_i64(offset))
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok((row.try_get("size")?, row.try_get("storage_key")?)))
        .transpose()
}

async fn put_piece(tx: &mut Tx, upload: i64, piece: StoredPiece) -> Result<(), UploadError> {
    sqlx::query(
        "INSERT INTO upload_pieces (upload_id, part, piece_offset, size, md5, storage_key) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (upload_id, part, piece_offset) DO UPDATE SET \
         size = excluded.size, md5 = excluded.md5, storage_key = excluded.storage_key",
    )
    .bind(upload)
    .bind(i64::from(piece.part))
    .bind(as_i64(piece.offset))
    .bind(as_i64(piece.size))
    .bind(piece.md5)
    .bind(piece.storage_key)
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets until when the pieces of an upload are held.
pub(super) async fn hold_pieces(tx: &mut Tx, id: i64, until: i64) -> Result<(), UploadError> {
    sqlx::query(
        "UPDATE garbage SET not_before = $1 WHERE taken = 0 AND storage_key IN \
         (SELECT storage_key FROM upload_pieces WHERE upload_id = $2)",
    )
    .bind(until)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Has the pieces of an upload removed.
pub(super) async fn let_go_of_pieces(tx: &mut Tx, id: i64, now_ms: i64) -> Result<(), UploadError> {
    hold_pieces(tx, id, now_ms).await?;
    sqlx::query("DELETE FROM upload_pieces WHERE upload_id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

fn piece_from_row(row: &AnyRow) -> Result<StoredPiece, UploadError> {
    let number = |name| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or_default())
    };
    Ok(StoredPiece {
        part: u32::try_from(number("part")?).unwrap_or_default(),
        offset: number("piece_offset")?,
        size: number("size")?,
        md5: row.try_get("md5")?,
        storage_key: row.try_get("storage_key")?,
    })
}

fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
