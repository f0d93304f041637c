//! The catalog's database: connections, migrations, transactions.
//!
//! SQLite and PostgreSQL stand behind one type. Reads take a connection from a pool; writes are
//! given as a closure that runs inside one transaction. On PostgreSQL that is a transaction of
//! a pooled connection; on SQLite all writes pass through one task that commits many at once
//! (`writer.rs`). It also tells the time by which several nodes agree (`shared_clock.rs`) and
//! which of them does what only one may do (`duty.rs`). Knows no other table's meaning.
//!
//! Uses `clock`. Used by every room that keeps something.

mod duty;
mod error;
mod migrate;
mod postgres;
mod settings;
mod shared_clock;
mod writer;

use std::path::Path;

use futures_util::future::BoxFuture;
use sqlx::Any;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;

pub use duty::Duty;
pub use error::DatabaseError;
pub use settings::Settings;
pub use sqlx::AnyConnection as Tx;

use writer::Writer;

/// Which of the two databases answers; for the few statements that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// What makes a SELECT lock its rows and pass over those that somebody holds, to stand at its
    /// end. SQLite has one writer, so nobody holds any.
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// How the pool of connections stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Connections that are open.
    pub open: u32,
    /// Of these, those that nobody uses.
    pub idle: usize,
}

/// The database, opened and migrated; cheap to clone.
#[derive(Clone)]
pub struct Database {
    readers: sqlx::AnyPool,
    writer: Writer,
    /// PostgreSQL: connections that requests do not get.
    reserved: Option<sqlx::AnyPool>,
    dialect: Dialect,
}

impl Database {
    /// Opens the database and brings its tables up to date.
    ///
    /// Must be called on the runtime that will do the work: connections belong to it.
    ///
    /// # Errors
    /// When the address is not understood, the database does not answer, or a migration fails.
    pub async fn open(settings: &Settings, data_dir: &Path) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let (url, dialect) = address(settings, data_dir)?;
        match dialect {
            Dialect::Sqlite => Self::open_sqlite(&url, settings).await,
            Dialect::Postgres => Self::open_postgres(&url, settings).await,
        }
    }

    async fn open_sqlite(path: &str, settings: &Settings) -> Result<Self, DatabaseError> {
        let pool = |mode: &'static str, most: u32| {
            let options = AnyPoolOptions::new()
                .max_connections(most)
                .acquire_timeout(settings.acquire_timeout)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .after_connect(|connection, _| Box::pin(set_pragmas(connection)));
            let url = format!("sqlite:{path}?mode={mode}");
            async move { options.connect(&url).await }
        };
        // The writer comes first: it makes the file and turns on the write-ahead log, without
        // which a read-only connection cannot open it.
        let writers = pool("rwc", 1).await?;
        migrate::run(&writers, Dialect::Sqlite).await?;
        let readers = pool("ro", settings.max_connections.clamp(1, 8)).await?;
        let writer = Writer::grouped(writers);
        Ok(Self {
            readers,
            writer,
            reserved: None,
            dialect: Dialect::Sqlite,
        })
    }

    async fn open_postgres(url: &str, settings: &Settings) -> Result<Self, DatabaseError> {
        let postgres::Pools { shared, reserved } = postgres::open(url, settings).await?;
        Ok(Self {
            writer: Writer::pooled(shared.clone()),
            readers: shared,
            reserved: Some(reserved),
            dialect: Dialect::Postgres,
        })
    }

    /// The same database by the connections that are kept for deliveries and for the look whether
    /// all is well, so that no crowd of requests can keep these waiting. On SQLite writes pass
    /// through one task in their order and reads are short: there is nothing to reserve.
    #[must_use]
    pub fn reserved(&self) -> Self {
        let mut same = self.clone();
        if let Some(reserved) = &self.reserved {
            same.readers = reserved.clone();
            same.writer = Writer::pooled(reserved.clone());
        }
        same
    }

    /// Which database answers.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A connection to read with. Give it back soon: there are few.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when none came free in time.
    pub async fn read(&self) -> Result<PoolConnection<Any>, DatabaseError> {
        Ok(self.readers.acquire().await?)
    }

    /// Runs `job` in one transaction and answers when it is durable.
    ///
    /// An `Err` from the job rolls back all it did. The job may run beside others in one commit,
    /// so it must do nothing slow but SQL. When this answers `Ok`, the disk holds it.
    ///
    /// # Errors
    /// The job's own error, or a [`DatabaseError`] turned into it when the commit failed.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// How many connections there are, those that are reserved left out. (On SQLite: readers;
    /// there is one writer beside them.)
    pub fn usage(&self) -> Usage {
        Usage {
            open: self.readers.size(),
            idle: self.readers.num_idle(),
        }
    }

    /// What time it is for the database, in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when it does not answer.
    pub async fn now_ms(&self) -> Result<i64, DatabaseError> {
        let mut connection = self.read().await?;
        self.now_on(&mut connection).await
    }

    async fn now_on(&self, connection: &mut Tx) -> Result<i64, DatabaseError> {
        let sql = match self.dialect {
            Dialect::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)",
            // Not now(): that is when the transaction began.
            Dialect::Postgres => {
                "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)"
            }
        };
        let (now,): (i64,) = sqlx::query_as(sql).fetch_one(connection).await?;
        Ok(now)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when it does not.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        let mut connection = self.read().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        Ok(())
    }

    /// Ends the writer and closes all connections; what was accepted is committed first.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
        if let Some(reserved) = &self.reserved {
            reserved.close().await;
        }
    }
}

/// Durable commits (`FULL`): an event that was reported must survive a power cut.
async fn set_pragmas(connection: &mut Tx) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA busy_timeout = 10000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -8000",
    ] {
        // Setting the journal mode is refused on a read-only connection, where the writer has
        // already set it.
        let done = sqlx::query(pragma).execute(&mut *connection).await;
        if let Err(error) = done
            && !pragma.contains("journal_mode")
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Reads the address: a path for SQLite, a URL for PostgreSQL.
fn address(settings: &Settings, data_dir: &Path) -> Result<(String, Dialect), DatabaseError> {
    let url = settings.url.trim();
    if url.is_empty() {
        let file = data_dir.join("longshore.db");
        return Ok((file.to_string_lossy().into_owned(), Dialect::Sqlite));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((url.to_owned(), Dialect::Postgres));
    }
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            Ok((path.to_owned(), Dialect::Sqlite))
        }
        None => Err(DatabaseError::Address),
    }
}

/// Whether the settings name a database that could be opened; asks nobody.
///
/// # Errors
/// [`DatabaseError::Address`] for an address that is not understood, [`DatabaseError::Limits`]
/// for numbers that contradict each other.
pub fn check(settings: &Settings) -> Result<(), DatabaseError> {
    match address(settings, Path::new(""))? {
        (_, Dialect::Sqlite) => Ok(()),
        (_, Dialect::Postgres) => settings.check(),
    }
}

/// A short word for what is used, for the line printed at start; never holds a password.
pub fn describe(settings: &Settings, data_dir: &Path) -> String {
    match address(settings, data_dir) {
        Ok((path, Dialect::Sqlite)) => format!("SQLite {path}"),
        Ok((_, Dialect::Postgres)) => "PostgreSQL".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
