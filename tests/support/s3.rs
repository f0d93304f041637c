//! An S3 server that checks signatures (s3s-fs), for one test.
//!
//! `tests/support/install-s3s-fs.sh` installs it; `LONGSHORE_TEST_S3` may name another binary.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A bucket of its own for one test, and what a service is told to use it.
pub struct Bucket {
    pub server: Server,
    pub folder: tempfile::TempDir,
}

impl Bucket {
    /// Starts a server with one bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let server = Server::start(folder.path());
        Self { server, folder }
    }

    /// The settings of a service that keeps its files here.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("LONGSHORE_STORAGE_URL", "s3://bucket/files"),
            ("LONGSHORE_STORAGE_S3_ENDPOINT", &self.server.url),
            ("LONGSHORE_STORAGE_S3_ACCESS_KEY", ACCESS_KEY),
            ("LONGSHORE_STORAGE_S3_SECRET_KEY", SECRET_KEY),
        ]
    }
}

pub const ACCESS_KEY: &str = "LONGSHORETEST";
pub const SECRET_KEY: &str = "a-secret-that-no-message-may-hold";

/// An S3 server of its own, stopped when dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(root: &Path) -> Self {
        let mut child = Command::new(binary())
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
            .arg(root)
            .env("RUST_LOG", "info")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = address(&mut lines);
        // Its log has to go somewhere, or it would stop once the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on until the server, which chooses its port itself, says where it listens.
pub fn address(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> String {
    let said = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, address) = line.split_once("server is running at http://")?;
        let plain = |c: &char| c.is_ascii_digit() || *c == '.' || *c == ':';
        Some(address.chars().take_while(plain).collect::<String>())
    });
    format!("http://{}", said.unwrap())
}

pub fn binary() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/s3s-fs");
    let binary = env::var_os("LONGSHORE_TEST_S3").map_or_else(installed, PathBuf::from);
    let hint = "run tests/support/install-s3s-fs.sh, or set LONGSHORE_TEST_S3";
    assert!(
        binary.is_file(),
        "no S3 server at {}: {hint}",
        binary.display()
    );
    binary
}
