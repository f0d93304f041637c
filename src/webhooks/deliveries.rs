//! Deliveries as their owners see them: listed, looked into, sent again by hand.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::queue::Due;
use super::{WebhookError, Webhooks, reconciler};
use crate::access::ApplicationId;
use crate::access::audit::{self, Actor, Deed};

/// Rows of one page at most.
const LONGEST_PAGE: i64 = 250;
/// Rows that a count looks at, at most.
const MOST_COUNTED: i64 = 100_000;
/// Deliveries sent again in one commit.
const CHUNK: i64 = 512;

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// An attempt is due, now or later.
    Pending,
    /// The subscriber accepted it.
    Delivered,
    /// The last attempt failed.
    Exhausted,
    /// Its endpoint was deleted.
    Cancelled,
    /// Its endpoint is off; it is sent when the endpoint is on again.
    Held,
}

impl DeliveryState {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Delivered,
        Self::Exhausted,
        Self::Cancelled,
        Self::Held,
    ];

    fn from_row(state: i64) -> Self {
        let index = usize::try_from(state).unwrap_or(0);
        Self::ALL.get(index).copied().unwrap_or(Self::Pending)
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "pending" => Some(Self::Pending),
            "delivered" => Some(Self::Delivered),
            "exhausted" => Some(Self::Exhausted),
            "cancelled" => Some(Self::Cancelled),
            "held" => Some(Self::Held),
            _ => None,
        }
    }
}

/// One delivery. Times in milliseconds since the epoch.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Its number; subscribers see `dlv_` and it.
    pub id: i64,
    /// The event it tells of.
    pub event_id: i64,
    /// The kind of event.
    pub action: String,
    /// The file it is about; empty for none.
    pub handle: String,
    /// To which endpoint.
    pub endpoint_id: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: i64,
    /// Of these, asked for by hand.
    pub manual: i64,
    /// When the first attempt of the schedule began.
    pub first_at: Option<i64>,
    /// When the next attempt is due; none if none is.
    pub next_at: Option<i64>,
    /// The status of the last answer, if one came.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: String,
    /// When it came about.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Counted from 1, those by hand too.
    pub number: i64,
    /// Whether it was asked for by hand.
    pub manual: bool,
    /// When it began.
    pub started_at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// The answer's status, if one came.
    pub status: Option<i64>,
    /// Why it failed; empty if it did not.
    pub error: String,
    /// Some of the answer's header lines, a JSON object.
    pub response_headers: serde_json::Value,
    /// The beginning of the answer's body.
    pub response_body: String,
}

/// Which deliveries to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only to this endpoint.
    pub endpoint_id: Option<i64>,
    /// Only of this event.
    pub event_id: Option<i64>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only those older than this one: the last id of the page before.
    pub before: Option<i64>,
    /// How many: 1 to 250.
    pub limit: i64,
}

const SELECT: &str = "SELECT d.id, d.event_id, e.action, e.handle, d.endpoint_id, d.state, \
     d.attempts, d.manual, d.first_at, d.next_at, d.last_status, d.last_error, d.created_at, \
     d.updated_at FROM deliveries d JOIN events e ON e.id = d.event_id ";

/// Finds what an endpoint is owed by the index of just that, however much was delivered to it.
/// (The sum keeps both databases from going through all of its deliveries, newest first.)
const NEWEST_OWED: &str = " AND d.id IN (SELECT o.id FROM deliveries o \
     WHERE o.endpoint_id = $3 AND o.state = 0 AND o.id < $2 ORDER BY o.id + 0 DESC LIMIT $";

