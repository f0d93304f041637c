//! Uploads of one piece, and the commit that every upload ends with.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_web::web;
use bytes::BytesMut;
use futures_util::StreamExt;
use serde_json::json;

use super::{
    call::{Answer, Call},
    edits::{ensure_parents, free_place},
    errors::Refusal,
    grants::random_text,
    hash::{ContentHasher, Fingerprint},
    metadata,
    paths::{Place, View},
    time,
    tree::Entry,
};

/// The most bytes that one request may carry.
pub const LARGEST: usize = 150 * 1024 * 1024;

/// How much is gathered before it is written.
const GATHER: usize = 1024 * 1024;

/// The bytes of one request, on disk beside the account's files.
pub struct Spool {
    /// Where they lie. Removed when dropped, unless they were moved away.
    pub path: PathBuf,
    /// How many they are.
    pub length: u64,
    /// Their content hash.
    pub content_hash: String,
}

impl Drop for Spool {
    fn drop(&mut self) {
        // It is not there any more if it became a file of the account.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Takes the bytes of a request to disk.
pub async fn spool(mut payload: web::Payload, call: &Call) -> Result<Spool, Refusal> {
    let mut spooling = Spooling {
        spool: Spool {
            path: call.view()?.account.cache()?.join(random_text(12)),
            length: 0,
            content_hash: String::new(),
        },
        file: None,
        hasher: ContentHasher::default(),
    };
    let mut gathered = BytesMut::new();
    loop {
        let piece = payload.next().await.transpose();
        // A body that breaks off was never a call.
        let piece =
            piece.map_err(|error| Refusal::BadInput(format!("The upload broke off: {error}")))?;
        let ended = piece.is_none();
        gathered.extend_from_slice(&piece.unwrap_or_default());
        if spooling.spool.length as usize + gathered.len() > LARGEST {
            return Err(Refusal::tags(&["payload_too_large"]));
        }
        if gathered.len() >= GATHER || ended {
            let bytes = gathered.split().freeze();
            spooling = super::dispatch::block(move || spooling.write(&bytes)).await?;
        }
        if ended {
            spooling.spool.content_hash = spooling.hasher.finish();
            return Ok(spooling.spool);
        }
    }
}

struct Spooling {
    spool: Spool,
    file: Option<File>,
    hasher: ContentHasher,
}

impl Spooling {
    fn write(mut self, bytes: &[u8]) -> Result<Spooling, Refusal> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::create_new(&self.spool.path)?,
        };
        file.write_all(bytes)?;
        self.file = Some(file);
        self.hasher.update(bytes);
        self.spool.length += bytes.len() as u64;
        Ok(self)
    }
}

/// `files/upload`
pub fn upload(call: &Call, spool: Spool) -> Answer {
    check_hash(call, &spool)?;
    let entry = commit(call, &spool.path, &spool.content_hash).map_err(with_session)?;
    metadata::plain(call.view()?, &entry)
}

/// Compares the hash that the caller announced with that of the bytes that came.
pub fn check_hash(call: &Call, spool: &Spool) -> Result<(), Refusal> {
    match call.optional_text("content_hash")? {
        Some(hash) if hash != spool.content_hash => Err(Refusal::tags(&["content_hash_mismatch"])),
        _ => Ok(()),
    }
}

/// What to do if something is in the way.
enum Mode {
    Add,
    Overwrite,
    Update(String),
}

