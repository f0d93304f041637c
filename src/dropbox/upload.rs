//! Files on their way to Dropbox, in one request.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{
    Account, Dropbox, DropboxError, FileMetadata, address,
    call::{Call, Payload, Route, decode},
    client::Host,
    content_hash::ContentHasher,
};

// Repeatable although it writes: identical bytes at the same place change nothing and keep the rev.
const UPLOAD: Route = Route::repeatable(Host::Content, "files/upload");

/// The most that one request may carry.
pub const MAX_UPLOAD: u64 = 150 << 20;

/// The slowest line that an upload is still waited for on.
const BYTES_PER_SECOND: u64 = 128 << 10;

/// Where and how a file is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The path.
    pub path: String,
    /// What happens if something lies there.
    pub mode: WriteMode,
    /// Whether to take another name rather than to fail.
    pub autorename: bool,
    /// When the content was last changed, if not now.
    pub client_modified: Option<DateTime<Utc>>,
    /// Whether the person's devices stay silent about it.
    pub mute: bool,
}

/// What happens if another file lies at the path already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// It stays, and the new one fails or takes another name.
    Add,
    /// It becomes an older version.
    Overwrite,
    /// It becomes an older version, if it is still this rev.
    Update(String),
}

impl Commit {
    /// Writes a new file, under another name if something lies there.
    pub fn add(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            mode: WriteMode::Add,
            autorename: true,
            client_modified: None,
            mute: false,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mode = match &self.mode {
            WriteMode::Add => json!({".tag": "add"}),
            WriteMode::Overwrite => json!({".tag": "overwrite"}),
            WriteMode::Update(rev) => json!({".tag": "update", "update": rev}),
        };
        let mut commit = json!({
            "path": address::for_dropbox(&self.path),
            "mode": mode,
            "autorename": self.autorename,
            "mute": self.mute,
        });
        if let Some(modified) = self.client_modified {
            // Dropbox takes whole seconds, in UTC, with a Z.
            let text = modified.to_rfc3339_opts(SecondsFormat::Secs, true);
            commit["client_modified"] = Value::from(text);
        }
        commit
    }
}

impl Dropbox {
    /// Writes a file of up to 150 MB. Dropbox refuses it if it does not arrive as it was sent.
    pub async fn upload(
        &self,
        account: &Account,
        commit: &Commit,
        content: Bytes,
    ) -> Result<FileMetadata, DropboxError> {
        let argument = with_hash(commit.to_json(), &content).await;
        let call = self.carrying(account, UPLOAD, argument, content)?;
        decode(&self.whole(&call).await?)
    }

    /// A call that carries content.
    pub(super) fn carrying<'a>(
        &self,
        account: &'a Account,
        route: Route,
        argument: Value,
        body: Bytes,
    ) -> Result<Call<'a>, DropboxError> {
        let size = body.len() as u64;
        if size > MAX_UPLOAD {
            return Err(DropboxError::BadRequest {
                message: format!("one request carries at most {MAX_UPLOAD} bytes"),
            });
        }
        let transfer = Duration::from_secs(size / BYTES_PER_SECOND);
        Ok(Call {
            route,
            account: Some(account),
            payload: Payload::Upload { argument, body },
            answer_within: self.inner.call_timeout + transfer,
        })
    }
}

/// Below this size, hashing at once is cheaper than sending the bytes elsewhere.
const HASHED_AT_ONCE: usize = 1 << 20;

/// Lets Dropbox check that the request's bytes arrive as they were sent. Not needed without bytes.
pub(super) async fn with_hash(mut argument: Value, content: &Bytes) -> Value {
    let hash = |content: &[u8]| {
        let mut hasher = ContentHasher::new();
        hasher.update(content);
        hasher.finish()
    };
    let hashed = if content.is_empty() {
        None
    } else if content.len() <= HASHED_AT_ONCE {
        Some(hash(content))
    } else {
        let content = content.clone();
        // A hash that could not be computed is a check less, not a failure.
        spawn_blocking(move || hash(&content)).await.ok()
    };
    if let Some(hash) = hashed {
        argument["content_hash"] = Value::from(hash);
    }
    argument
}
