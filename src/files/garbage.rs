//! Objects in storage that no file names, and their removal.
//!
//! Storage and database cannot commit together, so every object passes through this list: it is
//! announced before it is written ([`Garbage::reserve`]), leaves the list in the transaction in
//! which a file comes to name it ([`adopt`]), and returns to it in the transaction in which the
//! file lets go of it ([`discard`]). A crash at any point leaves a row, never a lost object.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sqlx::Row;

use super::{FileError, Settings};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Tx};
use crate::storage::{PROBE, Storage, StorageError, StorageKey};

/// When an object is removed again that the storage would not remove.
const AGAIN: Duration = Duration::from_secs(10);
/// How long an upload may take at most, and a day of grace.
const DRAFT_LIFETIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// How often drafts of dead uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// Rows that one round takes.
const ROUND: u32 = 200;

/// The removal of objects that no file names; cheap to clone.
#[derive(Clone)]
pub struct Garbage {
    database: Database,
    storage: Storage,
    clock: Clock,
    /// How long whoever has taken a row keeps others from it. They may then remove the object a
    /// second time, which does no harm, and forget the row. By then something else may lie under
    /// the key, so nobody begins a removal in the second half of their lease or waits for one
    /// beyond its end.
    removal_lease: Duration,
}

/// An object that is about to be written, and is removed unless a file adopts it in time.
#[derive(Clone, Debug)]
pub struct Reservation {
    id: i64,
}

/// What came of removing an object.
enum Removal {
    Done,
    Refused,
    /// The storage does not answer; the next object would fare no better.
    Away,
}

impl Garbage {
    /// The garbage of this catalog and this storage.
    pub fn new(settings: &Settings, database: Database, storage: Storage, clock: Clock) -> Self {
        Self {
            database,
            storage,
            clock,
            removal_lease: settings.removal_lease,
        }
    }

    /// Announces that an object will be written under `key`. It is removed after `lasts` unless
    /// it was adopted.
    ///
    /// # Errors
    /// [`FileError::BeingRemoved`] while an older object of this key is on its way out.
    pub async fn reserve(
        &self,
        key: &StorageKey,
        lasts: Duration,
    ) -> Result<Reservation, FileError> {
        let key = key.as_str().to_owned();
        let clock = self.clock.clone();
        self.database
            .write(move |tx| async move { hold(tx, &key, clock.now_ms(), lasts).await }.boxed())
            .await
    }

    /// Gives a reservation up: what was written is removed in the next round.
    ///
    /// # Errors
    /// When the database fails; the object is then removed when the reservation lapses.
    pub async fn release(&self, reservation: Reservation) -> Result<(), FileError> {
        let clock = self.clock.clone();
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query("UPDATE garbage SET not_before = $1 WHERE id = $2 AND taken = 0")
                        .bind(clock.now_ms())
                        .bind(reservation.id)
                        .execute(tx)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Removes what is due, at most `limit` objects, and says how many it removed.
    ///
    /// What the storage refuses to remove stays on the list and is tried again later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn collect(&self, limit: u32) -> Result<usize, FileError> {
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        let mut away = false;
        // Before they are taken: by a later moment the lease would seem to last longer.
        let begun = Instant::now();
        for (id, key) in self.take(limit).await? {
            let late = begun.elapsed() >= self.removal_lease / 2;
            let gone = match StorageKey::parse(&key) {
                // A storage that does not answer is not asked two hundred times.
                Ok(_) if away || late => false,
                Ok(key) => match self.remove(&key, begun + self.removal_lease).await {
                    Removal::Done => true,
                    Removal::Refused => false,
                    Removal::Away => {
                        away = true;
                        false
                    }
                },
                // No object can bear such a key.
                Err(_) => true,
            };
            if gone {
                removed.push(id);
            } else {
                kept.push(id);
            }
        }
        let (count, clock) = (removed.len(), self.clock.clone());
        if removed.is_empty() && kept.is_empty() {
            return Ok(0);
        }
        self.database
            .write(move |tx| {
                async move {
                    forget(tx, &removed).await?;
                    // Still taken: a removal that seemed to fail may yet reach the storage.
                    put_off(tx, &kept, clock.now_ms(), AGAIN).await
                }
                .boxed()
            })
            .await?;
        Ok(count)
    }

