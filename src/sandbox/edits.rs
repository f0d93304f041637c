//! Changes to the folder that are no uploads: making, removing, moving and copying.

use std::{fs, io, sync::Arc};

use serde_json::json;

use super::{
    accounts::Account,
    call::{Answer, Call},
    errors::Refusal,
    hash::Fingerprint,
    metadata,
    paths::{Place, View},
    tree::{Entry, Tree, child_key},
};

/// `files/create_folder_v2`
pub fn create_folder(call: &Call) -> Answer {
    let view = call.view()?;
    let mut place = view
        .place(call.text("path")?)
        .map_err(|lost| lost.under(&["path"]))?;
    let account = &view.account;
    account.refresh(&place.parent_key());
    let _disk = account.disk();
    let mut tree = account.tree_mut();
    if let Some(entry) = tree.get(&place.key()) {
        if !call.flag("autorename")? {
            return Err(Refusal::tags(&["path", "conflict", kind(entry)]));
        }
        place = free_place(&tree, &place);
    }
    let parent =
        ensure_parents(account, &mut tree, &place).map_err(|refusal| blocked(refusal, "path"))?;
    let entry = make_folder(account, &mut tree, &parent, &place.name)?;
    drop(tree);
    account.announce();
    Ok(json!({ "metadata": metadata::plain(view, &entry)? }))
}

/// `files/delete_v2`
pub fn delete(call: &Call) -> Answer {
    let view = call.view()?;
    let path = call.text("path")?;
    let account = &view.account;
    account.refresh("");
    let _disk = account.disk();
    let entry = find(view, path, "path_lookup")?;
    if let Some(rev) = call.optional_text("parent_rev")?
        && entry.file.as_ref().is_none_or(|state| state.rev != rev)
    {
        return Err(Refusal::tags(&["path_write", "conflict", kind(&entry)]));
    }
    let metadata = metadata::tagged(view, &entry)?;
    match remove(account, &entry) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => account.tree_mut().remove(&entry.path_lower),
    }
    account.announce();
    Ok(json!({ "metadata": metadata }))
}

/// Takes an entry from the disk; its files become former versions.
fn remove(account: &Account, entry: &Entry) -> io::Result<()> {
    let all = account.tree().subtree(&entry.path_lower);
    for file in all.iter().filter(|entry| !entry.is_folder()) {
        account.versions.keep(account, file)?;
    }
    match entry.is_folder() {
        true => fs::remove_dir_all(account.locate(&entry.disk)?),
        false => Ok(()),
    }
}

/// `files/move_v2`
pub fn move_entry(call: &Call) -> Answer {
    relocate(call, true)
}

/// `files/copy_v2`
pub fn copy(call: &Call) -> Answer {
    relocate(call, false)
}

fn relocate(call: &Call, moving: bool) -> Answer {
    let view = call.view()?;
    let account = &view.account;
    account.refresh("");
    let _disk = account.disk();
    let from = find(view, call.text("from_path")?, "from_lookup")?;
    let mut to = view
        .place(call.text("to_path")?)
        .map_err(|lost| lost.under(&["to"]))?;
    if to.key().starts_with(&format!("{}/", from.path_lower)) {
        return Err(Refusal::tags(&[if moving {
            "cant_move_folder_into_itself"
        } else {
            "duplicated_or_nested_paths"
        }]));
    }
    let mut tree = account.tree_mut();
    let renaming_itself = moving && to.key() == from.path_lower && to.name != from.name;
    if let Some(entry) = tree.get(&to.key()).filter(|_| !renaming_itself) {
        if !call.flag("autorename")? {
            return Err(Refusal::tags(&["to", "conflict", kind(entry)]));
        }
        to = free_place(&tree, &to);
    }
    let parent =
        ensure_parents(account, &mut tree, &to).map_err(|refusal| blocked(refusal, "to"))?;
    let entry = match moving {
        true => {
            fs::rename(
                account.locate(&from.disk)?,
                account.locate(&parent.disk.join(&to.name))?,
            )?;
            let moved = tree.rename(&from.path_lower, &parent.path_lower, &to.name);
            moved.ok_or_else(|| Refusal::internal("a moved entry was lost"))?
        }
        false => copy_tree(account, &mut tree, &from, &parent, &to.name)?,
    };
    drop(tree);
    account.announce();
    Ok(json!({ "metadata": metadata::tagged(view, &entry)? }))
}

