//! A throw-away Redis that a test may kill and start again on the same port.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::free_port;

/// A server of its own for one test; it ends with this value.
pub struct RedisServer {
    port: u16,
    dir: tempfile::TempDir,
    args: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further arguments; `PORT` among them is its port.
    pub fn start_with(args: &[&str]) -> Self {
        let port = free_port();
        let known = |arg: &&str| arg.replace("PORT", &port.to_string());
        let mut server = Self {
            port,
            dir: tempfile::tempdir().unwrap(),
            args: args.iter().map(known).collect(),
            child: None,
        };
        server.start_again();
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.host())
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops the process where it stands, or lets it go on: it keeps its connections and answers
    /// nobody.
    pub fn pause(&self, paused: bool) {
        let signal = if paused { "-STOP" } else { "-CONT" };
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts a sentinel with this file of settings, which it goes on to write.
    pub fn sentinel(file: &Path) -> Self {
        let mut server = Self {
            port: free_port(),
            dir: tempfile::tempdir().unwrap(),
            args: Vec::new(),
            child: None,
        };
        let mut command = Command::new("redis-server");
        command.arg(file).arg("--sentinel");
        server.run(command);
        server
    }

    /// Starts the process again on the same port, empty unless its arguments say otherwise.
    pub fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--appendonly", "no"]);
        self.run(command);
    }

    fn run(&mut self, mut command: Command) {
        let port = self.port.to_string();
        let child = command
            .args(["--port", &port, "--bind", "127.0.0.1", "--dir"])
            .arg(self.dir.path())
            .args(&self.args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is missing: apt-get install redis-server");
        self.child = Some(child);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "Redis did not start"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Further arguments for the next start.
    pub fn add_args(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
    }

    /// Runs one command and answers what came back, as it is on the wire.
    pub fn command(&self, words: &[&str]) -> String {
        said_by(&self.host(), None, words)
    }

    /// The same, with a password.
    pub fn command_as(&self, password: &str, words: &[&str]) -> String {
        said_by(&self.host(), Some(password), words)
    }
}

/// What a server answers to one command.
pub fn said_by(host: &str, password: Option<&str>, words: &[&str]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).unwrap();
    let auth = password.map_or(String::new(), |password| format!("AUTH {password}\r\n"));
    let line = format!("{auth}{}\r\nQUIT\r\n", words.join(" "));
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
