//! Small pictures of many files at once. A call, but on the content host.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, Dropbox, DropboxError, FileMetadata, address, call::Route, client::Host};

const THUMBNAIL_BATCH: Route = Route::repeatable(Host::Content, "files/get_thumbnail_batch");

/// Dropbox takes no more entries than this in one call.
pub const LARGEST_BATCH: usize = 25;

/// The box that a thumbnail fits into, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThumbnailSize {
    /// 32 by 32.
    W32h32,
    /// 64 by 64.
    W64h64,
    /// 128 by 128.
    W128h128,
    /// 256 by 256.
    W256h256,
    /// 480 by 320.
    W480h320,
    /// 640 by 480.
    W640h480,
    /// 960 by 640.
    W960h640,
    /// 1024 by 768.
    W1024h768,
    /// 2048 by 1536.
    W2048h1536,
}

impl ThumbnailSize {
    /// Dropbox's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W32h32 => "w32h32",
            Self::W64h64 => "w64h64",
            Self::W128h128 => "w128h128",
            Self::W256h256 => "w256h256",
            Self::W480h320 => "w480h320",
            Self::W640h480 => "w640h480",
            Self::W960h640 => "w960h640",
            Self::W1024h768 => "w1024h768",
            Self::W2048h1536 => "w2048h1536",
        }
    }
}

/// A small picture of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumbnail {
    /// The file.
    pub metadata: FileMetadata,
    /// A JPEG.
    pub jpeg: Bytes,
}

/// What became of one entry of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum ThumbnailOutcome {
    /// The picture.
    Made(Box<Thumbnail>),
    /// There is none: not an image, gone, too large. The tag is for logs.
    None {
        /// Dropbox's innermost reason.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Batch {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
enum Entry {
    Success {
        metadata: FileMetadata,
        thumbnail: String,
    },
    Failure {
        #[serde(default)]
        failure: Value,
    },
    #[serde(other)]
    Other,
}

impl Dropbox {
    /// Small pictures of up to 25 files, named by path, `id:` or `rev:`; one outcome for each, in
    /// their order.
    pub async fn get_thumbnail_batch<S: AsRef<str>>(
        &self,
        account: &Account,
        files: &[S],
        size: ThumbnailSize,
    ) -> Result<Vec<ThumbnailOutcome>, DropboxError> {
        if files.len() > LARGEST_BATCH {
            return Err(DropboxError::BadRequest {
                message: format!("a batch has at most {LARGEST_BATCH} thumbnails"),
            });
        }
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let entry = |file: &S| {
            json!({
                "path": address::for_dropbox(file.as_ref()),
                "format": "jpeg",
                "size": size.name(),
                "mode": "fitone_bestfit",
            })
        };
        let entries: Vec<Value> = files.iter().map(entry).collect();
        let batch: Batch = self
            .rpc(account, THUMBNAIL_BATCH, json!({"entries": entries}))
            .await?;
        let mut outcomes: Vec<_> = batch.entries.into_iter().map(outcome).collect();
        // Callers match outcomes with files by their place.
        outcomes.resize_with(files.len(), || ThumbnailOutcome::None {
            reason: "no answer".to_owned(),
        });
        Ok(outcomes)
    }
}

fn outcome(entry: Entry) -> ThumbnailOutcome {
    let reason = match entry {
        Entry::Success {
            metadata,
            thumbnail,
        } => match STANDARD.decode(thumbnail) {
            Ok(jpeg) => {
                return ThumbnailOutcome::Made(Box::new(Thumbnail {
                    metadata,
                    jpeg: jpeg.into(),
                }));
            }
            Err(_) => "not base64".to_owned(),
        },
        Entry::Failure { failure } => innermost_tag(&failure),
        Entry::Other => "other".to_owned(),
    };
    ThumbnailOutcome::None { reason }
}

fn innermost_tag(failure: &Value) -> String {
    let Some(tag) = failure.get(".tag").and_then(Value::as_str) else {
        return failure.as_str().unwrap_or("other").to_owned();
    };
    match failure.get(tag) {
        Some(inner) => innermost_tag(inner),
        None => tag.to_owned(),
    }
}
