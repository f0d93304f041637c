//! Finding files and folders by their names.

use serde::Deserialize;
use serde_json::json;

use super::{Account, Dropbox, DropboxError, Metadata, address, call::Route, client::Host};

const SEARCH: Route = Route::repeatable(Host::Api, "files/search_v2");
const CONTINUE: Route = Route::repeatable(Host::Api, "files/search/continue_v2");

/// Dropbox finds no more than this in one page.
const LARGEST_PAGE: u32 = 1000;

/// One page of what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// What was found, the best first. May be empty although there are more pages.
    pub matches: Vec<Metadata>,
    /// Where the search goes on.
    pub cursor: Option<String>,
    /// Whether there is another page.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct PageOnWire {
    matches: Vec<Match>,
    has_more: bool,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Match {
    metadata: MatchMetadata,
}

/// Search wraps what it finds once more than listings do.
#[derive(Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
enum MatchMetadata {
    Metadata {
        metadata: Box<Metadata>,
    },
    #[serde(other)]
    Other,
}

impl From<PageOnWire> for SearchPage {
    fn from(page: PageOnWire) -> Self {
        let found = page
            .matches
            .into_iter()
            .filter_map(|found| match found.metadata {
                MatchMetadata::Metadata { metadata } => Some(*metadata),
                MatchMetadata::Other => None,
            });
        Self {
            matches: found.collect(),
            has_more: page.has_more && page.cursor.is_some(),
            cursor: page.cursor,
        }
    }
}

impl Dropbox {
    /// Searches below `path` (`""`: everywhere) for names that match the query.
    pub async fn search(
        &self,
        account: &Account,
        query: &str,
        path: &str,
        limit: Option<u32>,
    ) -> Result<SearchPage, DropboxError> {
        let argument = json!({
            "query": query,
            "options": {
                "path": address::for_dropbox(path),
                "max_results": limit.unwrap_or(100).clamp(1, LARGEST_PAGE),
                "file_status": "active",
                "filename_only": true,
            },
        });
        let page: PageOnWire = self.rpc(account, SEARCH, argument).await?;
        Ok(page.into())
    }

    /// The next page of a search.
    pub async fn search_continue(
        &self,
        account: &Account,
        cursor: &str,
    ) -> Result<SearchPage, DropboxError> {
        let page: PageOnWire = self
            .rpc(account, CONTINUE, json!({"cursor": cursor}))
            .await?;
        Ok(page.into())
    }
}
