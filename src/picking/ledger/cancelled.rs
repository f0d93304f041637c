//! Picks that nobody wants any more.
//!
//! That a pick is cancelled is true at once: its row says so, and the transaction that would make
//! it a file is refused from then on. What it has staged is another matter: only the node that
//! works on it knows when it has ceased to write, so that node lets go of the place, and where it
//! died, whoever finds its lease run out. Until then nobody else gets the place.

use futures_util::FutureExt;

use super::{COLUMNS, Entry, Ledger, UNKNOWN, from_row};
use crate::database::Tx;
use crate::files::Handle;
use crate::picking::PickError;
use crate::picking::cancel::{Cancellation, Which};
use crate::picking::progress::picker_hash;
use crate::picking::request::dedup_of_key;

/// Picks that have ended and are told of in one answer, latest first.
const MOST_TOLD: i64 = 200;

/// Ends one that is to do, or that failed and could be asked for again.
const CANCEL: &str = "UPDATE picks SET state = 3, updated_at = $2, error_code = 'cancelled', \
     error_message = '' WHERE application_id = $1 AND state IN (0, 2)";

impl Ledger {
    /// Cancels picks and answers how they stand: cancelled, or done before; each with the
    /// idempotency key that named it. A key whose pick has not come yet is cancelled, too.
    pub async fn cancel(
        &self,
        asked: &Cancellation,
    ) -> Result<Vec<(Option<String>, Entry)>, PickError> {
        let (me, asked) = (self.clone(), asked.clone());
        self.database
            .write(move |tx| {
                async move {
                    let mut told = Vec::new();
                    let Which::Keys(keys) = &asked.which else {
                        let entries = me.cancel_of_picker(tx, &asked).await?;
                        return Ok(entries.into_iter().map(|entry| (None, entry)).collect());
                    };
                    for key in keys {
                        let entry = me.cancel_key(tx, &asked, key).await?;
                        told.extend(entry.map(|entry| (Some(key.clone()), entry)));
                    }
                    Ok::<_, PickError>(told)
                }
                .boxed()
            })
            .await
    }

    async fn cancel_of_picker(
        &self,
        tx: &mut Tx,
        asked: &Cancellation,
    ) -> Result<Vec<Entry>, PickError> {
        let path = match &asked.which {
            Which::Path(path) => path.clone(),
            _ => String::new(),
        };
        let of_picker = "session_hash = $3 AND picker_hash = $4 AND picker_hash <> '' \
             AND ($5 = '' OR source_path = $5)";
        let cancel = format!("{CANCEL} AND {of_picker}");
        let look = format!(
            "SELECT {COLUMNS} FROM picks WHERE application_id = $1 AND {of_picker} \
             AND state IN (1, 3) AND source_path <> '' ORDER BY id DESC LIMIT $2"
        );
        let picker = picker_hash(Some(&asked.picker_session_id));
        let bind = |sql: String, number: i64| {
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(asked.application_id.0)
                .bind(number)
                .bind(asked.session_hash.clone())
                .bind(picker.clone())
                .bind(path.clone())
        };
        let now = self.clock.now_ms();
        bind(cancel, now).execute(&mut *tx).await?;
        let rows = bind(look, MOST_TOLD).fetch_all(tx).await?;
        rows.iter().map(from_row).collect()
    }

    /// Answers nothing for a key that nobody has used and, without a connection, nobody can use.
    async fn cancel_key(
        &self,
        tx: &mut Tx,
        asked: &Cancellation,
        key: &str,
    ) -> Result<Option<Entry>, PickError> {
        let dedup = dedup_of_key(&asked.session_hash, key);
        if let Some(connection_id) = asked.connection_id {
            // The request may still be on its way, and would else be a pick after all.
            sqlx::query(
                "INSERT INTO picks (application_id, session_hash, connection_id, dedup, \
                 source_path, request, handle, state, error_code, created_at, updated_at, \
                 picker_hash, size) \
                 VALUES ($1, $2, $3, $4, '', '', $5, 3, 'cancelled', $6, $6, $7, $8) \
                 ON CONFLICT (application_id, dedup) DO NOTHING",
            )
            .bind(asked.application_id.0)
            .bind(asked.session_hash.clone())
            .bind(connection_id)
            .bind(dedup.clone())
            .bind(Handle::generate().as_str().to_owned())
            .bind(self.clock.now_ms())
            .bind(picker_hash(Some(&asked.picker_session_id)))
            .bind(UNKNOWN)
            .execute(&mut *tx)
            .await?;
        }
        let cancel = format!("{CANCEL} AND dedup = $3");
        sqlx::query(sqlx::AssertSqlSafe(cancel))
            .bind(asked.application_id.0)
            .bind(self.clock.now_ms())
            .bind(dedup.clone())
            .execute(&mut *tx)
            .await?;
        let sql = format!("SELECT {COLUMNS} FROM picks WHERE application_id = $1 AND dedup = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(asked.application_id.0)
            .bind(dedup)
            .fetch_optional(tx)
            .await?;
        row.as_ref().map(from_row).transpose()
    }

    /// Says that we still take back what a pick of ours has staged that was cancelled, so that nobody
    /// else lets go of its place meanwhile; `false` when it was not cancelled or is ours no more.
    pub async fn linger(&self, id: i64) -> Result<bool, PickError> {
        let me = self.clone();
        self.database
            .reserved()
            .write(move |tx| {
                async move {
                    let (_, until) = me.leases.span();
                    let done = sqlx::query(
                        "UPDATE picks SET lease_until = $1 \
                         WHERE id = $2 AND lease_owner = $3 AND state = 3",
                    )
                    .bind(until)
                    .bind(id)
                    .bind(me.leases.owner().to_owned())
                    .execute(tx)
                    .await?;
                    Ok::<_, PickError>(done.rows_affected() == 1)
                }
                .boxed()
            })
            .await
    }

    /// Lets go of what a cancelled pick has staged, once nothing writes there any more: by the
    /// node that had it, or when its lease has run out. Answers whether that was so; `theirs`
    /// says that what lies at the place is another's.
    pub async fn let_go(&self, id: i64, theirs: bool) -> Result<bool, PickError> {
        let me = self.clone();
        self.database
            .write(move |tx| {
                async move {
                    let now = me.clock.now_ms();
                    let ours = sqlx::query(
                        "UPDATE picks SET lease_until = 0 WHERE id = $1 AND state = 3 \
                         AND (lease_owner = $2 OR lease_until < $3)",
                    )
                    .bind(id)
                    .bind(me.leases.owner().to_owned())
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
                    if ours.rows_affected() == 0 {
                        return Ok(false);
                    }
                    me.leases.vacate(tx, id, theirs).await?;
                    Ok::<_, PickError>(true)
                }
                .boxed()
            })
            .await
    }

    /// Cancelled picks whose node died before it let go of their places.
    pub async fn left_behind(&self, limit: i64) -> Result<Vec<Entry>, PickError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM picks WHERE state = 3 AND storage_key <> '' \
             AND lease_until < $1 ORDER BY lease_until LIMIT $2"
        );
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.clock.now_ms())
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(from_row).collect()
    }
}

/// What this owner has staged for cancelled picks is the next one's to take back.
pub(super) async fn hand_over(tx: &mut Tx, owner: String) -> Result<(), PickError> {
    sqlx::query(
        "UPDATE picks SET lease_until = 0 \
         WHERE lease_owner = $1 AND state = 3 AND storage_key <> ''",
    )
    .bind(owner)
    .execute(tx)
    .await?;
    Ok(())
}