    /// Removes an object, or stops waiting for it at `until`.
    async fn remove(&self, key: &StorageKey, until: Instant) -> Removal {
        let until = tokio::time::Instant::from_std(until);
        let error = match tokio::time::timeout_at(until, self.storage.delete(key)).await {
            Ok(Ok(())) => return Removal::Done,
            Ok(Err(error)) => error,
            Err(_) => {
                log::warn!("an object was not removed yet: the storage does not answer");
                return Removal::Away;
            }
        };
        log::warn!("an object was not removed yet: {error}");
        match error {
            StorageError::Unavailable { .. } => Removal::Away,
            _ => Removal::Refused,
        }
    }

    /// Removes the drafts of dead overwrites and checks and says how many there were. Other nodes
    /// may be at work, so a draft is dead once it is older than any upload may take.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn sweep(&self) -> Result<usize, StorageError> {
        let begun_before = self.clock.now_ms() - as_ms(DRAFT_LIFETIME);
        let alive = |upload_id: &str| began(upload_id).is_none_or(|at| at >= begun_before);
        self.storage.sweep(alive).await
    }

    /// Removes what is due, again and again; never returns.
    pub async fn keep_collecting(self, every: Duration) {
        let mut swept: Option<Instant> = None;
        loop {
            if swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
                swept = Some(Instant::now());
                if let Err(error) = self.sweep().await {
                    log::warn!("drafts of dead uploads stay for now: {error}");
                }
            }
            match self.collect(ROUND).await {
                // A full round: more is waiting.
                Ok(count) if count >= ROUND as usize => continue,
                Ok(_) => {}
                Err(error) => log::warn!("the garbage was not collected: {error}"),
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Marks what is due as taken, so that no file can adopt it any more.
    async fn take(&self, limit: u32) -> Result<Vec<(i64, String)>, FileError> {
        let (clock, lease) = (self.clock.clone(), self.removal_lease);
        self.database
            .write(move |tx| {
                async move {
                    let now = clock.now_ms();
                    // A key that a file names is not garbage, whatever the list says.
                    sqlx::query(
                        "DELETE FROM garbage WHERE not_before <= $1 AND EXISTS (SELECT 1 FROM \
                         files WHERE files.storage_key = garbage.storage_key AND kind = 0 \
                         AND deleted_at IS NULL)",
                    )
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
                    // Not as NOT EXISTS: PostgreSQL would then read all that is held to save a few
                    // looks by the key.
                    let rows = sqlx::query(
                        "UPDATE garbage SET taken = 1, not_before = $1 WHERE id IN \
                         (SELECT id FROM garbage WHERE not_before <= $2 \
                         AND (SELECT 1 FROM garbage AS held \
                         WHERE held.storage_key = garbage.storage_key AND held.taken = 0 \
                         AND held.not_before > $2 LIMIT 1) IS NULL \
                         ORDER BY not_before LIMIT $3) RETURNING id, storage_key",
                    )
                    .bind(later(now, lease))
                    .bind(now)
                    .bind(i64::from(limit))
                    .fetch_all(&mut *tx)
                    .await?;
                    rows.iter()
                        .map(|row| Ok((row.try_get("id")?, row.try_get("storage_key")?)))
                        .collect()
                }
                .boxed()
            })
            .await
    }
}

fn later(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(as_ms(wait))
}

fn as_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Kinds of drafts that bear the time at which they were begun.
const DATED: [&str; 3] = ["overwrite-", "part-", "join-"];

/// When an overwrite, a part of an upload, the joining of parts or a check of the storage began, in
/// milliseconds, by the id of its draft.
fn began(upload_id: &str) -> Option<i64> {
    if let Some(at) = upload_id.strip_prefix(PROBE) {
        return at.parse().ok();
    }
    let mut dated = DATED
        .iter()
        .filter_map(|kind| upload_id.strip_prefix(*kind));
    let (at, _) = dated.next()?.split_once('-')?;
    at.parse().ok()
}

/// Announces that an object will be written under this key, inside the transaction that says who
/// writes it: until then neither this object nor a predecessor is removed. Ended by [`settle`],
/// [`give_up`] or [`let_go`]; a hold that nobody ends lapses when it has lasted for `lasts`, and
/// then the object is removed unless a file names it.
///
/// # Errors
/// [`FileError::BeingRemoved`] while an older object of this key is on its way out.
pub async fn hold(
    tx: &mut Tx,
    storage_key: &str,
    now_ms: i64,
    lasts: Duration,
) -> Result<Reservation, FileError> {
    // First this, then the look: the other way round a removal could begin between the two.
    sqlx::query("DELETE FROM garbage WHERE storage_key = $1 AND taken = 0")
        .bind(storage_key.to_owned())
        .execute(&mut *tx)
        .await?;
    let taken = sqlx::query("SELECT id FROM garbage WHERE storage_key = $1")
        .bind(storage_key.to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    if taken.is_some() {
        return Err(FileError::BeingRemoved);
    }
    let row =
        sqlx::query("INSERT INTO garbage (storage_key, not_before) VALUES ($1, $2) RETURNING id")
            .bind(storage_key.to_owned())
            .bind(later(now_ms, lasts))
            .fetch_one(&mut *tx)
            .await?;
    Ok(Reservation {
        id: row.try_get("id")?,
    })
}

/// Ends a hold on a key that only its holder can have written: whatever lies there is removed.
///
/// # Errors
/// When the database fails.
pub async fn give_up(tx: &mut Tx, storage_key: &str, now_ms: i64) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE garbage SET not_before = $1 WHERE storage_key = $2 AND taken = 0")
        .bind(now_ms)
        .bind(storage_key.to_owned())
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a hold on a key under which a stranger's object may lie: nothing is removed.
///
/// # Errors
/// When the database fails.
pub async fn let_go(tx: &mut Tx, storage_key: &str, now_ms: i64) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM garbage WHERE storage_key = $1 AND taken = 0 AND not_before > $2")
        .bind(storage_key.to_owned())
        .bind(now_ms)
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes an object off the list, inside the transaction in which a file comes to name it.
///
/// # Errors
/// [`FileError::TookTooLong`] when the reservation has lapsed and the object may be gone.
pub async fn adopt(tx: &mut Tx, reservation: &Reservation) -> Result<(), FileError> {
    let done = sqlx::query("DELETE FROM garbage WHERE id = $1 AND taken = 0")
        .bind(reservation.id)
        .execute(tx)
        .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(FileError::TookTooLong)
    }
}

/// Ends a [`hold`], inside the transaction in which a file comes to name the
/// object.
///
/// # Errors
/// [`FileError::TookTooLong`] when the hold has lapsed and the object may be gone.
pub async fn settle(tx: &mut Tx, storage_key: &str) -> Result<(), FileError> {
    let done = sqlx::query("DELETE FROM garbage WHERE storage_key = $1 AND taken = 0")
        .bind(storage_key.to_owned())
        .execute(&mut *tx)
        .await?;
    let taken = sqlx::query("SELECT id FROM garbage WHERE storage_key = $1 LIMIT 1")
        .bind(storage_key.to_owned())
        .fetch_optional(tx)
        .await?;
    match (done.rows_affected(), taken) {
        (1.., None) => Ok(()),
        _ => Err(FileError::TookTooLong),
    }
}

/// Puts an object on the list, inside the transaction in which its file lets go of it.
///
/// # Errors
/// When the database fails.
pub async fn discard(tx: &mut Tx, storage_key: &str, now_ms: i64) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO garbage (storage_key, not_before) VALUES ($1, $2)")
        .bind(storage_key.to_owned())
        .bind(now_ms)
        .execute(tx)
        .await?;
    Ok(())
}

