//! Files on their way to Dropbox, in many requests.
//!
//! An answer may be lost while its bytes arrived. Dropbox then says where the session stands, and
//! if that is where it should stand after the request, the request has succeeded. A `finish` whose
//! commit fails has appended its bytes already: it is asked for again without them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Account, Commit, Dropbox, DropboxError, FileMetadata, Refusal,
    call::{Route, decode},
    client::Host,
    upload::with_hash,
};

// A second start makes a second session, which nobody uses and which dies by itself.
const START: Route = Route::repeatable(Host::Content, "files/upload_session/start");
// Appending at a known offset cannot happen twice: the second time, the offset is wrong.
const APPEND: Route = Route::repeatable(Host::Content, "files/upload_session/append_v2");
const FINISH: Route = Route::repeatable(Host::Content, "files/upload_session/finish");
// Not on the content host, unlike its siblings.
const FINISH_BATCH: Route = Route::repeatable(Host::Api, "files/upload_session/finish_batch_v2");

/// How the parts of a session come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// One after the other.
    Sequential,
    /// Several at once, each a multiple of 4 MiB but for the last. Start and finish carry none;
    /// the append that closes comes after all others.
    Concurrent,
}

/// One file of a [`Dropbox::upload_session_finish_batch`].
#[derive(Debug, Clone, PartialEq)]
pub struct FinishEntry {
    /// A closed session.
    pub session_id: String,
    /// How many bytes it holds.
    pub offset: u64,
    /// Where the file is written.
    pub commit: Commit,
}

/// What became of one file of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishOutcome {
    /// The file.
    Written(Box<FileMetadata>),
    /// It was not written.
    Failed(Refusal),
}

#[derive(Deserialize)]
struct Started {
    session_id: String,
}

#[derive(Deserialize)]
struct Finished {
    entries: Vec<FinishedEntry>,
}

#[derive(Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
enum FinishedEntry {
    Success(Box<FileMetadata>),
    Failure {
        #[serde(default)]
        failure: Value,
    },
    #[serde(other)]
    Other,
}

impl Dropbox {
    /// Begins a session and tells its id. `content` are the first bytes of a sequential one.
    pub async fn upload_session_start(
        &self,
        account: &Account,
        kind: SessionKind,
        content: Bytes,
    ) -> Result<String, DropboxError> {
        let kind = match kind {
            SessionKind::Sequential => "sequential",
            SessionKind::Concurrent if !content.is_empty() => {
                return Err(wrong("a concurrent session starts without bytes"));
            }
            SessionKind::Concurrent => "concurrent",
        };
        let argument = json!({
            "close": false,
            "session_type": {".tag": kind},
        });
        let argument = with_hash(argument, &content).await;
        let call = self.carrying(account, START, argument, content)?;
        let started: Started = decode(&self.whole(&call).await?)?;
        Ok(started.session_id)
    }

    /// Adds bytes at `offset`; `close` says that no more will come.
    pub async fn upload_session_append(
        &self,
        account: &Account,
        session_id: &str,
        offset: u64,
        close: bool,
        content: Bytes,
    ) -> Result<(), DropboxError> {
        let end = offset + content.len() as u64;
        let argument = json!({
            "cursor": {"session_id": session_id, "offset": offset},
            "close": close,
        });
        let argument = with_hash(argument, &content).await;
        let call = self.carrying(account, APPEND, argument, content)?;
        match self.whole(&call).await {
            Ok(_) => Ok(()),
            // An earlier attempt arrived and its answer was lost.
            Err(DropboxError::IncorrectOffset { correct_offset })
                if correct_offset == end && end > offset =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the session with the last bytes at `offset` and writes the file.
    ///
    /// If the commit fails, the bytes are appended nevertheless: call again with another commit,
    /// the offset behind them and no bytes.
    pub async fn upload_session_finish(
        &self,
        account: &Account,
        session_id: &str,
        offset: u64,
        commit: &Commit,
        content: Bytes,
    ) -> Result<FileMetadata, DropboxError> {
        let end = offset + content.len() as u64;
        let argument = |offset: u64| {
            json!({
                "cursor": {"session_id": session_id, "offset": offset},
                "commit": commit.to_json(),
            })
        };
        let with_bytes = with_hash(argument(offset), &content).await;
        let call = self.carrying(account, FINISH, with_bytes, content)?;
        let answer = match self.whole(&call).await {
            Err(DropboxError::IncorrectOffset { correct_offset })
                if correct_offset == end && end > offset =>
            {
                let call = self.carrying(account, FINISH, argument(end), Bytes::new())?;
                self.whole(&call).await?
            }
            outcome => outcome?,
        };
        decode(&answer)
    }

    /// Writes the files of many closed sessions at once; one outcome for each, in their order.
    pub async fn upload_session_finish_batch(
        &self,
        account: &Account,
        entries: &[FinishEntry],
    ) -> Result<Vec<FinishOutcome>, DropboxError> {
        let entry = |entry: &FinishEntry| {
            json!({
                "cursor": {"session_id": entry.session_id, "offset": entry.offset},
                "commit": entry.commit.to_json(),
            })
        };
        let argument = json!({"entries": entries.iter().map(entry).collect::<Vec<_>>()});
        let finished: Finished = self.rpc(account, FINISH_BATCH, argument).await?;
        let outcomes = finished.entries.into_iter().map(|entry| match entry {
            FinishedEntry::Success(file) => FinishOutcome::Written(file),
            FinishedEntry::Failure { failure } => failed(failure.to_string()),
            FinishedEntry::Other => failed("other".to_owned()),
        });
        Ok(outcomes.collect())
    }
}

fn wrong(message: &str) -> DropboxError {
    DropboxError::BadRequest {
        message: message.to_owned(),
    }
}

fn failed(summary: String) -> FinishOutcome {
    FinishOutcome::Failed(Refusal {
        status: 200,
        summary,
        ..Refusal::default()
    })
}
