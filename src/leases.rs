//! Work that is written down in a table and leased to the node that does it.
//!
//! A node says again and again that it is still at work. One that dies stops saying so, and another
//! takes its work over. Leases go by the clock that all nodes share, read inside the transaction,
//! so that a wait for a connection shortens none. The count of attempts is the fence: of two nodes
//! that try to take the same work, one finds it changed.
//!
//! The tables have in common what is needed for that (`id`, `state`, `attempts`, `lease_owner`,
//! `lease_until`) and where the object will lie that comes of the work (`handle`, `storage_key`).
//! What else a row says is the business of the ledger that keeps it.
//!
//! Uses `clock`, `database`, `access`, `files`. Used by `picking`, `uploading`.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::access::random_name;
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Tx};
use crate::files::claims::{self, Ground, Place};
use crate::files::{FileError, Handle};

/// How long a key is held for an object that is being made at most.
pub const HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why work cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It is another node's now.
    #[error("another node has this work")]
    Lost,
    /// Its object cannot lie there.
    #[error("{0}")]
    Place(FileError),
    /// The database said no.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for LeaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<FileError> for LeaseError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Database(error) => Self::Database(error),
            other => Self::Place(other),
        }
    }
}

/// Where work is written down.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The state of a row that is worked on.
    pub at_work: i64,
}

/// A row as it was when somebody looked.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Which one.
    pub id: i64,
    /// How it stood.
    pub state: i64,
    /// How often it had been taken.
    pub attempts: i64,
    /// Until when it was leased, in milliseconds since the epoch.
    pub lease_until: i64,
}

/// The leases of one table, and which node we are in it; cheap to clone.
#[derive(Clone)]
pub struct Leases {
    database: Database,
    clock: Clock,
    /// Names this process among all that share the database.
    owner: String,
    lasts: Duration,
    table: Table,
}

impl Leases {
    /// Leases of this table, each for so long.
    pub fn new(table: Table, lasts: Duration, database: Database, clock: Clock) -> Self {
        Self {
            database,
            clock,
            owner: random_name(16),
            lasts,
            table,
        }
    }

    /// Who we are.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Now, and until when a lease lasts that begins now, in milliseconds since the epoch.
    pub fn span(&self) -> (i64, i64) {
        let (now, lasts) = (self.clock.now_ms(), self.lasts.as_millis());
        let until = now.saturating_add(i64::try_from(lasts).unwrap_or(i64::MAX));
        (now, until)
    }

    /// A third of the lease: how often it is renewed.
    pub fn renewal(&self) -> Duration {
        (self.lasts / 3).max(Duration::from_millis(50))
    }

