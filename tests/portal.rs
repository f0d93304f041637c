//! The developer portal in a real browser, against a real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/node.rs"]
mod node;
#[path = "support/processes.rs"]
mod processes;
mod support;

use std::process::Command;

use processes::{Dropbox, Service, http};

const EMAIL: &str = "ann@example.org";
const PASSWORD: &str = "correct horse battery";

#[test]
fn a_developer_an_owner_and_a_viewer_work_with_the_portal() {
    node::prepare();
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    service.command(&["account", "create", "--email", EMAIL], PASSWORD);
    let output = Command::new("node")
        .arg(node::web().join("tests/portal.mjs"))
        .arg(&service.url)
        .env("PORTAL_EMAIL", EMAIL)
        .env("PORTAL_PASSWORD", PASSWORD)
        .output()
        .expect("node is needed: apt-get install nodejs npm");
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{told}");
}

#[tokio::test]
async fn the_portal_loads_and_sends_nothing_elsewhere_and_stands_in_no_frame() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    for path in ["/portal", "/portal/", "/portal/apps/A1/deliveries"] {
        let url = format!("{}{path}", service.url);
        let page = http().get(url).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        let told = std::fs::read_to_string("docs/portal.md").unwrap();
        assert!(
            told.contains(&policy),
            "docs/portal.md tells of another policy"
        );
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cache-control"), "no-cache");
        let text = page.text().await.unwrap();
        let script = text
            .split("src=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let script = http()
            .get(format!("{}{script}", service.url))
            .send()
            .await
            .unwrap();
        assert_eq!(script.status(), 200);
        let kept = script.headers()["cache-control"].to_str().unwrap();
        assert!(kept.contains("immutable"), "{kept}");
    }
    let url = format!("{}/portal/assets/none.js", service.url);
    assert_eq!(http().get(url).send().await.unwrap().status(), 404);
}

#[test]
fn the_portals_own_tests_pass() {
    let output = Command::new("node")
        .arg("test.mjs")
        .current_dir(node::web().join("portal"))
        .output()
        .expect("node is needed: apt-get install nodejs npm");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
}
