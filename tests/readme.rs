//! The README's examples, run as they are written: a page that picks, a server that hears of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop"
)]

#[path = "support/processes.rs"]
mod processes;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use processes::{Dropbox, Service, eventually, free_port};

/// A browser's part: a popup in which somebody answers Dropbox's page, and then a click.
const BROWSER: &str = r#"
globalThis.window = { open: async (url) => {
  let page, at = url;
  while (page === undefined) {
    const answer = await fetch(at, { redirect: "manual" });
    const next = answer.headers.get("location");
    if (next) at = new URL(next, at).href; else page = await answer.text();
  }
  const value = (name) => page.match(new RegExp(`name="${name}" value="([^"]*)"`))[1];
  const { origin } = new URL(at);
  const form = { consent: value("consent"), account: value("account"), decision: process.argv[2] };
  const headers = { origin };
  const body = new URLSearchParams(form);
  const answer = await fetch(`${origin}/oauth2/authorize`, { method: "POST", redirect: "manual", headers, body });
  await fetch(answer.headers.get("location"));
} };
const picked = await pick(async (entries) => entries.find((entry) => entry.downloadable));
console.log(JSON.stringify(picked));
"#;

/// The JavaScript of the README, in its order: the page, the receiver.
fn examples() -> Vec<String> {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let code = readme.split("```js\n").skip(1);
    code.map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

fn node(script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script).stdin(Stdio::null());
    command
}

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_examples_of_the_readme_pick_a_file_and_hear_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("hello.txt", b"hello");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let application = service.application();
    let [page, receiver] = examples().try_into().unwrap();

    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/hooks");
    let endpoint = [
        "endpoint",
        "add",
        "--apikey",
        &application.apikey,
        "--url",
        &url,
    ];
    let made = service.run(&[&endpoint[..], &["--event", "fp.upload", "--json"]].concat());
    let heard = dir.path().join("heard");
    let script = dir.path().join("receiver.mjs");
    assert!(receiver.contains("listen(3000)"));
    std::fs::write(&script, receiver.replace("3000", &port.to_string())).unwrap();
    let receiving = node(&script)
        .env("ENDPOINT_SECRET", made[0]["secret"].as_str().unwrap())
        .stdout(std::fs::File::create(&heard).unwrap())
        .spawn()
        .expect("node is needed");
    let _receiving = Ending(receiving);
    eventually(
        "the receiver listens",
        Duration::from_secs(20),
        async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
    )
    .await;

    let script = dir.path().join("page.mjs");
    let page = page
        .replace("http://localhost:8080", &service.url)
        .replace("A…", &application.apikey);
    std::fs::write(&script, page + BROWSER).unwrap();
    let run = async |decision: &str| -> Output {
        let mut command = node(&script);
        command.arg(decision);
        let ran = tokio::task::spawn_blocking(move || command.output());
        ran.await.unwrap().unwrap()
    };
    let denied = run("deny").await;
    let said = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(said.contains("was not allowed"), "{said}");
    let allowed = run("allow").await;
    let said = String::from_utf8_lossy(&allowed.stderr).into_owned();
    assert!(allowed.status.success(), "{said}");
    let picked: serde_json::Value = serde_json::from_slice(&allowed.stdout).unwrap();
    assert_eq!(picked["filename"], "hello.txt", "{picked}");
    eventually("the event is heard", Duration::from_secs(20), async || {
        let heard = std::fs::read_to_string(&heard).unwrap();
        heard.contains("fp.upload") && heard.contains(picked["handle"].as_str().unwrap())
    })
    .await;
}
