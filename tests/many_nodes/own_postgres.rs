//! A PostgreSQL of one test's own, which may be restarted under those who use it.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::postgres::{programs, root_must_become};

/// Starts, waits for the end of the test process, stops, removes.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
cd /
$AS "$BIN/initdb" -D "$DIR/data" -A trust -U postgres --no-sync >"$DIR/log" 2>&1
$AS "$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/server.log" -o "$OPTIONS" -w start >/dev/null 2>&1
cat >/dev/null || true
$AS "$BIN/pg_ctl" -D "$DIR/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$DIR"
"#;

/// The server; it ends with the test process.
pub struct OwnPostgres {
    dir: PathBuf,
    programs: PathBuf,
    switch: Vec<String>,
    port: u16,
}

impl OwnPostgres {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further settings of the server, `name=value` each.
    pub fn start_with(settings: &[&str]) -> Self {
        let programs = programs().expect("PostgreSQL's programs are missing");
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir()
            .unwrap()
            .keep();
        // PostgreSQL refuses to run as root.
        let switch = match root_must_become(&dir) {
            Some(user) => vec![
                "setpriv".to_owned(),
                format!("--reuid={user}"),
                format!("--regid={user}"),
                "--clear-groups".to_owned(),
            ],
            None => Vec::new(),
        };
        let mut options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c max_connections=200",
            dir.display()
        );
        let port = settings
            .iter()
            .find_map(|setting| setting.strip_prefix("port="));
        for setting in settings {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("AS", switch.join(" "))
            .env("BIN", &programs)
            .env("DIR", &dir)
            .env("OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Held open until the process ends.
        std::mem::forget(child.stdin.take());
        std::thread::spawn(move || child.wait());
        let server = Self {
            dir,
            programs,
            switch,
            port: port.and_then(|port| port.parse().ok()).unwrap_or(5432),
        };
        server.wait();
        server
    }

    /// Its address for a service.
    pub fn url(&self) -> String {
        let dir = self.dir.to_string_lossy().replace('/', "%2F");
        format!(
            "postgres://postgres@localhost:{}/postgres?host={dir}",
            self.port
        )
    }

    /// Where the server writes its log.
    pub fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// Ends every session at once and starts again, as an operator's restart does.
    pub fn restart(&self) {
        self.restart_as("fast");
    }

    /// Ends every session in the middle of whatever it does, as a crash does, and starts again.
    pub fn crash(&self) {
        self.restart_as("immediate");
    }

    fn restart_as(&self, mode: &str) {
        let program = self.programs.join("pg_ctl").display().to_string();
        let data = self.dir.join("data").display().to_string();
        let log = self.dir.join("server.log").display().to_string();
        let mut words = self.switch.clone();
        words.push(program);
        words.extend(["-D", &data, "-l", &log, "-m", mode, "-w", "restart"].map(str::to_owned));
        let done = Command::new(&words[0])
            .args(&words[1..])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(done.unwrap().success(), "PostgreSQL did not restart");
        self.wait();
    }

    fn wait(&self) {
        let port = self.port;
        let socket = self.dir.join(format!(".s.PGSQL.{port}"));
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "PostgreSQL did not start: {:?}",
                std::fs::read_to_string(self.dir.join("server.log"))
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks the record, beside the running services.
    pub async fn rows(&self, sql: &'static str) -> Vec<PgRow> {
        let options: PgConnectOptions = self.url().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }
}
