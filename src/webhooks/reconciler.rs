//! Keeps the queue true to the record.
//!
//! Every interval it brings into the queue what becomes due within the horizon, and whatever is
//! overdue although nobody has it. When the queue has lost its memory (it has no generation),
//! everything near is brought again, the nearest first; what did not reach it is brought once
//! more, and only if nobody knows what that was the record is looked through. All of that goes
//! in bounded steps that remember where they stopped, and stops where the queue is full: of
//! endpoints that have more in the record than may wait in the queue more is brought whenever
//! half of it is gone. What is known or leased in the queue already is left alone, so doing it
//! once too often does no harm. It never ends on an error.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio_util::sync::CancellationToken;

use super::queue::{Due, HORIZON};
use super::{Room, WebhookError, locked, rows};

/// Rows read at once.
const PAGE: i64 = 2_000;
/// Rows looked at in one step; the next goes on from there.
const STEP: usize = 20_000;
/// How often a full queue is looked at for room.
const LOOK: Duration = Duration::from_millis(500);
/// Endpoints refilled in one step.
const REFILLED: usize = 32;
/// A delivery that was never attempted is fresh for so long after it came about; then it is
/// part of a backlog.
const FRESH_MS: i64 = 120_000;
/// Rows changed in one commit.
const CHUNK: i64 = 512;
/// Windows overlap by this much: a transaction may commit late.
const OVERLAP_MS: i64 = 120_000;
/// Before a shared queue is filled again: time for all nodes to put their leases back.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after a round that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A place in the record, in the order in which deliveries are due: time and id.
type Place = (i64, i64);

/// The beginning of the record.
const BEGINNING: Place = (i64::MIN, 0);

/// Where the next step goes on.
#[derive(Debug, Default)]
struct Progress {
    /// The record is brought from here to there.
    scan: Option<(Place, i64)>,
    /// Everything due before this is in the queue, or will be when the scan has ended.
    loaded_to: i64,
    /// The last overdue delivery looked at.
    swept_to: Place,
    /// When the queue is compared with the record again.
    next_round: Option<Instant>,
}

/// Where bringing deliveries stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Nothing is left.
    AtTheEnd,
    /// Enough for one step.
    At(Place),
    /// The queue has no room.
    Full(Place),
}

