//! Where events become deliveries.
//!
//! In the event's own transaction every enabled endpoint of its kind is owed a delivery, so an
//! event without its deliveries cannot exist. After the commit the deliveries are handed to the
//! queue at once; should that fail in whatever way, the reconciler finds the rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sqlx::Row;
use tokio::sync::mpsc;

use super::Room;
use super::queue::Due;
use crate::database::{DatabaseError, Tx};
use crate::events::{Event, Listener};

/// Deliveries that wait for the queue at most; beyond, the reconciler takes over.
pub(super) const WAITING: usize = 8192;
/// Events remembered between record and commit at most. Those whose transaction was taken back
/// are never asked for again.
const REMEMBERED: usize = 4096;

/// Hears of events for the webhooks.
pub(super) struct Outbox {
    room: Arc<Room>,
    recorded: Mutex<HashMap<i64, Vec<Due>>>,
    arrivals: mpsc::Sender<Due>,
}

impl Outbox {
    pub(super) fn new(room: Arc<Room>, arrivals: mpsc::Sender<Due>) -> Self {
        Self {
            room,
            recorded: Mutex::default(),
            arrivals,
        }
    }

    fn remember(&self, event_id: i64, due: Vec<Due>) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() >= REMEMBERED {
            // Forgetting delays a delivery until the reconciler comes by, no more.
            recorded.clear();
            self.room.mark_missed();
        }
        recorded.insert(event_id, due);
    }
}

#[async_trait]
impl Listener for Outbox {
    async fn recorded(&self, tx: &mut Tx, event: &Event) -> Result<(), DatabaseError> {
        let now = self.room.clock.now_ms();
        let rows = sqlx::query(
            "INSERT INTO deliveries (event_id, endpoint_id, application_id, next_at, created_at, \
             updated_at) SELECT $1, id, application_id, $2, $2, $2 FROM endpoints \
             WHERE application_id = $3 AND event = $4 AND state = 0 RETURNING id, endpoint_id",
        )
        .bind(event.id)
        .bind(now)
        .bind(event.application_id.0)
        .bind(event.action.clone())
        .fetch_all(tx)
        .await?;
        let due = rows
            .iter()
            .map(|row| {
                Ok(Due {
                    delivery_id: row.try_get("id")?,
                    endpoint_id: row.try_get("endpoint_id")?,
                    at: now,
                    fresh: true,
                })
            })
            .collect::<Result<Vec<_>, sqlx::Error>>()?;
        if !due.is_empty() {
            self.remember(event.id, due);
        }
        Ok(())
    }

    fn committed(&self, events: &[Event]) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        for due in events.iter().filter_map(|event| recorded.remove(&event.id)) {
            for due in due {
                if self.arrivals.try_send(due).is_err() {
                    self.room.mark_missed();
                }
            }
        }
    }
}
