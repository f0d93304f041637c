//! A service, a Dropbox, a person and a subscriber; and the look behind the scene that says
//! whether disk, record and subscriber agree.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::processes::{Dropbox, Person, Service, eventually};
use crate::support::subscriber::{Received, Subscriber};

pub const MIB: usize = 1024 * 1024;
/// Where the subscriber listens for uploads.
pub const HOOK: &str = "/hook";

/// Settings that make faults pass quickly; everything else is as delivered.
pub const QUICK: [(&str, &str); 10] = [
    ("LONGSHORE_PICKING_LEASE", "2s"),
    ("LONGSHORE_PICKING_SWEEP_INTERVAL", "2s"),
    ("LONGSHORE_WEBHOOK_RECONCILE_INTERVAL", "1s"),
    // A machine that is too busy for an attempt makes another soon.
    ("LONGSHORE_WEBHOOK_RETRY_OFFSETS", "2s,4s,8s,16s,32s"),
    ("LONGSHORE_WEBHOOK_TIMEOUT", "2s"),
    ("LONGSHORE_WEBHOOK_LEASE_MARGIN", "1s"),
    ("LONGSHORE_DROPBOX_STALL_TIMEOUT", "1s"),
    ("LONGSHORE_DROPBOX_FIRST_RETRY_WAIT", "50ms"),
    ("LONGSHORE_FILES_REMOVAL_LEASE", "4s"),
    ("LONGSHORE_OUTBOUND_THREADS", "2"),
];

/// How long it may take until nothing is under way any more: the last attempt of a delivery is due
/// 32 s after its first, and a machine that is too busy for the others takes its time for that one.
pub const UNTIL_QUIET: Duration = Duration::from_secs(90);

/// A number that the environment may override, for longer runs by hand.
pub fn number(name: &str, default: u64) -> u64 {
    let name = format!("LONGSHORE_TEST_{name}");
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }
}

/// Bytes in which no two places look alike, so that a misplaced block cannot go unnoticed.
pub fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&dice.roll().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

pub struct Scene {
    pub service: Service,
    pub dropbox: Dropbox,
    pub person: Person,
    pub subscriber: Subscriber,
    pub dir: tempfile::TempDir,
}

impl Scene {
    pub async fn start(more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        let settings: Vec<_> = QUICK.into_iter().chain(more.iter().copied()).collect();
        let service = Service::start(dir.path(), &dropbox.url, &settings);
        let application = service.application();
        let subscriber = Subscriber::start().await;
        let url = subscriber.url(HOOK);
        let endpoint = ["endpoint", "add", "--event", "fp.upload", "--json"];
        let whose = ["--apikey", &application.apikey, "--url", &url];
        service.run(&[&endpoint[..], &whose[..]].concat());
        let person = application.person().await;
        Self {
            service,
            dropbox,
            person,
            subscriber,
            dir,
        }
    }

    /// Picks a file that must arrive; answers its handle after reading it back.
    pub async fn picks(&self, path: &str, bytes: &[u8]) -> String {
        let (status, picked) = self.person.pick(path).await;
        assert_eq!(status, 200, "{path}: {picked}\n{}", self.log());
        self.reads(&picked, bytes).await
    }

    /// Reads an answered pick back.
    pub async fn reads(&self, picked: &Value, bytes: &[u8]) -> String {
        let file = &picked["dropbox"];
        let read = self.person.read(file["url"].as_str().unwrap()).await;
        assert!(read == bytes, "{file}: other bytes came back");
        file["handle"].as_str().unwrap().to_owned()
    }

    /// The service's log, for a test that fails.
    pub fn log(&self) -> String {
        self.service.running.read_log()
    }

    /// What lies in storage, drafts left out.
    pub fn objects(&self) -> BTreeSet<String> {
        files_below(&self.service.objects)
            .into_iter()
            .filter(|name| !name.starts_with(".uploads"))
            .collect()
    }

    /// Drafts in storage: unfinished files in a folder, notes of unfinished uploads in a bucket.
    pub fn drafts(&self) -> BTreeSet<String> {
        let mut found = files_below(&self.service.objects.join(".uploads"));
        // What a look at the storage leaves for a moment is no draft.
        found.retain(|name| !name.starts_with("probe-"));
        found
    }

