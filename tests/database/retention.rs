//! What is removed in time, to the millisecond, and what stays however old it is. On SQLite and
//! on PostgreSQL.

use std::time::Duration;

use futures_util::FutureExt as _;
use longshore::clock::{Clock, ClockHand};
use longshore::config::Settings;
use longshore::database::{Database, DatabaseError};
use longshore::retention::{self, Retention};

use crate::processes::eventually;
use crate::support::postgres;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The interval, and a little more.
const NEXT: Duration = Duration::from_secs(3601);

struct World {
    database: Database,
    clock: Clock,
    hand: ClockHand,
    settings: retention::Settings,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new(postgres: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let all = Settings::defaults().unwrap();
        let mut settings = all.database;
        if postgres {
            settings.url = tokio::task::block_in_place(postgres::database);
        }
        let database = Database::open(&settings, dir.path()).await.unwrap();
        let (clock, hand) = Clock::by_hand();
        let world = Self {
            database,
            clock,
            hand,
            settings: retention::Settings {
                pause: Duration::ZERO,
                // Smaller than what every test lays out, so that batches follow one another.
                batch: 3,
                ..all.retention
            },
            _dir: dir,
        };
        world
            .run(&[
                "INSERT INTO applications (id, name, apikey, secret, created_at) \
                 VALUES (1, 'a', 'k', '', 0)",
                "INSERT INTO endpoints (id, application_id, url, event, secret, created_at, \
                 updated_at) VALUES (1, 1, 'u', 'all', '', 0, 0)",
            ])
            .await;
        world
    }

    async fn both() -> [Self; 2] {
        [Self::new(false).await, Self::new(true).await]
    }

    fn node(&self) -> Retention {
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        Retention::new(settings, self.database.clone(), clock)
    }

    /// Sweeps as a node of its own, once it is due again; answers what was removed of a kind.
    async fn sweep(&self, kind: &str) -> u64 {
        let removed = self.node().sweep().await.unwrap().expect("it was not due");
        self.hand.advance(NEXT);
        removed.iter().find(|(name, _)| *name == kind).unwrap().1
    }

    async fn run(&self, statements: &[&str]) {
        let statements: Vec<String> = statements.iter().map(|sql| (*sql).to_owned()).collect();
        let write = self.database.write(|tx| {
            async move {
                for sql in statements {
                    sqlx::query(sqlx::AssertSqlSafe(sql))
                        .execute(&mut *tx)
                        .await?;
                }
                Ok::<_, DatabaseError>(())
            }
            .boxed()
        });
        write.await.unwrap();
    }

