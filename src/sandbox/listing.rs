//! Listing folders, page by page, and hearing later what changed.
//!
//! A cursor holds everything that is needed to go on: the folder, the options, how far the first
//! listing has come and the number of the last change it takes into account. The server keeps
//! nothing for it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    errors::Refusal,
    export,
    faults::{FaultKind, Subject},
    metadata,
    paths::View,
    thumbnails,
    tree::{Entry, Tree, parent_of},
};

/// As many entries as Dropbox puts on a page if nobody asks for fewer.
const PAGE: usize = 2000;

/// Where a listing goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cursor {
    run: String,
    account: String,
    base: String,
    /// The folder, by its key at the time.
    folder: String,
    /// Its id, which is empty for the root.
    id: String,
    recursive: bool,
    with_deleted: bool,
    all_kinds: bool,
    limit: usize,
    /// The last key of the first listing that was given; `None` once it is complete.
    after: Option<String>,
    /// The number of the last change that has been told.
    sequence: u64,
}

impl Cursor {
    fn encode(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("AA{}", URL_SAFE_NO_PAD.encode(json))
    }

    /// Reads a cursor that some listing gave.
    pub fn decode(text: &str) -> Result<Cursor, Refusal> {
        text.strip_prefix("AA")
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| Refusal::BadInput("Invalid \"cursor\" parameter".to_owned()))
    }

    /// The id of the account that the cursor was made for.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether the cursor was made by this run of the sandbox; others must begin anew.
    pub fn of_run(&self, run: &str) -> bool {
        self.run == run
    }

    /// The folder's key.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether there is something to tell that the cursor's owner has not heard.
    pub fn news(&self, tree: &Tree) -> bool {
        self.after.is_some()
            || tree.get(&self.folder).is_none()
            || tree
                .changes_after(self.sequence)
                .any(|change| self.covers(&change.path_lower))
    }

    fn covers(&self, key: &str) -> bool {
        match self.recursive {
            true => key
                .strip_prefix(self.folder.as_str())
                .is_some_and(|rest| rest.starts_with('/')),
            false => !key.is_empty() && parent_of(key) == self.folder,
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.all_kinds || export::document(&entry.name).is_none()
    }
}

/// `files/list_folder`
pub fn list_folder(call: &Call) -> Answer {
    let cursor = start(call)?;
    page(call, cursor)
}

/// `files/list_folder/get_latest_cursor`
pub fn get_latest_cursor(call: &Call) -> Answer {
    let mut cursor = start(call)?;
    cursor.after = None;
    Ok(json!({ "cursor": cursor.encode() }))
}

/// `files/list_folder/continue`
pub fn list_folder_continue(call: &Call) -> Answer {
    let view = call.view()?;
    let cursor = Cursor::decode(call.text("cursor")?)?;
    if cursor.account != view.account.id || cursor.base != view.base {
        return Err(Refusal::BadInput(
            "Invalid \"cursor\" parameter: it belongs to another account or path root".to_owned(),
        ));
    }
    if !cursor.of_run(&call.simulation.run) {
        return Err(Refusal::tags(&["reset"]));
    }
    if cursor.after.is_none() {
        view.account.refresh(&cursor.folder);
    }
    let tree = view.account.tree();
    // Another folder at the same place is not the one that was listed.
    if tree
        .get(&cursor.folder)
        .is_none_or(|entry| entry.id != cursor.id || !entry.is_folder())
    {
        return Err(Refusal::tags(&["path", "not_found"]));
    }
    drop(tree);
    page(call, cursor)
}

fn start(call: &Call) -> Result<Cursor, Refusal> {
    let view = call.view()?;
    let path = call.text("path")?;
    if call
        .arg
        .get("shared_link")
        .is_some_and(|link| !link.is_null())
    {
        return Err(Refusal::BadInput("shared_link: not simulated".to_owned()));
    }
    let limit = call.number("limit", 1, PAGE as u64)?;
    let under = |lost: super::paths::Lost| lost.under(&["path"]);
    let key = view.key(&view.account.tree(), path).map_err(under)?;
    view.account.refresh(&key);
    let tree = view.account.tree();
    let folder = view.find(&tree, path).map_err(under)?;
    if !folder.is_folder() {
        return Err(Refusal::tags(&["path", "not_folder"]));
    }
    Ok(Cursor {
        run: call.simulation.run.clone(),
        account: view.account.id.clone(),
        base: view.base.clone(),
        folder: folder.path_lower.clone(),
        id: folder.id.clone(),
        recursive: call.flag("recursive")?,
        with_deleted: call.flag("include_deleted")?,
        all_kinds: call.flag_or("include_non_downloadable_files", true)?,
        limit: limit.map_or(PAGE, |limit| limit as usize),
        after: Some(String::new()),
        sequence: tree.sequence(),
    })
}

/// One item of a page: an entry, or the trace of one.
enum Listed {
    Entry(std::sync::Arc<Entry>),
    Gone(Value),
}

