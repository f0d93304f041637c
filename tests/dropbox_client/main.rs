//! What the Dropbox client does on the wire, against a server that answers as it is told.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "../support/dropbox_stub.rs"]
mod stub;

mod consent;
mod downloads;
mod failures;
mod listing;
mod patience;
mod requests;
mod silence;
mod tokens;
mod uploads;

use std::time::Duration;

use longshore::dropbox::{Account, Dropbox, Secret, Settings};
use serde_json::{Value, json};
use stub::{Reply, Stub};

/// A client, its account and the server that both talk to.
struct World {
    stub: Stub,
    dropbox: Dropbox,
    account: Account,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose client has other settings.
    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        // Somebody else may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stub = Stub::start().await;
        let mut settings = Settings {
            // A path of its own for each host tells them apart on one server.
            api_url: format!("{}/api", stub.url).parse().unwrap(),
            content_url: format!("{}/content/", stub.url).parse().unwrap(),
            notify_url: format!("{}/notify", stub.url).parse().unwrap(),
            www_url: format!("{}/www", stub.url).parse().unwrap(),
            first_retry_wait: Duration::from_millis(5),
            call_timeout: Duration::from_secs(5),
            total_deadline: Duration::from_secs(8),
            ..Settings::default()
        };
        change(&mut settings);
        Self {
            stub,
            dropbox: Dropbox::new(&settings).unwrap(),
            account: Account::with_token(Secret::new("the-token")),
        }
    }
}

/// A file as Dropbox describes it.
fn file(size: usize) -> Value {
    json!({
        ".tag": "file",
        "id": "id:a", "name": "a.txt", "rev": "0123456789", "size": size,
        "client_modified": "2015-05-12T15:50:38Z", "server_modified": "2015-05-12T15:50:38Z",
        "path_lower": "/a.txt", "path_display": "/A.txt", "content_hash": "aa",
    })
}

fn folder(name: &str) -> Value {
    json!({".tag": "folder", "id": "id:f", "name": name, "path_lower": name})
}

/// A page of a folder.
fn page(entries: Vec<Value>, has_more: bool) -> Reply {
    Reply::json(json!({"entries": entries, "cursor": "c1", "has_more": has_more}))
}

/// A 409, as Dropbox writes it.
fn conflict(error: Value) -> Reply {
    Reply::error(
        409,
        json!({"error_summary": "path/not_quite/..", "error": error}),
    )
}

const LIST: &str = "/api/2/files/list_folder";
const CONTINUE: &str = "/api/2/files/list_folder/continue";
const METADATA: &str = "/api/2/files/get_metadata";
const CREATE_FOLDER: &str = "/api/2/files/create_folder_v2";
const DOWNLOAD: &str = "/content/2/files/download";
const UPLOAD: &str = "/content/2/files/upload";
