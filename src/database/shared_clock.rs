//! The time that all nodes share: the database's.
//!
//! Leases and due times are written by one node and compared by another, so they must not go by
//! the nodes' own clocks: one that is a minute ahead would take what another still holds. On
//! PostgreSQL every node therefore tells the server's time, as it was read a moment ago and has
//! gone on since by the machine's monotonic clock. What somebody does to a node's clock is not
//! noticed. SQLite serves one machine, whose clock is everybody's.
//!
//! A reading counts from the moment at which it arrived, so a node is behind the server by what
//! the answer took to travel, and never ahead: whoever is frozen or slow believes a lease to last
//! longer than it does and takes nothing too early.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::{Database, DatabaseError, Dialect};
use crate::clock::{Clock, from_ms};

/// How often the server's clock is read. Monotonic clocks are off by less than a second in an
/// hour; it is the server's own clock that may be set.
const READ_EVERY: Duration = Duration::from_secs(10);
/// A reading that took longer says too little: the one before is better.
const SLOWEST: Duration = Duration::from_millis(500);

/// How far the server's time is from the monotonic clock.
struct Reading {
    began: Instant,
    /// The server's time at `began`, in milliseconds since the epoch.
    offset_ms: AtomicI64,
}

impl Reading {
    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn now_ms(&self) -> i64 {
        let offset = self.offset_ms.load(Ordering::Relaxed);
        offset.saturating_add(self.elapsed_ms())
    }

    fn set(&self, server_ms: i64) {
        let offset = server_ms.saturating_sub(self.elapsed_ms());
        self.offset_ms.store(offset, Ordering::Relaxed);
    }
}

impl Database {
    /// The clock by which leases and due times go: the server's on PostgreSQL, `own` on SQLite
    /// and where that is moved by hand. It is followed on the current runtime for as long as
    /// anybody has the clock.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the server does not tell the time at the start; later
    /// failures leave the clock going by the last reading.
    pub async fn shared_clock(&self, own: Clock) -> Result<Clock, DatabaseError> {
        if self.dialect == Dialect::Sqlite || own.is_by_hand() {
            return Ok(own);
        }
        let reading = Arc::new(Reading {
            began: Instant::now(),
            offset_ms: AtomicI64::new(0),
        });
        let (server_ms, _) = self.read_clock().await?;
        reading.set(server_ms);
        let (database, followed) = (self.reserved(), Arc::downgrade(&reading));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(READ_EVERY).await;
                let read = database.read_clock().await;
                let Some(reading) = followed.upgrade() else {
                    return;
                };
                match read {
                    Ok((server_ms, took)) if took <= SLOWEST => reading.set(server_ms),
                    Ok(_) => {}
                    Err(_) if database.readers.is_closed() => return,
                    Err(error) => log::debug!("the database's clock was not read: {error}"),
                }
            }
        });
        Ok(Clock::reading(move || from_ms(reading.now_ms())))
    }

    /// The server's time, and how long the answer took.
    async fn read_clock(&self) -> Result<(i64, Duration), DatabaseError> {
        let mut connection = self.read().await?;
        let asked = Instant::now();
        let now = self.now_on(&mut connection).await?;
        Ok((now, asked.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_by_itself_and_takes_what_the_server_says_next() {
        let reading = Reading {
            began: Instant::now(),
            offset_ms: AtomicI64::new(0),
        };
        reading.set(5_000_000);
        assert!((5_000_000..5_010_000).contains(&reading.now_ms()));
        // A server that is set back is followed, too: all nodes do.
        reading.set(1_000_000);
        assert!((1_000_000..1_010_000).contains(&reading.now_ms()));
    }
}
