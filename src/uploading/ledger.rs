//! The ledger of uploads: each is written down before its first byte.
//!
//! An upload is open, takes pieces and belongs to nobody; while it is being put together it takes
//! none and belongs to the node that holds its lease. A node that dies stops renewing it, and
//! another takes over. Leases go by the clock that all nodes share, read inside the transaction.

mod pieces;
mod staged;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::request::{Agreed, Wanted};
use super::{Settings, UploadError};
use crate::access::{Application, ApplicationId};
use crate::clock::Clock;
use crate::database::{Database, Tx};
use crate::files::Handle;
use crate::files::claims::Ground;
use crate::leases::{self, Leases, Seen, Table};
use pieces::{hold_pieces, let_go_of_pieces};
use staged::Limit;

pub(super) use pieces::Kept;

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Done,
    Completing,
}

impl State {
    /// What the ledger calls [`State::Completing`].
    const COMPLETING: i64 = 2;
}

/// One upload, as the ledger has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub id: i64,
    pub application_id: ApplicationId,
    pub handle: Handle,
    pub wanted: Wanted,
    pub agreed: Agreed,
    pub state: State,
    pub attempts: i64,
    pub lease_until: i64,
    pub expires_at: i64,
}

/// The ledger, and which node we are in it.
#[derive(Clone)]
pub(super) struct Ledger {
    database: Database,
    clock: Clock,
    leases: Leases,
    settings: Arc<Settings>,
}

const TABLE: Table = Table {
    name: "uploads",
    at_work: State::COMPLETING,
};
/// How long a completion rests that failed for a reason that passes.
const REST: Duration = Duration::from_secs(2);
/// What the application is told to wait that has too many uploads open, or too much in them.
const COME_BACK: Duration = Duration::from_secs(60);
/// Uploads that one look at old ones finds.
const ROUND: i64 = 100;

const COLUMNS: &str = "id, application_id, handle, request, completion, state, attempts, \
     lease_until, expires_at";

impl Ledger {
    pub fn new(database: Database, clock: Clock, settings: Arc<Settings>) -> Self {
        Self {
            leases: Leases::new(TABLE, settings.lease, database.clone(), clock.clone()),
            database,
            clock,
            settings,
        }
    }

    /// Writes an upload down.
    ///
    /// # Errors
    /// [`UploadError::TooMany`] when the application has too many open, or too much in them.
    /// [`UploadError::Database`] with a duplicate when the token is known already.
    pub async fn open(
        &self,
        application: &Application,
        token_hash: &str,
        wanted: &Wanted,
    ) -> Result<Handle, UploadError> {
        let text = serde_json::json!(wanted).to_string();
        let (me, token_hash, id) = (self.clone(), token_hash.to_owned(), application.id);
        let most = i64::from(self.settings.max_open);
        // Of unknown size: it will have a byte at least.
        let coming = i64::try_from(wanted.size.unwrap_or(1)).unwrap_or(i64::MAX);
        self.database
            .write(move |tx| {
                async move {
                    let now = me.clock.now_ms();
                    let row = sqlx::query(
                        "SELECT COUNT(*) AS open FROM (SELECT 1 FROM uploads \
                         WHERE application_id = $1 AND state = 0 LIMIT $2) AS counted",
                    )
                    .bind(id.0)
                    .bind(most)
                    .fetch_one(&mut *tx)
                    .await?;
                    if row.try_get::<i64, _>("open")? >= most {
                        return Err(UploadError::TooMany(COME_BACK));
                    }
                    staged::leave_room(tx, id, coming, me.staged_limit()).await?;
                    let handle = Handle::generate();
                    sqlx::query(
                        "INSERT INTO uploads (application_id, token_hash, handle, request, \
                         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
                    )
                    .bind(id.0)
                    .bind(token_hash)
                    .bind(handle.as_str().to_owned())
                    .bind(text)
                    .bind(now)
                    .bind(later(now, me.settings.lifetime))
                    .execute(tx)
                    .await?;
                    Ok(handle)
                }
                .boxed()
            })
            .await
    }