async fn put_off(tx: &mut Tx, ids: &[i64], now_ms: i64, wait: Duration) -> Result<(), FileError> {
    for id in ids {
        sqlx::query("UPDATE garbage SET not_before = $1 WHERE id = $2")
            .bind(later(now_ms, wait))
            .bind(*id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn forget(tx: &mut Tx, ids: &[i64]) -> Result<(), FileError> {
    for id in ids {
        sqlx::query("DELETE FROM garbage WHERE id = $1")
            .bind(*id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytesize::ByteSize;

    /// Two nodes on one catalog whose removals are leased for so long.
    async fn two_nodes(
        removal_lease: Duration,
        storages: [&crate::storage::Settings; 2],
    ) -> ([Garbage; 2], crate::clock::ClockHand, tempfile::TempDir) {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let delivered = crate::database::Settings::delivered();
        let database = Database::open(&delivered, dir.path()).await.unwrap();
        let (clock, hand) = Clock::by_hand();
        let settings = Settings {
            max_file_size: ByteSize(1),
            removal_lease,
        };
        let node = async |storage| {
            let storage = Storage::open(storage, dir.path()).await.unwrap();
            Garbage::new(&settings, database.clone(), storage, clock.clone())
        };
        let nodes = [node(storages[0]).await, node(storages[1]).await];
        (nodes, hand, dir)
    }

    /// Puts an object on the list that is to be removed at once.
    async fn abandon(garbage: &Garbage, key: &str) {
        let key = StorageKey::parse(key).unwrap();
        let hour = Duration::from_secs(3600);
        let reservation = garbage.reserve(&key, hour).await.unwrap();
        garbage.release(reservation).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_dead_node_was_removing_is_anothers_when_the_lease_has_run_out() {
        let (lease, folder) = (Duration::from_secs(7), crate::storage::Settings::default());
        let ([dead, living], hand, _dir) = two_nodes(lease, [&folder, &folder]).await;
        abandon(&dead, "left").await;
        // It dies between taking and removing.
        assert_eq!(dead.take(10).await.unwrap().len(), 1);
        hand.advance(lease - Duration::from_millis(1));
        assert_eq!(living.collect(10).await.unwrap(), 0);
        hand.advance(Duration::from_millis(1));
        assert_eq!(living.collect(10).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_removal_longer_than_the_lease_lasts() {
        // Takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = crate::storage::Settings {
            url: "s3://bucket".to_owned(),
            s3_endpoint: format!("http://{}", silent.local_addr().unwrap()),
            s3_access_key: "key".to_owned(),
            s3_secret_key: "secret".to_owned(),
            ..Default::default()
        };
        let folder = crate::storage::Settings::default();
        let lease = Duration::from_millis(300);
        let ([waiting, other], hand, _dir) = two_nodes(lease, [&silent, &folder]).await;
        abandon(&waiting, "first").await;
        abandon(&waiting, "second").await;
        let begun = Instant::now();
        assert_eq!(waiting.collect(10).await.unwrap(), 0);
        let waited = begun.elapsed();
        assert!(
            waited >= lease && waited < Duration::from_secs(10),
            "{waited:?}"
        );
        // What it has asked for may yet be done, so others are kept away for a while.
        hand.advance(AGAIN - Duration::from_millis(1));
        assert_eq!(other.collect(10).await.unwrap(), 0);
        hand.advance(Duration::from_millis(1));
        assert_eq!(other.collect(10).await.unwrap(), 2);
    }

    #[test]
    fn a_draft_tells_when_it_was_begun() {
        assert_eq!(
            began("overwrite-1764147000000-abc"),
            Some(1_764_147_000_000)
        );
        assert_eq!(began("part-1764147000000-x"), Some(1_764_147_000_000));
        assert_eq!(began("join-1764147000000-x"), Some(1_764_147_000_000));
        assert_eq!(began("probe-1764147000000"), Some(1_764_147_000_000));
        // A pick's draft is judged by the ledger, not by its age.
        assert_eq!(began("abcdefghij0123456789"), None);
    }
}