/// Reconciles until `stop`.
pub(super) async fn run(room: Arc<Room>, stop: CancellationToken) {
    let mut progress = Progress::default();
    while !stop.is_cancelled() {
        let wait = match step(&room, &mut progress).await {
            Ok(wait) => wait,
            Err(error) => {
                // The queue tells of its troubles itself, once a minute.
                let level = match error {
                    WebhookError::Queue(_) => log::Level::Debug,
                    _ => log::Level::Warn,
                };
                log::log!(
                    level,
                    "webhooks: the queue is not compared with the record: {error}"
                );
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = room.lost.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// One bounded piece of work; answers how long to wait before the next.
async fn step(room: &Arc<Room>, progress: &mut Progress) -> Result<Duration, WebhookError> {
    let now = room.clock.now_ms();
    let horizon = now + HORIZON.as_millis() as i64;
    if !room.has_generation() {
        if !fill(room, progress, horizon).await? {
            return Ok(room.settings.reconcile_interval);
        }
    } else if room.missed.swap(false, Ordering::AcqRel) {
        progress.scan = Some((BEGINNING, horizon));
        progress.loaded_to = horizon;
    }
    resend(room).await?;
    if progress.next_round.is_none_or(|at| at <= Instant::now()) {
        progress.next_round = Some(Instant::now() + room.settings.reconcile_interval);
        let window = (progress.loaded_to.min(now) - OVERLAP_MS, 0);
        let (from, _) = progress.scan.unwrap_or((window, horizon));
        progress.scan = Some((from.min(window), horizon));
        progress.loaded_to = horizon;
        let overdue = now - room.settings.lease().as_millis() as i64 - 30_000;
        progress.swept_to = match load(room, progress.swept_to, overdue, STEP).await? {
            Stopped::AtTheEnd => Place::default(),
            Stopped::At(place) | Stopped::Full(place) => place,
        };
        release_held(room).await?;
        room.spilled.store(true, Ordering::Release);
    }
    let full = go_on(room, progress).await?;
    let spilled = refill(room).await?;
    Ok(match progress.scan {
        Some(_) if !full => Duration::ZERO,
        Some(_) => LOOK,
        None if spilled => LOOK,
        None => progress
            .next_round
            .map_or(PAUSE, |at| at.saturating_duration_since(Instant::now())),
    })
}

/// Goes on with the scan; answers whether it waits for room.
async fn go_on(room: &Arc<Room>, progress: &mut Progress) -> Result<bool, WebhookError> {
    let Some((from, to)) = progress.scan else {
        return Ok(false);
    };
    let stopped = load(room, from, to, STEP).await?;
    progress.scan = match stopped {
        Stopped::AtTheEnd => None,
        Stopped::At(place) | Stopped::Full(place) => Some((place, to)),
    };
    Ok(matches!(stopped, Stopped::Full(_)))
}

/// Fills a queue that has no generation, with what is nearest; the scan brings the rest. One
/// node does it, which it answers; the others find the generation.
async fn fill(
    room: &Arc<Room>,
    progress: &mut Progress,
    horizon: i64,
) -> Result<bool, WebhookError> {
    if !room.queue.begin_filling().await? {
        return Ok(false);
    }
    if room.queue.is_shared() {
        tokio::time::sleep(GRACE).await;
    }
    room.missed.store(false, Ordering::Release);
    progress.scan = Some((BEGINNING, horizon));
    progress.loaded_to = horizon;
    go_on(room, progress).await?;
    room.queue.filled().await?;
    // Until the next claim tells its name: the queue is filled, and once is enough.
    *locked(&room.generation) = Some(Some(String::new()));
    room.bell.notify_one();
    Ok(true)
}

/// Brings what did not reach the queue.
async fn resend(room: &Arc<Room>) -> Result<(), WebhookError> {
    let unsent = std::mem::take(&mut *locked(&room.unsent));
    if unsent.is_empty() {
        return Ok(());
    }
    if let Err(error) = room.put_in(&unsent).await {
        let mut newer = locked(&room.unsent);
        if newer.is_empty() {
            *newer = unsent;
        } else {
            room.mark_missed();
        }
        return Err(error.into());
    }
    room.bell.notify_one();
    Ok(())
}

/// Brings everything due up to `now` into the queue, at once and whatever its generation.
pub(super) async fn load_now(room: &Arc<Room>) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    load(room, BEGINNING, now, usize::MAX).await?;
    Ok(())
}

/// Brings pending deliveries after `from` and up to `to` into the queue, and stops after so many
/// or when it is full.
async fn load(
    room: &Arc<Room>,
    mut from: Place,
    to: i64,
    most: usize,
) -> Result<Stopped, WebhookError> {
    let mut seen = 0;
    loop {
        let page = page(room, from, to).await?;
        let Some(last) = page.last() else {
            return Ok(Stopped::AtTheEnd);
        };
        let added = room.queue.add(&page).await?;
        room.bell.notify_one();
        if added.spilled {
            room.spilled.store(true, Ordering::Release);
        }
        if added.looked_at < page.len() {
            let before = added.looked_at.checked_sub(1).and_then(|at| page.get(at));
            return Ok(Stopped::Full(before.map_or(from, place)));
        }
        from = place(last);
        seen += page.len();
        if seen >= most {
            return Ok(Stopped::At(from));
        }
    }
}

fn place(due: &Due) -> Place {
    (due.at, due.delivery_id)
}

async fn page(room: &Room, from: Place, to: i64) -> Result<Vec<Due>, WebhookError> {
    let mut connection = room.reserved.read().await?;
    let rows = sqlx::query(
        "SELECT id, endpoint_id, next_at, attempts, created_at FROM deliveries WHERE state = 0 \
         AND (next_at, id) > ($1, $2) AND next_at <= $3 ORDER BY next_at, id LIMIT $4",
    )
    .bind(from.0)
    .bind(from.1)
    .bind(to)
    .bind(PAGE)
    .fetch_all(&mut *connection)
    .await?;
    let now = room.clock.now_ms();
    rows.iter().map(|row| Ok(due(row, now)?)).collect()
}

fn due(row: &AnyRow, now: i64) -> Result<Due, sqlx::Error> {
    let (attempts, created_at): (i64, i64) = (row.try_get("attempts")?, row.try_get("created_at")?);
    Ok(Due {
        delivery_id: row.try_get("id")?,
        endpoint_id: row.try_get("endpoint_id")?,
        at: row.try_get("next_at")?,
        fresh: attempts == 0 && created_at > now - FRESH_MS,
    })
}

/// Brings more of endpoints that were noted because the record has more of them than may wait;
/// answers whether some are left.
pub(super) async fn refill(room: &Arc<Room>) -> Result<bool, WebhookError> {
    if !room.spilled.swap(false, Ordering::AcqRel) {
        return Ok(false);
    }
    let spilled = room.queue.take_spilled(REFILLED).await?;
    for endpoint in &spilled.endpoints {
        if let Err(error) = refill_one(room, *endpoint).await {
            // It is no longer noted.
            room.mark_missed();
            return Err(error);
        }
    }
    let left = spilled.left > 0 || !spilled.endpoints.is_empty();
    if left {
        room.spilled.store(true, Ordering::Release);
    }
    Ok(left)
}

async fn refill_one(room: &Arc<Room>, endpoint_id: i64) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    let most = room.settings.queue_capacity_per_endpoint;
    let mut connection = room.reserved.read().await?;
    let rows = sqlx::query(
        "SELECT id, endpoint_id, next_at, attempts, created_at FROM deliveries \
         WHERE endpoint_id = $1 AND state = 0 AND next_at <= $2 ORDER BY next_at, id LIMIT $3",
    )
    .bind(endpoint_id)
    .bind(now + HORIZON.as_millis() as i64)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let due: Vec<Due> = rows
        .iter()
        .map(|row| due(row, now))
        .collect::<Result<_, _>>()?;
    room.put_in(&due).await?;
    room.bell.notify_one();
    if due.len() >= most {
        room.queue.spill(&[endpoint_id]).await?;
    }
    Ok(())
}

/// What an endpoint that is off is owed is held; what a deleted one is owed is cancelled, and
/// what was held for it, too. A bounded number of rows per commit, so that a million of them hold
/// nobody up.
pub(super) async fn put_aside(room: &Arc<Room>, endpoint_id: i64) -> Result<(), WebhookError> {
    put_state_aside(room, endpoint_id, "state = 0", "p.state <> 0").await?;
    put_state_aside(room, endpoint_id, "state = 4", "p.state = 3").await?;
    // A queue that is away forgets later: whoever claims these rows finds that they are aside.
    drop(room.queue.purge(endpoint_id).await);
    Ok(())
}

/// Puts an endpoint's deliveries aside that stand in a state, if the endpoint does in its own.
async fn put_state_aside(
    room: &Arc<Room>,
    endpoint_id: i64,
    stands: &'static str,
    endpoint_stands: &'static str,
) -> Result<(), WebhookError> {
    let sql = format!(
        "SELECT id, next_at FROM deliveries WHERE endpoint_id = $1 AND {stands} \
         AND (next_at, id) > ($2, $3) ORDER BY next_at, id LIMIT $4"
    );
    let mut last = BEGINNING;
    loop {
        let mut connection = room.reserved.read().await?;
        let found: Vec<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql.clone()))
            .bind(endpoint_id)
            .bind(last.0)
            .bind(last.1)
            .bind(CHUNK)
            .fetch_all(&mut *connection)
            .await?;
        drop(connection);
        let Some(&(id, next_at)) = found.last() else {
            return Ok(());
        };
        last = (next_at, id);
        let ids = found.into_iter().map(|(id, _)| id).collect();
        put_these_aside(room, endpoint_id, ids, stands, endpoint_stands).await?;
    }
}

