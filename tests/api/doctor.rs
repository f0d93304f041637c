//! `longshore doctor`: what an operator is told of the parts around the service.

use std::process::Command;

use crate::processes::{APP_KEY, APP_SECRET, Dropbox, Service};

/// Runs it with the service's settings and some of its own; answers its lines and whether it was
/// content.
fn examine(service: &Service, more: &[(&str, &str)]) -> (Vec<String>, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .arg("doctor")
        .envs(&service.environment)
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = said.lines().map(str::to_owned).collect();
    (lines, output.status.success())
}

#[tokio::test]
async fn the_doctor_finds_what_does_not_work_and_says_what_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let app = |secret| {
        [
            ("LONGSHORE_DROPBOX_APP_KEY", APP_KEY),
            ("LONGSHORE_DROPBOX_APP_SECRET", secret),
        ]
    };
    let (lines, content) = examine(&service, &app(APP_SECRET));
    assert!(content, "{lines:#?}");
    assert_eq!(lines.len(), 6);
    assert!(
        lines.iter().all(|line| line.starts_with("ok ")),
        "{lines:#?}"
    );
    assert!(lines[4].contains("knows the app key"), "{lines:#?}");
    assert!(lines[5].contains("authCallback/open"), "{lines:#?}");

    let fails = |more: &[(&str, &str)], part: &str, word: &str| {
        let (lines, content) = examine(&service, more);
        assert!(!content, "{lines:#?}");
        let line = lines.iter().find(|line| line.starts_with("FAIL  "));
        let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
        assert!(line.starts_with(&format!("FAIL  {part}")), "{line}");
        assert!(line.contains(word), "{line}");
    };
    fails(&app("another-secret"), "dropbox", "App Console");
    let nobody = "http://127.0.0.1:9";
    fails(&[("LONGSHORE_DROPBOX_API_URL", nobody)], "dropbox", nobody);
    fails(
        &[("LONGSHORE_PUBLIC_URL", nobody)],
        "public url",
        "the proxy",
    );
    let redis = [("LONGSHORE_REDIS_URL", "redis://:hunter2@127.0.0.1:9")];
    fails(&redis, "queue", "LONGSHORE_REDIS_URL");
    let (lines, _) = examine(&service, &redis);
    assert!(!lines.join("\n").contains("hunter2"), "{lines:#?}");
    let file = dir.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let storage = format!("file://{}", file.display()).replace(' ', "%20");
    fails(
        &[("LONGSHORE_STORAGE_URL", &storage)],
        "storage",
        "not a folder",
    );
}

#[tokio::test]
async fn keys_are_not_looked_for_at_a_clouds_metadata_address_when_a_store_of_ones_own_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let examined = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .arg("doctor")
        .env("LONGSHORE_DATA_DIR", dir.path())
        .env("LONGSHORE_STORAGE_URL", "s3://bucket")
        .env("LONGSHORE_STORAGE_S3_ENDPOINT", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&examined.stderr);
    assert!(!examined.status.success());
    assert!(said.contains("storage.s3_access_key"), "{said}");
}
