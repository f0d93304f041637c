//! How a client wants a file to be stored: the protocol's `store` object and the tags beside it,
//! and the key that follows from them.
//!
//! Picks and uploads take the same options and follow the same rules. Knows neither.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Handle;
use crate::access::Application;
use crate::storage::StorageKey;

/// Characters of a file name at most.
const LONGEST_NAME: usize = 1024;
/// Upload tags of one file at most, and the lengths of their names and values
/// (Filestack's limits, filestack-js `upload.schema.ts`).
const TAGS: (usize, usize, usize) = (10, 128, 256);

/// An option that cannot be used; says which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOption(pub String);

/// Where and how the copy is to be stored (the protocol's `store` object).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct StoreOptions {
    /// Kind of storage; what is configured here serves for all but `dropbox`.
    pub location: String,
    /// Where in the container; a path that ends in `/` is a folder, another is the whole key.
    pub path: String,
    /// The container; empty: the configured one.
    pub container: String,
    /// Another name for the file.
    pub filename: String,
    /// `private` or `public`.
    pub access: String,
    /// Another media type for the file.
    pub mimetype: String,
    /// Store under the plain name, without a prefix that makes it unique.
    #[serde(rename = "disableStorageKey")]
    pub disable_storage_key: bool,
}

impl StoreOptions {
    /// Checks every member, with the tags that came along.
    ///
    /// # Errors
    /// A [`BadOption`] that names the member.
    pub fn check(&self, application: &Application, upload_tags: &Value) -> Result<(), BadOption> {
        let known = ["", "s3", "gcs", "azure", "rackspace"];
        if !known.contains(&self.location.to_lowercase().as_str()) {
            let location = short(&self.location);
            let why = format!("store.location {location:?} is not served here");
            return Err(BadOption(why));
        }
        if !["", "private", "public"].contains(&self.access.as_str()) {
            return Err(bad("store.access must be private or public"));
        }
        if self.mimetype.len() > 255 || self.mimetype.chars().any(char::is_control) {
            return Err(bad("store.mimetype is not a media type"));
        }
        if !self.filename.is_empty() {
            check_name(&self.filename)?;
        }
        check_tags(upload_tags)?;
        // The key is tried out before anything is written down: a hostile path ends here.
        self.storage_key(application, &Handle::generate(), "name")?;
        Ok(())
    }

    /// What the file is called that comes under the name `own`.
    pub fn filename(&self, own: &str) -> String {
        match self.filename.as_str() {
            "" => own.to_owned(),
            asked => asked.to_owned(),
        }
    }

    /// The media type of a file of this name, where its source names none.
    pub fn mimetype(&self, filename: &str) -> String {
        match self.mimetype.as_str() {
            "" => mime_guess::from_path(filename)
                .first_or_octet_stream()
                .to_string(),
            asked => asked.to_owned(),
        }
    }

    /// The container as it is told to integrators, where `configured` is the storage's own.
    pub fn container(&self, configured: &str) -> String {
        match self.container.as_str() {
            "" => configured.to_owned(),
            named => named.trim_matches('/').to_owned(),
        }
    }

    /// `private` or `public`.
    pub fn access(&self) -> &str {
        match self.access.as_str() {
            "" => "private",
            asked => asked,
        }
    }

    /// Where a file is to lie: the whole key in storage.
    ///
    /// `path` ending in `/` is a folder, any other path is the key itself; without
    /// `disableStorageKey` the prefix stands before the name, so that equal names never meet
    /// (Filestack's rule of a 20-character prefix).
    ///
    /// # Errors
    /// A [`BadOption`] when no file can lie there.
    pub fn storage_key(
        &self,
        application: &Application,
        prefix: &Handle,
        filename: &str,
    ) -> Result<StorageKey, BadOption> {
        let path = self.path.trim_start_matches('/');
        let name = plain_name(filename);
        let name = if self.disable_storage_key {
            name
        } else {
            format!("{prefix}_{name}")
        };
        let within = match path {
            "" => name,
            folder if folder.ends_with('/') => format!("{folder}{name}"),
            folder if self.disable_storage_key => format!("{folder}/{name}"),
            key => key.to_owned(),
        };
        let prefix = application.storage_path.trim_matches('/');
        let parts = [self.container.trim_matches('/'), prefix, &within];
        let key = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        StorageKey::parse(&key).map_err(|error| BadOption(format!("store.path: {error}")))
    }

    /// Whether the key could meet another file's, because no prefix is part of it.
    pub fn key_is_shared(&self) -> bool {
        let path = self.path.trim_start_matches('/');
        self.disable_storage_key || !(path.is_empty() || path.ends_with('/'))
    }
}

/// A file name as one segment of a key: no separators, nothing that cannot be seen.
fn plain_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_control() || c == '/' || c == '\\' {
                '-'
            } else {
                c
            }
        })
        .collect();
    // A segment holds 255 bytes; the handle and `_` take 21 of them. The end is kept, because
    // it bears the extension.
    let mut start = clean.len().saturating_sub(200);
    while !clean.is_char_boundary(start) {
        start += 1;
    }
    match &clean[start..] {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn check_name(name: &str) -> Result<(), BadOption> {
    if name.chars().count() > LONGEST_NAME {
        let why = format!("store.filename is longer than {LONGEST_NAME} characters");
        return Err(BadOption(why));
    }
    if name
        .chars()
        .any(|c| c.is_control() || c == '/' || c == '\\')
        || [".", ".."].contains(&name)
    {
        return Err(bad(
            "store.filename must be a plain name without / or control characters",
        ));
    }
    Ok(())
}

fn check_tags(tags: &Value) -> Result<(), BadOption> {
    let (count, name_length, value_length) = TAGS;
    let empty = Map::new();
    let members = match tags {
        Value::Null => &empty,
        Value::Object(members) => members,
        _ => return Err(bad("upload_tags must be an object of texts")),
    };
    let fits = |(name, value): (&String, &Value)| {
        name.chars().count() <= name_length
            && value
                .as_str()
                .is_some_and(|value| value.chars().count() <= value_length)
    };
    if members.len() > count || !members.iter().all(fits) {
        return Err(BadOption(format!(
            "upload_tags are at most {count} texts of {value_length} characters, \
             under names of {name_length}"
        )));
    }
    Ok(())
}

fn bad(why: &str) -> BadOption {
    BadOption(why.to_owned())
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_becomes_one_harmless_segment() {
        assert_eq!(plain_name("../../x"), "..-..-x");
        assert_eq!(plain_name(".."), "file");
        assert_eq!(plain_name("a\0b\n"), "a-b-");
        let long = plain_name(&format!("{}.jpg", "ä".repeat(4000)));
        assert!(long.len() <= 200 && long.ends_with(".jpg"));
    }

    #[test]
    fn tags_are_counted_and_measured_at_their_edges() {
        let tags = |count: usize, value: usize| {
            let members = (0..count).map(|n| (n.to_string(), Value::from("x".repeat(value))));
            check_tags(&Value::Object(members.collect())).is_ok()
        };
        assert!(tags(10, 256) && !tags(11, 1) && !tags(1, 257));
        assert!(check_tags(&serde_json::json!({"a": 1})).is_err());
        assert!(check_tags(&serde_json::json!([])).is_err());
    }

    #[test]
    fn a_requested_name_is_plain_or_refused() {
        for wrong in ["../../x", "a/b", "a\\b", "a\0", "..", &"x".repeat(1025)] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_name("päper \u{202e}gpj.exe").is_ok());
        assert!(check_name(&"x".repeat(1024)).is_ok());
    }
}
