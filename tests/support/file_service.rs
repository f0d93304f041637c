//! A server on a port of its own with a catalog and a storage in a temporary folder, into which a
//! test puts files directly.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

#[path = "outgrown.rs"]
mod outgrown;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytesize::ByteSize;
use futures_util::FutureExt;
use longshore::access::{
    Application, Applications, Change, MasterKey, NewApplication, OwnDropboxApp, Purpose,
    sign_policy,
};
use longshore::app::{self, Tools};
use longshore::clock::{Clock, ClockHand};
use longshore::config::Settings;
use longshore::database::{Database, DatabaseError, Dialect};
use longshore::files::{Catalog, Garbage, Handle, Kind, StoredFile};
use longshore::storage::{Put, Storage, StorageKey};
use outgrown::Stores;
use reqwest::{Method, RequestBuilder, Response};

/// A running service and what a test needs to prepare and inspect it: rooms as another node on
/// the same database and storage would have them.
pub struct Service {
    pub origin: String,
    pub client: reqwest::Client,
    pub application: Arc<Application>,
    pub secret: String,
    pub applications: Applications,
    pub database: Database,
    pub storage: Storage,
    pub garbage: Garbage,
    pub catalog: Catalog,
    pub clock: Clock,
    pub hand: ClockHand,
    _folder: tempfile::TempDir,
    objects: PathBuf,
    master_key: MasterKey,
    settings: Settings,
    running: app::Service,
}

/// How a service differs from the usual one.
pub struct Options {
    pub max_file_size: u64,
    pub cname: &'static str,
    pub dropbox_url: String,
    /// None: the usual one.
    pub storage: Option<longshore::storage::Settings>,
    pub uploading: fn(&mut longshore::uploading::Settings),
    /// Whether links and webhooks may lead to this machine.
    pub to_loopback: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_file_size: 8 * 1024 * 1024,
            cname: "",
            dropbox_url: "http://127.0.0.1:1".to_owned(),
            storage: None,
            uploading: |_| {},
            to_loopback: false,
        }
    }
}

