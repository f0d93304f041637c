//! One batch of each kind: what may go and what holds it.
//!
//! A batch takes up where the one before ended, so that rows which must stay are passed over
//! once and not again and again.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Settings;
use crate::database::{DatabaseError, Dialect, Tx};

/// Ids in one list at most.
const LISTED: usize = 64;
/// States of a delivery in which it is owed: pending, and held for an endpoint that is off.
const OWED: &str = "(0, 4)";

/// Something that is removed when it is too old.
pub(super) struct Kind {
    /// What it is called in figures and in the log.
    pub name: &'static str,
    /// How long it is kept.
    pub kept: fn(&Settings) -> Duration,
    /// Removes one batch.
    pub remove: for<'c> fn(&'c mut Tx, Place) -> BoxFuture<'c, Result<Batch, DatabaseError>>,
}

/// In this order: a connection can go once picks and files no longer name it.
pub(super) static KINDS: &[Kind] = &[
    Kind {
        name: "events",
        kept: |settings| settings.events,
        remove: |tx, place| events(tx, place).boxed(),
    },
    Kind {
        name: "response_bodies",
        kept: |settings| settings.response_bodies,
        remove: |tx, place| response_bodies(tx, place).boxed(),
    },
    Kind {
        name: "picks",
        kept: |settings| settings.picks,
        remove: |tx, place| picks(tx, place).boxed(),
    },
    Kind {
        name: "deleted_files",
        kept: |settings| settings.deleted_files,
        remove: |tx, place| deleted_files(tx, place).boxed(),
    },
    Kind {
        name: "connections",
        kept: |settings| settings.connections,
        remove: |tx, place| connections(tx, place).boxed(),
    },
];

/// Where a batch begins and how far it may go.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Only what is older than this, in milliseconds since the epoch.
    pub before_ms: i64,
    /// Rows to look at.
    pub limit: i64,
    /// Which database it is.
    pub dialect: Dialect,
    /// The row behind which to begin, in the kind's own order.
    pub after: (i64, i64),
}

impl Place {
    /// Passes over rows that somebody holds. SQLite has one writer: nobody holds any.
    fn skip(&self) -> &'static str {
        self.dialect.skip_locked()
    }
}

/// What a batch came to.
pub(super) struct Batch {
    /// Rows removed.
    pub removed: u64,
    /// Behind which row the next begins; none: this was the last.
    pub next: Option<(i64, i64)>,
}

impl Batch {
    const NONE: Self = Self {
        removed: 0,
        next: None,
    };
}

/// The rows of a table behind a place whose ids grow with their age, up to the first that is not
/// too old: the last id, and whether there may be more.
async fn stretch(
    tx: &mut Tx,
    sql: &'static str,
    place: Place,
) -> Result<Option<(i64, bool)>, DatabaseError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(sql)
        .bind(place.after.0)
        .bind(place.limit)
        .fetch_all(tx)
        .await?;
    let old = rows
        .iter()
        .take_while(|(_, created_at)| *created_at < place.before_ms);
    let (count, last) = old.fold((0, None), |(count, _), (id, _)| (count + 1, Some(*id)));
    Ok(last.map(|last| (last, count == place.limit)))
}

