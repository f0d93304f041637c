//! What happened: events in Filestack's payload shapes, and the log they are read from.
//!
//! An event is a row written in the same transaction as what it tells of, so that neither can
//! exist without the other. Who wants to hear of events (`webhooks`) hangs a [`Listener`] in
//! here and may write rows of its own in that transaction; this room never learns who listens.
//!
//! Uses `clock`, `database`, `access`, `files`. Used by `picking`, `webhooks`, `http`.

mod log;
mod payload;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row;

use crate::access::ApplicationId;
use crate::clock::Clock;
use crate::database::{DatabaseError, Tx};
use crate::files::{Links, StoredFile};

pub use log::{Filter, Log};
pub use payload::body;

/// The kinds of event, in the protocol's words (filestack.com/docs/webhooks).
pub const ACTIONS: [&str; 6] = [
    "fp.upload",
    "fp.overwrite",
    "fp.delete",
    "fp.export",
    "fp.converse",
    "fp.dialog",
];

/// The kind of a notice that an endpoint was switched off by us. It stands in the log for the
/// owner to read and is told to no endpoint: the one it is about would not hear it.
pub const ENDPOINT_NOTICE: &str = "fp.endpoint";

/// Something that happened and is to be told.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A file was stored, or a symlink made.
    Upload(StoredFile),
    /// A file's bytes were replaced.
    Overwrite(StoredFile),
    /// A file was deleted.
    Delete(StoredFile),
    /// A picker was opened; its options, as far as they may be told.
    Dialog(ApplicationId, serde_json::Value),
}

/// One row of the log.
#[derive(Clone, Debug)]
pub struct Event {
    /// Increasing over all applications; the same in every attempt to tell of it.
    pub id: i64,
    /// Whose event it is.
    pub application_id: ApplicationId,
    /// Its kind, one of [`ACTIONS`] or [`ENDPOINT_NOTICE`].
    pub action: String,
    /// The file it is about; empty for none.
    pub handle: String,
    /// The payload's inner object, exactly as it is sent.
    pub text: String,
    /// When it was recorded, in milliseconds since the epoch.
    pub created_at: i64,
}

/// Hears of events as they are recorded.
#[async_trait]
pub trait Listener: Send + Sync {
    /// An event is being recorded in `tx`; rows written here stand or fall with it.
    ///
    /// # Errors
    /// An error takes the whole transaction back, what happened included: only a database that
    /// fails is a reason.
    async fn recorded(&self, tx: &mut Tx, event: &Event) -> Result<(), DatabaseError>;

    /// The transaction of these events is durable. A hint: it may never come.
    fn committed(&self, events: &[Event]);
}

/// Writes a notice for an application's owner into the log, inside the transaction of what it
/// tells of. No listener hears of it.
///
/// # Errors
/// When the database fails.
pub async fn notice(
    tx: &mut Tx,
    application: ApplicationId,
    text: &serde_json::Value,
    now: i64,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO events (application_id, action, handle, text, created_at) \
         VALUES ($1, $2, '', $3, $4)",
    )
    .bind(application.0)
    .bind(ENDPOINT_NOTICE)
    .bind(text.to_string())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Records events.
#[derive(Clone)]
pub struct Events {
    clock: Clock,
    links: Links,
    listeners: Arc<[Arc<dyn Listener>]>,
}

impl Events {
    /// A log whose payloads bear these links and whose events these listeners hear of.
    pub fn new(clock: Clock, links: Links, listeners: Vec<Arc<dyn Listener>>) -> Self {
        Self {
            clock,
            links,
            listeners: listeners.into(),
        }
    }

    /// Writes an event inside the transaction of what it tells of. After the commit, pass what
    /// this answered to [`Events::committed`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, tx: &mut Tx, what: &Happening) -> Result<Event, DatabaseError> {
        let (application_id, action, handle, text) = payload::of(what, &self.links);
        let created_at = self.clock.now_ms();
        let row = sqlx::query(
            "INSERT INTO events (application_id, action, handle, text, created_at) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(application_id.0)
        .bind(action.to_owned())
        .bind(handle.clone())
        .bind(text.clone())
        .bind(created_at)
        .fetch_one(&mut *tx)
        .await?;
        let id: i64 = row.try_get("id")?;
        let action = action.to_owned();
        let event = Event {
            id,
            application_id,
            action,
            handle,
            text,
            created_at,
        };
        for listener in self.listeners.iter() {
            listener.recorded(tx, &event).await?;
        }
        Ok(event)
    }

    /// Tells the listeners that these events are durable.
    pub fn committed(&self, events: &[Event]) {
        for listener in self.listeners.iter() {
            listener.committed(events);
        }
    }
}