/// Makes bytes on disk a file of the account. The call's argument is the commit; the bytes are
/// moved away from where they lie.
pub fn commit(call: &Call, bytes: &Path, content_hash: &str) -> Result<Arc<Entry>, Refusal> {
    let view = call.view()?;
    let place = view.place(call.text("path")?).map_err(|lost| match lost {
        super::paths::Lost::Tag(tag) => failed(&[tag]),
        lost => lost.under(&["path"]),
    })?;
    let mode = mode(call)?;
    if let Some(text) = call.optional_text("client_modified")? {
        let time = time::parse_timestamp(text).ok_or_else(|| {
            Refusal::BadInput(format!("request body: client_modified: time data '{text}' does not match format '%Y-%m-%dT%H:%M:%SZ'"))
        })?;
        File::options()
            .write(true)
            .open(bytes)?
            .set_modified(time)?;
    }
    let account = &view.account;
    account.refresh(&place.parent_key());
    let _disk = account.disk();
    let known = account.tree().get(&place.key()).cloned();
    let same = match &known {
        Some(entry) => account.content_hash(entry).ok().flatten().as_deref() == Some(content_hash),
        None => false,
    };
    let strict = call.flag("strict_conflict")?;
    let place = match (&known, mode) {
        (Some(entry), Mode::Add) if same && !strict => return Ok(entry.clone()),
        (Some(entry), Mode::Overwrite) if !entry.is_folder() => {
            if same {
                return Ok(entry.clone());
            }
            place
        }
        (Some(entry), Mode::Update(rev))
            if entry.file.as_ref().is_some_and(|state| state.rev == rev) =>
        {
            if same {
                return Ok(entry.clone());
            }
            place
        }
        (Some(_), Mode::Update(_)) if call.flag("autorename")? => conflicted_copy(view, &place),
        (Some(entry), _) => match call.flag("autorename")? {
            true => free_place(&account.tree(), &place),
            false => {
                return Err(failed(&[
                    "conflict",
                    if entry.is_folder() { "folder" } else { "file" },
                ]));
            }
        },
        (None, _) => place,
    };
    put(view, &place, bytes, content_hash)
}

/// Moves bytes to a place. The caller holds the disk.
fn put(
    view: &View,
    place: &Place,
    bytes: &Path,
    content_hash: &str,
) -> Result<Arc<Entry>, Refusal> {
    let account = &view.account;
    let mut tree = account.tree_mut();
    let parent = ensure_parents(account, &mut tree, place).map_err(|blocked| match blocked {
        Refusal::Route(_) => failed(&["conflict", "file_ancestor"]),
        other => other,
    })?;
    // A file that is written differently keeps its name on disk, as it does in Dropbox.
    let name = match tree.get(&place.key()) {
        Some(entry) => entry.name.clone(),
        None => place.name.clone(),
    };
    let disk = parent.disk.join(&name);
    let target = account.locate(&disk)?;
    if let Some(entry) = tree.get(&place.key()) {
        account.versions.keep(account, entry)?;
    }
    fs::rename(bytes, &target)?;
    let fingerprint = Fingerprint::of(&fs::symlink_metadata(&target)?);
    account.hashes.remember(fingerprint, content_hash);
    let entry = tree.put_file(&parent.path_lower, &name, disk, fingerprint, false);
    drop(tree);
    account.announce();
    entry.ok_or_else(|| Refusal::internal("an upload lost its folder"))
}

fn mode(call: &Call) -> Result<Mode, Refusal> {
    match call.tag("mode")? {
        None | Some("add") => Ok(Mode::Add),
        Some("overwrite") => Ok(Mode::Overwrite),
        Some("update") => match call.arg["mode"]["update"].as_str() {
            Some(rev) => Ok(Mode::Update(rev.to_owned())),
            None => Err(Refusal::BadInput(
                "request body: mode: missing 'update' key".to_owned(),
            )),
        },
        Some(other) => Err(Refusal::BadInput(format!(
            "request body: mode: unknown tag '{other}'"
        ))),
    }
}

fn conflicted_copy(view: &View, place: &Place) -> Place {
    let (stem, extension) = match place.name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (place.name.as_str(), String::new()),
    };
    let day = time::timestamp(time::now())
        .chars()
        .take(10)
        .collect::<String>();
    let name = format!(
        "{stem} ({}'s conflicted copy {day}){extension}",
        view.account.name
    );
    free_place(&view.account.tree(), &place.renamed(name))
}

/// The error of a commit that cannot be written.
fn failed(tags: &[&str]) -> Refusal {
    Refusal::tags(&[&["path"], tags].concat())
}

/// The same as `files/upload` words it, which adds a session to go on with.
fn with_session(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Route(error) if error[".tag"] == "path" => Refusal::Route(json!({
            ".tag": "path",
            "reason": error["path"],
            "upload_session_id": format!("pid_upload_session:{}", random_text(24)),
        })),
        other => other,
    }
}