/// Events that are owed to nobody, with their deliveries and attempts.
async fn events(tx: &mut Tx, place: Place) -> Result<Batch, DatabaseError> {
    let sql = "SELECT id, created_at FROM events WHERE id > $1 ORDER BY id LIMIT $2";
    let Some((last, more)) = stretch(tx, sql, place).await? else {
        return Ok(Batch::NONE);
    };
    let sql = format!(
        "SELECT d.id FROM deliveries d WHERE d.event_id > $1 AND d.event_id <= $2 \
         AND (SELECT 1 FROM deliveries o WHERE o.event_id = d.event_id AND o.state IN {OWED} \
         LIMIT 1) IS NULL{skip}",
        skip = place.skip()
    );
    let deliveries: Vec<(i64,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(place.after.0)
        .bind(last)
        .fetch_all(&mut *tx)
        .await?;
    for part in deliveries.chunks(LISTED) {
        let list = list(part.len());
        // First the deliveries: an attempt that is being written down holds its delivery, so
        // whatever it adds is there when the attempts go.
        for sql in [
            format!("DELETE FROM deliveries WHERE id IN {list} AND state NOT IN {OWED}"),
            format!(
                "DELETE FROM attempts WHERE delivery_id IN {list} AND NOT EXISTS \
                 (SELECT 1 FROM deliveries d WHERE d.id = attempts.delivery_id)"
            ),
        ] {
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for (id,) in padded(part) {
                query = query.bind(id);
            }
            query.execute(&mut *tx).await?;
        }
    }
    let gone = sqlx::query(
        "DELETE FROM events WHERE id > $1 AND id <= $2 AND created_at < $3 AND NOT EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.event_id = events.id)",
    )
    .bind(place.after.0)
    .bind(last)
    .bind(place.before_ms)
    .execute(tx)
    .await?;
    Ok(Batch {
        removed: gone.rows_affected(),
        next: more.then_some((last, 0)),
    })
}

/// What subscribers answered; that an attempt was made, when and with which status, stays.
async fn response_bodies(tx: &mut Tx, place: Place) -> Result<Batch, DatabaseError> {
    let sql = format!(
        "UPDATE attempts SET response_body = '', response_headers = '{{}}' \
         WHERE (delivery_id, number) IN (SELECT delivery_id, number FROM attempts \
         WHERE started_at < $1 AND (response_body <> '' OR response_headers <> '{{}}') \
         ORDER BY started_at LIMIT $2{skip})",
        skip = place.skip()
    );
    let emptied = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(place.before_ms)
        .bind(place.limit)
        .execute(tx)
        .await?;
    Ok(until_few(emptied.rows_affected(), place))
}

/// Picks that have ended. Their files stay; only whoever asks under the same key again after so
/// long a time gets another file.
async fn picks(tx: &mut Tx, place: Place) -> Result<Batch, DatabaseError> {
    let sql = "SELECT id, created_at FROM picks WHERE id > $1 ORDER BY id LIMIT $2";
    let Some((last, more)) = stretch(tx, sql, place).await? else {
        return Ok(Batch::NONE);
    };
    let sql = format!(
        "DELETE FROM picks WHERE id IN (SELECT id FROM picks WHERE id > $1 AND id <= $2 \
         AND state <> 0 AND updated_at < $3{skip}) AND state <> 0",
        skip = place.skip()
    );
    let gone = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(place.after.0)
        .bind(last)
        .bind(place.before_ms)
        .execute(tx)
        .await?;
    Ok(Batch {
        removed: gone.rows_affected(),
        next: more.then_some((last, 0)),
    })
}

/// Rows of deleted files. Their objects went to the garbage when they were deleted; where one was
/// kept on purpose its row stays, or it would look like one that belongs to nobody.
async fn deleted_files(tx: &mut Tx, place: Place) -> Result<Batch, DatabaseError> {
    let sql = format!(
        "DELETE FROM files WHERE handle IN (SELECT handle FROM files \
         WHERE deleted_at IS NOT NULL AND object_kept = 0 AND deleted_at < $1 ORDER BY deleted_at LIMIT $2{skip}) \
         AND deleted_at IS NOT NULL",
        skip = place.skip()
    );
    let gone = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(place.before_ms)
        .bind(place.limit)
        .execute(tx)
        .await?;
    Ok(until_few(gone.rows_affected(), place))
}

/// Connections that are dead, or signed out and revoked, and that no session, no pick and no
/// file names. A deleted file's row names one, too, until it goes itself.
async fn connections(tx: &mut Tx, place: Place) -> Result<Batch, DatabaseError> {
    let sql = format!(
        "SELECT updated_at, id FROM connections WHERE state <> 0 AND updated_at < $1 \
         AND (updated_at, id) > ($2, $3) ORDER BY updated_at, id LIMIT $4{skip}",
        skip = place.skip()
    );
    let ended: Vec<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(place.before_ms)
        .bind(place.after.0)
        .bind(place.after.1)
        .bind(place.limit)
        .fetch_all(&mut *tx)
        .await?;
    let mut removed = 0;
    for part in ended.chunks(LISTED) {
        let list = list(part.len());
        let sql = format!(
            "DELETE FROM connections WHERE id IN {list} \
             AND (state = 1 OR (state = 2 AND length(refresh_token) = 0)) \
             AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.connection_id = connections.id) \
             AND NOT EXISTS (SELECT 1 FROM picks p WHERE p.connection_id = connections.id) \
             AND NOT EXISTS (SELECT 1 FROM files f WHERE f.connection_id = connections.id)"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for (_, id) in padded(part) {
            query = query.bind(id);
        }
        removed += query.execute(&mut *tx).await?.rows_affected();
    }
    let full = i64::try_from(ended.len()).is_ok_and(|count| count == place.limit);
    Ok(Batch {
        removed,
        next: ended.last().copied().filter(|_| full),
    })
}

/// For kinds of which a batch leaves nothing behind: there is no more once a batch is not full.
fn until_few(removed: u64, place: Place) -> Batch {
    let full = i64::try_from(removed).is_ok_and(|count| count == place.limit);
    Batch {
        removed,
        next: full.then_some(place.after),
    }
}

/// One placeholder for each id of a part; two lengths only, so that a statement has few forms.
fn list(ids: usize) -> String {
    let length = if ids == 1 { 1 } else { LISTED };
    let places: Vec<String> = (1..=length).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}

/// The ids of a part, the last one repeated until the list is full.
fn padded<T: Copy>(part: &[T]) -> impl Iterator<Item = T> {
    let length = if part.len() == 1 { 1 } else { LISTED };
    let last = part.last().copied();
    part.iter()
        .copied()
        .chain(last.into_iter().cycle())
        .take(length)
}
