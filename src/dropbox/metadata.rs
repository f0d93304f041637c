//! What Dropbox says of a file or folder.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::{Account, Dropbox, DropboxError, address, call::Route, client::Host};

const GET_METADATA: Route = Route::repeatable(Host::Api, "files/get_metadata");

/// One entry of a folder, or the answer to a question about one path.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
pub enum Metadata {
    /// A file.
    File(FileMetadata),
    /// A folder. Seen in a listing, it leaves children that are already known alone.
    Folder(FolderMetadata),
    /// Something that is gone, with everything that lay below it.
    Deleted(DeletedMetadata),
    /// A kind of entry that this client does not know.
    #[serde(other)]
    Other,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FileMetadata {
    /// `id:…`, the same for as long as the file lives, whatever it is called.
    pub id: String,
    /// Its name, in the case that the person sees.
    pub name: String,
    /// The version. `rev:` in front of it addresses exactly these bytes.
    pub rev: String,
    /// Size in bytes.
    pub size: u64,
    /// When the person's device last changed it, as that device says.
    pub client_modified: DateTime<Utc>,
    /// When Dropbox last saw it change.
    pub server_modified: DateTime<Utc>,
    /// The key of the path; none for what is not mounted.
    #[serde(default)]
    pub path_lower: Option<String>,
    /// The path for people to read. Never a key: changes of case alone are not reported.
    #[serde(default)]
    pub path_display: Option<String>,
    /// Hash of the content (`content_hash`).
    #[serde(default)]
    pub content_hash: Option<String>,
    /// Whether there are bytes to download; if not, [`Dropbox::export`] may help.
    #[serde(default = "yes")]
    pub is_downloadable: bool,
    /// In which formats it can be exported, if it can.
    #[serde(default)]
    pub export_info: Option<ExportInfo>,
}

const fn yes() -> bool {
    true
}

impl FileMetadata {
    /// The address of exactly these bytes, for [`Dropbox::download`].
    pub fn rev_address(&self) -> String {
        format!("rev:{}", self.rev)
    }

    /// Whether both describe the same bytes: rev and size are equal, and so is the hash, which
    /// Dropbox need not tell every time.
    pub fn is_same_version(&self, other: &Self) -> bool {
        let hashes = self.content_hash.as_ref().zip(other.content_hash.as_ref());
        self.rev == other.rev
            && self.size == other.size
            && hashes.is_none_or(|(mine, theirs)| mine == theirs)
    }
}

/// How a file without bytes of its own can be had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ExportInfo {
    /// The format that [`Dropbox::export`] uses unless told otherwise.
    #[serde(default)]
    pub export_as: Option<String>,
    /// Further formats.
    #[serde(default)]
    pub export_options: Option<Vec<String>>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FolderMetadata {
    /// `id:…`, the same for as long as the folder lives.
    pub id: String,
    /// Its name, in the case that the person sees.
    pub name: String,
    /// The key of the path; none for what is not mounted.
    #[serde(default)]
    pub path_lower: Option<String>,
    /// The path for people to read.
    #[serde(default)]
    pub path_display: Option<String>,
    /// The namespace, if the folder is a shared one.
    #[serde(default)]
    pub shared_folder_id: Option<String>,
}

/// Something that is gone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DeletedMetadata {
    /// Its last name.
    pub name: String,
    /// The key of the path; everything below it is gone too.
    #[serde(default)]
    pub path_lower: Option<String>,
    /// The path for people to read.
    #[serde(default)]
    pub path_display: Option<String>,
}

impl Dropbox {
    /// What lies at a path, or under an `id:` or `rev:`.
    pub async fn get_metadata(
        &self,
        account: &Account,
        file: &str,
    ) -> Result<Metadata, DropboxError> {
        let argument = json!({"path": address::for_dropbox(file)});
        self.rpc(account, GET_METADATA, argument).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extra: &str) -> FileMetadata {
        let text = format!(
            r#"{{".tag":"file","id":"id:a","name":"a","rev":"0123456789","size":3,
            "client_modified":"2015-05-12T15:50:38Z","server_modified":"2015-05-12T15:50:38Z"{extra}}}"#
        );
        match serde_json::from_str(&text).unwrap() {
            Metadata::File(file) => file,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_downloadable_unless_dropbox_says_otherwise() {
        assert!(file("").is_downloadable);
        let paper = file(
            r#","is_downloadable":false,"export_info":{"export_as":"md","export_options":["html"]}"#,
        );
        assert!(!paper.is_downloadable);
        assert_eq!(paper.export_info.unwrap().export_as.unwrap(), "md");
    }

    #[test]
    fn unknown_tags_and_fields_are_tolerated() {
        let strange = serde_json::from_str(r#"{".tag":"hologram","name":"x"}"#);
        assert_eq!(strange.ok(), Some(Metadata::Other));
        assert_eq!(file(r#","shininess":{".tag":"high"}"#).size, 3);
    }

    #[test]
    fn a_version_is_its_rev_its_size_and_its_hash() {
        let hashed = file(r#","content_hash":"ab""#);
        assert!(hashed.is_same_version(&hashed));
        assert!(!hashed.is_same_version(&file(r#","content_hash":"ac""#)));
        assert!(hashed.is_same_version(&file("")), "the hash is optional");
        let longer = FileMetadata {
            size: 4,
            ..hashed.clone()
        };
        assert!(!hashed.is_same_version(&longer));
        let newer = FileMetadata {
            rev: "1".into(),
            ..hashed.clone()
        };
        assert!(!hashed.is_same_version(&newer));
    }

    #[test]
    fn paths_may_be_absent() {
        assert_eq!(file("").path_lower, None);
        assert_eq!(file(r#","path_lower":null"#).path_lower, None);
    }
}
