//! The ledger of picks: each is written down before the first byte moves.
//!
//! A pick belongs to the node that holds its lease. A node that dies stops renewing it, and
//! another takes the pick over. Leases go by the clock that all nodes share, read inside the
//! transaction, so that a wait for a connection shortens none.

mod cancelled;

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;

use super::PickError;
use super::progress::picker_hash;
use super::request::{PickRequest, Wanted};
use crate::access::ApplicationId;
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Tx};
use crate::files::Handle;
use crate::files::claims::Ground;
use crate::leases::{Leases, Seen, Table};

/// How a pick stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    ToDo,
    Done,
    Failed,
    Cancelled,
}

/// One pick, as the ledger has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub id: i64,
    pub application_id: ApplicationId,
    pub connection_id: i64,
    pub source_path: String,
    pub request: String,
    pub handle: Handle,
    pub state: State,
    pub attempts: i64,
    pub lease_until: i64,
}

impl Entry {
    /// What was asked for.
    pub fn wanted(&self) -> Result<Wanted, PickError> {
        serde_json::from_str(&self.request)
            .map_err(|_| PickError::Invalid("the pick cannot be read any more".to_owned()))
    }
}

/// The ledger, and which node we are in it.
#[derive(Clone)]
pub(super) struct Ledger {
    database: Database,
    clock: Clock,
    leases: Leases,
}

const TABLE: Table = Table {
    name: "picks",
    at_work: 0,
};

/// In the place of a size that is not known yet.
const UNKNOWN: i64 = -1;

const COLUMNS: &str = "id, application_id, connection_id, source_path, request, handle, state, \
     attempts, lease_until";

impl Ledger {
    pub fn new(database: Database, clock: Clock, lease: Duration) -> Self {
        Self {
            leases: Leases::new(TABLE, lease, database.clone(), clock.clone()),
            database,
            clock,
        }
    }

    /// Writes a pick down, leased to us; or finds the one that this request repeats.
    pub async fn open(
        &self,
        request: &PickRequest,
        wanted: &Wanted,
        dedup: &str,
    ) -> Result<(Entry, bool), PickError> {
        let text = serde_json::json!(wanted).to_string();
        let handle = Handle::generate();
        let (me, request) = (self.clone(), request.clone());
        let picker = picker_hash(request.picker_session_id.as_deref());
        let dedup = dedup.to_owned();
        self.database
            .write(move |tx| {
                async move {
                    let (now, until) = me.leases.span();
                    let added = sqlx::query(
                        "INSERT INTO picks (application_id, session_hash, connection_id, dedup, \
                         source_path, request, handle, attempts, lease_owner, lease_until, \
                         created_at, updated_at, picker_hash, size) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $10, $11, $12) \
                         ON CONFLICT (application_id, dedup) DO NOTHING",
                    )
                    .bind(request.application.id.0)
                    .bind(request.session_hash)
                    .bind(request.connection_id)
                    .bind(dedup.clone())
                    .bind(request.path.clone())
                    .bind(text.clone())
                    .bind(handle.as_str().to_owned())
                    .bind(me.leases.owner().to_owned())
                    .bind(until)
                    .bind(now)
                    .bind(picker)
                    .bind(UNKNOWN)
                    .execute(&mut *tx)
                    .await?;
                    let entry = find(tx, request.application.id, &dedup).await?;
                    let fresh = added.rows_affected() == 1;
                    // Of a pick that was cancelled before it came nothing is known but its key.
                    let known = !fresh && entry.state != State::Cancelled;
                    if known && (entry.request != text || entry.source_path != request.path) {
                        return Err(PickError::OtherRequest);
                    }
                    Ok((entry, fresh))
                }
                .boxed()
            })
            .await
    }

