//! Brings sealed values under the present master key.
//!
//! Works beside running servers, a few rows at a time: a value is replaced only where it is still
//! the one that was read, so a token that is refreshed meanwhile wins. Knows columns by name and
//! nothing of what they mean; each room names its own.

use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, Row};

use super::{AccessError, MasterKey, Purpose, SealError};
use crate::database::{Database, Tx};

/// Rows in one transaction.
const BATCH: i64 = 200;

/// A column of sealed values in a table with an `id`.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column; may be null, and empty where a secret was forgotten.
    pub column: &'static str,
    /// What its values are for.
    pub purpose: Purpose,
}

/// What became of sealed values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed anew.
    pub anew: u64,
    /// Under the present key before.
    pub present: u64,
    /// Under a key that is not there, or damaged: left as they are.
    pub closed: u64,
}

impl std::ops::AddAssign for Resealed {
    fn add_assign(&mut self, more: Self) {
        self.anew += more.anew;
        self.present += more.present;
        self.closed += more.closed;
    }
}

/// Seals every value of these columns anew that another key sealed.
///
/// # Errors
/// When the database fails; what is done by then stays done.
pub async fn reseal(
    database: &Database,
    key: &MasterKey,
    columns: &[SealedColumn],
) -> Result<Resealed, AccessError> {
    let mut all = Resealed::default();
    for column in columns {
        let mut after = i64::MIN;
        loop {
            let (key, column) = (key.clone(), *column);
            let batch = database
                .write(move |tx| async move { some(tx, &key, column, after).await }.boxed());
            let (done, last) = batch.await?;
            all += done;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    Ok(all)
}

/// Does some rows after this id; answers the last of them, and none behind the end.
async fn some(
    tx: &mut Tx,
    key: &MasterKey,
    at: SealedColumn,
    after: i64,
) -> Result<(Resealed, Option<i64>), AccessError> {
    let SealedColumn { table, column, .. } = at;
    let look = format!(
        "SELECT id, {column} FROM {table} WHERE id > $1 AND length({column}) > 0 \
         ORDER BY id LIMIT $2"
    );
    let put = format!("UPDATE {table} SET {column} = $1 WHERE id = $2 AND {column} = $3");
    let rows = sqlx::query(AssertSqlSafe(look))
        .bind(after)
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
    let (mut done, mut last) = (Resealed::default(), None);
    for row in rows {
        let id: i64 = row.try_get(0)?;
        let sealed: Vec<u8> = row.try_get(1)?;
        last = Some(id);
        match key.reseal(at.purpose, &sealed) {
            Ok(None) => done.present += 1,
            Ok(Some(anew)) => {
                sqlx::query(AssertSqlSafe(put.clone()))
                    .bind(anew)
                    .bind(id)
                    .bind(sealed)
                    .execute(&mut *tx)
                    .await?;
                done.anew += 1;
            }
            Err(error @ (SealError::OtherKey | SealError::Damaged | SealError::BadKey)) => {
                log::warn!("{table} {id}, {column}: {error}");
                done.closed += 1;
            }
        }
    }
    Ok((done, last))
}
