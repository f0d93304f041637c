//! A throw-away PostgreSQL: one server for a whole test binary, a database for each test.
//!
//! The server hangs on a pipe of the test process: when that process ends, in whatever way, the
//! pipe closes, the server is stopped and its files are removed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Server {
    socket_dir: PathBuf,
    programs: PathBuf,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// The address of a fresh, empty database.
pub fn database() -> String {
    let server = SERVER.get_or_init(Server::start);
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let done = server.psql(&format!("CREATE DATABASE {name}"));
    assert!(done, "PostgreSQL did not make a database");
    let dir = server.socket_dir.to_string_lossy().replace('/', "%2F");
    format!("postgres://postgres@localhost/{name}?host={dir}")
}

/// Starts, waits for the end of the test process, stops, removes.
const SCRIPT: &str = r#"
set -e
# Whoever ends the tests' process group must not end the clearing up.
trap '' INT TERM HUP
cd /
$AS "$BIN/initdb" -D "$DIR/data" -A trust -U postgres --no-sync >"$DIR/log" 2>&1
$AS "$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c fsync=off \
    -c max_connections=300 >>"$DIR/log" 2>&1 &
server=$!
cat >/dev/null || true
kill -INT $server
wait $server || true
rm -rf "$DIR"
"#;

impl Server {
    fn start() -> Self {
        let programs = programs().expect(
            "PostgreSQL's programs are missing (initdb in the PATH or in /usr/lib/postgresql): \
             apt-get install postgresql",
        );
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir()
            .unwrap()
            .keep();
        // PostgreSQL refuses to run as root.
        let switch = match root_must_become(&dir) {
            Some(user) => format!("setpriv --reuid={user} --regid={user} --clear-groups"),
            None => String::new(),
        };
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("AS", switch)
            .env("BIN", &programs)
            .env("DIR", &dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Held open until the process ends.
        std::mem::forget(child.stdin.take());
        std::thread::spawn(move || child.wait());
        let server = Self {
            socket_dir: dir,
            programs,
        };
        let began = Instant::now();
        while !server.psql("SELECT 1") {
            if began.elapsed() > Duration::from_secs(30) {
                let log = std::fs::read_to_string(server.socket_dir.join("log"));
                panic!("PostgreSQL did not start: {log:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn psql(&self, sql: &str) -> bool {
        let done = Command::new(self.programs.join("psql"))
            .args(["-U", "postgres", "-d", "postgres", "-q", "-c", sql, "-h"])
            .arg(&self.socket_dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|status| status.success())
    }
}

/// The folder of the newest `initdb`.
pub fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut found: Vec<PathBuf> = installed
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    found.sort();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&paths).chain(found.into_iter().rev());
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    all.find(complete)
}

/// The user to become, who then owns the folder; none when we are nobody special.
pub fn root_must_become(dir: &Path) -> Option<&'static str> {
    let owned_by = |user: &str| {
        let done = Command::new("chown")
            .arg(user)
            .arg(dir)
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|status| status.success())
    };
    ["postgres", "nobody"]
        .into_iter()
        .find(|user| owned_by(user))
}
