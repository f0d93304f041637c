//! The outgrown size: PostgreSQL, Redis and an S3 server in place of the embedded parts.
//!
//! With `LONGSHORE_TEST_OUTGROWN=1` every service of the suites that use this module runs on
//! them, so that one and the same test holds for both sizes. Servers are one for a test binary,
//! database, Redis database and bucket are fresh for each service. They end with the process,
//! in whatever way it ends.

#![allow(
    clippy::allow_attributes,
    clippy::duplicate_mod,
    clippy::expect_used,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

#[path = "postgres.rs"]
mod postgres;
#[path = "s3.rs"]
mod s3;

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use s3::{ACCESS_KEY, SECRET_KEY};

/// Databases of the Redis server: more than one binary has tests.
const REDIS_DATABASES: &str = "4096";

/// Fresh stores for one service.
pub struct Stores {
    /// The settings of a service that uses them.
    pub settings: Vec<(&'static str, String)>,
    /// Where the objects of the bucket lie on disk.
    pub objects: PathBuf,
}

/// Whether the suite is to run on the outgrown size.
pub fn asked() -> bool {
    std::env::var_os("LONGSHORE_TEST_OUTGROWN").is_some_and(|value| !value.is_empty())
}

impl Stores {
    /// The defaults with these stores; with none, the embedded parts.
    pub fn over_defaults(stores: Option<&Self>) -> longshore::config::Settings {
        // The S3 client is made while the settings are checked.
        drop(rustls::crypto::ring::default_provider().install_default());
        let settings = stores.into_iter().flat_map(|stores| &stores.settings);
        let variables = settings.map(|(name, value)| ((*name).to_owned(), value.clone()));
        longshore::config::Settings::load(None, variables).unwrap()
    }
}

/// Fresh stores, if the suite is to run on the outgrown size.
pub fn stores() -> Option<Stores> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    if !asked() {
        return None;
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let (redis, (s3, root)) = (redis(), s3());
    let bucket = format!("bucket-{number}");
    std::fs::create_dir(root.join(&bucket)).unwrap();
    let master_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    Some(Stores {
        settings: vec![
            ("LONGSHORE_DATABASE_URL", postgres::database()),
            ("LONGSHORE_REDIS_URL", format!("{redis}{number}")),
            ("LONGSHORE_STORAGE_URL", format!("s3://{bucket}/files")),
            ("LONGSHORE_STORAGE_S3_ENDPOINT", s3.to_owned()),
            ("LONGSHORE_STORAGE_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("LONGSHORE_STORAGE_S3_SECRET_KEY", SECRET_KEY.to_owned()),
            ("LONGSHORE_MASTER_KEY", master_key.to_owned()),
        ],
        objects: root.join(bucket).join("files"),
    })
}

/// The address of a Redis that keeps nothing, up to the number of a database.
fn redis() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = hanging_on_this_process("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]);
        command.args(["--databases", REDIS_DATABASES]);
        let_go(command.stdout(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(30), "Redis did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        format!("redis://127.0.0.1:{port}/")
    })
}

/// The address of an S3 server, and the folder of its buckets.
fn s3() -> (&'static str, &'static PathBuf) {
    static SERVER: OnceLock<(String, PathBuf)> = OnceLock::new();
    let (url, root) = SERVER.get_or_init(|| {
        let root = tempfile::Builder::new().prefix("s3").tempdir().unwrap();
        let root = root.keep();
        let mut command = hanging_on_this_process(s3::binary().to_str().unwrap());
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
        command
            .arg(&root)
            .env("RUST_LOG", "info")
            .env("REMOVE", &root);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = s3::address(&mut lines);
        std::thread::spawn(move || lines.for_each(drop));
        let_go(child);
        (url, root)
    });
    (url, root)
}

/// A program that is ended, and whose folder `$REMOVE` is removed, when this process has ended.
fn hanging_on_this_process(program: &str) -> Command {
    const SCRIPT: &str = r#"
trap '' INT TERM HUP
"$@" </dev/null &
server=$!
cat >/dev/null || true
kill -KILL $server
wait $server 2>/dev/null
[ -z "$REMOVE" ] || rm -rf "$REMOVE"
"#;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh", program]);
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Holds the child's standard input open until this process ends.
fn let_go(mut child: Child) {
    std::mem::forget(child.stdin.take());
    std::thread::spawn(move || child.wait());
}
