//! How PostgreSQL carries out each of our statements on a million rows.
//!
//! The service itself is driven through everything that it does, and the server writes down the
//! plan of each statement as it was carried out, those behind foreign keys included. No statement
//! may read a large table from end to end, or more than a few thousand rows of one. A statement
//! that stands in `src` and did not come by is explained as it stands; if that cannot be, because
//! it is put together at run time, whoever wrote it drives it here, gives a form of it
//! ([`IN_ONE_FORM`]), or says in [`NOT_DRIVEN`] why not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::processes::eventually;

#[path = "plans/driven.rs"]
mod driven;
#[path = "plans/judged.rs"]
mod judged;
#[path = "plans/world.rs"]
mod world;

use futures_util::FutureExt as _;
use judged::{Plans, scans, written};
use longshore::config::Settings;
use longshore::database::{Database, DatabaseError};
use world::World;

/// Tables that grow with use.
const LARGE: [&str; 11] = [
    "attempts",
    "authorizations",
    "connections",
    "deliveries",
    "events",
    "files",
    "garbage",
    "picks",
    "sessions",
    "upload_pieces",
    "uploads",
];
/// Rows of a large table that one statement may read.
const MOST_READ: f64 = 6_000.0;

/// Statements that may read more, if need be all of a table that is not much larger: how they
/// begin, how many rows, and why.
const MAY_READ_MORE: &[(&str, f64, &str)] = &[
    (
        "SELECT action, COUNT(*) FROM (SELECT action",
        200_000.0,
        "an owner's figures count at most 100,000 events",
    ),
    (
        "SELECT state, COUNT(*) FROM (SELECT state",
        200_000.0,
        "an owner's figures count at most 100,000 deliveries",
    ),
    (
        "SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size)",
        200_000.0,
        "an owner's figures count at most 100,000 files",
    ),
];

/// Statements that are not driven: how they begin, and why that is well.
const NOT_DRIVEN: &[(&str, &str)] = &[
    ("SELECT CAST(unixepoch", "SQLite's"),
    (
        "SELECT set_config('application_name'",
        "what a session begins with; it names no table",
    ),
    (
        "SELECT id, {column} FROM {table} WHERE id >",
        "an operator's reseal goes through whole tables, a batch at a time by the primary key",
    ),
    (
        "UPDATE {table} SET {column} = $1 WHERE id =",
        "the same, one row",
    ),
];

/// Statements that are put together at run time and not driven: how they begin, and a form in
/// which they are explained.
const IN_ONE_FORM: &[(&str, &str)] = &[(
    // The sweep of a bucket, which a folder does not need.
    "SELECT storage_key FROM files WHERE storage_key IN ({places})",
    "SELECT storage_key FROM files WHERE storage_key IN ($1, $2, $3) \
     UNION SELECT storage_key FROM garbage WHERE storage_key IN ($1, $2, $3)",
)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_finds_its_rows_among_a_million() {
    let mut world = World::new().await;
    let all = "SELECT (SELECT COUNT(*) FROM attempts) + (SELECT COUNT(*) FROM authorizations) \
         + (SELECT COUNT(*) FROM connections) + (SELECT COUNT(*) FROM deliveries) \
         + (SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM files) \
         + (SELECT COUNT(*) FROM garbage) + (SELECT COUNT(*) FROM picks) \
         + (SELECT COUNT(*) FROM sessions)";
    assert!(world.number(all).await >= 1_000_000);
    driven::pick_read_change(&world).await;
    driven::upload(&world).await;
    driven::look(&world).await;
    driven::change(&world).await;
    driven::people(&world).await;
    driven::come_and_go(&world).await;
    driven::stop_and_die(&mut world).await;
    let old = "SELECT COUNT(*) FROM events WHERE id < 1000";
    let swept = async || world.number(old).await == 0;
    eventually("what is old was removed", Duration::from_secs(60), swept).await;
    world.service.running.terminate();

    let log = std::fs::read_to_string(world.postgres.log()).unwrap();
    let mut plans = Plans::read(&log[world.filled_at..]);
    let mut missing = BTreeSet::new();
    let mut sources = BTreeMap::new();
    written(Path::new("src"), &mut sources);
    assert!(sources.len() > 80);
    for (sql, pattern) in sources {
        let listed = NOT_DRIVEN.iter().any(|(begins, _)| sql.starts_with(begins));
        if listed || plans.0.keys().any(|text| pattern.is_match(text)) {
            continue;
        }
        let form = IN_ONE_FORM
            .iter()
            .find(|(begins, _)| sql.starts_with(begins));
        match world.explain(form.map_or(&sql, |(_, form)| form)).await {
            Ok(plan) => drop(plans.0.insert(sql, vec![plan])),
            Err(_) => drop(missing.insert(sql)),
        }
    }
    let faults = plans.faults();
    println!(
        "{} statements, {} plans",
        plans.0.len(),
        plans.0.values().map(Vec::len).sum::<usize>()
    );
    assert!(faults.is_empty(), "{faults:#?}\nnot seen: {missing:#?}");
    assert!(missing.is_empty(), "never carried out: {missing:#?}");
}

/// What is no statement but the beginning of several, each with a condition of its own.
const BEGINNING: &str = "SELECT d.id, d.event_id, e.action, e.handle, d.endpoint_id";

/// SQLite tells only what it would do, and knows no row counts; it is asked about what stands in
/// the sources as one piece.
#[tokio::test]
async fn no_statement_reads_a_large_table_from_end_to_end_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::defaults().unwrap().database;
    let database = Database::open(&settings, dir.path()).await.unwrap();
    let mut sources = BTreeMap::new();
    written(Path::new("src"), &mut sources);
    let (mut asked, mut faults) = (0, BTreeSet::new());
    for sql in sources.into_keys().filter(|sql| !sql.contains('{')) {
        let is_postgres = sql.contains("clock_timestamp") || sql.contains("set_config");
        if is_postgres || sql.starts_with(BEGINNING) {
            continue;
        }
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let explained = database.write(|tx| {
            async move {
                let sql = sqlx::AssertSqlSafe(explain);
                Ok::<_, DatabaseError>(sqlx::query(sql).fetch_all(tx).await?)
            }
            .boxed()
        });
        // What is no whole statement cannot be explained.
        let Ok(rows) = explained.await else { continue };
        asked += 1;
        for row in rows {
            let does: String = sqlx::Row::get(&row, "detail");
            if let Some(table) = scans(&does, &sql) {
                faults.insert(format!("reads all of {table}: {sql}"));
            }
        }
    }
    assert!(asked > 60, "{asked}");
    assert!(faults.is_empty(), "{faults:#?}");
}
