//! What the log does not say.

use std::sync::{Mutex, OnceLock};

use longshore::dropbox::{AppCredentials, Commit, Secret};
use serde_json::json;

use crate::{DOWNLOAD, METADATA, UPLOAD, World, file, stub::Reply};

/// Keeps everything that any part of this process logs, at every level.
struct Listener;

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        SAID.lock()
            .unwrap()
            .push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

#[tokio::test]
async fn the_log_tells_routes_and_request_ids_but_no_token_no_secret_and_no_path() {
    listen();
    let world = World::new().await;
    let (dropbox, account) = (&world.dropbox, &world.account);
    let app = AppCredentials {
        key: "logged-app".into(),
        secret: Secret::new("logged-secret"),
    };
    let granted = json!({
        "access_token": "logged-access", "refresh_token": "logged-refresh", "expires_in": 1,
    });
    world.stub.on("/api/oauth2/token", [Reply::json(granted)]);
    world
        .stub
        .on(METADATA, [Reply::new(503, ""), Reply::json(file(1))]);
    world.stub.on(DOWNLOAD, [Reply::content(&file(1), "x")]);
    world.stub.on(UPLOAD, [Reply::json(file(1))]);
    let code = dropbox.exchange_code(&app, "logged-code", "https://x/", "logged-verifier");
    code.await.unwrap();
    dropbox
        .refresh(&app, &Secret::new("logged-refresh"))
        .await
        .unwrap();
    dropbox.get_metadata(account, "/logged-path").await.unwrap();
    dropbox
        .download(account, "/logged-path", None)
        .await
        .unwrap();
    let commit = Commit::add("/logged-path");
    dropbox
        .upload(account, &commit, bytes::Bytes::from_static(b"x"))
        .await
        .unwrap();

    let said = SAID.lock().unwrap().join("\n");
    for told in [
        "files/get_metadata: 503",
        "files/download: 200",
        "oauth2/token: 200",
        "req-1",
    ] {
        assert!(said.contains(told), "{told}");
    }
    for kept in ["secret", "access", "refresh", "code", "verifier", "path"] {
        let kept = format!("logged-{kept}");
        assert!(!said.contains(&kept), "{kept}");
    }
    assert!(!said.contains("the-token"));
}