    async fn count(&self, of: &str) -> i64 {
        let mut connection = self.database.read().await.unwrap();
        let sql = format!("SELECT COUNT(*) FROM {of}");
        let (count,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        count
    }

    /// The moment that lies so far back.
    fn ago(&self, by: Duration) -> i64 {
        self.clock.now_ms() - i64::try_from(by.as_millis()).unwrap()
    }

    /// An event that happened then, with a delivery in each of these states and its attempt.
    async fn event(&self, at: i64, states: &[i64]) {
        let id = self.count("events").await + 1000;
        let mut statements = vec![format!(
            "INSERT INTO events (id, application_id, action, text, created_at) \
             VALUES ({id}, 1, 'fp.upload', '', {at})"
        )];
        for (place, state) in states.iter().enumerate() {
            let delivery = id * 10 + i64::try_from(place).unwrap();
            statements.push(format!(
                "INSERT INTO deliveries (id, event_id, endpoint_id, application_id, state, \
                 next_at, created_at, updated_at) VALUES ({delivery}, {id}, 1, 1, {state}, 0, 0, 0)"
            ));
            statements.push(attempt(delivery, at));
        }
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        self.run(&statements).await;
    }

    async fn connection(&self, id: i64, state: i64, token: &str, ended: i64) {
        let token = if token.is_empty() { "''" } else { "'x'" };
        let sql = format!(
            "INSERT INTO connections (id, application_id, app_key, account_id, refresh_token, \
             access_token, access_expires_at, state, created_at, updated_at, last_used_at) \
             VALUES ({id}, 1, 'k', 'a', {token}, '', 0, {state}, 0, {ended}, 0)"
        );
        self.run(&[&sql]).await;
    }

    async fn pick(&self, connection: i64, state: i64, ended: i64) {
        let n = self.count("picks").await + 1;
        let sql = format!(
            "INSERT INTO picks (id, application_id, session_hash, connection_id, dedup, \
             source_path, request, handle, state, created_at, updated_at) \
             VALUES ({n}, 1, '', {connection}, 'd{n}', '', '', 'h{n}', {state}, {ended}, {ended})"
        );
        self.run(&[&sql]).await;
    }

    async fn file(&self, connection: i64, deleted: Option<i64>) {
        let n = self.count("files").await + 1;
        let deleted = deleted.map_or("NULL".to_owned(), |at| at.to_string());
        let sql = format!(
            "INSERT INTO files (handle, application_id, kind, provider, client, filename, \
             mimetype, size, connection_id, created_at, modified_at, deleted_at) \
             VALUES ('f{n}', 1, 0, '', '', '', '', 0, {connection}, 0, 0, {deleted})"
        );
        self.run(&[&sql]).await;
    }
}

fn attempt(delivery: i64, at: i64) -> String {
    format!(
        "INSERT INTO attempts (delivery_id, number, started_at, duration_ms, status, \
         response_headers, response_body) VALUES ({delivery}, 1, {at}, 5, 200, '{{\"a\":1}}', 'b')"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_goes_a_millisecond_after_its_time_with_all_that_hangs_on_it() {
    for world in World::both().await {
        let edge = world.ago(world.settings.events);
        for _ in 0..7 {
            world.event(edge - 1, &[1, 2, 3]).await;
        }
        world.event(edge - 1, &[]).await;
        world.event(edge, &[1]).await;
        assert_eq!(world.sweep("events").await, 8);
        let left = ["events", "deliveries", "attempts"];
        for table in left {
            assert_eq!(world.count(table).await, 1, "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_owed_to_anybody_stays_however_old() {
    for world in World::both().await {
        // First in the order, so that everything else comes after what cannot go.
        for _ in 0..4 {
            world.event(0, &[0]).await;
            world.event(0, &[4]).await;
            world.event(0, &[1, 0]).await;
        }
        world.event(0, &[1, 2, 3]).await;
        assert_eq!(world.sweep("events").await, 1);
        assert_eq!(world.count("events").await, 12);
        assert_eq!(world.count("deliveries").await, 16);
        assert_eq!(world.count("attempts").await, 16);
        world
            .run(&["UPDATE deliveries SET state = 1 WHERE state = 0"])
            .await;
        assert_eq!(world.sweep("events").await, 8);
        assert_eq!(world.count("events").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_forgotten_and_the_attempt_is_not() {
    for world in World::both().await {
        let edge = world.ago(world.settings.response_bodies);
        for _ in 0..7 {
            world.event(edge - 1, &[1]).await;
        }
        world.event(edge, &[0]).await;
        assert_eq!(world.sweep("response_bodies").await, 7);
        let with = "attempts WHERE response_body = 'b' AND response_headers <> '{}'";
        assert_eq!(world.count(with).await, 1);
        let kept = "attempts WHERE status = 200 AND duration_ms = 5";
        assert_eq!(world.count(kept).await, 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn picks_that_have_ended_go_and_one_that_has_not_stays() {
    for world in World::both().await {
        let edge = world.ago(world.settings.picks);
        world.connection(1, 0, "x", 0).await;
        world.pick(1, 0, 0).await;
        for _ in 0..4 {
            world.pick(1, 1, edge - 1).await;
            world.pick(1, 2, edge - 1).await;
        }
        world.pick(1, 1, edge).await;
        world.file(1, None).await;
        assert_eq!(world.sweep("picks").await, 8);
        assert_eq!(world.count("picks WHERE state = 0").await, 1);
        assert_eq!(world.count("picks").await, 2);
        assert_eq!(world.count("files").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_files_row_goes_in_time_and_a_live_files_never() {
    for world in World::both().await {
        let edge = world.ago(world.settings.deleted_files);
        world.connection(1, 0, "x", 0).await;
        for _ in 0..7 {
            world.file(1, Some(edge - 1)).await;
        }
        world
            .run(&["UPDATE files SET object_kept = 1 WHERE handle = 'f1'"])
            .await;
        world.file(1, Some(edge)).await;
        world.file(1, None).await;
        assert_eq!(world.sweep("deleted_files").await, 6);
        assert_eq!(world.count("files").await, 3);
        world.hand.advance(DAY * 1000);
        assert_eq!(world.sweep("deleted_files").await, 1);
        assert_eq!(world.count("files WHERE deleted_at IS NULL").await, 1);
        // Its object was to stay: without the row it would look like nobody's.
        assert_eq!(world.count("files WHERE object_kept = 1").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_once_it_has_ended_and_nothing_names_it() {
    for world in World::both().await {
        let edge = world.ago(world.settings.connections);
        for id in 1..=4 {
            world.connection(id, 2, "", edge - 1).await;
        }
        world.connection(5, 1, "x", edge - 1).await;
        // Live; not revoked yet; too young; named by a file, a pick and a session.
        world.connection(10, 0, "x", edge - 1).await;
        world.connection(11, 2, "x", edge - 1).await;
        world.connection(12, 2, "", edge).await;
        for id in 13..=15 {
            world.connection(id, 2, "", 0).await;
        }
        world.file(13, None).await;
        world.pick(14, 0, 0).await;
        world
            .run(&[
                "INSERT INTO sessions (token_hash, application_id, connection_id, \
                    created_at, expires_at) VALUES ('t', 1, 15, 0, 0)",
            ])
            .await;
        assert_eq!(world.sweep("connections").await, 5);
        assert_eq!(world.count("connections WHERE id >= 10").await, 6);
        assert_eq!(world.count("connections").await, 6);
        // What named them goes, and they with it.
        world
            .run(&[
                "DELETE FROM sessions",
                "UPDATE files SET deleted_at = 0",
                "UPDATE picks SET state = 1",
            ])
            .await;
        assert_eq!(world.sweep("connections").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zero_keeps_for_ever() {
    for mut world in World::both().await {
        world.settings.events = Duration::ZERO;
        world.settings.response_bodies = Duration::ZERO;
        world.settings.picks = Duration::ZERO;
        world.settings.deleted_files = Duration::ZERO;
        world.settings.connections = Duration::ZERO;
        world.event(0, &[1]).await;
        world.connection(1, 2, "", 0).await;
        world.pick(1, 1, 0).await;
        world.file(1, Some(0)).await;
        world.connection(2, 1, "", 0).await;
        let removed = world.node().sweep().await.unwrap().unwrap();
        assert!(removed.iter().all(|(_, count)| *count == 0), "{removed:?}");
        for table in ["events", "attempts", "picks", "files"] {
            assert_eq!(world.count(table).await, 1);
        }
        assert_eq!(world.count("connections").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_sweeps_for_all_and_another_takes_over_from_a_dead_one() {
    for world in World::both().await {
        let (first, second) = (world.node(), world.node());
        assert!(first.sweep().await.unwrap().is_some());
        // It has just been done, whoever asks.
        assert!(second.sweep().await.unwrap().is_none());
        world
            .hand
            .advance(world.settings.interval - Duration::from_millis(1));
        assert!(second.sweep().await.unwrap().is_none());
        world.hand.advance(Duration::from_millis(1));
        assert!(second.sweep().await.unwrap().is_some());
        // A node that died in the middle of it.
        world.hand.advance(NEXT);
        let now = world.clock.now_ms();
        let sql = format!("UPDATE duties SET owner = 'dead', lease_until = {now} + 60000");
        world.run(&[&sql]).await;
        world.hand.advance(Duration::from_millis(59_999));
        assert!(first.sweep().await.unwrap().is_none());
        world.hand.advance(Duration::from_millis(1));
        assert!(first.sweep().await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_sweep_and_a_sweep_for_nobody() {
    let world = World::new(true).await;
    let edge = world.ago(world.settings.events);
    for _ in 0..5 {
        world.event(edge - 1, &[1]).await;
    }
    world.connection(1, 0, "x", 0).await;
    for _ in 0..5 {
        world.pick(1, 1, 0).await;
    }
    // Somebody holds one of each for as long as they like.
    let (let_go, told) = tokio::sync::oneshot::channel::<()>();
    let holder = tokio::spawn({
        let database = world.database.clone();
        async move {
            let write = database.write(|tx| {
                async move {
                    for sql in [
                        "UPDATE deliveries SET last_error = 'x' WHERE event_id = 1002",
                        "UPDATE picks SET copied = 1 WHERE id = 3",
                    ] {
                        sqlx::query(sql).execute(&mut *tx).await?;
                    }
                    drop(told.await);
                    Ok::<_, DatabaseError>(())
                }
                .boxed()
            });
            write.await.unwrap();
        }
    });
    let held = "pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' \
         AND relation = 'picks'::regclass";
    let holds = async || world.count(held).await > 0;
    eventually("the rows are held", Duration::from_secs(10), holds).await;
    let sweep = world.node();
    let removed = tokio::time::timeout(Duration::from_secs(8), sweep.sweep());
    let removed = removed.await.expect("the sweep waited").unwrap().unwrap();
    assert!(removed.contains(&("events", 4)), "{removed:?}");
    assert!(removed.contains(&("picks", 4)), "{removed:?}");
    let_go.send(()).unwrap();
    holder.await.unwrap();
    world.hand.advance(NEXT);
    assert_eq!(world.sweep("events").await, 1);
    assert_eq!(world.count("picks").await, 0);
}
