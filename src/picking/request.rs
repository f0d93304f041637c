//! What a pick asks for, valid from birth: options are checked here, once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PickError;
use crate::access::{Application, Policy, token_hash};
use crate::files::Handle;
use crate::storage::StorageKey;

/// Characters of a file name at most.
const LONGEST_NAME: usize = 1024;
/// Upload tags of one file at most, and the lengths of their names and values
/// (Filestack's limits, filestack-js `upload.schema.ts`).
const TAGS: (usize, usize, usize) = (10, 128, 256);

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

/// One pick, as the edge hands it in.
#[derive(Clone, Debug)]
pub struct PickRequest {
    /// For whom.
    pub application: Arc<Application>,
    /// Whose session.
    pub session_hash: String,
    /// The grant to read with.
    pub connection_id: i64,
    /// Path (or `id:…`) of the file in Dropbox.
    pub path: String,
    /// Where and how it is to be stored.
    pub store: StoreOptions,
    /// The integrator's tags.
    pub upload_tags: Value,
    /// What the caller sends again when it repeats this very request.
    pub idempotency_key: Option<String>,
    /// The picker's own session; with the path it tells a repeated pick.
    pub picker_session_id: Option<String>,
    /// The caller's policy, for its limits.
    pub policy: Option<Policy>,
}

/// What is kept of a request in the ledger: enough to do it again after a crash.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Wanted {
    pub store: StoreOptions,
    pub upload_tags: Value,
    pub max_size: Option<u64>,
    pub min_size: Option<u64>,
}

impl PickRequest {
    /// Checks every member.
    pub(super) fn check(&self) -> Result<Wanted, PickError> {
        let store = &self.store;
        let known = ["", "s3", "gcs", "azure", "rackspace"];
        if !known.contains(&store.location.to_lowercase().as_str()) {
            let why = format!(
                "store.location {:?} is not served here",
                short(&store.location)
            );
            return Err(PickError::Invalid(why));
        }
        if !["", "private", "public"].contains(&store.access.as_str()) {
            return Err(invalid("store.access must be private or public"));
        }
        if store.mimetype.len() > 255 || store.mimetype.chars().any(char::is_control) {
            return Err(invalid("store.mimetype is not a media type"));
        }
        if !store.filename.is_empty() {
            check_name(&store.filename)?;
        }
        if self.path.is_empty() || self.path.len() > 4096 || self.path.contains('\0') {
            return Err(invalid("path must name a file in Dropbox"));
        }
        check_tags(&self.upload_tags)?;
        // The key is tried out before anything is written down: a hostile path ends here.
        storage_key(&self.application, store, &Handle::generate(), "name")?;
        let policy = self.policy.as_ref();
        Ok(Wanted {
            store: store.clone(),
            upload_tags: self.upload_tags.clone(),
            max_size: policy.and_then(Policy::max_size),
            min_size: policy.and_then(Policy::min_size),
        })
    }

    /// What tells this request from others: the same text means the same pick.
    pub(super) fn dedup(&self, wanted: &Wanted) -> String {
        if let Some(key) = &self.idempotency_key {
            return format!(
                "key:{}",
                token_hash(&format!("{}\0{key}", self.session_hash))
            );
        }
        match &self.picker_session_id {
            Some(session) => {
                let what = serde_json::json!([session, self.session_hash, self.path, wanted.store]);
                format!("picker:{}", token_hash(&what.to_string()))
            }
            None => format!("once:{}", crate::access::random_name(32)),
        }
    }
}

/// Where a file is to lie: the whole key in storage.
///
/// `path` ending in `/` is a folder, any other path is the key itself; without
/// `disableStorageKey` the prefix stands before the name, so that equal names never meet
/// (Filestack's rule of a 20-character prefix).
pub(super) fn storage_key(
    application: &Application,
    store: &StoreOptions,
    prefix: &Handle,
    filename: &str,
) -> Result<StorageKey, PickError> {
    let path = store.path.trim_start_matches('/');
    let name = plain_name(filename);
    let name = if store.disable_storage_key {
        name
    } else {
        format!("{prefix}_{name}")
    };
    let within = match path {
        "" => name,
        folder if folder.ends_with('/') => format!("{folder}{name}"),
        folder if store.disable_storage_key => format!("{folder}/{name}"),
        key => key.to_owned(),
    };
    let prefix = application.storage_path.trim_matches('/');
    let parts = [store.container.trim_matches('/'), prefix, &within];
    let key = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    StorageKey::parse(&key).map_err(|error| PickError::Invalid(format!("store.path: {error}")))
}

/// Whether the key could meet another file's, because no prefix is part of it.
pub(super) fn key_is_shared(store: &StoreOptions) -> bool {
    let path = store.path.trim_start_matches('/');
    store.disable_storage_key || !(path.is_empty() || path.ends_with('/'))
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

fn check_name(name: &str) -> Result<(), PickError> {
    if name.chars().count() > LONGEST_NAME {
        let why = format!("store.filename is longer than {LONGEST_NAME} characters");
        return Err(PickError::Invalid(why));
    }
    if name
        .chars()
        .any(|c| c.is_control() || c == '/' || c == '\\')
        || [".", ".."].contains(&name)
    {
        return Err(invalid(
            "store.filename must be a plain name without / or control characters",
        ));
    }
    Ok(())
}

fn check_tags(tags: &Value) -> Result<(), PickError> {
    let (count, name_length, value_length) = TAGS;
    let empty = Map::new();
    let members = match tags {
        Value::Null => &empty,
        Value::Object(members) => members,
        _ => return Err(invalid("upload_tags must be an object of texts")),
    };
    let fits = |(name, value): (&String, &Value)| {
        name.chars().count() <= name_length
            && value
                .as_str()
                .is_some_and(|value| value.chars().count() <= value_length)
    };
    if members.len() > count || !members.iter().all(fits) {
        return Err(PickError::Invalid(format!(
            "upload_tags are at most {count} texts of {value_length} characters, \
             under names of {name_length}"
        )));
    }
    Ok(())
}

fn invalid(why: &str) -> PickError {
    PickError::Invalid(why.to_owned())
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
