//! Real processes of ours on loopback: the simulated Dropbox and the service, as an operator
//! would start them, and a person at a picker who talks to them over HTTP.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

#[path = "outgrown.rs"]
mod outgrown;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The binary under test.
const LONGSHORE: &str = env!("CARGO_BIN_EXE_longshore");
pub const APP_KEY: &str = "test-app-key";
pub const APP_SECRET: &str = "test-app-secret";

/// Whether services run on PostgreSQL, Redis and an S3 server.
pub fn outgrown() -> bool {
    outgrown::asked()
}

/// A client that takes every step of the way by hand.
pub fn http() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that dies with the test.
pub struct Running {
    child: Child,
    pub log: PathBuf,
    /// The first line it printed.
    pub said: String,
    /// What it printed after that.
    more: Arc<Mutex<String>>,
}

impl Running {
    fn start(mut command: Command, log: PathBuf) -> Self {
        let out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(out)
            .spawn()
            .unwrap();
        Self {
            child,
            log,
            said: String::new(),
            more: Arc::default(),
        }
    }

    /// The first line it prints: it is ready then.
    fn first_line(&mut self) -> String {
        let out = self.child.stdout.take().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(out);
        reader.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended at once:\n{}", self.read_log());
        // Whatever follows must not block it.
        let more = self.more.clone();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                more.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        line
    }

    /// The rest of the line that it prints with this beginning, after the first one.
    pub async fn printed(&self, beginning: &str) -> String {
        let find = || {
            let more = self.more.lock().unwrap();
            more.lines()
                .find_map(|line| Some(line.split_once(beginning)?.1.to_owned()))
        };
        let found = async || find().is_some();
        eventually(beginning, Duration::from_secs(10), found).await;
        find().unwrap()
    }

    pub fn read_log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// Resident memory now and at its highest, in bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
                * 1024
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A simulated Dropbox whose content is a folder of the test.
pub struct Dropbox {
    pub running: Running,
    pub url: String,
    pub folder: PathBuf,
}

impl Dropbox {
    pub fn start(dir: &Path) -> Self {
        let folder = dir.join("dropbox");
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(LONGSHORE);
        command
            .arg("sandbox")
            .args(["--listen", "127.0.0.1:0"])
            .args(["--account", &format!("Franz={}", folder.display())])
            .args(["--app", &format!("{APP_KEY}:{APP_SECRET}")]);
        let mut running = Running::start(command, dir.join("sandbox.log"));
        let line = running.first_line();
        let at = line.find("http://").expect("it prints its address");
        let url = line[at..].split_whitespace().next().unwrap();
        let url = url.trim_end_matches(['/', ',', ';', ')']).to_owned();
        Self {
            running,
            url,
            folder,
        }
    }

    /// Writes a file into the account and answers its bytes' SHA-256.
    pub fn add(&self, path: &str, bytes: &[u8]) {
        let file = self.folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        // Never seen half written by the sandbox's scan.
        let draft = self.folder.parent().unwrap().join("draft");
        std::fs::write(&draft, bytes).unwrap();
        std::fs::rename(&draft, file).unwrap();
    }

    /// Makes chosen calls go wrong (see docs/sandbox.md).
    pub async fn fault(&self, rule: Value) {
        let url = format!("{}/_sandbox/faults", self.url);
        let answer = http().post(url).json(&rule).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
    }

    pub async fn clear_faults(&self) {
        let url = format!("{}/_sandbox/faults", self.url);
        assert!(
            http()
                .delete(url)
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
        );
    }
}

/// A service with its data folder; may be killed and started again.
pub struct Service {
    program: &'static str,
    pub running: Running,
    pub url: String,
    pub environment: BTreeMap<String, String>,
    /// Where the objects lie on disk, be it by way of an S3 server.
    pub objects: PathBuf,
    pub dir: PathBuf,
}

impl Service {
    /// Starts a service that takes `dropbox` for Dropbox, with further variables.
    pub fn start(dir: &Path, dropbox: &str, more: &[(&str, &str)]) -> Self {
        Self::start_as("serve", dir, dropbox, more)
    }

    /// The same for a program of ours that goes on running: `serve` or `worker`.
    pub fn start_as(
        program: &'static str,
        dir: &Path,
        dropbox: &str,
        more: &[(&str, &str)],
    ) -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut environment = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            environment.insert(name.to_owned(), value.to_owned());
        };
        set("LONGSHORE_LISTEN", &format!("127.0.0.1:{port}"));
        set("LONGSHORE_PUBLIC_URL", &url);
        set(
            "LONGSHORE_DATA_DIR",
            &dir.join("data").display().to_string(),
        );
        set("LONGSHORE_ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8");
        for host in ["API", "CONTENT", "NOTIFY", "WWW"] {
            set(&format!("LONGSHORE_DROPBOX_{host}_URL"), dropbox);
        }
        let stores = outgrown::stores();
        for (name, value) in stores.iter().flat_map(|stores| &stores.settings) {
            set(name, value);
        }
        for (name, value) in more {
            set(name, value);
        }
        let objects = folder_of_objects(&environment, stores.map(|stores| stores.objects));
        let running = Self::launch(program, dir, &environment);
        Self {
            program,
            running,
            url,
            environment,
            objects,
            dir: dir.to_owned(),
        }
    }

    fn launch(program: &str, dir: &Path, environment: &BTreeMap<String, String>) -> Running {
        let mut command = Command::new(LONGSHORE);
        command
            .arg(program)
            .env_remove("RUST_LOG")
            .envs(environment);
        let mut running = Running::start(command, dir.join(format!("{program}.log")));
        running.said = running.first_line();
        running
    }

    /// Starts again what was killed or stopped, with the same data.
    pub fn restart(&mut self) {
        self.running = Self::launch(self.program, &self.dir, &self.environment);
    }

    /// Runs another program of ours beside the service and answers the JSON it prints.
    pub fn run(&self, arguments: &[&str]) -> Value {
        let output = self.try_run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs another program of ours that reads `input`.
    pub fn command(&self, arguments: &[&str], input: &str) {
        let mut program = Command::new(LONGSHORE);
        program
            .args(arguments)
            .envs(&self.environment)
            .stdin(Stdio::piped());
        let mut running = program.spawn().unwrap();
        running
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        assert!(running.wait().unwrap().success(), "{arguments:?}");
    }

    /// Runs another program of ours beside the service, which may fail.
    pub fn try_run(&self, arguments: &[&str]) -> Output {
        let mut program = Command::new(LONGSHORE);
        program.args(arguments).envs(&self.environment);
        program.output().unwrap()
    }

    /// An application that uses the simulated Dropbox's app.
    pub fn application(&self) -> Application {
        let made = self.run(&[
            "app",
            "create",
            "--name",
            "Test",
            "--dropbox-app-key",
            APP_KEY,
            "--dropbox-app-secret",
            APP_SECRET,
            "--json",
        ]);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Application {
            apikey: text("apikey"),
            secret: text("secret"),
            url: self.url.clone(),
        }
    }
}

