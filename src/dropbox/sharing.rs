//! Links that open a file or folder for others.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, Dropbox, DropboxError, address, call::Route, client::Host};

const CREATE: Route = Route::repeatable(Host::Api, "sharing/create_shared_link_with_settings");
const LIST: Route = Route::repeatable(Host::Api, "sharing/list_shared_links");

/// A link that opens a file or folder for others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SharedLink {
    /// The link.
    pub url: String,
    /// Name of what it opens.
    #[serde(default)]
    pub name: String,
    /// Its `id:…`, where Dropbox tells it.
    #[serde(default)]
    pub id: Option<String>,
    /// The key of its path, where Dropbox tells it.
    #[serde(default)]
    pub path_lower: Option<String>,
}

/// One page of links.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SharedLinkPage {
    /// The links.
    pub links: Vec<SharedLink>,
    /// Whether there is another page.
    pub has_more: bool,
    /// Where the listing goes on.
    #[serde(default)]
    pub cursor: Option<String>,
}

impl Dropbox {
    /// Makes a link, or tells the one that there is.
    pub async fn create_shared_link(
        &self,
        account: &Account,
        path: &str,
    ) -> Result<SharedLink, DropboxError> {
        let argument = json!({"path": address::for_dropbox(path)});
        let url = match self.rpc(account, CREATE, argument).await {
            Err(DropboxError::SharedLinkExists { url }) => url,
            outcome => return outcome,
        };
        let page = self.list_shared_links(account, Some(path), None).await?;
        match url {
            Some(url) => {
                let found = page.links.into_iter().find(|link| link.url == url);
                // Dropbox has named the link, so it works, listed or not.
                Ok(found.unwrap_or(SharedLink {
                    url,
                    name: String::new(),
                    id: None,
                    path_lower: None,
                }))
            }
            None => {
                let first = page.links.into_iter().next();
                first.ok_or(DropboxError::SharedLinkExists { url: None })
            }
        }
    }

    /// The links to one file or folder, or all links of the account.
    pub async fn list_shared_links(
        &self,
        account: &Account,
        path: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<SharedLinkPage, DropboxError> {
        let mut argument = json!({});
        if let Some(path) = path {
            argument["path"] = Value::from(address::for_dropbox(path));
            argument["direct_only"] = Value::from(true);
        }
        if let Some(cursor) = cursor {
            argument["cursor"] = Value::from(cursor);
        }
        self.rpc(account, LIST, argument).await
    }
}