    /// Takes over a pick whose lease has run out, or that failed and is asked for again.
    /// Answers whether it is ours now.
    pub async fn take_over(&self, entry: &Entry) -> Result<bool, PickError> {
        let (me, id) = (self.clone(), entry.id);
        let seen = Seen {
            id,
            state: match entry.state {
                State::Failed => 2,
                _ => TABLE.at_work,
            },
            attempts: entry.attempts,
            lease_until: entry.lease_until,
        };
        // A failed pick that is asked for again starts counting anew.
        let attempts = match entry.state {
            State::Failed => 1,
            _ => entry.attempts + 1,
        };
        self.database
            .write(move |tx| {
                async move {
                    if !me.leases.take(tx, seen, attempts).await? {
                        return Ok(false);
                    }
                    sqlx::query("UPDATE picks SET updated_at = $1 WHERE id = $2")
                        .bind(me.clock.now_ms())
                        .bind(id)
                        .execute(tx)
                        .await?;
                    Ok::<_, PickError>(true)
                }
                .boxed()
            })
            .await
    }

    /// Says that we still work on a pick, and how far we are; `false` when it is ours no more.
    pub async fn renew(&self, id: i64, copied: u64, size: Option<u64>) -> Result<bool, PickError> {
        let copied = i64::try_from(copied).unwrap_or(i64::MAX);
        let size = size.map_or(UNKNOWN, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let numbers = vec![self.clock.now_ms(), copied, size];
        let also = &["updated_at", "copied", "size"];
        Ok(self.leases.renew(id, also, numbers).await?)
    }

    /// Marks a pick as done, inside the transaction that records its file and event.
    ///
    /// # Errors
    /// [`PickError::LeaseLost`] takes that transaction back: another node has the pick.
    pub async fn finish(
        &self,
        tx: &mut Tx,
        id: i64,
        size: u64,
        rev: &str,
    ) -> Result<(), PickError> {
        let done = sqlx::query(
            "UPDATE picks SET state = 1, updated_at = $1, size = $2, copied = $2, \
             source_rev = $3, error_code = '', error_message = '' \
             WHERE id = $4 AND lease_owner = $5 AND state = 0",
        )
        .bind(self.clock.now_ms())
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .bind(rev.to_owned())
        .bind(id)
        .bind(self.leases.owner().to_owned())
        .execute(tx)
        .await
        .map_err(DatabaseError::from)?;
        if done.rows_affected() == 1 {
            Ok(())
        } else {
            Err(PickError::LeaseLost)
        }
    }

    /// Marks a pick as failed; `false` when it is ours no more or has ended otherwise. What it may
    /// have stored under a key of its own is left to the garbage, so that a store which is away
    /// just now keeps nothing.
    pub async fn fail(&self, id: i64, error: &PickError) -> Result<bool, PickError> {
        let (code, message) = (error.code(), error.to_string());
        // What is found there may have come between our look and our writing: it stays.
        let theirs = matches!(error, PickError::PathTaken);
        let me = self.clone();
        self.database
            .write(move |tx| {
                async move {
                    let now = me.clock.now_ms();
                    let done = sqlx::query(
                        "UPDATE picks SET state = 2, updated_at = $1, error_code = $2, \
                         error_message = $3 WHERE id = $4 AND lease_owner = $5 AND state = 0",
                    )
                    .bind(now)
                    .bind(code.to_owned())
                    .bind(message)
                    .bind(id)
                    .bind(me.leases.owner().to_owned())
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() == 0 {
                        return Ok(false);
                    }
                    me.leases.vacate(tx, id, theirs).await?;
                    Ok::<_, PickError>(true)
                }
                .boxed()
            })
            .await
    }

    /// Writes down where a pick's object is to lie, before anything lies there, and holds the
    /// place until then. A key without a handle in it could be another's, so it is claimed and
    /// marked. Answers what may lie there.
    ///
    /// # Errors
    /// [`PickError::LeaseLost`] when another node has the pick, [`PickError::PathTaken`] when
    /// another file has the place or while an older object of this key is on its way out.
    pub async fn place(&self, id: i64, key: &str, shared: bool) -> Result<Ground, PickError> {
        Ok(self.leases.place(id, key, shared).await?)
    }

    /// Notes that nothing lay at the plain path that a pick has claimed, before anything of the
    /// pick's lies there.
    ///
    /// # Errors
    /// [`PickError::LeaseLost`] when another node has the pick.
    pub async fn found_vacant(&self, id: i64, key: &str) -> Result<(), PickError> {
        Ok(self.leases.found_vacant(id, key).await?)
    }

    /// Picks whose lease has run out, oldest first.
    pub async fn abandoned(&self, limit: i64) -> Result<Vec<Entry>, PickError> {
        let rows = self.leases.abandoned(COLUMNS, limit).await?;
        rows.iter().map(from_row).collect()
    }

    /// What a session has under way in one picker, oldest first: id, path, bytes copied, size.
    pub async fn of_picker(
        &self,
        session_hash: &str,
        picker: &str,
        limit: i64,
    ) -> Result<Vec<(i64, String, u64, Option<u64>)>, PickError> {
        let mut connection = self.database.read().await?;
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(
            "SELECT id, source_path, copied, size FROM picks WHERE session_hash = $1 \
             AND picker_hash = $2 AND picker_hash <> '' AND state = 0 ORDER BY id LIMIT $3",
        )
        .bind(session_hash)
        .bind(picker)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
        let told = |(id, path, copied, size)| {
            let copied = u64::try_from(copied).unwrap_or(0);
            (id, path, copied, u64::try_from(size).ok())
        };
        Ok(rows.into_iter().map(told).collect())
    }

    /// The pick with this id as it stands now.
    pub async fn look(&self, id: i64) -> Result<Entry, PickError> {
        let sql = format!("SELECT {COLUMNS} FROM picks WHERE id = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&mut *connection)
            .await?;
        from_row(&row)
    }

    /// Handles of picks that are under way anywhere: their leftovers in storage are not waste.
    pub async fn under_way(&self) -> Result<std::collections::HashSet<String>, PickError> {
        let mut connection = self.database.read().await?;
        let rows = sqlx::query("SELECT handle FROM picks WHERE state = 0")
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("handle")?)).collect()
    }