impl Service {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let stores = outgrown::stores();
        let settings = settings(&options, folder.path(), stores.as_ref());
        let (clock, hand) = Clock::by_hand();
        let running = app::Service::start(&settings, clock.clone()).await.unwrap();
        let tools = Tools::open(&settings, clock.clone()).await.unwrap();
        let storage = Storage::open(&settings.storage, folder.path())
            .await
            .unwrap();
        let new = NewApplication {
            name: "Tests".to_owned(),
            dropbox_app: Some(OwnDropboxApp {
                key: "k".to_owned(),
                secret: "s".to_owned(),
            }),
            ..NewApplication::default()
        };
        let (application, secret) = tools
            .applications
            .create(new, &longshore::access::audit::Actor::command_line())
            .await
            .unwrap();
        Self {
            origin: format!("http://{}", running.address()),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            application,
            secret,
            applications: tools.applications,
            catalog: Catalog::new(tools.database.clone()),
            garbage: Garbage::new(
                &settings.files,
                tools.database.clone(),
                storage.clone(),
                clock.clone(),
            ),
            database: tools.database,
            storage,
            clock,
            hand,
            objects: match stores {
                Some(stores) => stores.objects,
                None => folder.path().join("files"),
            },
            _folder: folder,
            master_key: tools.master_key,
            settings,
            running,
        }
    }

    /// Starts the service anew on what it left.
    pub async fn restart(self) -> Self {
        self.running.stop().await;
        let running = app::Service::start(&self.settings, self.clock.clone()).await;
        let running = running.unwrap();
        Self {
            origin: format!("http://{}", running.address()),
            running,
            ..self
        }
    }

    /// Puts a stored file in, as a finished pick would.
    pub async fn store(&self, filename: &str, mimetype: &str, bytes: &[u8]) -> StoredFile {
        let mut file = self.described(filename, mimetype, bytes.len() as u64);
        file.storage_key = format!("docs/{}_x", file.handle);
        let key = StorageKey::parse(&file.storage_key).unwrap();
        let put = Put {
            upload_id: "test",
            max_size: u64::MAX,
            overwrite: false,
        };
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        let stream = futures_util::stream::iter([Ok(bytes)]);
        self.storage.put(&key, stream, put, ()).await.unwrap();
        self.insert(&file).await;
        file
    }

    /// Puts a symlink in to `rev` of a file of `size` bytes in Dropbox.
    pub async fn link(&self, rev: &str, size: u64) -> StoredFile {
        let connection_id = self.connect().await;
        let file = StoredFile {
            kind: Kind::Symlink,
            provider: "dropbox".to_owned(),
            container: String::new(),
            connection_id: Some(connection_id),
            source_path: "/Private/a.txt".to_owned(),
            source_rev: rev.to_owned(),
            ..self.described("a.txt", "text/plain", size)
        };
        self.insert(&file).await;
        file
    }

    async fn connect(&self) -> i64 {
        let application = self.application.id.0;
        let sealed = |purpose| self.master_key.seal(purpose, "token").unwrap();
        let (refresh, access) = (sealed(Purpose::DropboxToken), sealed(Purpose::DropboxToken));
        let sql = "INSERT INTO connections (application_id, app_key, account_id, refresh_token, \
             access_token, access_expires_at, created_at, updated_at, last_used_at) \
             VALUES ($1, 'k', 'a', $2, $3, 99999999999999, 0, 0, 0) RETURNING id";
        let write = self.database.write(move |tx| {
            async move {
                let row: (i64,) = sqlx::query_as(sql)
                    .bind(application)
                    .bind(refresh)
                    .bind(access)
                    .fetch_one(tx)
                    .await?;
                Ok::<_, DatabaseError>(row.0)
            }
            .boxed()
        });
        write.await.unwrap()
    }

    /// Makes every event fail to be recorded, or lets them pass again.
    pub async fn refuse_events(&self, refuse: bool) {
        let sql = match (refuse, self.database.dialect()) {
            (true, Dialect::Sqlite) => {
                "CREATE TRIGGER refuse BEFORE INSERT ON events \
                 BEGIN SELECT RAISE(ABORT, 'asked to fail'); END"
            }
            (true, Dialect::Postgres) => {
                "ALTER TABLE events ADD CONSTRAINT refuse CHECK (id < 0) NOT VALID"
            }
            (false, Dialect::Sqlite) => "DROP TRIGGER refuse",
            (false, Dialect::Postgres) => "ALTER TABLE events DROP CONSTRAINT refuse",
        };
        let write = self.database.write(move |tx| {
            async move {
                sqlx::query(sql).execute(tx).await?;
                Ok::<_, DatabaseError>(())
            }
            .boxed()
        });
        write.await.unwrap();
    }

    /// Runs a statement about one file.
    pub async fn change(&self, sql: &'static str, handle: &str) {
        let handle = handle.to_owned();
        let write = self.database.write(move |tx| {
            async move {
                sqlx::query(sql).bind(handle).execute(tx).await?;
                Ok::<_, DatabaseError>(())
            }
            .boxed()
        });
        write.await.unwrap();
    }

    async fn insert(&self, file: &StoredFile) {
        let file = file.clone();
        let write = self
            .database
            .write(move |tx| async move { Catalog::insert(tx, &file).await }.boxed());
        write.await.unwrap();
    }

    fn described(&self, filename: &str, mimetype: &str, size: u64) -> StoredFile {
        let now = self.clock.now();
        StoredFile {
            handle: Handle::generate(),
            application_id: self.application.id,
            kind: Kind::Stored,
            provider: self.storage.provider().to_owned(),
            client: "Dropbox".to_owned(),
            container: self.storage.container(),
            storage_key: String::new(),
            storage_path: String::new(),
            access: "private".to_owned(),
            filename: filename.to_owned(),
            mimetype: mimetype.to_owned(),
            size,
            content_hash: String::new(),
            width: None,
            height: None,
            exif: None,
            upload_tags: serde_json::json!({}),
            connection_id: None,
            source_path: String::new(),
            source_id: String::new(),
            source_rev: String::new(),
            version: 1,
            created_at: now,
            modified_at: now,
        }
    }

    pub async fn secure(&self, enabled: bool) {
        let change = Change {
            security_enabled: Some(enabled),
            ..Change::default()
        };
        self.applications
            .update(
                self.application.id,
                change,
                &longshore::access::audit::Actor::command_line(),
            )
            .await
            .unwrap();
    }

    /// A policy of the application, and its signature, in the URL-safe alphabet.
    pub fn policy(&self, json: &str) -> (String, String) {
        let policy = URL_SAFE.encode(json);
        let signature = sign_policy(&policy, &self.secret);
        (policy, signature)
    }

    /// A policy that allows `calls` for an hour, as query members.
    pub fn allowing(&self, calls: &[&str]) -> [(&'static str, String); 2] {
        let expiry = self.clock.now().timestamp() + 3600;
        let json = serde_json::json!({ "expiry": expiry, "call": calls }).to_string();
        let (policy, signature) = self.policy(&json);
        [("policy", policy), ("signature", signature)]
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.origin))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// The actions of the events that were recorded, in order.
    pub async fn actions(&self) -> Vec<String> {
        let mut connection = self.database.read().await.unwrap();
        let rows: Vec<(String,)> = sqlx::query_as("SELECT action FROM events ORDER BY id")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        rows.into_iter().map(|row| row.0).collect()
    }

    /// The inner object of the last event.
    pub async fn event(&self) -> serde_json::Value {
        let mut connection = self.database.read().await.unwrap();
        let sql = "SELECT text FROM events ORDER BY id DESC LIMIT 1";
        let row: (String,) = sqlx::query_as(sql)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        serde_json::from_str(&row.0).unwrap()
    }

    /// Where an object lies on disk.
    pub fn object(&self, key: &str) -> PathBuf {
        self.objects.join(key)
    }

    /// The storage keys of all objects that lie in the folder, drafts included.
    pub fn objects(&self) -> Vec<String> {
        let root = self.objects.clone();
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            // An S3 server makes a folder with its first object.
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let key = path.strip_prefix(&root).unwrap();
                    found.push(key.to_string_lossy().into_owned());
                }
            }
        }
        found
    }

    pub async fn stop(self) {
        self.database.close().await;
        self.running.stop().await;
    }
}

