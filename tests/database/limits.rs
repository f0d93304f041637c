//! How many connections there are, for how long, and what the server ends by itself.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use longshore::config::Settings;
use longshore::database::{self, Database, DatabaseError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::processes::eventually;
use crate::support::postgres;

const SHORT: Duration = Duration::from_millis(300);
/// Far longer than any limit of these tests.
const LONG: Duration = Duration::from_secs(20);

/// A fresh database, opened with these settings.
async fn open(change: impl FnOnce(&mut database::Settings)) -> (Database, String) {
    let url = tokio::task::block_in_place(postgres::database);
    let mut settings = Settings::defaults().unwrap().database;
    settings.url.clone_from(&url);
    change(&mut settings);
    let database = Database::open(&settings, std::path::Path::new("")).await;
    (database.unwrap(), url)
}

/// The processes of the server that serve us at this database.
async fn sessions(url: &str) -> Vec<i32> {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'longshore' ORDER BY pid";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Runs statements in one transaction, with a pause behind each.
async fn write(
    database: &Database,
    statements: &'static [&'static str],
    pause: Duration,
) -> Result<(), DatabaseError> {
    let write = database.write(move |tx| {
        async move {
            for statement in statements {
                sqlx::query(*statement).execute(&mut *tx).await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
        .boxed()
    });
    write.await
}

fn is_away(outcome: &Result<(), DatabaseError>) -> bool {
    matches!(outcome, Err(DatabaseError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_shares_as_many_connections_as_are_allowed_and_no_more() {
    let (database, url) = open(|settings| {
        settings.max_connections = 5;
        settings.reserved_connections = 2;
    })
    .await;
    let crowd = (0..40).map(|_| {
        let database = database.clone();
        async move { write(&database, &["SELECT pg_sleep(0.05)"], Duration::ZERO).await }
    });
    let (outcomes, most) = tokio::join!(join_all(crowd), async {
        tokio::time::sleep(SHORT).await;
        sessions(&url).await.len()
    });
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(most, 3);
    assert_eq!(database.usage().open, 3);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_connection_free_in_time_is_told_and_the_reserved_ones_are_not_taken() {
    let (database, _) = open(|settings| {
        settings.max_connections = 3;
        settings.reserved_connections = 1;
        settings.acquire_timeout = SHORT;
    })
    .await;
    let held = [
        database.read().await.unwrap(),
        database.read().await.unwrap(),
    ];
    let begun = Instant::now();
    assert!(is_away(&database.check().await));
    assert!(begun.elapsed() >= SHORT);
    assert!(database.reserved().check().await.is_ok());
    drop(held);
    assert!(database.check().await.is_ok());
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_runs_for_too_long_is_ended_and_one_that_does_not_is_left_alone() {
    let (database, _) = open(|settings| settings.statement_timeout = Duration::from_secs(2)).await;
    let begun = Instant::now();
    let endless = write(&database, &["SELECT pg_sleep(60)"], Duration::ZERO).await;
    assert!(is_away(&endless), "{endless:?}");
    assert!(begun.elapsed() < LONG);
    assert!(
        write(&database, &["SELECT pg_sleep(0.5)"], Duration::ZERO)
            .await
            .is_ok()
    );
    database.close().await;
    // Zero is no limit.
    let (database, _) = open(|settings| settings.statement_timeout = Duration::ZERO).await;
    assert!(
        write(&database, &["SELECT pg_sleep(2.5)"], Duration::ZERO)
            .await
            .is_ok()
    );
    database.close().await;
}

const ADD: &str = "INSERT INTO accounts (email, password_hash, created_at) VALUES ('a', '', 0)";
const TOUCH: &str = "UPDATE accounts SET created_at = created_at + 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_for_a_lock_is_told_and_the_holder_is_not_disturbed() {
    let (database, _) = open(|settings| settings.lock_timeout = SHORT).await;
    write(&database, &[ADD], Duration::ZERO).await.unwrap();
    let holder = tokio::spawn({
        let database = database.clone();
        async move { write(&database, &[TOUCH], Duration::from_secs(3)).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = write(&database, &[TOUCH], Duration::ZERO).await;
    assert!(is_away(&late), "{late:?}");
    assert!(holder.await.unwrap().is_ok());
    assert!(
        write(&database, &[TOUCH], Duration::ZERO).await.is_ok(),
        "the lock was left behind"
    );
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_stands_still_is_ended_and_lets_the_others_pass() {
    let (database, _) = open(|settings| {
        settings.idle_in_transaction_timeout = SHORT;
        settings.lock_timeout = Duration::ZERO;
    })
    .await;
    write(&database, &[ADD], Duration::ZERO).await.unwrap();
    let standing = tokio::spawn({
        let database = database.clone();
        async move { write(&database, &[TOUCH], LONG).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    assert!(write(&database, &[TOUCH], Duration::ZERO).await.is_ok());
    assert!(begun.elapsed() < LONG / 2);
    standing.abort();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_nobody_uses_are_closed_down_to_the_least() {
    let (database, url) = open(|settings| {
        settings.min_connections = 2;
        settings.idle_timeout = SHORT;
    })
    .await;
    let crowd = (0..8).map(|_| write(&database, &["SELECT pg_sleep(0.3)"], Duration::ZERO));
    assert!(join_all(crowd).await.iter().all(Result::is_ok));
    let few = async || sessions(&url).await.len() == 2;
    eventually("two connections are left", LONG, few).await;
    database.close().await;
    // The server needs a moment to see that a session has ended.
    let none = async || sessions(&url).await.is_empty();
    eventually("none is left", LONG, none).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_replaced_when_its_time_is_over() {
    let (database, url) = open(|settings| settings.max_lifetime = SHORT).await;
    database.check().await.unwrap();
    let before = sessions(&url).await;
    assert!(!before.is_empty());
    let replaced = async || {
        assert!(database.check().await.is_ok());
        sessions(&url).await.iter().all(|pid| !before.contains(pid))
    };
    eventually("other sessions serve us", LONG, replaced).await;
    database.close().await;
}

#[test]
fn numbers_that_contradict_each_other_are_refused_before_the_start() {
    let refused = |most: u32, reserved: u32, least: u32| {
        let mut settings = Settings::defaults().unwrap().database;
        settings.url = "postgres://localhost/x".to_owned();
        settings.max_connections = most;
        settings.reserved_connections = reserved;
        settings.min_connections = least;
        database::check(&settings).is_err()
    };
    assert!(!refused(2, 1, 1));
    assert!(!refused(1, 0, 1));
    assert!(refused(2, 2, 0));
    assert!(refused(2, 3, 0));
    assert!(refused(2, 1, 2));
}
