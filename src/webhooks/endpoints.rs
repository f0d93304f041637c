//! Endpoints: a subscriber's URL, the one kind of event it wants, and its secret.
//!
//! A secret is sealed in the database and shown once, when the endpoint is made; how it is
//! replaced is told in `rotation.rs`.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::rotation::Rotation;
use super::sign;
use super::{WebhookError, Webhooks, reconciler};
use crate::access::audit::{self, Actor, Deed};
use crate::access::{ApplicationId, Purpose};
use crate::database::{DatabaseError, Tx};
use crate::events::ACTIONS;

/// Asks for every kind of event.
const ALL: &str = "all";
/// Endpoints of one application at most: each event costs a row for each of them.
const MOST_ENDPOINTS: i64 = 100;
/// Characters of a description at most.
const LONGEST_DESCRIPTION: usize = 200;

pub(super) const COLUMNS: &str = "id, application_id, url, event, description, state, \
     disabled_reason, rotation, rotation_ends_at, last_success_at, failing_since, failures, \
     created_at, updated_at";

/// Whether deliveries are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// Yes.
    Enabled,
    /// No: its owner switched it off.
    Disabled,
    /// No: it answered 410, or failed for days.
    DisabledByUs,
    /// It is gone; kept for the deliveries that name it.
    Deleted,
}

impl EndpointState {
    pub(super) fn from_row(state: i64) -> Self {
        match state {
            0 => Self::Enabled,
            1 => Self::Disabled,
            2 => Self::DisabledByUs,
            _ => Self::Deleted,
        }
    }
}

/// One endpoint, without its secret.
#[derive(Clone, Debug, Serialize)]
pub struct Endpoint {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// Where deliveries go.
    pub url: String,
    /// The kind of event, one of [`ACTIONS`].
    pub event: String,
    /// A note of its owner.
    pub description: String,
    /// Whether deliveries are made.
    pub state: EndpointState,
    /// Why not, if we switched it off.
    pub disabled_reason: String,
    /// How far a rotation of its secret is: `none`, `pending`, `retiring`.
    pub rotation: &'static str,
    /// When that phase ends by itself, in milliseconds since the epoch.
    pub rotation_ends_at: Option<i64>,
    /// When it last accepted a delivery (to within ten seconds).
    pub last_success_at: Option<i64>,
    /// Since when it has only failed.
    pub failing_since: Option<i64>,
    /// Failed attempts since the last success.
    pub failures: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// A new endpoint and its secret, which is not shown again.
#[derive(Clone, Serialize)]
pub struct Created {
    /// Its number.
    pub id: i64,
    /// The kind of event.
    pub event: String,
    /// Where deliveries go.
    pub url: String,
    /// `whsec_…`
    pub secret: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

pub(super) fn from_row(row: &AnyRow, now: i64, overlap_ms: i64) -> Result<Endpoint, sqlx::Error> {
    let rotation = Rotation::from_row(row.try_get("rotation")?, row.try_get("rotation_ends_at")?);
    let (rotation, _) = rotation.at(now, overlap_ms);
    Ok(Endpoint {
        id: row.try_get("id")?,
        application_id: ApplicationId(row.try_get("application_id")?),
        url: row.try_get("url")?,
        event: row.try_get("event")?,
        description: row.try_get("description")?,
        state: EndpointState::from_row(row.try_get("state")?),
        disabled_reason: row.try_get("disabled_reason")?,
        rotation: rotation.name(),
        rotation_ends_at: rotation.ends_at(),
        last_success_at: row.try_get("last_success_at")?,
        failing_since: row.try_get("failing_since")?,
        failures: row.try_get("failures")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

impl Webhooks {
    /// Makes an endpoint for one kind of event, or for `all` one for each kind. Those made
    /// together share a secret, so that one receiver at one URL needs to know one; later each is
    /// rotated by itself.
    ///
    /// # Errors
    /// [`WebhookError::Invalid`] for a URL, event or description that cannot be used.
    pub async fn create_endpoint(
        &self,
        application: ApplicationId,
        url: &str,
        event: &str,
        description: &str,
        actor: &Actor,
    ) -> Result<Vec<Created>, WebhookError> {
        let target = self.room.outbound.target(url)?;
        let invalid = |why: &str| WebhookError::Invalid(why.to_owned());
        let events: Vec<&'static str> = ACTIONS
            .into_iter()
            .filter(|action| event == ALL || event == *action)
            .collect();
        if events.is_empty() {
            return Err(invalid(&format!(
                "an event is `all` or one of {}",
                ACTIONS.join(", ")
            )));
        }
        if description.chars().count() > LONGEST_DESCRIPTION || description.contains('\0') {
            return Err(invalid("a description has at most 200 characters"));
        }
        let secret = sign::new_secret();
        let new = New {
            application_id: application.0,
            url: target.as_str().to_owned(),
            description: description.to_owned(),
            sealed: self
                .room
                .master_key
                .seal(Purpose::EndpointSecret, &secret)?,
            now: self.room.clock.now_ms(),
        };
        let deed = Deed::new("endpoint.create", &new.url).with(event);
        let actor = actor.clone();
        let ids = self.room.database.write(move |tx| {
            async move {
                let ids = insert(tx, &new, &events).await?;
                audit::record(tx, Some(application), &actor, &deed, new.now).await?;
                Ok::<_, WebhookError>(ids)
            }
            .boxed()
        });
        let ids = ids.await?;
        let made = |(id, event): (i64, &str)| Created {
            id,
            event: event.to_owned(),
            url: target.as_str().to_owned(),
            secret: secret.clone(),
        };
        Ok(ids.into_iter().map(made).collect())
    }

    /// Whether an enabled endpoint of the application asks for this kind of event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hears(
        &self,
        application: ApplicationId,
        event: &str,
    ) -> Result<bool, DatabaseError> {
        let mut connection = self.room.database.read().await?;
        let row = sqlx::query(
            "SELECT 1 FROM endpoints WHERE application_id = $1 AND event = $2 AND state = 0 \
             LIMIT 1",
        )
        .bind(application.0)
        .bind(event.to_owned())
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.is_some())
    }

    /// The endpoints of an application, oldest first; deleted ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn endpoints(
        &self,
        application: ApplicationId,
    ) -> Result<Vec<Endpoint>, WebhookError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM endpoints WHERE application_id = $1 AND state <> 3 ORDER BY id"
        );
        let mut connection = self.room.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(application.0)
            .fetch_all(&mut *connection)
            .await?;
        let (now, overlap) = (self.room.clock.now_ms(), self.room.overlap_ms());
        let endpoints = rows.iter().map(|row| Ok(from_row(row, now, overlap)?));
        endpoints.collect()
    }