fn page(call: &Call, cursor: Cursor) -> Answer {
    let view = call.view()?;
    let subject = Subject {
        route: call.function,
        path: view
            .shown(&cursor.folder, &cursor.folder)
            .map(|(lower, _)| lower),
        bytes: (0, 0),
    };
    let empty = call
        .simulation
        .faults
        .strike(&subject, |kind| *kind == FaultKind::EmptyPage);
    if empty.is_some() {
        return Ok(json!({ "entries": [], "cursor": cursor.encode(), "has_more": true }));
    }
    let (listed, next, has_more) = {
        let tree = view.account.tree();
        match &cursor.after {
            Some(_) => first_listing(view, &tree, &cursor),
            None => later_changes(view, &tree, &cursor),
        }
    };
    // Hashes are looked up without the index in hand: one may have to be computed.
    let mut entries = Vec::with_capacity(listed.len());
    for item in listed {
        entries.push(match item {
            Listed::Entry(entry) => metadata::listed(view, &entry)?,
            Listed::Gone(value) => value,
        });
    }
    Ok(json!({ "entries": entries, "cursor": next.encode(), "has_more": has_more }))
}

fn first_listing(view: &View, tree: &Tree, cursor: &Cursor) -> (Vec<Listed>, Cursor, bool) {
    let after = cursor.after.as_deref().filter(|key| !key.is_empty());
    let mut listed = Vec::new();
    let mut next = cursor.clone();
    let mut has_more = false;
    let mut take = |entry: &std::sync::Arc<Entry>| {
        if !cursor.wants(entry) {
            return true;
        }
        if listed.len() == cursor.limit {
            has_more = true;
            return false;
        }
        next.after = Some(entry.path_lower.clone());
        listed.push(Listed::Entry(entry.clone()));
        true
    };
    if cursor.recursive {
        // Slashes sort before everything, so that a folder is followed by what lies in it.
        let order = |key: &str| key.replace('/', "\0");
        let mut all = tree.subtree(&cursor.folder);
        all.retain(|entry| !entry.path_lower.is_empty() && entry.path_lower != view.base);
        if let Some(after) = after.map(order) {
            all.retain(|entry| order(&entry.path_lower) > after);
        }
        all.sort_by_cached_key(|entry| order(&entry.path_lower));
        let _complete = all.iter().all(&mut take);
    } else {
        let _complete = tree.children_after(&cursor.folder, after).all(&mut take);
    }
    if !has_more {
        next.after = None;
        if cursor.with_deleted {
            let gone = tree
                .changes_after(0)
                .filter(|change| cursor.covers(&change.path_lower))
                .filter(|change| change.deletion && tree.get(&change.path_lower).is_none())
                .filter_map(|change| metadata::deleted(view, change));
            listed.extend(gone.map(Listed::Gone));
        }
    }
    // Something may have changed while the pages were read.
    let more = has_more || next.news(tree);
    (listed, next, more)
}

fn later_changes(view: &View, tree: &Tree, cursor: &Cursor) -> (Vec<Listed>, Cursor, bool) {
    let mut listed = Vec::new();
    let mut next = cursor.clone();
    for change in tree.changes_after(cursor.sequence) {
        if !cursor.covers(&change.path_lower) {
            next.sequence = change.sequence;
            continue;
        }
        if listed.len() == cursor.limit {
            return (listed, next, true);
        }
        next.sequence = change.sequence;
        if change.deletion {
            listed.extend(metadata::deleted(view, change).map(Listed::Gone));
        } else if let Some(entry) = tree
            .get(&change.path_lower)
            .filter(|entry| cursor.wants(entry))
        {
            listed.push(Listed::Entry(entry.clone()));
        }
    }
    (listed, next, false)
}

/// `files/get_metadata`
pub fn get_metadata(call: &Call) -> Answer {
    let view = call.view()?;
    let path = call.text("path")?;
    if path.is_empty() {
        return Err(Refusal::BadInput(
            "request body: path: The root folder is unsupported.".to_owned(),
        ));
    }
    if let Some(former) = view.former(path) {
        return metadata::tagged(view, &former);
    }
    let under = |lost: super::paths::Lost| lost.under(&["path"]);
    let key = view.key(&view.account.tree(), path).map_err(under)?;
    view.account.refresh(parent_of(&key));
    let tree = view.account.tree();
    let found = view.find(&tree, path);
    if found.is_err()
        && call.flag("include_deleted")?
        && let Some(gone) = tree
            .deleted(&key)
            .and_then(|change| metadata::deleted(view, change))
    {
        return Ok(gone);
    }
    drop(tree);
    let entry = found.map_err(under)?;
    let mut described = metadata::tagged(view, &entry)?;
    if call.flag("include_media_info")?
        && let Some(info) = thumbnails::media_info(view, &entry)
    {
        described["media_info"] = info;
    }
    Ok(described)
}