fn delivery(row: &AnyRow) -> Result<Delivery, sqlx::Error> {
    let state = DeliveryState::from_row(row.try_get("state")?);
    let next_at: i64 = row.try_get("next_at")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        action: row.try_get("action")?,
        handle: row.try_get("handle")?,
        endpoint_id: row.try_get("endpoint_id")?,
        state,
        attempts: row.try_get("attempts")?,
        manual: row.try_get("manual")?,
        first_at: row.try_get("first_at")?,
        next_at: (state == DeliveryState::Pending).then_some(next_at),
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// The condition that a delivery stands like this. As text and not as a value, and with what it
/// implies, so that both databases see which partial index holds such rows.
fn in_state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => " AND d.state = 0",
        DeliveryState::Delivered => " AND d.state = 1",
        DeliveryState::Exhausted => " AND d.state = 2 AND d.state > 1",
        DeliveryState::Cancelled => " AND d.state = 3 AND d.state > 1",
        DeliveryState::Held => " AND d.state = 4 AND d.state > 1",
    }
}

impl Webhooks {
    /// Deliveries of an application, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries(
        &self,
        application: ApplicationId,
        filter: Filter,
    ) -> Result<Vec<Delivery>, WebhookError> {
        // Conditions that are not asked for are left out, so that the database sees which index
        // serves.
        let mut sql = format!("{SELECT}WHERE d.application_id = $1 AND d.id < $2");
        let mut values = vec![application.0, filter.before.unwrap_or(i64::MAX)];
        for (column, value) in [
            ("d.endpoint_id", filter.endpoint_id),
            ("d.event_id", filter.event_id),
        ] {
            if let Some(value) = value {
                values.push(value);
                sql.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        if let Some(state) = filter.state {
            sql.push_str(in_state(state));
        }
        values.push(filter.limit.clamp(1, LONGEST_PAGE));
        let limit = values.len();
        let owed = filter.state == Some(DeliveryState::Pending) && filter.event_id.is_none();
        if owed && filter.endpoint_id.is_some() {
            sql.push_str(&format!("{NEWEST_OWED}{limit})"));
        }
        sql.push_str(&format!(" ORDER BY d.id DESC LIMIT ${limit}"));
        let mut connection = self.room.database.read().await?;
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        let rows = query.fetch_all(&mut *connection).await?;
        rows.iter().map(|row| Ok(delivery(row)?)).collect()
    }

    /// One delivery.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has none of this number.
    pub async fn delivery(
        &self,
        application: ApplicationId,
        id: i64,
    ) -> Result<Delivery, WebhookError> {
        let sql = format!("{SELECT}WHERE d.id = $1 AND d.application_id = $2");
        let mut connection = self.room.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(application.0)
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(WebhookError::NotFound)?;
        Ok(delivery(&row)?)
    }

    /// How the deliveries stand that came about since a time, in milliseconds since the epoch:
    /// counts among the newest 100,000 of the application.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_counts(
        &self,
        application: ApplicationId,
        since: i64,
    ) -> Result<Vec<(DeliveryState, i64)>, WebhookError> {
        let mut connection = self.room.database.read().await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*) FROM (SELECT state, created_at FROM deliveries \
             WHERE application_id = $1 ORDER BY id DESC LIMIT $2) AS newest \
             WHERE created_at >= $3 GROUP BY state ORDER BY state",
        )
        .bind(application.0)
        .bind(MOST_COUNTED)
        .bind(since)
        .fetch_all(&mut *connection)
        .await?;
        let read = |(state, count)| (DeliveryState::from_row(state), count);
        Ok(rows.into_iter().map(read).collect())
    }

    /// The attempts of one delivery, oldest first.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`] when the application has no delivery of this number.
    pub async fn attempts(
        &self,
        application: ApplicationId,
        delivery_id: i64,
    ) -> Result<Vec<Attempt>, WebhookError> {
        self.delivery(application, delivery_id).await?;
        let mut connection = self.room.database.read().await?;
        let rows = sqlx::query(
            "SELECT number, manual, started_at, duration_ms, status, error, response_headers, \
             response_body FROM attempts WHERE delivery_id = $1 ORDER BY number LIMIT 1000",
        )
        .bind(delivery_id)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter()
            .map(|row| {
                let headers: String = row.try_get("response_headers")?;
                Ok(Attempt {
                    number: row.try_get("number")?,
                    manual: row.try_get::<i64, _>("manual")? != 0,
                    started_at: row.try_get("started_at")?,
                    duration_ms: row.try_get("duration_ms")?,
                    status: row.try_get("status")?,
                    error: row.try_get("error")?,
                    response_headers: serde_json::from_str(&headers).unwrap_or_default(),
                    response_body: row.try_get("response_body")?,
                })
            })
            .collect()
    }

    /// Has a delivery attempted once more, now. Should that fail, it stands as it stood before:
    /// the schedule is neither begun anew nor shortened.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], or [`WebhookError::EndpointOff`] while its endpoint is not on.
    pub async fn resend(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<(), WebhookError> {
        let delivery = self.delivery(application, id).await?;
        let endpoint = self.endpoint(application, delivery.endpoint_id).await;
        let on = endpoint.is_ok_and(|found| found.state == super::EndpointState::Enabled);
        if !on {
            return Err(WebhookError::EndpointOff);
        }
        let now = self.room.clock.now_ms();
        let deed = Deed::new("delivery.resend", &format!("delivery {id}"));
        self.note(application, actor, deed).await?;
        // One that was never attempted is merely sent now; so is one already asked for.
        let change = match (delivery.state, delivery.attempts) {
            (DeliveryState::Pending, 0) => "state = 0",
            _ => {
                "asked_state = COALESCE(asked_state, state), \
                 asked_next_at = COALESCE(asked_next_at, next_at), state = 0"
            }
        };
        reconciler::make_due(&self.room, vec![id], now, change, "state <> 4").await?;
        let due = Due {
            delivery_id: id,
            endpoint_id: delivery.endpoint_id,
            at: now,
            // Somebody waits for it.
            fresh: true,
        };
        self.room.add(&[due]).await;
        Ok(())
    }

    /// Has everything attempted once more that an endpoint did not accept since a time, in
    /// milliseconds since the epoch; answers how many. They join the endpoint's backlog, which is
    /// released at a bounded rate, so a subscriber that comes back is not flooded.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], or [`WebhookError::EndpointOff`].
    pub async fn resend_failed(
        &self,
        application: ApplicationId,
        endpoint_id: i64,
        since: i64,
        actor: &Actor,
    ) -> Result<u64, WebhookError> {
        let endpoint = self.endpoint(application, endpoint_id).await?;
        if endpoint.state != super::EndpointState::Enabled {
            return Err(WebhookError::EndpointOff);
        }
        let deed = Deed::new("endpoint.resend-failed", &format!("endpoint {endpoint_id}"));
        self.note(application, actor, deed).await?;
        let (mut last, mut count) = (0, 0);
        loop {
            let mut connection = self.room.database.read().await?;
            let ids: Vec<(i64,)> = sqlx::query_as(
                "SELECT id FROM deliveries WHERE endpoint_id = $1 AND id > $2 AND state = 2 \
                 AND state > 1 AND created_at >= $3 ORDER BY id LIMIT $4",
            )
            .bind(endpoint_id)
            .bind(last)
            .bind(since)
            .bind(CHUNK)
            .fetch_all(&mut *connection)
            .await?;
            drop(connection);
            let Some(&(end,)) = ids.last() else {
                return Ok(count);
            };
            last = end;
            let ids: Vec<i64> = ids.into_iter().map(|(id,)| id).collect();
            let now = self.room.clock.now_ms();
            let due: Vec<Due> = ids
                .iter()
                .map(|id| Due {
                    delivery_id: *id,
                    endpoint_id,
                    at: now,
                    fresh: false,
                })
                .collect();
            let change = "asked_state = 2, asked_next_at = next_at, state = 0";
            count += reconciler::make_due(&self.room, ids, now, change, "state = 2").await?;
            self.room.add(&due).await;
        }
    }

    /// Writes down what somebody asks for, before it is done.
    async fn note(
        &self,
        application: ApplicationId,
        actor: &Actor,
        deed: Deed,
    ) -> Result<(), WebhookError> {
        let (actor, now) = (actor.clone(), self.room.clock.now_ms());
        self.room
            .database
            .write(move |tx| {
                async move {
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