fn settings(options: &Options, folder: &Path, stores: Option<&Stores>) -> Settings {
    let mut settings = Stores::over_defaults(stores);
    settings.http.listen = ([127, 0, 0, 1], 0).into();
    settings.http.public_url = "http://files.test".to_owned();
    settings.http.cname = options.cname.to_owned();
    settings.http.workers = 1;
    settings.http.shutdown_timeout = Duration::from_secs(1);
    folder.clone_into(&mut settings.server.data_dir);
    if let Some(storage) = &options.storage {
        settings.storage = storage.clone();
    }
    if options.to_loopback {
        settings.outbound.allowed_private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    }
    settings.uploading.sweep_interval = Duration::from_millis(200);
    (options.uploading)(&mut settings.uploading);
    settings.files.max_file_size = ByteSize(options.max_file_size);
    settings.dropbox.api_url = options.dropbox_url.parse().unwrap();
    settings.dropbox.content_url = options.dropbox_url.parse().unwrap();
    settings.dropbox.notify_url = options.dropbox_url.parse().unwrap();
    settings.dropbox.www_url = options.dropbox_url.parse().unwrap();
    settings.dropbox.first_retry_wait = Duration::from_millis(5);
    settings.dropbox.total_deadline = Duration::from_secs(2);
    settings
}
