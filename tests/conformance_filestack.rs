//! Filestack's own SDKs, unmodified, take our server for Filestack.
//!
//! Installs what it needs into `target/conformance` (from npm and PyPI) and runs the scripts in
//! `tests/conformance/filestack_js` and `tests/conformance/filestack_python` against a real
//! server, with a file picked and a webhook delivered. Those in `tests/conformance/uploads` upload
//! files over TLS, through a front that lets one part fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
    time::Duration,
};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use longshore::access::sign_policy;
use serde_json::{Value, json};

use processes::{APP_KEY, APP_SECRET, Application, Dropbox, Service, eventually};
use subscriber::Subscriber;

#[path = "support/processes.rs"]
mod processes;
#[path = "support/subscriber.rs"]
mod subscriber;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_takes_the_server_for_filestack() {
    check_javascript("filestack-js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_of_the_third_generation_does_too() {
    check_javascript("filestack-js-3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_uploads_although_a_part_fails() {
    uploads(13 << 20, "busy", |front, file| {
        let mut command = Command::new("node");
        let home = javascript();
        command.args(["upload.mjs", "filestack-js", &front.origin]);
        command
            .arg(&front.apikey)
            .arg(file)
            .arg(&front.links)
            .current_dir(home);
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_of_the_third_generation_uploads_a_large_file() {
    uploads(large(), "busy", |front, file| {
        let mut command = Command::new("node");
        let home = javascript();
        command.args(["upload.mjs", "filestack-js-3", &front.origin]);
        command
            .arg(&front.apikey)
            .arg(file)
            .arg(&front.links)
            .current_dir(home);
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_uploads_although_a_part_breaks_off() {
    for size in [13 << 20, large()] {
        uploads(size, "cut", |front, file| {
            let mut command = Command::new(python().join("bin/python"));
            command.arg(Path::new(SCRIPTS).join("uploads/upload.py"));
            command
                .args([&front.origin, &front.apikey])
                .arg(file)
                .arg(&front.links);
            command
        })
        .await;
    }
}

/// A large file: 200 MB; less in a bucket, because the test's S3 server writes 16 MiB in a second
/// and every byte twice.
fn large() -> usize {
    let mib = if processes::outgrown() { 40 } else { 200 };
    mib << 20
}

/// A server behind TLS, as a client reaches it.
struct Front {
    origin: String,
    apikey: String,
    /// The origin from which the server fetches its own files.
    links: String,
}

/// Has an SDK upload a file, once with and once without intelligent ingestion, a small one
/// and a link, while one part fails. What it was answered, what lies there and what was told must agree.
async fn uploads(size: usize, fault: &str, sdk: impl FnOnce(&Front, &Path) -> Command) {
    let dir = tempfile::tempdir().unwrap();
    let whole: Vec<u8> = (0..size).map(|n| (n * 31 + n / 251) as u8).collect();
    let file = dir.path().join("whole.bin");
    fs::write(&file, &whole).unwrap();
    let dropbox = Dropbox::start(dir.path());
    let port = processes::free_port();
    let origin = format!("https://localhost:{port}");
    // The SDK for Python does not ask again over https when it is told that it takes long.
    let settings = [
        ("LONGSHORE_PUBLIC_URL", origin.as_str()),
        ("LONGSHORE_UPLOADING_COMPLETION_WAIT", "2m"),
    ];
    let service = Service::start(dir.path(), &dropbox.url, &settings);
    let application = service.application();
    let subscriber = Subscriber::start().await;
    let hook = subscriber.url("/hook");
    let apikey = application.apikey.as_str();
    let add = ["endpoint", "add", "--apikey", apikey, "--url", &hook];
    service.run(&[&add[..], &["--event", "fp.upload", "--json"]].concat());
    let (_front, certificate) = front(dir.path(), port, &service.url, fault);
    let front = Front {
        origin,
        apikey: apikey.to_owned(),
        links: service.url.clone(),
    };
    let mut sdk = sdk(&front, &file);
    sdk.env("NODE_EXTRA_CA_CERTS", &certificate)
        .env("REQUESTS_CA_BUNDLE", &certificate);
    let output = sdk.output().unwrap();
    let heard = String::from_utf8_lossy(&output.stderr);
    let log = service.running.read_log();
    assert!(output.status.success(), "{heard}\n{log}");
    let said = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(answers.len(), 4, "{said}");
    for (answer, bytes) in answers.iter().zip([&whole[..], &whole, b"small", &whole]) {
        let handle = answer["handle"].as_str().unwrap();
        let read = processes::http().get(format!("{}/{handle}", service.url));
        let read = read.send().await.unwrap().bytes().await.unwrap();
        assert!(read == bytes, "{answer}");
        assert_eq!(answer["status"], "Stored");
    }
    assert!(answers[1]["key"].as_str().unwrap().contains("/"));
    eventually("events arrive", Duration::from_secs(20), async || {
        subscriber.received("/hook").len() == 4
    })
    .await;
    let told: Value = serde_json::from_slice(&subscriber.received("/hook")[0].body).unwrap();
    assert_eq!(told["text"]["client"], "Computer");
    assert_eq!(told["text"]["size"], size);
}

/// A TLS front with a certificate of its own, which ends with the test.
fn front(dir: &Path, port: u16, upstream: &str, fault: &str) -> (Ended, PathBuf) {
    let (certificate, key) = (dir.join("front.pem"), dir.join("front.key"));
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext"])
        .arg("subjectAltName=DNS:localhost")
        .args(["-keyout".as_ref(), key.as_os_str()])
        .args(["-out".as_ref(), certificate.as_os_str()]));
    let (_, upstream) = upstream.rsplit_once(':').unwrap();
    let mut command = Command::new("python3");
    command
        .arg(Path::new(SCRIPTS).join("uploads/front.py"))
        .args([&port.to_string(), upstream])
        .args([&certificate, &key])
        .arg(fault)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    (Ended(child), certificate)
}

/// A child that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where the SDK for Python is installed.
fn python() -> PathBuf {
    static INSTALLED: Once = Once::new();
    let home = workshop("filestack_python");
    INSTALLED.call_once(|| {
        if !home.join("bin/python").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&home));
        }
        let wanted = Path::new(SCRIPTS).join("filestack_python/requirements.txt");
        run(Command::new(home.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(wanted));
    });
    home
}

/// Where the SDKs for JavaScript are installed, with our scripts beside them.
fn javascript() -> PathBuf {
    static INSTALLED: Once = Once::new();
    let home = workshop("filestack_js");
    INSTALLED.call_once(|| {
        let scripts = Path::new(SCRIPTS).join("filestack_js");
        for name in ["package.json", "package-lock.json", "check.mjs"] {
            fs::copy(scripts.join(name), home.join(name)).unwrap();
        }
        let upload = Path::new(SCRIPTS).join("uploads/upload.mjs");
        fs::copy(upload, home.join("upload.mjs")).unwrap();
        run(Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&home));
    });
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_takes_the_server_for_filestack() {
    let home = python();
    let scripts = Path::new(SCRIPTS).join("filestack_python");
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(dir.path()).await;
    run(Command::new(home.join("bin/python"))
        .arg(scripts.join("check.py"))
        .arg(&scene.file));
}

async fn check_javascript(module: &str) {
    let home = javascript();
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(dir.path()).await;
    run(Command::new("node")
        .args(["check.mjs", module])
        .arg(&scene.file)
        .current_dir(&home));
}

/// A server with two applications, one of which demands policies, a picked file in each, and a
/// webhook that was delivered.
struct Scene {
    /// Tells the scripts all about it.
    file: PathBuf,
    _service: Service,
    _dropbox: Dropbox,
}

impl Scene {
    async fn start(dir: &Path) -> Self {
        let dropbox = Dropbox::start(dir);
        let drawn = image::RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let picture = dir.join("harbor.png");
        drawn.save(&picture).unwrap();
        dropbox.add("Photos/harbor.png", &fs::read(&picture).unwrap());
        dropbox.add("Photos/about.txt", b"about");
        dropbox.add("note.txt", b"a note");
        let service = Service::start(dir, &dropbox.url, &[]);
        let open = service.application();
        let secured = secured(&service);
        let subscriber = Subscriber::start().await;
        let endpoints = service.run(&[
            "endpoint",
            "add",
            "--apikey",
            &open.apikey,
            "--url",
            &subscriber.url("/hook"),
            "--event",
            "fp.upload",
            "--json",
        ]);
        let open_handle = pick(&open, json!({})).await;
        let policy = URL_SAFE.encode(r#"{"expiry":99999999999,"call":["pick"]}"#);
        let signature = sign_policy(&policy, &secured.secret);
        let allowed = json!({ "policy": policy, "signature": signature });
        let secured_handle = pick(&secured, allowed).await;
        eventually("the webhook arrives", Duration::from_secs(20), async || {
            !subscriber.received("/hook").is_empty()
        })
        .await;
        let delivered = subscriber.received("/hook").remove(0);
        let scene = json!({
            "url": service.url,
            "picture": picture,
            "open": known(&open, &open_handle),
            "secured": known(&secured, &secured_handle),
            "delivery": {
                "secret": endpoints[0]["secret"],
                "timestamp": delivered.header("FS-Timestamp").unwrap(),
                "signature": delivered.header("FS-Signature").unwrap(),
                "body": String::from_utf8(delivered.body.clone()).unwrap(),
            },
        });
        let file = dir.join("scene.json");
        fs::write(&file, scene.to_string()).unwrap();
        Self {
            file,
            _service: service,
            _dropbox: dropbox,
        }
    }
}

/// An application that demands policies.
fn secured(service: &Service) -> Application {
    let made = service.run(&[
        "app",
        "create",
        "--name",
        "Secured",
        "--dropbox-app-key",
        APP_KEY,
        "--dropbox-app-secret",
        APP_SECRET,
        "--security",
        "--json",
    ]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Application {
        apikey: text("apikey"),
        secret: text("secret"),
        url: service.url.clone(),
    }
}

fn known(application: &Application, handle: &str) -> Value {
    json!({ "apikey": application.apikey, "secret": application.secret, "handle": handle })
}

/// Connects a person and picks the picture; `allowed` goes into every call.
async fn pick(application: &Application, allowed: Value) -> String {
    let mut person = application.stranger();
    let call = |more: Value| {
        let mut body = allowed.clone();
        body["clouds"] = json!({ "dropbox": more });
        body
    };
    let (status, listed) = person
        .call("/folder/list", call(json!({ "path": "/" })))
        .await;
    assert_eq!(status, 200, "{listed}");
    person.token = Some(listed["token"].as_str().unwrap().to_owned());
    let away = listed["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
    let back = person.consent(away, "allow").await;
    let page = person.http.get(back).send().await.unwrap();
    assert!(page.status().is_success(), "{}", page.text().await.unwrap());
    let wanted = call(json!({ "path": "/Photos/harbor.png" }));
    let (status, picked) = person.call("/store/", wanted).await;
    assert_eq!(status, 200, "{picked}");
    picked["dropbox"]["handle"].as_str().unwrap().to_owned()
}

fn workshop(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/conformance")
        .join(name);
    fs::create_dir_all(&home).unwrap();
    home
}

/// Runs a command to its end and answers what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