    /// Gives up what we hold, so that another node need not wait for the leases to run out.
    pub async fn hand_over(&self) -> Result<(), PickError> {
        let me = self.clone();
        self.database
            .write(move |tx| {
                async move {
                    me.leases.hand_over(tx).await?;
                    cancelled::hand_over(tx, me.leases.owner().to_owned()).await?;
                    Ok::<_, PickError>(())
                }
                .boxed()
            })
            .await
    }

    /// A third of the lease: how often it is renewed.
    pub fn renewal(&self) -> Duration {
        self.leases.renewal()
    }
}

async fn find(tx: &mut Tx, application: ApplicationId, dedup: &str) -> Result<Entry, PickError> {
    let sql = format!("SELECT {COLUMNS} FROM picks WHERE application_id = $1 AND dedup = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(application.0)
        .bind(dedup.to_owned())
        .fetch_one(tx)
        .await?;
    from_row(&row)
}

fn from_row(row: &sqlx::any::AnyRow) -> Result<Entry, PickError> {
    Ok(Entry {
        id: row.try_get("id")?,
        application_id: ApplicationId(row.try_get("application_id")?),
        connection_id: row.try_get("connection_id")?,
        source_path: row.try_get("source_path")?,
        request: row.try_get("request")?,
        handle: Handle::parse(&row.try_get::<String, _>("handle")?)?,
        state: match row.try_get::<i64, _>("state")? {
            0 => State::ToDo,
            1 => State::Done,
            2 => State::Failed,
            _ => State::Cancelled,
        },
        attempts: row.try_get("attempts")?,
        lease_until: row.try_get("lease_until")?,
    })
}
