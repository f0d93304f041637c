//! Public servers that are measured against or stood upon: nginx, PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::support::free_port;

/// An nginx that serves one file.
pub struct Nginx {
    child: Child,
    pub url: String,
}

impl Nginx {
    pub fn start(dir: &Path, file: &Path) -> anyhow::Result<Self> {
        let port = free_port();
        let place = dir.display();
        let user = if is_root() { "user root;" } else { "" };
        // As Debian delivers it, but for the log of accesses, which ours has not either.
        let settings = format!(
            "{user} daemon off; worker_processes auto; pid {place}/nginx.pid;\n\
             error_log {place}/nginx.log;\n\
             events {{ worker_connections 768; }}\n\
             http {{ sendfile on; tcp_nopush on; access_log off;\n\
             client_body_temp_path {place}/b; proxy_temp_path {place}/p;\n\
             fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
             server {{ listen 127.0.0.1:{port}; location = /file {{ alias {}; }} }} }}\n",
            file.display()
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, settings)?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(dir)
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nginx is missing: apt-get install nginx-light")?;
        let nginx = Self {
            child,
            url: format!("http://127.0.0.1:{port}/file"),
        };
        wait_for(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
            .context("nginx did not start")?;
        Ok(nginx)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Told to end, it ends its workers as well; killed, it would leave them behind.
        signal("-TERM", self.child.id());
        drop(self.child.wait());
    }
}

/// A PostgreSQL with its usual settings, in particular durable commits.
pub struct Postgres {
    child: Child,
    dir: PathBuf,
}

impl Postgres {
    pub fn start() -> anyhow::Result<Self> {
        let programs = programs().context("PostgreSQL is missing: apt-get install postgresql")?;
        // Not in the folder of the measurement: the server's user must be able to enter it.
        let dir = tempfile::Builder::new().prefix("pg").tempdir()?.keep();
        let user = if is_root() { Some("postgres") } else { None };
        if let Some(user) = user {
            let owned = Command::new("chown").arg(user).arg(&dir).status()?;
            ensure!(owned.success(), "there is no user {user}");
        }
        let data = dir.join("data");
        let made = run_as(user, &programs.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-D"])
            .arg(&data)
            .current_dir("/")
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "initdb failed");
        let child = run_as(user, &programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&dir)
            .args(["-c", "listen_addresses="])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log"))?)
            .spawn()?;
        let server = Self { child, dir };
        let ready = || {
            Command::new(programs.join("pg_isready"))
                .args(["-q", "-U", "postgres", "-h"])
                .arg(&server.dir)
                .status()
                .is_ok_and(|status| status.success())
        };
        wait_for(ready).context("PostgreSQL did not start")?;
        Ok(server)
    }

    pub fn url(&self) -> String {
        let dir = self.dir.to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@localhost/postgres?host={dir}")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        signal("-INT", self.child.id());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// `setpriv` becomes the program it runs, so its number is the server's.
fn run_as(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", user, "--regid", user, "--clear-groups"])
        .arg(program);
    command
}

/// The folder of the newest PostgreSQL.
fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = installed
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    std::env::var("USER").is_ok_and(|user| user == "root")
        || Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn signal(name: &str, pid: u32) {
    drop(Command::new("kill").args([name, &pid.to_string()]).status());
}

fn wait_for(ready: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !ready() {
        if begun.elapsed() > Duration::from_secs(30) {
            bail!("nothing answered for 30 s");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