fn copy_tree(
    account: &Account,
    tree: &mut Tree,
    from: &Entry,
    parent: &Entry,
    name: &str,
) -> Result<Arc<Entry>, Refusal> {
    let mut top = None;
    for entry in tree.subtree(&from.path_lower) {
        let below = &entry.path_lower[from.path_lower.len()..];
        let (above, name) = match below.rsplit_once('/') {
            // The copied entry itself, under its new name.
            None => (parent.path_lower.clone(), name),
            Some((above, _)) => {
                let top = child_key(&parent.path_lower, &name.to_lowercase());
                (format!("{top}{above}"), entry.name.as_str())
            }
        };
        let above = tree
            .get(&above)
            .cloned()
            .ok_or_else(|| Refusal::internal("a copy lost its folder"))?;
        let copied = match entry.is_folder() {
            true => make_folder(account, tree, &above, name)?,
            false => copy_file(account, tree, &entry, &above, name)?,
        };
        top.get_or_insert(copied);
    }
    top.ok_or_else(|| Refusal::tags(&["from_lookup", "not_found"]))
}

fn copy_file(
    account: &Account,
    tree: &mut Tree,
    from: &Entry,
    parent: &Entry,
    name: &str,
) -> Result<Arc<Entry>, Refusal> {
    let disk = parent.disk.join(name);
    let target = account.locate(&disk)?;
    fs::copy(account.locate(&from.disk)?, &target)?;
    let fingerprint = Fingerprint::of(&fs::symlink_metadata(&target)?);
    tree.put_file(&parent.path_lower, name, disk, fingerprint, false)
        .ok_or_else(|| Refusal::internal("a copy lost its folder"))
}

/// Makes the folders on the way to a place. A file among them is refused.
pub fn ensure_parents(
    account: &Account,
    tree: &mut Tree,
    place: &Place,
) -> Result<Arc<Entry>, Refusal> {
    let mut folder = tree
        .get("")
        .cloned()
        .ok_or_else(|| Refusal::internal("an account without a root"))?;
    for name in &place.parents {
        let key = child_key(&folder.path_lower, &name.to_lowercase());
        folder = match tree.get(&key).cloned() {
            Some(entry) if entry.is_folder() => entry,
            Some(_) => return Err(Refusal::tags(&["conflict", "file_ancestor"])),
            None => make_folder(account, tree, &folder, name)?,
        };
    }
    Ok(folder)
}

fn make_folder(
    account: &Account,
    tree: &mut Tree,
    parent: &Entry,
    name: &str,
) -> Result<Arc<Entry>, Refusal> {
    let disk = parent.disk.join(name);
    match fs::create_dir(account.locate(&disk)?) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    tree.put_folder(&parent.path_lower, name, disk)
        .ok_or_else(|| Refusal::internal("a new folder lost its parent"))
}

/// The next name that is free: `a (1).txt`, `a (2).txt`, …
pub fn free_place(tree: &Tree, place: &Place) -> Place {
    let (stem, extension) = match place.name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (place.name.as_str(), String::new()),
    };
    let names = (1..).map(|number| place.renamed(format!("{stem} ({number}){extension}")));
    let mut all = [place.clone()].into_iter().chain(names);
    all.find(|place| tree.get(&place.key()).is_none())
        .unwrap_or_else(|| place.clone())
}

fn find(view: &View, path: &str, tag: &str) -> Result<Arc<Entry>, Refusal> {
    let entry = view
        .find(&view.account.tree(), path)
        .map_err(|lost| lost.under(&[tag]))?;
    match entry.path_lower.is_empty() || entry.path_lower == view.base {
        true => Err(Refusal::BadInput(
            "request body: path: The root folder is unsupported.".to_owned(),
        )),
        false => Ok(entry),
    }
}

fn kind(entry: &Entry) -> &'static str {
    match entry.is_folder() {
        true => "folder",
        false => "file",
    }
}

fn blocked(refusal: Refusal, tag: &str) -> Refusal {
    match refusal {
        Refusal::Route(error) => {
            let mut outer = json!({ ".tag": tag });
            outer[tag] = error;
            Refusal::Route(outer)
        }
        other => other,
    }
}