/// What holds for the endpoint is asked with every batch: one that was switched on again
/// meanwhile keeps what it is owed.
async fn put_these_aside(
    room: &Arc<Room>,
    endpoint_id: i64,
    ids: Vec<i64>,
    stands: &'static str,
    endpoint_stands: &'static str,
) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    room.reserved
        .write(move |tx| {
            async move {
                for part in ids.chunks(rows::MOST) {
                    let part = rows::padded(part);
                    let list = rows::placeholders(1, part.len());
                    let (endpoint, at) = (part.len() + 1, part.len() + 2);
                    let sql = format!(
                        "UPDATE deliveries SET updated_at = ${at}, state = (SELECT CASE p.state \
                         WHEN 3 THEN 3 ELSE 4 END FROM endpoints p WHERE p.id = ${endpoint}) \
                         WHERE id IN {list} AND {stands} AND EXISTS (SELECT 1 FROM endpoints p \
                         WHERE p.id = ${endpoint} AND {endpoint_stands})"
                    );
                    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
                    for id in part {
                        query = query.bind(*id);
                    }
                    query.bind(endpoint_id).bind(now).execute(&mut *tx).await?;
                }
                Ok::<_, WebhookError>(())
            }
            .boxed()
        })
        .await
}

/// What is held for endpoints that are on again becomes due now.
pub(super) async fn release_held(room: &Arc<Room>) -> Result<(), WebhookError> {
    loop {
        let mut connection = room.reserved.read().await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT d.id, d.endpoint_id FROM deliveries d JOIN endpoints p \
             ON p.id = d.endpoint_id WHERE d.state = 4 AND p.state = 0 LIMIT $1",
        )
        .bind(CHUNK)
        .fetch_all(&mut *connection)
        .await?;
        drop(connection);
        if rows.is_empty() {
            return Ok(());
        }
        let now = room.clock.now_ms();
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        make_due(room, ids, now, "state = 0", "state = 4").await?;
        let due: Vec<Due> = rows
            .iter()
            .map(|(delivery_id, endpoint_id)| Due {
                delivery_id: *delivery_id,
                endpoint_id: *endpoint_id,
                at: now,
                fresh: false,
            })
            .collect();
        room.add(&due).await;
    }
}

/// Makes deliveries due at `now`, with further changes and under a condition on what they were.
pub(super) async fn make_due(
    room: &Room,
    ids: Vec<i64>,
    now: i64,
    change: &'static str,
    condition: &'static str,
) -> Result<u64, WebhookError> {
    room.reserved
        .write(move |tx| {
            async move {
                let mut changed = 0;
                for part in ids.chunks(rows::MOST) {
                    let part = rows::padded(part);
                    let list = rows::placeholders(1, part.len());
                    let at = part.len() + 1;
                    let sql = format!(
                        "UPDATE deliveries SET {change}, next_at = ${at}, updated_at = ${at} \
                         WHERE id IN {list} AND {condition}"
                    );
                    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
                    for id in part {
                        query = query.bind(*id);
                    }
                    changed += query.bind(now).execute(&mut *tx).await?.rows_affected();
                }
                Ok::<_, WebhookError>(changed)
            }
            .boxed()
        })
        .await
}