    /// One endpoint.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has none of this number.
    pub async fn endpoint(
        &self,
        application: ApplicationId,
        id: i64,
    ) -> Result<Endpoint, WebhookError> {
        let row = self.endpoint_row(application, id).await?;
        let (now, overlap) = (self.room.clock.now_ms(), self.room.overlap_ms());
        Ok(from_row(&row, now, overlap)?)
    }

    pub(super) async fn endpoint_row(
        &self,
        application: ApplicationId,
        id: i64,
    ) -> Result<AnyRow, WebhookError> {
        let sql = format!(
            "SELECT {COLUMNS}, secret, other_secret FROM endpoints \
             WHERE id = $1 AND application_id = $2 AND state <> 3"
        );
        let mut connection = self.room.database.read().await?;
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(application.0)
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(WebhookError::NotFound)
    }

    /// Switches an endpoint on; what was held for it is sent.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has none of this number.
    pub async fn enable_endpoint(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<(), WebhookError> {
        let deed = Deed::new("endpoint.enable", &format!("endpoint {id}"));
        self.set_state(application, id, 0, actor, deed).await?;
        reconciler::release_held(&self.room).await
    }

    /// Switches an endpoint off. What it is owed is held; no new deliveries come about.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has none of this number.
    pub async fn disable_endpoint(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<(), WebhookError> {
        let deed = Deed::new("endpoint.disable", &format!("endpoint {id}"));
        self.set_state(application, id, 1, actor, deed).await?;
        reconciler::put_aside(&self.room, id).await
    }

    /// Deletes an endpoint. What it is owed is cancelled; its past stays readable.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has none of this number.
    pub async fn delete_endpoint(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<(), WebhookError> {
        let deed = Deed::new("endpoint.delete", &format!("endpoint {id}"));
        self.set_state(application, id, 3, actor, deed).await?;
        reconciler::put_aside(&self.room, id).await
    }

    async fn set_state(
        &self,
        application: ApplicationId,
        id: i64,
        state: i64,
        actor: &Actor,
        deed: Deed,
    ) -> Result<(), WebhookError> {
        let (now, actor) = (self.room.clock.now_ms(), actor.clone());
        let changed = self
            .room
            .database
            .write(move |tx| {
                async move {
                    let done = sqlx::query(
                        "UPDATE endpoints SET state = $1, disabled_reason = '', \
                         failing_since = NULL, failures = 0, updated_at = $2 \
                         WHERE id = $3 AND application_id = $4 AND state <> 3",
                    )
                    .bind(state)
                    .bind(now)
                    .bind(id)
                    .bind(application.0)
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() > 0 {
                        audit::record(tx, Some(application), &actor, &deed, now).await?;
                    }
                    Ok::<_, WebhookError>(done.rows_affected())
                }
                .boxed()
            })
            .await?;
        if changed == 0 {
            Err(WebhookError::NotFound)
        } else {
            Ok(())
        }
    }
}

struct New {
    application_id: i64,
    url: String,
    description: String,
    sealed: Vec<u8>,
    now: i64,
}

/// One row for each of the events, if the application may have so many more.
async fn insert(
    tx: &mut Tx,
    new: &New,
    events: &[&'static str],
) -> Result<Vec<(i64, &'static str)>, WebhookError> {
    let (known,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM endpoints WHERE application_id = $1 AND state <> 3")
            .bind(new.application_id)
            .fetch_one(&mut *tx)
            .await?;
    if known + i64::try_from(events.len()).unwrap_or(0) > MOST_ENDPOINTS {
        let why = format!("an application has at most {MOST_ENDPOINTS} endpoints");
        return Err(WebhookError::Invalid(why));
    }
    let mut ids = Vec::with_capacity(events.len());
    for event in events {
        let (id,): (i64,) = sqlx::query_as(
            "INSERT INTO endpoints (application_id, url, event, description, secret, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id",
        )
        .bind(new.application_id)
        .bind(new.url.clone())
        .bind(*event)
        .bind(new.description.clone())
        .bind(new.sealed.clone())
        .bind(new.now)
        .fetch_one(&mut *tx)
        .await?;
        ids.push((id, *event));
    }
    Ok(ids)
}
