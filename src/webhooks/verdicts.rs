//! What attempts led to, written down: many verdicts in one commit, and only then acknowledged.
//!
//! Attempt row, state and next time stand or fall together. The number of attempts is the guard:
//! a verdict that comes second, from a worker whose lease ran out, changes nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;

use super::attempt::Verdict;
use super::queue::{Ack, HORIZON};
use super::{Room, WebhookError, health, reconciler, rows};
use crate::database::{DatabaseError, Tx};

/// How often a write is tried; afterwards the lease runs out and the attempt is made again.
const TRIES: u32 = 6;
/// Pause before the second try; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(100);
const UPDATE_HEAD: &str = "WITH v(id, before, state, manual, first_at, next_at, status, error, at) \
     AS (VALUES ";
const UPDATE_TAIL: &str = ") UPDATE deliveries SET attempts = v.before + 1, \
     state = CASE WHEN deliveries.state = 3 OR (deliveries.state = 4 AND v.state = 0) \
     THEN deliveries.state ELSE v.state END, manual = deliveries.manual + v.manual, \
     first_at = v.first_at, next_at = v.next_at, asked_state = NULL, asked_next_at = NULL, \
     last_status = v.status, last_error = v.error, updated_at = v.at FROM v \
     WHERE deliveries.id = v.id AND deliveries.attempts = v.before \
     AND deliveries.state IN (0, 3, 4) RETURNING deliveries.id AS id";

/// Writes a batch down and gives the leases back.
pub(super) async fn settle(room: &Arc<Room>, verdicts: Vec<Verdict>) {
    let verdicts = Arc::new(verdicts);
    let mut pause = PAUSE;
    for attempt in 1..=TRIES {
        match write(room, verdicts.clone()).await {
            Ok(()) => break,
            Err(error) if attempt == TRIES => {
                // Unknown outcome: the attempts will be repeated under the same event id.
                log::error!(
                    "webhooks: {} verdicts could not be written: {error}",
                    verdicts.len()
                );
                room.forget(verdicts.iter().map(|verdict| verdict.job.lease.delivery_id));
                return;
            }
            Err(error) => {
                log::warn!("webhooks: verdicts could not be written yet: {error}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
    let horizon = room.clock.now_ms() + HORIZON.as_millis() as i64;
    let acks = verdicts.iter().map(|verdict| Ack {
        lease: verdict.job.lease,
        again_at: (verdict.state == 0 && verdict.next_at <= horizon).then_some(verdict.next_at),
        well: Some(verdict.well),
    });
    room.acknowledge(acks.collect()).await;
    let gone: HashSet<i64> = verdicts
        .iter()
        .filter(|verdict| verdict.gone)
        .map(|verdict| verdict.job.lease.endpoint_id)
        .collect();
    for endpoint in gone {
        if let Err(error) = reconciler::put_aside(room, endpoint).await {
            log::warn!("webhooks: deliveries could not be put aside: {error}");
        }
    }
}

async fn write(room: &Room, verdicts: Arc<Vec<Verdict>>) -> Result<(), WebhookError> {
    let now = room.clock.now_ms();
    let rules = health::Rules::of(room);
    room.reserved
        .write(move |tx| {
            async move {
                for part in verdicts.chunks(rows::MOST) {
                    let won = update(tx, part, now).await?;
                    let won: Vec<&Verdict> = part
                        .iter()
                        .filter(|verdict| won.contains(&verdict.job.lease.delivery_id))
                        .collect();
                    insert_attempts(tx, &won).await?;
                    health::note(tx, &won, rules, now).await?;
                }
                Ok::<_, WebhookError>(())
            }
            .boxed()
        })
        .await
}

/// Moves the deliveries on; answers those that were as the verdict supposes.
async fn update(
    tx: &mut Tx,
    verdicts: &[Verdict],
    now: i64,
) -> Result<HashSet<i64>, DatabaseError> {
    let verdicts = rows::padded(verdicts);
    let values = rows::placeholders(verdicts.len(), 9);
    let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{UPDATE_HEAD}{values}{UPDATE_TAIL}"
    )));
    for verdict in verdicts {
        let row = &verdict.job.row;
        let manual = i64::from(row.asked_state.is_some());
        // The schedule counts from the first attempt that belongs to it.
        let first_at = match row.first_at {
            None if manual == 0 => Some(verdict.started_at),
            known => known,
        };
        query = query
            .bind(verdict.job.lease.delivery_id)
            .bind(row.attempts)
            .bind(verdict.state)
            .bind(manual)
            .bind(first_at)
            .bind(verdict.next_at)
            .bind(verdict.status)
            .bind(verdict.error.clone())
            .bind(now);
    }
    let rows = query.fetch_all(tx).await?;
    let ids = rows.iter().map(|row| row.try_get("id"));
    Ok(ids.collect::<Result<_, sqlx::Error>>()?)
}

async fn insert_attempts(tx: &mut Tx, verdicts: &[&Verdict]) -> Result<(), DatabaseError> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let verdicts = rows::padded(verdicts);
    let values = rows::placeholders(verdicts.len(), 9);
    // The conflict is with the padding only: the guard has let each attempt through once.
    let sql = format!(
        "INSERT INTO attempts (delivery_id, number, manual, started_at, duration_ms, status, \
         error, response_headers, response_body) VALUES {values} ON CONFLICT DO NOTHING"
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for verdict in verdicts {
        query = query
            .bind(verdict.job.lease.delivery_id)
            .bind(verdict.job.row.attempts + 1)
            .bind(i64::from(verdict.job.row.asked_state.is_some()))
            .bind(verdict.started_at)
            .bind(verdict.duration_ms)
            .bind(verdict.status)
            .bind(verdict.error.clone())
            .bind(verdict.headers.clone())
            .bind(verdict.body.clone());
    }
    query.execute(tx).await?;
    Ok(())
}
