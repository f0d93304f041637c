//! Two nodes and a worker on PostgreSQL, Redis and an S3 server, behind the proxy of the compose
//! file; and the look behind the scene that says whether all of them agree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sqlx::Row as _;

use crate::clocks;
use crate::front::Front;
use crate::own_postgres::OwnPostgres;
use crate::processes::{Dropbox, Person, Service};
use crate::proxy::Proxy;
use crate::s3::Bucket;
use crate::scene::{QUICK, Tally, UNTIL_QUIET, files_below, ids_and_bodies};
use crate::support::redis::RedisServer;
use crate::support::subscriber::Subscriber;

/// Where the subscriber listens for uploads.
pub const HOOK: &str = "/hook";
/// The same key for all: they read each other's secrets.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub struct Fleet {
    pub nodes: Vec<Service>,
    pub worker: Service,
    _proxy: Proxy,
    pub store: Front,
    pub postgres: OwnPostgres,
    pub redis: RedisServer,
    pub bucket: Bucket,
    pub dropbox: Dropbox,
    pub subscriber: Subscriber,
    pub person: Person,
    _dir: tempfile::TempDir,
}

impl Fleet {
    pub async fn start(more: &[(&str, &str)]) -> Self {
        Self::start_with_clocks(more, [0, 0, 0]).await
    }

    /// The same with clocks that are so many seconds ahead, of both nodes and of the worker.
    pub async fn start_with_clocks(more: &[(&str, &str)], ahead: [i64; 3]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        let (postgres, redis, bucket) =
            (OwnPostgres::start(), RedisServer::start(), Bucket::start());
        let mut proxy = Proxy::new();
        let store = Front::start(&bucket.server.url).await;
        let (database_url, redis_url) = (postgres.url(), redis.url());
        let mut settings: Vec<(&str, &str)> = QUICK.to_vec();
        settings.extend(bucket.settings());
        settings.extend([
            ("LONGSHORE_STORAGE_S3_ENDPOINT", store.url.as_str()),
            ("LONGSHORE_DATABASE_URL", &database_url),
            ("LONGSHORE_REDIS_URL", &redis_url),
            ("LONGSHORE_MASTER_KEY", MASTER_KEY),
            ("LONGSHORE_PUBLIC_URL", &proxy.url),
        ]);
        settings.extend(more);
        let start = |program, name: &str, ahead| {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            let clock = clocks::ahead_by(ahead);
            let mut settings = settings.clone();
            settings.extend(clock.iter().map(|(name, value)| (*name, value.as_str())));
            Service::start_as(program, &dir, &dropbox.url, &settings)
        };
        let [first, second, third] = ahead;
        let nodes = vec![start("serve", "a", first), start("serve", "b", second)];
        let worker = start("worker", "w", third);
        proxy.start(&[&nodes[0].url, &nodes[1].url]).await;
        let mut application = nodes[0].application();
        application.url.clone_from(&proxy.url);
        let subscriber = Subscriber::start().await;
        let fleet = Self {
            person: application.person().await,
            nodes,
            worker,
            _proxy: proxy,
            store,
            postgres,
            redis,
            bucket,
            dropbox,
            subscriber,
            _dir: dir,
        };
        fleet.subscribe(HOOK, "fp.upload");
        fleet
    }

    /// Adds an endpoint at the subscriber.
    pub fn subscribe(&self, path: &str, event: &str) {
        let url = self.subscriber.url(path);
        let apikey = &self.person.application.apikey;
        let add = ["endpoint", "add", "--event", event, "--json"];
        let whose = ["--apikey", apikey, "--url", &url];
        self.nodes[0].run(&[&add[..], &whose[..]].concat());
    }

    /// All logs, for a test that fails.
    pub fn logs(&self) -> String {
        let of = |service: &Service| service.running.read_log();
        let nodes: Vec<String> = self.nodes.iter().map(of).collect();
        format!(
            "{}\n--- worker\n{}",
            nodes.join("\n--- b\n"),
            of(&self.worker)
        )
    }

    /// Objects in the bucket, drafts left out; and the drafts.
    pub fn objects(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let all = files_below(&self.bucket.folder.path().join("bucket/files"));
        let is_draft = |name: &String| name.starts_with(".uploads/");
        let all = all.into_iter().filter(|name| !name.contains("/probe-"));
        let (drafts, objects) = all.partition(is_draft);
        (objects, drafts)
    }

