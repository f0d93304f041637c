//! Listing folders, and noticing that they have changed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{
    Account, Dropbox, DropboxError, Metadata, address,
    call::{Call, Payload, Route, decode},
    client::Host,
    settings::LARGEST_PAGE,
};

const LIST_FOLDER: Route = Route::repeatable(Host::Api, "files/list_folder");
const CONTINUE: Route = Route::repeatable(Host::Api, "files/list_folder/continue");
const LATEST_CURSOR: Route = Route::repeatable(Host::Api, "files/list_folder/get_latest_cursor");
const LONGPOLL: Route = Route::repeatable(Host::Notify, "files/list_folder/longpoll");

/// What Dropbox adds to a long poll's timeout, so that not all clients return at once.
const LONGPOLL_JITTER: Duration = Duration::from_secs(90);

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    /// The entries. May be empty although there are more pages.
    pub entries: Vec<Metadata>,
    /// Where the listing goes on, or where a later one finds what has changed since.
    pub cursor: String,
    /// Whether there is another page. This alone says so.
    pub has_more: bool,
}

/// What a long poll brought.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Changes {
    /// Whether something has changed behind the cursor.
    pub changes: bool,
    /// How many seconds to wait before the next poll, if Dropbox says so.
    #[serde(default)]
    pub backoff: Option<u64>,
}

impl Changes {
    /// How long to wait before the next poll.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.backoff.unwrap_or(0))
    }
}

#[derive(Deserialize)]
struct LatestCursor {
    cursor: String,
}

impl Dropbox {
    /// The first page of a folder; `limit` is taken as a hint by Dropbox.
    pub async fn list_folder(
        &self,
        account: &Account,
        path: &str,
        limit: Option<u32>,
        recursive: bool,
    ) -> Result<Page, DropboxError> {
        let argument = json!({
            "path": address::for_dropbox(path),
            "recursive": recursive,
            "limit": limit.unwrap_or(self.inner.page_limit).clamp(1, LARGEST_PAGE),
            "include_non_downloadable_files": true,
        });
        self.rpc(account, LIST_FOLDER, argument).await
    }

    /// The next page. [`DropboxError::CursorReset`] means: list again from the start.
    pub async fn list_folder_continue(
        &self,
        account: &Account,
        cursor: &str,
    ) -> Result<Page, DropboxError> {
        self.rpc(account, CONTINUE, json!({"cursor": cursor})).await
    }

    /// A cursor behind everything that is there now, without listing it.
    pub async fn get_latest_cursor(
        &self,
        account: &Account,
        path: &str,
        recursive: bool,
    ) -> Result<String, DropboxError> {
        let argument = json!({
            "path": address::for_dropbox(path),
            "recursive": recursive,
            "include_non_downloadable_files": true,
        });
        let latest: LatestCursor = self.rpc(account, LATEST_CURSOR, argument).await?;
        Ok(latest.cursor)
    }

    /// Waits for a change behind the cursor, for up to `patience` (30 s to 480 s).
    ///
    /// The cursor alone says whose folder it is: this route takes no token.
    pub async fn longpoll(
        &self,
        cursor: &str,
        patience: Duration,
    ) -> Result<Changes, DropboxError> {
        let seconds = patience.as_secs().clamp(30, 480);
        let call = Call {
            route: LONGPOLL,
            account: None,
            payload: Payload::Json(json!({"cursor": cursor, "timeout": seconds})),
            answer_within: Duration::from_secs(seconds) + LONGPOLL_JITTER + self.inner.call_timeout,
        };
        decode(&self.whole(&call).await?)
    }
}
