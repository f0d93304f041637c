//! Former versions of files: kept when the API overwrites or deletes a file, so that `rev:` goes on
//! leading to them and they can be listed and restored.
//!
//! What is changed by hand in the folder is gone; nobody asked us before. Everything kept is
//! forgotten when the sandbox ends.

use std::{
    collections::VecDeque,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::json;

use super::{
    accounts::Account,
    call::{Answer, Call},
    errors::Refusal,
    grants::random_text,
    hash::Fingerprint,
    metadata, scan,
    time::{self, timestamp},
    tree::Entry,
    upload,
};

/// How many bytes an account keeps; the oldest versions go first.
const MOST_KEPT: u64 = 1 << 30;

/// The former versions of an account's files, the oldest first.
#[derive(Default)]
pub struct Versions(Mutex<VecDeque<Version>>);

#[derive(Clone)]
struct Version {
    /// The file as it was, but for the place of its bytes.
    entry: Arc<Entry>,
    /// When it ceased to be the present one.
    until: SystemTime,
}

impl Versions {
    /// Puts a file's bytes away, from where they lie in the folder. The caller holds the disk and
    /// tells the index.
    pub fn keep(&self, account: &Account, entry: &Entry) -> io::Result<()> {
        let from = account.locate(&entry.disk)?;
        let (Some(state), Ok(found)) = (&entry.file, fs::symlink_metadata(&from)) else {
            return Ok(());
        };
        // Changed by hand since it was indexed: these are not the bytes of that rev.
        if !state.fingerprint.same_content(&Fingerprint::of(&found)) {
            return fs::remove_file(&from);
        }
        account.cache()?;
        let disk = Path::new(scan::CACHE).join(random_text(12));
        fs::rename(&from, account.locate(&disk)?)?;
        let entry = Entry {
            disk,
            ..entry.clone()
        };
        let mut kept = self.kept();
        kept.push_back(Version {
            entry: Arc::new(entry),
            until: time::now(),
        });
        let mut total: u64 = kept.iter().map(|version| size(&version.entry)).sum();
        while total > MOST_KEPT {
            let Some(oldest) = kept.pop_front() else {
                break;
            };
            total -= size(&oldest.entry);
            fs::remove_file(account.locate(&oldest.entry.disk)?)?;
        }
        Ok(())
    }

    /// The file that this rev was, unless it is the present one or was never seen.
    pub fn by_rev(&self, rev: &str) -> Option<Arc<Entry>> {
        let kept = self.kept();
        let mut all = kept.iter();
        let version = all.find(|version| rev_of(&version.entry) == rev)?;
        Some(version.entry.clone())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Version>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `files/list_revisions`
pub fn list(call: &Call) -> Answer {
    let view = call.view()?;
    let limit = call.number("limit", 1, 100)?.unwrap_or(10) as usize;
    let restorable = call.flag("include_restorable_info")?;
    let mut found = revisions(call)?;
    if let Some(before) = call.optional_text("before_rev")? {
        let at = found.all.iter().position(|entry| rev_of(entry) == before);
        let at = at.ok_or_else(|| Refusal::tags(&["invalid_before_rev"]))?;
        found.all.drain(..=at);
    }
    let mut entries = Vec::new();
    for entry in found.all.iter().take(limit) {
        let mut described = metadata::plain(view, entry)?;
        if restorable {
            described["is_restorable"] = json!(true);
        }
        entries.push(described);
    }
    let mut answer = json!({
        "is_deleted": found.deleted.is_some(),
        "entries": entries,
        "has_more": found.all.len() > limit,
    });
    if let Some(when) = found.deleted {
        answer["server_deleted"] = json!(timestamp(when));
    }
    Ok(answer)
}

/// The versions of one file, the newest first.
struct Revisions {
    all: Vec<Arc<Entry>>,
    /// When it went, if it is gone.
    deleted: Option<SystemTime>,
}

fn revisions(call: &Call) -> Result<Revisions, Refusal> {
    let view = call.view()?;
    let path = call.text("path")?;
    let by_id = match call.tag("mode")? {
        None | Some("path") => path.starts_with("id:"),
        Some("id") => true,
        Some(other) => {
            return Err(Refusal::BadInput(format!(
                "request body: mode: unknown tag '{other}'"
            )));
        }
    };
    let account = &view.account;
    account.refresh("");
    let present = view.find(&account.tree(), path);
    if present.as_ref().is_ok_and(|entry| entry.is_folder()) {
        return Err(Refusal::tags(&["path", "not_file"]));
    }
    let (key, id) = match &present {
        Ok(entry) => (entry.path_lower.clone(), entry.id.clone()),
        Err(_) => {
            let key = view.key(&account.tree(), path);
            (key.unwrap_or_default(), path.to_owned())
        }
    };
    let mut former: Vec<Version> = account.versions.kept().iter().cloned().collect();
    former.retain(|version| match by_id {
        true => version.entry.id == id,
        false => version.entry.path_lower == key,
    });
    former.reverse();
    let gone = former.first().map(|version| version.until);
    let former = former.into_iter().map(|version| version.entry);
    match present {
        Ok(entry) => Ok(Revisions {
            all: [entry].into_iter().chain(former).collect(),
            deleted: None,
        }),
        Err(_) if gone.is_some() => Ok(Revisions {
            all: former.collect(),
            deleted: gone,
        }),
        Err(lost) => Err(lost.under(&["path"])),
    }
}

/// `files/restore`
pub fn restore(call: &Call) -> Answer {
    let view = call.view()?;
    let (path, rev) = (call.text("path")?, call.text("rev")?);
    let account = &view.account;
    let place = view
        .place(path)
        .map_err(|lost| lost.under(&["path_lookup"]))?;
    account.refresh("");
    let present = account.tree().get(&place.key()).cloned();
    if let Some(entry) = present.as_ref().filter(|entry| rev_of(entry) == rev) {
        return metadata::plain(view, entry);
    }
    let known = |entry: &Arc<Entry>| {
        let same = present.as_ref().is_some_and(|now| now.id == entry.id);
        same || entry.path_lower == place.key()
    };
    let version = account.versions.by_rev(rev).filter(known);
    let version = version.ok_or_else(|| Refusal::tags(&["invalid_revision"]))?;
    let hash = account.content_hash(&version)?.unwrap_or_default();
    let spool = upload::Spool {
        path: account.cache()?.join(random_text(12)),
        length: size(&version),
        content_hash: hash,
    };
    fs::copy(account.locate(&version.disk)?, &spool.path)?;
    let commit = call.with(json!({
        "path": path,
        "mode": "overwrite",
        "client_modified": timestamp(super::accounts::modified(&version)),
    }));
    let entry = upload::commit(&commit, &spool.path, &spool.content_hash);
    metadata::plain(view, &entry.map_err(path_write)?)
}

/// `files/restore` has its own name for what is wrong with the place.
fn path_write(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Route(error) if error[".tag"] == "path" => {
            Refusal::Route(json!({ ".tag": "path_write", "path_write": error["path"] }))
        }
        other => other,
    }
}

fn rev_of(entry: &Entry) -> &str {
    entry.file.as_ref().map_or("", |state| &state.rev)
}

fn size(entry: &Entry) -> u64 {
    let state = entry.file.as_ref();
    state.map_or(0, |state| state.fingerprint.size)
}
