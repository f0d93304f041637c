//! Making folders.

use serde::Deserialize;
use serde_json::json;

use super::{Account, Dropbox, DropboxError, FolderMetadata, address, call::Route, client::Host};

// A second run would find the folder that the first one made, and fail or rename.
const CREATE_FOLDER: Route = Route::once(Host::Api, "files/create_folder_v2");

#[derive(Deserialize)]
struct Created {
    metadata: FolderMetadata,
}

impl Dropbox {
    /// Makes a folder; with `autorename` under another name, if something lies there.
    pub async fn create_folder(
        &self,
        account: &Account,
        path: &str,
        autorename: bool,
    ) -> Result<FolderMetadata, DropboxError> {
        let argument = json!({"path": address::for_dropbox(path), "autorename": autorename});
        let created: Created = self.rpc(account, CREATE_FOLDER, argument).await?;
        Ok(created.metadata)
    }
}
