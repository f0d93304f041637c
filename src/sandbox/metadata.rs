//! Entries as Dropbox describes them in JSON.

use std::{io, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    accounts::modified,
    errors::Refusal,
    export,
    paths::View,
    time::timestamp,
    tree::{Change, Entry},
};

/// How much time a content hash may take.
#[derive(Clone, Copy)]
enum Hash {
    /// As long as it takes.
    Whatever,
    /// Not long; the hash is left out of very large files that were not hashed yet.
    IfQuick,
}

/// A file or folder with its `.tag`, as in unions.
pub fn tagged(view: &View, entry: &Arc<Entry>) -> Result<Value, Refusal> {
    union(view, entry, Hash::Whatever)
}

/// The same for one of many, which must not keep the others waiting.
pub fn listed(view: &View, entry: &Arc<Entry>) -> Result<Value, Refusal> {
    union(view, entry, Hash::IfQuick)
}

fn union(view: &View, entry: &Arc<Entry>, hash: Hash) -> Result<Value, Refusal> {
    let mut fields = Map::new();
    let tag = if entry.is_folder() { "folder" } else { "file" };
    fields.insert(".tag".to_owned(), json!(tag));
    fill(&mut fields, view, entry, hash)?;
    Ok(Value::Object(fields))
}

/// A file or folder where its kind is known, without a `.tag`.
pub fn plain(view: &View, entry: &Arc<Entry>) -> Result<Value, Refusal> {
    let mut fields = Map::new();
    fill(&mut fields, view, entry, Hash::Whatever)?;
    Ok(Value::Object(fields))
}

/// Something that was at this path and is not any more.
pub fn deleted(view: &View, change: &Change) -> Option<Value> {
    let (lower, display) = view.shown(&change.path_lower, &change.path_display)?;
    let name = display.rsplit('/').next()?;
    Some(json!({ ".tag": "deleted", "name": name, "path_lower": lower, "path_display": display }))
}

fn fill(
    fields: &mut Map<String, Value>,
    view: &View,
    entry: &Arc<Entry>,
    hash: Hash,
) -> Result<(), Refusal> {
    fields.insert("name".to_owned(), json!(entry.name));
    // Something outside of the caller's root has no path the caller could use.
    if let Some((lower, display)) = view.shown(&entry.path_lower, &entry.path_display) {
        fields.insert("path_lower".to_owned(), json!(lower));
        fields.insert("path_display".to_owned(), json!(display));
    }
    fields.insert("id".to_owned(), json!(entry.id));
    let Some(state) = &entry.file else {
        return Ok(());
    };
    let when = timestamp(modified(entry));
    fields.insert("client_modified".to_owned(), json!(when));
    fields.insert("server_modified".to_owned(), json!(when));
    fields.insert("rev".to_owned(), json!(state.rev));
    fields.insert("size".to_owned(), json!(state.fingerprint.size));
    let document = export::document(&entry.name);
    fields.insert("is_downloadable".to_owned(), json!(document.is_none()));
    if let Some(document) = document {
        fields.insert("export_info".to_owned(), document.info());
        return Ok(());
    }
    match hash {
        Hash::Whatever => put_hash(fields, view, entry),
        Hash::IfQuick if view.account.hash_soon(entry) => put_hash(fields, view, entry),
        // A folder of films would otherwise take minutes to list for the first time.
        Hash::IfQuick => {}
    }
    Ok(())
}

fn put_hash(fields: &mut Map<String, Value>, view: &View, entry: &Entry) {
    match view.account.content_hash(entry) {
        Ok(Some(hash)) => {
            fields.insert("content_hash".to_owned(), json!(hash));
        }
        Ok(None) => {}
        // Gone since it was indexed: the next scan will say so. The field is optional.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log::warn!("sandbox: cannot hash {}: {error}", entry.path_display),
    }
}