    /// Takes a row as its `attempts`th try, inside a transaction, if it is as it was seen; answers
    /// whether it is ours now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(
        &self,
        tx: &mut Tx,
        seen: Seen,
        attempts: i64,
    ) -> Result<bool, DatabaseError> {
        let Table { name, at_work } = self.table;
        let sql = format!(
            "UPDATE {name} SET lease_owner = $1, lease_until = $2, attempts = $3, \
             state = {at_work} \
             WHERE id = $4 AND attempts = $5 AND lease_until = $6 AND state = $7"
        );
        let taken = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.owner.clone())
            .bind(self.span().1)
            .bind(attempts)
            .bind(seen.id)
            .bind(seen.attempts)
            .bind(seen.lease_until)
            .bind(seen.state)
            .execute(tx)
            .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Says that we are still at work, and sets a few numbers of the row by the way; `false` when
    /// it is ours no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(
        &self,
        id: i64,
        also: &'static [&'static str],
        numbers: Vec<i64>,
    ) -> Result<bool, LeaseError> {
        let Table { name, at_work } = self.table;
        let mut set = String::new();
        for (place, column) in (4..).zip(also) {
            set += &format!(", {column} = ${place}");
        }
        let sql = format!(
            "UPDATE {name} SET lease_until = $1{set} \
             WHERE id = $2 AND lease_owner = $3 AND state = {at_work}"
        );
        let me = self.clone();
        // By connections that no crowd of requests can take: a crowd costs nobody a lease.
        self.database
            .reserved()
            .write(move |tx| {
                async move {
                    let mut renewed = sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(me.span().1)
                        .bind(id)
                        .bind(me.owner);
                    for number in numbers {
                        renewed = renewed.bind(number);
                    }
                    Ok(renewed.execute(tx).await?.rows_affected() == 1)
                }
                .boxed()
            })
            .await
    }

    /// Rows whose lease has run out, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn abandoned(
        &self,
        columns: &'static str,
        limit: i64,
    ) -> Result<Vec<AnyRow>, DatabaseError> {
        let Table { name, at_work } = self.table;
        let sql = format!(
            "SELECT {columns} FROM {name} WHERE state = {at_work} AND lease_until < $1 \
             ORDER BY lease_until LIMIT $2"
        );
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.clock.now_ms())
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        Ok(rows)
    }

    /// Gives up what we hold, inside a transaction, so that another node need not wait for the
    /// leases to run out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hand_over(&self, tx: &mut Tx) -> Result<(), DatabaseError> {
        let Table { name, at_work } = self.table;
        // The attempt is not counted: we stopped, the work did not fail.
        let sql = format!(
            "UPDATE {name} SET lease_until = 0, attempts = attempts - 1 \
             WHERE lease_owner = $1 AND state = {at_work}"
        );
        let given_up = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.owner.clone());
        given_up.execute(tx).await?;
        Ok(())
    }

    /// Writes down where the object is to lie, before anything lies there, and holds the place. A
    /// key without a handle in it (`shared`) could be another's, so it is claimed and marked.
    /// Answers what may lie there.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when another node has the row, [`LeaseError::Place`] when another file
    /// has the place or while an older object of this key is on its way out.
    pub async fn place(&self, id: i64, key: &str, shared: bool) -> Result<Ground, LeaseError> {
        let Table { name, at_work } = self.table;
        let sql = format!(
            "UPDATE {name} SET storage_key = $1 \
             WHERE id = $2 AND lease_owner = $3 AND state = {at_work}"
        );
        let (key, me) = (key.to_owned(), self.clone());
        self.database
            .write(move |tx| {
                async move {
                    let now = me.clock.now_ms();
                    let before = me.placed(tx, id).await?;
                    let place = before.moved(&key, shared);
                    let ours = sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(place.kept().to_owned())
                        .bind(id)
                        .bind(me.owner)
                        .execute(&mut *tx)
                        .await?;
                    if ours.rows_affected() == 0 {
                        return Err(LeaseError::Lost);
                    }
                    Ok(place.take(tx, &before, now, HOLD).await?)
                }
                .boxed()
            })
            .await
    }

    /// Notes that nothing lay at the plain path that was claimed, before anything of ours lies
    /// there.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when another node has the row.
    pub async fn found_vacant(&self, id: i64, key: &str) -> Result<(), LeaseError> {
        let Table { name, at_work } = self.table;
        let sql = format!(
            "SELECT 1 FROM {name} WHERE id = $1 AND lease_owner = $2 AND state = {at_work}"
        );
        let (key, me) = (key.to_owned(), self.clone());
        self.database
            .write(move |tx| {
                async move {
                    let ours = sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(id)
                        .bind(me.owner.clone())
                        .fetch_optional(&mut *tx)
                        .await?;
                    let place = me.placed(tx, id).await?;
                    let noted = claims::vacate(tx, &key, place.handle()).await?;
                    match ours {
                        Some(_) if noted => Ok(()),
                        _ => Err(LeaseError::Lost),
                    }
                }
                .boxed()
            })
            .await
    }

    /// Lets go of the place of a row, inside the transaction in which its work came to nothing.
    /// What was stored there is left to the garbage, so that a store which is away just now keeps
    /// nothing; `theirs` says that another's was found there, which stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vacate(&self, tx: &mut Tx, id: i64, theirs: bool) -> Result<(), LeaseError> {
        let now = self.clock.now_ms();
        let place = self.placed(tx, id).await?;
        place.vacate(tx, now, theirs).await?;
        let name = self.table.name;
        let sql = format!("UPDATE {name} SET storage_key = '' WHERE id = $1");
        let vacated = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id);
        vacated.execute(tx).await?;
        Ok(())
    }

    /// Where the object is to lie, as it is written down.
    async fn placed(&self, tx: &mut Tx, id: i64) -> Result<Place, LeaseError> {
        let name = self.table.name;
        let sql = format!("SELECT storage_key, handle FROM {name} WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(tx)
            .await?;
        let handle = Handle::parse(&row.try_get::<String, _>("handle")?)?;
        Ok(Place::of(row.try_get("storage_key")?, handle))
    }
}