    /// What is begun in the bucket, as the store keeps it: uploads in parts, of whatever key.
    pub fn begun(&self) -> Vec<String> {
        let all = files_below(self.bucket.folder.path()).into_iter();
        let is_record = |name: &String| name.starts_with(".upload-") && name.ends_with(".json");
        all.filter(is_record).collect()
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        self.postgres.rows(sql).await[0].get(0)
    }

    async fn pairs(&self, sql: &'static str) -> Vec<(i64, String)> {
        let rows = self.postgres.rows(sql).await;
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Waits until nothing is under way any more; answers how long that took.
    pub async fn quiet(&self) -> Duration {
        let sql = "SELECT (SELECT COUNT(*) FROM picks WHERE state = 0) \
             + (SELECT COUNT(*) FROM deliveries WHERE state = 0) + (SELECT COUNT(*) FROM garbage)";
        let begun = Instant::now();
        while self.number(sql).await > 0 || !self.objects().1.is_empty() {
            let state = "SELECT id, 'pick, attempts ' || attempts || ' ' || source_path \
                 FROM picks WHERE state = 0 UNION ALL SELECT id, 'delivery, attempts ' || attempts \
                 || ' ' || last_error FROM deliveries WHERE state = 0 UNION ALL \
                 SELECT id, 'garbage ' || storage_key || ' ' || taken || ' ' || not_before \
                 FROM garbage";
            assert!(
                begun.elapsed() < UNTIL_QUIET,
                "it does not become quiet: {:?}, {:?}\n{}",
                self.pairs(state).await,
                self.objects().1,
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        begun.elapsed()
    }

    /// Waits for quiet, then holds bucket, record and subscriber against each other.
    pub async fn agrees(&self) -> Tally {
        self.quiet().await;
        let files = "SELECT size, storage_key FROM files WHERE kind = 0 AND deleted_at IS NULL";
        let files = self.pairs(files).await;
        let named: BTreeSet<String> = files.iter().map(|(_, key)| key.clone()).collect();
        assert_eq!(named.len(), files.len(), "two files share an object");
        let objects = self.objects().0;
        let differ: Vec<_> = named.symmetric_difference(&objects).collect();
        assert!(
            differ.is_empty(),
            "catalog and bucket differ in {differ:?}\n{}",
            self.logs()
        );
        let told = "SELECT id, handle FROM events WHERE action = 'fp.upload'";
        let told: BTreeMap<i64, String> = self.pairs(told).await.into_iter().collect();
        let handles = self.pairs("SELECT 0::bigint, handle FROM files").await;
        let handles: BTreeSet<&String> = handles.iter().map(|(_, handle)| handle).collect();
        let announced: BTreeSet<&String> = told.values().collect();
        assert_eq!(announced.len(), told.len(), "a file has two events");
        assert_eq!(announced, handles, "files and events differ");
        let received = self.subscriber.received(HOOK);
        let ids = ids_and_bodies(&received);
        let owed: BTreeSet<String> = told.keys().map(|id| format!("evt_{id}")).collect();
        let arrived: BTreeSet<String> = ids.keys().cloned().collect();
        assert_eq!(
            arrived,
            owed,
            "events and deliveries differ\n{}",
            self.logs()
        );
        Tally {
            files: files.len(),
            requests: received.len(),
            repeated: received.len() - ids.len(),
        }
    }

    /// Each attempt that was made at an endpoint: its number, and how many milliseconds after
    /// the first attempt of its delivery it began.
    pub async fn attempts_at(&self, path: &str) -> Vec<(i64, i64)> {
        let url = self.subscriber.url(path);
        let sql = "SELECT p.url, a.number, a.started_at - d.first_at FROM attempts a \
             JOIN deliveries d ON d.id = a.delivery_id JOIN endpoints p ON p.id = d.endpoint_id";
        let rows = self.postgres.rows(sql).await;
        let here = rows.iter().filter(|row| row.get::<String, _>(0) == url);
        here.map(|row| (row.get(1), row.get(2))).collect()
    }
}