    /// The upload with this token, whatever its state, unless its time is over.
    pub async fn find(&self, token_hash: &str) -> Result<Entry, UploadError> {
        let sql = format!("SELECT {COLUMNS} FROM uploads WHERE token_hash = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(token_hash.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        self.living(row)
    }

    /// The upload with this id as it stands now, unless its time is over.
    pub async fn look(&self, id: i64) -> Result<Entry, UploadError> {
        let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
        self.living(row)
    }

    fn living(&self, row: Option<AnyRow>) -> Result<Entry, UploadError> {
        let entry = from_row(&row.ok_or(UploadError::NotFound)?)?;
        let over = entry.expires_at <= self.clock.now_ms() && entry.state == State::Open;
        (!over).then_some(entry).ok_or(UploadError::NotFound)
    }

    /// Closes an open upload and takes it to put it together; or takes over one whose lease has
    /// run out. Answers whether it is ours now.
    pub async fn take(&self, entry: &Entry, agreed: &Agreed) -> Result<bool, UploadError> {
        let (me, id, attempts) = (self.clone(), entry.id, entry.attempts + 1);
        let seen = Seen {
            id,
            state: match entry.state {
                State::Open => 0,
                _ => State::COMPLETING,
            },
            attempts: entry.attempts,
            lease_until: entry.lease_until,
        };
        let agreed = serde_json::json!(agreed).to_string();
        self.database
            .write(move |tx| {
                async move {
                    if !me.leases.take(tx, seen, attempts).await? {
                        return Ok(false);
                    }
                    sqlx::query("UPDATE uploads SET completion = $1 WHERE id = $2")
                        .bind(agreed)
                        .bind(id)
                        .execute(&mut *tx)
                        .await?;
                    let until = later(me.clock.now_ms(), leases::HOLD);
                    hold_pieces(tx, id, until).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    /// Says that we still work on an upload; `false` when it is ours no more.
    pub async fn renew(&self, id: i64) -> Result<bool, UploadError> {
        Ok(self.leases.renew(id, &[], Vec::new()).await?)
    }

    /// Writes down where the file is to lie, before anything lies there, and holds the place.
    ///
    /// # Errors
    /// [`UploadError::LeaseLost`] when another node has the upload, [`UploadError::PathTaken`] when
    /// another file has the place.
    pub async fn place(&self, id: i64, key: &str, shared: bool) -> Result<Ground, UploadError> {
        Ok(self.leases.place(id, key, shared).await?)
    }

    /// Notes that nothing lay at the plain path that an upload has claimed.
    ///
    /// # Errors
    /// [`UploadError::LeaseLost`] when another node has the upload.
    pub async fn found_vacant(&self, id: i64, key: &str) -> Result<(), UploadError> {
        Ok(self.leases.found_vacant(id, key).await?)
    }

    /// Marks an upload as done and lets go of its pieces, inside the transaction that records its
    /// file and event. From now on it is remembered for its lifetime once more.
    ///
    /// # Errors
    /// [`UploadError::LeaseLost`] takes that transaction back: another node has the upload.
    pub async fn finish(&self, tx: &mut Tx, id: i64) -> Result<(), UploadError> {
        let now = self.clock.now_ms();
        let done = sqlx::query(
            "UPDATE uploads SET state = 1, expires_at = $1 \
             WHERE id = $2 AND lease_owner = $3 AND state = 2 \
             RETURNING application_id, stored_bytes",
        )
        .bind(later(now, self.settings.lifetime))
        .bind(id)
        .bind(self.leases.owner().to_owned())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(UploadError::LeaseLost)?;
        let_go_of_pieces(tx, id, now).await?;
        let application = ApplicationId(done.try_get("application_id")?);
        staged::take(tx, application, done.try_get("stored_bytes")?).await
    }

    /// Gives an upload back that could not be put together: at once to whoever completes it again,
    /// or, `for_good`, to the client as an open one. What was stored meanwhile is left to the
    /// garbage.
    pub async fn give_back(
        &self,
        id: i64,
        for_good: bool,
        error: &UploadError,
    ) -> Result<(), UploadError> {
        // What is found there may have come between our look and our writing: it stays.
        let theirs = matches!(error, UploadError::PathTaken);
        let me = self.clone();
        self.database
            .write(move |tx| {
                async move {
                    let now = me.clock.now_ms();
                    let done = sqlx::query(
                        "UPDATE uploads SET state = $1, lease_until = $2, lease_owner = '' \
                         WHERE id = $3 AND lease_owner = $4 AND state = 2",
                    )
                    .bind(if for_good { 0_i64 } else { 2 })
                    .bind(later(now, REST))
                    .bind(id)
                    .bind(me.leases.owner().to_owned())
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() == 0 {
                        return Ok(());
                    }
                    Ok::<_, UploadError>(me.leases.vacate(tx, id, theirs).await?)
                }
                .boxed()
            })
            .await
    }

    /// Completions whose lease has run out, oldest first.
    pub async fn abandoned(&self, limit: i64) -> Result<Vec<Entry>, UploadError> {
        let rows = self.leases.abandoned(COLUMNS, limit).await?;
        rows.iter().map(from_row).collect()
    }

    /// Forgets uploads whose time is over, with their pieces; answers how many were looked at and
    /// how many had not been completed.
    pub async fn forget_old(&self) -> Result<(usize, usize), UploadError> {
        let clock = self.clock.clone();
        self.database
            .write(move |tx| {
                async move {
                    let now = clock.now_ms();
                    let rows = sqlx::query(
                        "SELECT id FROM uploads WHERE expires_at < $1 AND state <> 2 \
                         ORDER BY expires_at LIMIT $2",
                    )
                    .bind(now)
                    .bind(ROUND)
                    .fetch_all(&mut *tx)
                    .await?;
                    let (mut unfinished, mut staged) = (0, BTreeMap::new());
                    for row in &rows {
                        let id: i64 = row.try_get("id")?;
                        let gone = sqlx::query(
                            "DELETE FROM uploads WHERE id = $1 AND expires_at < $2 AND state <> 2 \
                             RETURNING state, application_id, stored_bytes",
                        )
                        .bind(id)
                        .bind(now)
                        .fetch_optional(&mut *tx)
                        .await?;
                        let Some(gone) = gone else { continue };
                        if gone.try_get::<i64, _>("state")? == 0 {
                            let_go_of_pieces(tx, id, now).await?;
                            unfinished += 1;
                            let application: i64 = gone.try_get("application_id")?;
                            *staged.entry(application).or_default() +=
                                gone.try_get::<i64, _>("stored_bytes")?;
                        }
                    }
                    staged::take_all(tx, staged).await?;
                    Ok((rows.len(), unfinished))
                }
                .boxed()
            })
            .await
    }

    /// Gives up what we hold, so that another node need not wait for the leases to run out.
    pub async fn hand_over(&self) -> Result<(), UploadError> {
        let leases = self.leases.clone();
        self.database
            .write(move |tx| async move { Ok(leases.hand_over(tx).await?) }.boxed())
            .await
    }

    /// A third of the lease: how often it is renewed.
    pub fn renewal(&self) -> Duration {
        self.leases.renewal()
    }

    fn staged_limit(&self) -> Limit {
        Limit::of(self.settings.max_staged_bytes.as_u64())
    }
}

fn from_row(row: &AnyRow) -> Result<Entry, UploadError> {
    let unreadable = |_| UploadError::Invalid("the upload cannot be read any more".to_owned());
    let request: String = row.try_get("request")?;
    let completion: String = row.try_get("completion")?;
    let agreed = match completion.as_str() {
        "" => Ok(Agreed::default()),
        text => serde_json::from_str(text),
    };
    Ok(Entry {
        id: row.try_get("id")?,
        application_id: ApplicationId(row.try_get("application_id")?),
        handle: Handle::parse(&row.try_get::<String, _>("handle")?)?,
        wanted: serde_json::from_str(&request).map_err(unreadable)?,
        agreed: agreed.map_err(unreadable)?,
        state: match row.try_get::<i64, _>("state")? {
            0 => State::Open,
            1 => State::Done,
            _ => State::Completing,
        },
        attempts: row.try_get("attempts")?,
        lease_until: row.try_get("lease_until")?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn later(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
