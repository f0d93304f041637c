//! How endpoints fare: what attempts tell of them, written in the verdicts' own commit.
//!
//! A handful of statements for a whole batch, however many endpoints it has news of. An endpoint
//! that answered 410, or that has only failed for long and often, is switched off, with a notice
//! in the log of events for its owner and a line for the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::attempt::Verdict;
use super::{Room, rows};
use crate::access::ApplicationId;
use crate::database::{DatabaseError, Dialect, Tx};
use crate::events;

/// A success is noted at the endpoint at most this often.
const SUCCESS_NOTED_MS: i64 = 10_000;
const DAY: u64 = 24 * 3600;

/// When an endpoint is switched off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    dialect: Dialect,
    /// After it has only failed for this long…
    failing: Duration,
    /// …and this often.
    failures: i64,
}

impl Rules {
    pub(super) fn of(room: &Room) -> Self {
        Self {
            dialect: room.database.dialect(),
            failing: room.settings.disable_after,
            failures: i64::from(room.settings.disable_after_failures),
        }
    }

    fn reason(self) -> String {
        let seconds = self.failing.as_secs();
        if seconds > 0 && seconds.is_multiple_of(DAY) {
            return format!("it has only failed for {} days", seconds / DAY);
        }
        let time = humantime::format_duration(self.failing);
        format!("it has only failed for {time}")
    }
}

#[derive(Default)]
struct Tally {
    failed: i64,
    accepted: bool,
    gone: bool,
    worth_noting: bool,
}

/// Writes down what these verdicts tell of their endpoints.
pub(super) async fn note(
    tx: &mut Tx,
    verdicts: &[&Verdict],
    rules: Rules,
    now: i64,
) -> Result<(), DatabaseError> {
    let mut tallies: BTreeMap<i64, Tally> = BTreeMap::new();
    for verdict in verdicts {
        let tally = tallies.entry(verdict.job.lease.endpoint_id).or_default();
        let known = verdict.job.endpoint;
        let noted = known.last_success_at.unwrap_or(0) > now - SUCCESS_NOTED_MS;
        tally.accepted |= verdict.accepted;
        tally.gone |= verdict.gone;
        tally.failed += i64::from(!verdict.accepted);
        tally.worth_noting |= known.failures > 0 || !noted;
    }
    let (mut gone, mut well, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (endpoint, tally) in tallies {
        if tally.gone {
            gone.push(endpoint);
        } else if tally.accepted && (tally.worth_noting || tally.failed > 0) {
            well.push(endpoint);
        } else if tally.failed > 0 {
            failed.push((endpoint, tally.failed));
        }
    }
    let news = [&gone[..], &well[..]].concat().into_iter();
    let news = news.chain(failed.iter().map(|(endpoint, _)| *endpoint));
    lock(tx, rules.dialect, news.collect()).await?;
    note_gone(tx, &gone, now).await?;
    note_success(tx, &well, now).await?;
    note_failures(tx, &failed, rules, now).await
}

/// Takes the rows in the order of their numbers, so that two nodes never wait for each other
/// crosswise. SQLite has one writer.
async fn lock(tx: &mut Tx, dialect: Dialect, mut ids: Vec<i64>) -> Result<(), DatabaseError> {
    if dialect == Dialect::Sqlite || ids.len() < 2 {
        return Ok(());
    }
    ids.sort_unstable();
    let ids = rows::padded(&ids);
    let list = rows::placeholders(1, ids.len());
    let sql = format!("SELECT id FROM endpoints WHERE id IN {list} ORDER BY id FOR NO KEY UPDATE");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(*id);
    }
    query.fetch_all(tx).await?;
    Ok(())
}

async fn note_success(tx: &mut Tx, endpoints: &[i64], now: i64) -> Result<(), DatabaseError> {
    if endpoints.is_empty() {
        return Ok(());
    }
    let endpoints = rows::padded(endpoints);
    let list = rows::placeholders(1, endpoints.len());
    let sql = format!(
        "UPDATE endpoints SET last_success_at = ${}, failing_since = NULL, failures = 0 \
         WHERE id IN {list}",
        endpoints.len() + 1
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for endpoint in endpoints {
        query = query.bind(*endpoint);
    }
    query.bind(now).execute(tx).await?;
    Ok(())
}

async fn note_gone(tx: &mut Tx, endpoints: &[i64], now: i64) -> Result<(), DatabaseError> {
    switch_off(tx, endpoints, "it answered 410 Gone", None, now).await
}

async fn note_failures(
    tx: &mut Tx,
    failed: &[(i64, i64)],
    rules: Rules,
    now: i64,
) -> Result<(), DatabaseError> {
    if failed.is_empty() {
        return Ok(());
    }
    let padded = rows::padded(failed);
    let values = rows::placeholders(padded.len(), 2);
    let sql = format!(
        "WITH v(id, failed) AS (VALUES {values}) UPDATE endpoints \
         SET failures = endpoints.failures + v.failed, \
         failing_since = COALESCE(endpoints.failing_since, ${}) FROM v WHERE endpoints.id = v.id",
        2 * padded.len() + 1
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (endpoint, times) in padded {
        query = query.bind(*endpoint).bind(*times);
    }
    query.bind(now).execute(&mut *tx).await?;
    let failing = i64::try_from(rules.failing.as_millis()).unwrap_or(i64::MAX);
    let limit = (rules.failures, now.saturating_sub(failing));
    let endpoints: Vec<i64> = failed.iter().map(|(endpoint, _)| *endpoint).collect();
    switch_off(tx, &endpoints, &rules.reason(), Some(limit), now).await
}

/// Switches endpoints off that are on, with `limit` those alone that failed so often since then
/// or longer, and leaves a notice of each.
async fn switch_off(
    tx: &mut Tx,
    endpoints: &[i64],
    reason: &str,
    limit: Option<(i64, i64)>,
    now: i64,
) -> Result<(), DatabaseError> {
    if endpoints.is_empty() {
        return Ok(());
    }
    let endpoints = rows::padded(endpoints);
    let list = rows::placeholders(1, endpoints.len());
    let next = endpoints.len() + 1;
    let condition = match limit {
        Some(_) => format!(
            "AND failures >= ${} AND failing_since <= ${}",
            next + 2,
            next + 3
        ),
        None => String::new(),
    };
    let sql = format!(
        "UPDATE endpoints SET state = 2, disabled_reason = ${next}, updated_at = ${} \
         WHERE id IN {list} AND state = 0 {condition} RETURNING id, application_id, url, event",
        next + 1
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for endpoint in endpoints {
        query = query.bind(*endpoint);
    }
    query = query.bind(reason.to_owned()).bind(now);
    if let Some((failures, since)) = limit {
        query = query.bind(failures).bind(since);
    }
    for row in query.fetch_all(&mut *tx).await? {
        leave_notice(tx, &row, reason, now).await?;
    }
    Ok(())
}

async fn leave_notice(
    tx: &mut Tx,
    row: &AnyRow,
    reason: &str,
    now: i64,
) -> Result<(), DatabaseError> {
    let endpoint: i64 = row.try_get("id")?;
    let (url, event): (String, String) = (row.try_get("url")?, row.try_get("event")?);
    let text = json!({
        "endpoint": endpoint,
        "url": url,
        "event": event,
        "state": "disabled_by_us",
        "reason": reason,
    });
    log::warn!("webhooks: endpoint {endpoint} is switched off: {reason}");
    let application = ApplicationId(row.try_get("application_id")?);
    events::notice(tx, application, &text, now).await
}
