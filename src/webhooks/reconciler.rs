//! Keeps the queue true to the record.
//!
//! Every interval it brings into the queue what becomes due within the horizon, and whatever is
//! overdue although nobody has it. When the queue has lost its memory (it has no generation) or
//! a hint did not reach it, everything near is brought again; what is known or leased there
//! already is left alone, so doing it once too often does no harm. It never ends on an error.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::queue::{Due, HORIZON};
use super::{Room, WebhookError, locked, rows};

/// Rows read at once.
const PAGE: i64 = 2_000;
/// Rows of overdue deliveries looked at in one round; the next goes on from there.
const SWEPT: usize = 50_000;
/// Rows changed in one commit.
const CHUNK: i64 = 512;
/// Windows overlap by this much: a transaction may commit late.
const OVERLAP_MS: i64 = 120_000;
/// Before a shared queue is filled again: time for all nodes to put their leases back.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after a round that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a round goes on.
#[derive(Debug, Default)]
struct Progress {
    /// Everything due before this is in the queue.
    loaded_to: i64,
    /// The last overdue delivery looked at: when it was due, and its id.
    swept_to: (i64, i64),
}

/// Reconciles until `stop`.
pub(super) async fn run(room: Arc<Room>, stop: CancellationToken) {
    let mut progress = Progress::default();
    while !stop.is_cancelled() {
        let wait = match round(&room, &mut progress).await {
            Ok(()) => room.settings.reconcile_interval,
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
                room.mark_missed();
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

async fn round(room: &Arc<Room>, progress: &mut Progress) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    let horizon = now + HORIZON.as_millis() as i64;
    if !room.has_generation() {
        fill(room, horizon).await?;
        progress.loaded_to = horizon;
    } else if room.missed.swap(false, Ordering::AcqRel) {
        load(room, (i64::MIN, 0), horizon, usize::MAX).await?;
        progress.loaded_to = horizon;
    } else {
        let from = progress.loaded_to.min(now) - OVERLAP_MS;
        load(room, (from, 0), horizon, usize::MAX).await?;
        progress.loaded_to = horizon;
        let overdue = now - room.settings.lease().as_millis() as i64 - 30_000;
        let end = load(room, progress.swept_to, overdue, SWEPT).await?;
        progress.swept_to = end.unwrap_or_default();
    }
    release_held(room).await
}

/// Fills a queue that has no generation. One node does it; the others find the generation.
async fn fill(room: &Arc<Room>, horizon: i64) -> Result<(), WebhookError> {
    if !room.queue.begin_filling().await? {
        return Ok(());
    }
    if room.queue.is_shared() {
        tokio::time::sleep(GRACE).await;
    }
    load(room, (i64::MIN, 0), horizon, usize::MAX).await?;
    room.queue.filled().await?;
    // Until the next claim tells its name: the queue is filled, and once is enough.
    *locked(&room.generation) = Some(Some(String::new()));
    room.bell.notify_one();
    Ok(())
}

/// Brings everything due up to `now` into the queue, at once and whatever its generation.
pub(super) async fn load_now(room: &Arc<Room>) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    load(room, (i64::MIN, 0), now, usize::MAX).await?;
    Ok(())
}

/// Brings pending deliveries after `from` and up to `to` into the queue; answers where to go on
/// if there are more than `most`.
async fn load(
    room: &Arc<Room>,
    mut from: (i64, i64),
    to: i64,
    most: usize,
) -> Result<Option<(i64, i64)>, WebhookError> {
    let mut seen = 0;
    loop {
        let page = page(room, from, to).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        from = (last.at, last.delivery_id);
        seen += page.len();
        room.queue.add(&page).await?;
        room.bell.notify_one();
        if seen >= most {
            return Ok(Some(from));
        }
    }
}

async fn page(room: &Room, from: (i64, i64), to: i64) -> Result<Vec<Due>, WebhookError> {
    let mut connection = room.reserved.read().await?;
    let rows = sqlx::query(
        "SELECT id, endpoint_id, next_at FROM deliveries WHERE state = 0 \
         AND (next_at, id) > ($1, $2) AND next_at <= $3 ORDER BY next_at, id LIMIT $4",
    )
    .bind(from.0)
    .bind(from.1)
    .bind(to)
    .bind(PAGE)
    .fetch_all(&mut *connection)
    .await?;
    let due = rows.iter().map(|row| {
        Ok(Due {
            delivery_id: row.try_get("id")?,
            endpoint_id: row.try_get("endpoint_id")?,
            at: row.try_get("next_at")?,
        })
    });
    due.collect()
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
    // What holds for the endpoint is asked with every batch: one that was switched on again
    // meanwhile keeps what it is owed. (`state <> 1` names the index to SQLite.)
    let these = format!(
        "endpoint_id = $1 AND {stands} AND state <> 1 \
         AND EXISTS (SELECT 1 FROM endpoints p WHERE p.id = $1 AND {endpoint_stands})"
    );
    let mut last = 0;
    loop {
        let sql =
            format!("SELECT id FROM deliveries WHERE {these} AND id > $2 ORDER BY id LIMIT $3");
        let mut connection = room.reserved.read().await?;
        let ids: Vec<(i64,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(endpoint_id)
            .bind(last)
            .bind(CHUNK)
            .fetch_all(&mut *connection)
            .await?;
        drop(connection);
        let Some(&(end,)) = ids.last() else {
            return Ok(());
        };
        let (from, now) = (last, room.clock.now_ms());
        last = end;
        let sql = format!(
            "UPDATE deliveries SET updated_at = $4, state = (SELECT CASE p.state WHEN 3 THEN 3 \
             ELSE 4 END FROM endpoints p WHERE p.id = $1) WHERE {these} AND id > $2 AND id <= $3"
        );
        room.reserved
            .write(move |tx| {
                async move {
                    sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(endpoint_id)
                        .bind(from)
                        .bind(end)
                        .bind(now)
                        .execute(tx)
                        .await?;
                    Ok::<_, WebhookError>(())
                }
                .boxed()
            })
            .await?;
    }
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
