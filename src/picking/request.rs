//! What a pick asks for, valid from birth: options are checked here, once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PickError;
use crate::access::{Application, Policy, token_hash};
use crate::files::StoreOptions;

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
        if self.path.is_empty() || self.path.len() > 4096 || self.path.contains('\0') {
            let why = "path must name a file in Dropbox";
            return Err(PickError::Invalid(why.to_owned()));
        }
        self.store.check(&self.application, &self.upload_tags)?;
        let policy = self.policy.as_ref();
        Ok(Wanted {
            store: self.store.clone(),
            upload_tags: self.upload_tags.clone(),
            max_size: policy.and_then(Policy::max_size),
            min_size: policy.and_then(Policy::min_size),
        })
    }

    /// What tells this request from others: the same text means the same pick.
    pub(super) fn dedup(&self, wanted: &Wanted) -> String {
        if let Some(key) = &self.idempotency_key {
            return dedup_of_key(&self.session_hash, key);
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

/// What tells a request with an idempotency key from others: keys are a session's own.
pub(super) fn dedup_of_key(session_hash: &str, key: &str) -> String {
    format!("key:{}", token_hash(&format!("{session_hash}\0{key}")))
}
