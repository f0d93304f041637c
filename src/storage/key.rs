//! The name under which a file's bytes are kept.
//!
//! A key is parsed once and safe ever after: every store takes it as it stands, so that the
//! same key names the same file in a folder and in a bucket. Knows no store.

use super::error::StorageError;
use std::{fmt, str::FromStr};

/// The folder, in every store, of what is not finished yet. No key reaches into it.
pub(super) const RESERVED: &str = ".uploads";

/// The most bytes of a whole key, S3's own limit.
const KEY_LIMIT: usize = 1024;
/// The most bytes of one segment, the limit of every common file system.
const SEGMENT_LIMIT: usize = 255;

/// A relative path of plain segments, such as `invoices/2026/7bBq…_scan.pdf`.
///
/// A key that exists has no empty, `.` or `..` segment, no control character, keeps within the
/// limits of file systems and S3, and does not begin with the reserved `.uploads`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey(String);

impl StorageKey {
    /// Reads a key, or says why no file can bear it.
    pub fn parse(text: &str) -> Result<Self, StorageError> {
        if text.is_empty() {
            return Err(StorageError::bad_key("it is empty"));
        }
        if text.len() > KEY_LIMIT {
            return Err(StorageError::bad_key(format!(
                "it is longer than {KEY_LIMIT} bytes"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(StorageError::bad_key("it holds a control character"));
        }
        for segment in text.split('/') {
            match segment {
                "" => return Err(StorageError::bad_key("it has an empty segment")),
                "." | ".." => {
                    return Err(StorageError::bad_key("a segment may not be `.` or `..`"));
                }
                long if long.len() > SEGMENT_LIMIT => {
                    let reason = format!("a segment is longer than {SEGMENT_LIMIT} bytes");
                    return Err(StorageError::bad_key(reason));
                }
                _ => {}
            }
        }
        if text.split('/').next() == Some(RESERVED) {
            return Err(StorageError::bad_key(format!("`{RESERVED}` is reserved")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key as it was parsed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StorageKey {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The file or object in which an unfinished upload keeps what it needs: `ID~RANDOM`.
///
/// The random half keeps two tries of one pick apart, so that a copy whose lease was taken over
/// can never publish, or spoil, the bytes of its successor.
pub(super) fn leftover_name(upload_id: &str) -> Result<String, StorageError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if upload_id.is_empty() || upload_id.len() > 128 || !upload_id.bytes().all(plain) {
        let reason = "an upload id is 1 to 128 letters, digits, `-` or `_`";
        return Err(StorageError::bad_key(reason));
    }
    Ok(format!("{upload_id}~{:016x}", rand::random::<u64>()))
}

/// The upload a leftover belongs to, by its name.
pub(super) fn upload_id_of(leftover: &str) -> &str {
    leftover
        .split_once('~')
        .map_or(leftover, |(upload_id, _)| upload_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn ordinary_names_of_every_language_are_keys() {
        for name in [
            "a",
            "a/b c.txt",
            "Größe/日本/😀.png",
            "..a/b..",
            "%2e%2e/x",
            "a/.uploads",
        ] {
            assert_eq!(StorageKey::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = "x".repeat(256);
        let many = ["x"; 600].join("/");
        let hostile = [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "a/",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            ".uploads",
            ".uploads/x",
            &long,
            &many,
        ];
        for name in hostile {
            let parsed = StorageKey::parse(name);
            assert!(
                matches!(parsed, Err(StorageError::BadKey { .. })),
                "{name:?}"
            );
        }
    }

    #[test]
    fn an_upload_id_cannot_leave_its_folder() {
        for id in ["", "../x", "a/b", "a~b", "ü", &"x".repeat(129)] {
            assert!(leftover_name(id).is_err(), "{id:?}");
        }
        let name = leftover_name("pick-7_x").unwrap();
        assert_eq!(upload_id_of(&name), "pick-7_x");
    }

    proptest! {
        #[test]
        fn every_key_stays_below_the_root_and_maps_to_one_path(text in "\\PC{0,40}|[./a%~]{1,20}") {
            if let Ok(key) = StorageKey::parse(&text) {
                let path = Path::new(key.as_str());
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
                let rejoined: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
                prop_assert_eq!(rejoined.join("/"), text);
            }
        }
    }
}
