//! The way every write takes.
//!
//! SQLite allows one writer. Many connections that fight for that place starve each other for
//! seconds, so one task owns it: it takes up to [`GROUP`] waiting jobs, runs each in a savepoint
//! and commits them together. One sync to the disk then serves many callers, and a job that
//! fails takes back only its own work. On PostgreSQL a job is simply a transaction.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Any, Connection};
use tokio::sync::{mpsc, oneshot};

use super::{DatabaseError, Tx};

/// Jobs that share one commit at most.
const GROUP: usize = 64;
/// Jobs that wait for the writer at most; then callers wait before they are queued.
const WAITING: usize = 1024;

#[derive(Clone)]
pub(super) enum Writer {
    /// SQLite: one task, many jobs per commit.
    Grouped(mpsc::Sender<Box<dyn Job>>, sqlx::AnyPool),
    /// PostgreSQL: a transaction per job.
    Pooled(sqlx::AnyPool),
}

/// A write that waits for its turn.
pub(super) trait Job: Send {
    /// Does the work; `false` means that it must be taken back.
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> BoxFuture<'c, bool>;
    /// Tells the caller, once the commit has been tried.
    fn finish(self: Box<Self>, committed: Result<(), DatabaseError>);
}

struct Pending<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Pending<T, E, F>
where
    F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send,
    T: Send,
    E: From<DatabaseError> + Send,
{
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> BoxFuture<'c, bool> {
        async move {
            let Some(work) = self.work.take() else {
                return false;
            };
            // A panic in one job must not end the task that all writes pass through.
            let result = AssertUnwindSafe(async { work(tx).await })
                .catch_unwind()
                .await;
            let result = result.unwrap_or_else(|_| {
                Err(DatabaseError::Fault("a write came to a sudden end".to_owned()).into())
            });
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        }
        .boxed()
    }

    fn finish(self: Box<Self>, committed: Result<(), DatabaseError>) {
        let result = match (self.result, committed) {
            (Some(Ok(_)) | None, Err(error)) => Err(error.into()),
            (Some(result), _) => result,
            (None, Ok(())) => Err(DatabaseError::Unavailable("not run".to_owned()).into()),
        };
        // The caller may have gone; the write stands all the same.
        drop(self.reply.send(result));
    }
}

impl Writer {
    pub(super) fn grouped(pool: sqlx::AnyPool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write_groups(pool.clone(), receiver));
        Self::Grouped(sender, pool)
    }

    pub(super) fn pooled(pool: sqlx::AnyPool) -> Self {
        Self::Pooled(pool)
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        match self {
            Self::Grouped(sender, _) => {
                let (reply, answer) = oneshot::channel();
                let job = Box::new(Pending {
                    work: Some(work),
                    result: None,
                    reply,
                });
                let gone = || E::from(DatabaseError::Unavailable("it is closing".to_owned()));
                sender.send(job).await.map_err(|_| gone())?;
                answer.await.map_err(|_| gone())?
            }
            Self::Pooled(pool) => {
                let mut transaction = pool.begin().await.map_err(DatabaseError::from)?;
                let value = work(&mut transaction).await?;
                transaction.commit().await.map_err(DatabaseError::from)?;
                Ok(value)
            }
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Grouped(_, pool) | Self::Pooled(pool) => pool.close().await,
        }
    }
}

async fn write_groups(pool: sqlx::AnyPool, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut group = Vec::with_capacity(GROUP);
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        let committed = match pool.acquire().await {
            Ok(connection) => write_group(connection, &mut group).await,
            Err(error) => Err(DatabaseError::from(error)),
        };
        for job in group.drain(..) {
            job.finish(committed.clone());
        }
    }
}

async fn write_group(
    mut connection: PoolConnection<Any>,
    group: &mut [Box<dyn Job>],
) -> Result<(), DatabaseError> {
    let outcome = try_group(&mut connection, group).await;
    if outcome.is_err() {
        // The connection may still be inside the transaction: a fresh one is safer than a guess.
        let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
        let _ = connection.detach().close().await;
    }
    outcome
}

async fn try_group(tx: &mut Tx, group: &mut [Box<dyn Job>]) -> Result<(), DatabaseError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *tx).await?;
    for job in group.iter_mut() {
        sqlx::query("SAVEPOINT job").execute(&mut *tx).await?;
        let keep = job.run(tx).await;
        if !keep {
            sqlx::query("ROLLBACK TO job").execute(&mut *tx).await?;
        }
        sqlx::query("RELEASE job").execute(&mut *tx).await?;
    }
    sqlx::query("COMMIT").execute(&mut *tx).await?;
    Ok(())
}