/// The folder that these settings name, that of the `bucket` otherwise, or the usual one.
fn folder_of_objects(environment: &BTreeMap<String, String>, bucket: Option<PathBuf>) -> PathBuf {
    let named = environment.get("LONGSHORE_STORAGE_URL");
    let named = named.and_then(|url| url.strip_prefix("file://"));
    let usual = || Path::new(&environment["LONGSHORE_DATA_DIR"]).join("files");
    named.map(PathBuf::from).or(bucket).unwrap_or_else(usual)
}

/// An application as its developer knows it.
#[derive(Clone)]
pub struct Application {
    pub apikey: String,
    pub secret: String,
    pub url: String,
}

impl Application {
    /// A person at this application's picker, connected to their Dropbox.
    pub async fn person(&self) -> Person {
        let mut person = self.stranger();
        person.connect().await;
        person
    }

    /// A person at this application's picker who has not connected anything.
    pub fn stranger(&self) -> Person {
        Person {
            application: self.clone(),
            token: None,
            http: http(),
        }
    }
}

/// Somebody at a picker.
#[derive(Clone)]
pub struct Person {
    pub application: Application,
    pub token: Option<String>,
    pub http: reqwest::Client,
}

impl Person {
    /// Sends a call of the protocol and answers status and body.
    pub async fn call(&self, path: &str, mut body: Value) -> (u16, Value) {
        body["apikey"] = json!(self.application.apikey);
        if let Some(token) = &self.token {
            body["token"] = json!(token);
        }
        let url = format!("{}{path}", self.application.url);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(json!({ "text": text })),
        )
    }

    /// Lists a folder.
    pub async fn list(&self, path: &str, next: Option<&str>) -> Value {
        let mut dropbox = json!({ "path": path });
        if let Some(next) = next {
            dropbox["next"] = json!(next);
        }
        let (status, body) = self
            .call("/folder/list", json!({ "clouds": { "dropbox": dropbox } }))
            .await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Goes to Dropbox, allows, and comes back.
    pub async fn connect(&mut self) {
        let listed = self.list("/", None).await;
        self.token = Some(listed["token"].as_str().unwrap().to_owned());
        let away = listed["dropbox"]["auth"]["redirect_url"]
            .as_str()
            .unwrap()
            .to_owned();
        let back = self.consent(&away, "allow").await;
        let page = self.http.get(back).send().await.unwrap();
        assert!(page.status().is_success(), "{}", page.text().await.unwrap());
    }

    /// Answers Dropbox's consent page; answers where it sends the browser to.
    pub async fn consent(&self, away: &str, decision: &str) -> String {
        let mut url = away.to_owned();
        let page = loop {
            let answer = self.http.get(&url).send().await.unwrap();
            match answer.headers().get("location") {
                Some(next) => url = next.to_str().unwrap().to_owned(),
                None => break answer.text().await.unwrap(),
            }
        };
        let value = |name: &str| {
            let at = page
                .find(&format!("name=\"{name}\" value=\""))
                .expect(&page);
            let rest = &page[at..];
            rest.split('"').nth(3).unwrap().to_owned()
        };
        let origin = url::Url::parse(&url)
            .unwrap()
            .origin()
            .ascii_serialization();
        let form = [
            ("consent", value("consent")),
            ("account", value("account")),
            ("decision", decision.to_owned()),
        ];
        let answer = self
            .http
            .post(format!("{origin}/oauth2/authorize"))
            .header("origin", &origin)
            .form(&form)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let location = answer.headers().get("location").cloned();
        let Some(location) = location else {
            panic!("{status}: {}", answer.text().await.unwrap());
        };
        location.to_str().unwrap().to_owned()
    }

    /// Picks a file.
    pub async fn pick(&self, path: &str) -> (u16, Value) {
        self.pick_with(json!({ "path": path })).await
    }

    /// Picks with these members of `clouds.dropbox`.
    pub async fn pick_with(&self, dropbox: Value) -> (u16, Value) {
        self.call("/store/", json!({ "clouds": { "dropbox": dropbox } }))
            .await
    }

    /// Reads a stored file back.
    pub async fn read(&self, url: &str) -> Vec<u8> {
        let answer = self.http.get(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.bytes().await.unwrap().to_vec()
    }
}

/// Waits until `holds` answers true; panics with `what` when it takes too long.
pub async fn eventually<F: AsyncFnMut() -> bool>(what: &str, most: Duration, mut holds: F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(
            begun.elapsed() < most,
            "still not so after {most:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