    /// Asks the record, beside the running service.
    pub async fn record(&self, sql: &'static str) -> Vec<(i64, String)> {
        sqlx::any::install_default_drivers();
        let environment = &self.service.environment;
        let url = environment.get("LONGSHORE_DATABASE_URL").cloned();
        let usual = || {
            format!(
                "sqlite:{}/longshore.db?mode=ro",
                environment["LONGSHORE_DATA_DIR"]
            )
        };
        let url = url.unwrap_or_else(usual);
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Waits until nothing is under way any more.
    pub async fn quiet(&self) {
        let sql = "SELECT (SELECT COUNT(*) FROM picks WHERE state = 0) \
                   + (SELECT COUNT(*) FROM deliveries WHERE state = 0) + (SELECT COUNT(*) \
                   FROM garbage), ''";
        let begun = std::time::Instant::now();
        while self.record(sql).await[0].0 > 0 || !self.drafts().is_empty() {
            let state = "SELECT id, 'state ' || state || ', attempts ' || attempts || ' ' \
                         || source_path FROM picks WHERE state = 0 UNION ALL \
                         SELECT id, 'delivery ' || attempts || ' ' || last_error FROM \
                         deliveries WHERE state = 0";
            assert!(
                begun.elapsed() < UNTIL_QUIET,
                "it does not become quiet: {:?}, {:?}\n{}",
                self.record(state).await,
                self.drafts(),
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for quiet, then holds disk, record and subscriber against each other.
    pub async fn agrees(&self) -> Tally {
        self.quiet().await;
        let files = "SELECT size, storage_key FROM files WHERE kind = 0 AND deleted_at IS NULL";
        let files = self.record(files).await;
        let named: BTreeSet<String> = files.iter().map(|(_, key)| key.clone()).collect();
        assert_eq!(named.len(), files.len(), "two files share an object");
        assert_eq!(
            named,
            self.objects(),
            "catalog and storage differ\n{}",
            self.log()
        );
        for (size, key) in &files {
            let found = std::fs::metadata(self.service.objects.join(key)).unwrap();
            assert_eq!(i64::try_from(found.len()).unwrap(), *size, "{key}");
        }
        let told = "SELECT id, handle FROM events WHERE action = 'fp.upload'";
        let told: BTreeMap<i64, String> = self.record(told).await.into_iter().collect();
        let handles = self.record("SELECT 0, handle FROM files").await;
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
            self.log()
        );
        Tally {
            files: files.len(),
            requests: received.len(),
            repeated: received.len() - ids.len(),
        }
    }

    /// Reads a link through and answers the hash of what came.
    pub async fn hash_of(&self, url: &str) -> (u64, String) {
        let answer = self.person.http.get(url).send().await.unwrap();
        assert!(answer.status().is_success());
        let begin = (0_u64, Sha256::new());
        let add = |(size, mut hash): (u64, Sha256), piece: bytes::Bytes| async move {
            hash.update(&piece);
            Ok((size + piece.len() as u64, hash))
        };
        let (size, hash) = answer.bytes_stream().try_fold(begin, add).await.unwrap();
        (size, hex::encode(hash.finalize()))
    }
}

/// What was found when everything agreed.
pub struct Tally {
    pub files: usize,
    /// Requests at the subscriber.
    pub requests: usize,
    /// Of these, repetitions under a known id.
    pub repeated: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (files, requests, repeated) = (self.files, self.requests, self.repeated);
        write!(
            f,
            "{files} files, {requests} deliveries, {repeated} of them repeated"
        )
    }
}

/// One body for each id, or the test ends.
pub fn ids_and_bodies(received: &[Received]) -> BTreeMap<String, Vec<u8>> {
    let mut ids: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for request in received {
        let id = request.header("webhook-id").unwrap().to_owned();
        let body = ids.entry(id).or_insert_with(|| request.body.clone());
        assert_eq!(*body, request.body, "one id with two bodies");
    }
    ids
}

pub fn files_below(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name);
            }
        }
    }
    found
}

/// Picks under an idempotency key; `None` when the service went away meanwhile.
pub async fn try_pick(person: &Person, path: &str, key: &str) -> Option<(u16, Value)> {
    let body = json!({
        "apikey": person.application.apikey,
        "token": person.token,
        "clouds": { "dropbox": { "path": path } },
    });
    let url = format!("{}/store/", person.application.url);
    let request = person.http.post(url).header("idempotency-key", key);
    let answer = request.json(&body).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

/// Repeats a pick until it is answered with a file.
pub async fn insist(person: &Person, path: &str, key: &str) -> Value {
    let mut last = None;
    let mut picked = Value::Null;
    eventually(
        &format!("{path} is picked"),
        Duration::from_secs(60),
        async || {
            last = try_pick(person, path, key).await;
            match &last {
                Some((200, body)) => {
                    picked = body.clone();
                    true
                }
                Some((503, _)) | None => false,
                Some(other) => panic!("{path}: {other:?}"),
            }
        },
    )
    .await;
    picked
}
