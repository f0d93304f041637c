//! What an upload is to become, valid from birth: options are checked here, once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::UploadError;
use crate::access::{Application, Policy};
use crate::files::StoreOptions;

/// Characters of a file name at most; a longer one is cut in front, where it has no ending.
const LONGEST_NAME: usize = 1000;
/// What a file is called that comes without a name (as in filestack-js).
const NO_NAME: &str = "untitled";
/// Parts of an upload at most, as at S3.
const MOST_PARTS: u32 = 10_000;

/// The beginning of an upload, as the edge hands it in.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// For whom.
    pub application: Arc<Application>,
    /// The file's name on the device.
    pub filename: String,
    /// Its media type; empty: told by the name.
    pub mimetype: String,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// Where and how it is to be stored.
    pub store: StoreOptions,
    /// The integrator's tags.
    pub upload_tags: Value,
    /// The caller's policy, for its limits.
    pub policy: Option<Policy>,
}

/// What is kept of the beginning.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Wanted {
    /// What the events call the file's source.
    pub client: String,
    /// Where it came from, for a person's eyes.
    #[serde(default)]
    pub source: String,
    /// Tells a repeated request from another under the same idempotency key.
    #[serde(default)]
    pub asked: String,
    pub filename: String,
    pub mimetype: String,
    pub size: Option<u64>,
    pub store: StoreOptions,
    pub upload_tags: Value,
    pub max_size: Option<u64>,
    pub min_size: Option<u64>,
}

impl StartRequest {
    /// Checks every member; `most` is the largest file that is taken at all.
    pub(super) fn check(&self, most: u64) -> Result<Wanted, UploadError> {
        self.store.check(&self.application, &self.upload_tags)?;
        let filename = self.store.filename(&plain_name(&self.filename));
        let said = self.mimetype.trim();
        // What a browser makes of an unknown file is no reason to refuse it.
        let is_usable = said.len() <= 255 && said.contains('/') && said.is_ascii();
        let mimetype = match is_usable && !said.chars().any(char::is_control) {
            true if self.store.mimetype.is_empty() => said.to_owned(),
            _ => self.store.mimetype(&filename),
        };
        let policy = self.policy.as_ref();
        let wanted = Wanted {
            client: "Computer".to_owned(),
            source: String::new(),
            asked: String::new(),
            filename,
            mimetype,
            size: self.size,
            store: self.store.clone(),
            upload_tags: self.upload_tags.clone(),
            max_size: policy.and_then(Policy::max_size),
            min_size: policy.and_then(Policy::min_size),
        };
        if let Some(size) = self.size {
            wanted.check_size(size, most)?;
        }
        Ok(wanted)
    }
}

impl Wanted {
    /// The most bytes that may come, where `most` is the largest file that is taken at all.
    pub fn limit(&self, most: u64) -> u64 {
        self.max_size.unwrap_or(u64::MAX).min(most)
    }

    /// Checks the size of the whole file.
    pub fn check_size(&self, size: u64, most: u64) -> Result<(), UploadError> {
        let (limit, least) = (self.limit(most), self.min_size.unwrap_or(0));
        match size {
            size if size > limit => Err(UploadError::Size { size, limit }),
            size if size < least => Err(UploadError::Size { size, limit: least }),
            _ => Ok(()),
        }
    }
}

/// A piece that a client is about to send.
#[derive(Clone, Debug)]
pub struct PieceRequest {
    /// What [`super::Uploading::start`] gave out.
    pub upload_id: String,
    /// Who asks, where that was said.
    pub application: Option<Arc<Application>>,
    /// Counted from 1.
    pub part: u32,
    /// Where in its part the piece begins; 0 for a whole part.
    pub offset: u64,
    /// How many bytes will come.
    pub size: u64,
    /// Their MD5 digest, where the client made one.
    pub md5: Option<[u8; 16]>,
}

impl PieceRequest {
    /// Checks the number.
    pub(super) fn check(&self) -> Result<(), UploadError> {
        match self.part {
            1..=MOST_PARTS => Ok(()),
            _ => Err(UploadError::Invalid(format!(
                "part is a number from 1 to {MOST_PARTS}"
            ))),
        }
    }
}

/// The end of an upload, as the edge hands it in.
#[derive(Clone, Debug)]
pub struct Completion {
    /// What [`super::Uploading::start`] gave out.
    pub upload_id: String,
    /// Who asks, where that was said.
    pub application: Option<Arc<Application>>,
    /// The file's size, if the client says it once more.
    pub size: Option<u64>,
    /// The integrator's tags; `null`: those that came with the beginning.
    pub upload_tags: Value,
    /// Numbers and ETags of the parts that make up the file; empty: all that came.
    pub parts: Vec<(u32, Option<String>)>,
    /// The caller's policy, if one came.
    pub policy: Option<Policy>,
}

/// What is kept of the end, for whoever has to take it up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Agreed {
    /// The last part of the file.
    pub last_part: u32,
    pub size: u64,
    pub upload_tags: Value,
}

/// The last part of a path, without control characters.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: Vec<char> = last.chars().filter(|c| !c.is_control()).collect();
    let kept: String = plain[plain.len().saturating_sub(LONGEST_NAME)..]
        .iter()
        .collect();
    match kept.trim() {
        "" | "." | ".." => NO_NAME.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn of_a_hostile_name_a_harmless_one_is_left() {
        for (hostile, harmless) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("a\0b\nc.txt", "abc.txt"),
            ("..", "untitled"),
            ("a/", "untitled"),
            ("", "untitled"),
            (" päper \u{202e}gpj.exe ", "päper \u{202e}gpj.exe"),
        ] {
            assert_eq!(plain_name(hostile), harmless, "{hostile:?}");
        }
        let long = plain_name(&format!("{}.jpg", "ä".repeat(4000)));
        assert_eq!(long.chars().count(), 1000);
        assert!(long.ends_with(".jpg"));
    }
}
