//! Filestack's own SDKs, unmodified, take our server for Filestack.
//!
//! Installs what it needs into `target/conformance` (from npm and PyPI) and runs the scripts in
//! `tests/conformance/filestack_js` and `tests/conformance/filestack_python` against a real
//! server, with a file picked and a webhook delivered.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
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
async fn the_python_sdk_takes_the_server_for_filestack() {
    let home = workshop("filestack_python");
    if !home.join("bin/python").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    }
    let scripts = Path::new(SCRIPTS).join("filestack_python");
    run(Command::new(home.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(scripts.join("requirements.txt")));
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(dir.path()).await;
    run(Command::new(home.join("bin/python"))
        .arg(scripts.join("check.py"))
        .arg(&scene.file));
}

async fn check_javascript(module: &str) {
    static INSTALLED: Once = Once::new();
    let home = workshop("filestack_js");
    INSTALLED.call_once(|| {
        let scripts = Path::new(SCRIPTS).join("filestack_js");
        for name in ["package.json", "package-lock.json", "check.mjs"] {
            fs::copy(scripts.join(name), home.join(name)).unwrap();
        }
        run(Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&home));
    });
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

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
