//! From leases to things that can be sent: one read of the record for a whole batch.
//!
//! URL, secret and state are read here, at the last moment, so that a change of an endpoint
//! holds for everything that still waits. What cannot be sent is settled on the spot: rows that
//! are done are dropped, those of an endpoint that is off are put aside.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::endpoints::EndpointState;
use super::queue::{Ack, HORIZON, Lease};
use super::sign::Secrets;
use super::{Room, WebhookError, reconciler, rotation, rows};
use crate::access::ApplicationId;
use crate::events::{self, Event};

/// Pause before a batch is tried again whose rows could not be read.
const AGAIN_MS: i64 = 1_000;

/// One delivery, ready to be attempted.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) lease: Lease,
    pub(super) event_id: i64,
    pub(super) url: String,
    pub(super) secrets: Secrets,
    pub(super) body: Bytes,
    pub(super) row: DeliveryRow,
    pub(super) endpoint: Health,
}

/// What the verdict needs to know of the delivery as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeliveryRow {
    pub(super) attempts: i64,
    pub(super) manual: i64,
    pub(super) first_at: Option<i64>,
    pub(super) next_at: i64,
    pub(super) asked_state: Option<i64>,
    pub(super) asked_next_at: Option<i64>,
}

/// What was known of the endpoint's health, so that a success that changes nothing costs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    pub(super) failures: i64,
    pub(super) last_success_at: Option<i64>,
}

const SELECT: &str = "SELECT d.id, d.state, d.attempts, d.manual, d.first_at, d.next_at, \
     d.asked_state, d.asked_next_at, e.id AS event_id, e.application_id, e.action, e.handle, \
     e.text, e.created_at, p.url, p.state AS endpoint_state, p.secret, p.other_secret, \
     p.rotation, p.rotation_ends_at, p.failures, p.last_success_at \
     FROM deliveries d JOIN events e ON e.id = d.event_id \
     JOIN endpoints p ON p.id = d.endpoint_id WHERE d.id IN ";

/// Reads the rows of a batch and settles what is not to be sent.
pub(super) async fn prepare(room: &Arc<Room>, leases: Vec<Lease>) -> Vec<Job> {
    let rows = match read(room, &leases).await {
        Ok(rows) => rows,
        Err(error) => {
            log::warn!(
                "webhooks: a batch of {} could not be read: {error}",
                leases.len()
            );
            let again_at = Some(room.clock.now_ms() + AGAIN_MS);
            let back = leases.into_iter().map(|lease| Ack {
                lease,
                again_at,
                well: None,
            });
            room.acknowledge(back.collect()).await;
            return Vec::new();
        }
    };
    let mut jobs = Vec::with_capacity(leases.len());
    let mut settled = Vec::new();
    let mut off = BTreeSet::new();
    for lease in leases {
        let row = rows.get(&lease.delivery_id);
        match judge(room, lease, row) {
            Verdict::Send(job) => jobs.push(*job),
            Verdict::Drop => settled.push(Ack {
                lease,
                again_at: None,
                well: None,
            }),
            Verdict::Later(at) => {
                let again_at =
                    (at <= room.clock.now_ms() + HORIZON.as_millis() as i64).then_some(at);
                settled.push(Ack {
                    lease,
                    again_at,
                    well: None,
                });
            }
            Verdict::PutAside => {
                off.insert(lease.endpoint_id);
                settled.push(Ack {
                    lease,
                    again_at: None,
                    well: None,
                });
            }
        }
    }
    for endpoint in off {
        if let Err(error) = reconciler::put_aside(room, endpoint).await {
            log::warn!("webhooks: deliveries could not be put aside: {error}");
        }
    }
    room.acknowledge(settled).await;
    jobs
}

enum Verdict {
    Send(Box<Job>),
    Drop,
    Later(i64),
    PutAside,
}

fn judge(room: &Room, lease: Lease, row: Option<&AnyRow>) -> Verdict {
    let Some(row) = row else {
        return Verdict::Drop;
    };
    match job(room, lease, row) {
        Ok(verdict) => verdict,
        Err(error) => {
            // A secret sealed under another master key, say: waiting is all that helps.
            log::error!(
                "webhooks: delivery {} cannot be sent: {error}",
                lease.delivery_id
            );
            Verdict::Later(room.clock.now_ms() + 60 * AGAIN_MS)
        }
    }
}

fn job(room: &Room, lease: Lease, row: &AnyRow) -> Result<Verdict, WebhookError> {
    if row.try_get::<i64, _>("state")? != 0 {
        return Ok(Verdict::Drop);
    }
    let state = EndpointState::from_row(row.try_get("endpoint_state")?);
    if state != EndpointState::Enabled {
        return Ok(Verdict::PutAside);
    }
    let delivery = DeliveryRow {
        attempts: row.try_get("attempts")?,
        manual: row.try_get("manual")?,
        first_at: row.try_get("first_at")?,
        next_at: row.try_get("next_at")?,
        asked_state: row.try_get("asked_state")?,
        asked_next_at: row.try_get("asked_next_at")?,
    };
    let now = room.clock.now_ms();
    if delivery.next_at > now {
        return Ok(Verdict::Later(delivery.next_at));
    }
    let event = Event {
        id: row.try_get("event_id")?,
        application_id: ApplicationId(row.try_get("application_id")?),
        action: row.try_get("action")?,
        handle: row.try_get("handle")?,
        text: row.try_get("text")?,
        created_at: row.try_get("created_at")?,
    };
    Ok(Verdict::Send(Box::new(Job {
        lease,
        event_id: event.id,
        url: row.try_get("url")?,
        secrets: rotation::secrets(row, &room.master_key, now, room.overlap_ms())?,
        body: Bytes::from(events::body(&event)),
        row: delivery,
        endpoint: Health {
            failures: row.try_get("failures")?,
            last_success_at: row.try_get("last_success_at")?,
        },
    })))
}

async fn read(room: &Room, leases: &[Lease]) -> Result<HashMap<i64, AnyRow>, WebhookError> {
    let mut found = HashMap::with_capacity(leases.len());
    let mut connection = room.reserved.read().await?;
    for part in leases.chunks(rows::MOST) {
        let part = rows::padded(part);
        let sql = format!("{SELECT}{}", rows::placeholders(1, part.len()));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for lease in part {
            query = query.bind(lease.delivery_id);
        }
        for row in query.fetch_all(&mut *connection).await? {
            found.insert(row.try_get("id")?, row);
        }
    }
    Ok(found)
}
