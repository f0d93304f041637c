//! Reads an account's folder and tells the index what lies there.
//!
//! Only plain files and folders with readable names count. Symbolic links are left alone, so that
//! an account never reaches outside of its folder. Where two names differ only in case, Dropbox
//! has room for one: the first in byte order.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    hash::Fingerprint,
    paths::is_ignored,
    tree::{Tree, child_key},
};

/// The folder in which uploads wait and old versions are kept. As with the real client, it is no
/// part of the account.
pub const CACHE: &str = ".dropbox.cache";

/// One folder as found on disk.
pub struct FoundFolder {
    key: String,
    disk: PathBuf,
    children: Vec<Found>,
}

struct Found {
    name: String,
    /// `None` for a folder.
    fingerprint: Option<Fingerprint>,
}

/// Reads a folder and everything below it, parents first.
pub fn read_all(top: &Path) -> io::Result<Vec<FoundFolder>> {
    let mut folders = Vec::new();
    let mut waiting = vec![(String::new(), PathBuf::new())];
    while let Some((key, disk)) = waiting.pop() {
        let found = match read_folder(top, &key, &disk) {
            Ok(found) => found,
            // A folder that went away while we read is simply not there. The top must be.
            Err(error) if key.is_empty() => return Err(error),
            Err(_) => continue,
        };
        for child in found.children.iter().rev() {
            if child.fingerprint.is_none() {
                waiting.push((
                    child_key(&key, &child.name.to_lowercase()),
                    disk.join(&child.name),
                ));
            }
        }
        folders.push(found);
    }
    Ok(folders)
}

/// Reads one folder, not what lies below.
pub fn read_folder(top: &Path, key: &str, disk: &Path) -> io::Result<FoundFolder> {
    let mut children = Vec::new();
    for entry in fs::read_dir(top.join(disk))? {
        let Ok(entry) = entry else { continue };
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if is_ignored(&name) || name.contains('\\') {
            continue;
        }
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let fingerprint = if kind.is_dir() {
            None
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(metadata) => Some(Fingerprint::of(&metadata)),
                Err(_) => continue,
            }
        } else {
            continue;
        };
        children.push(Found { name, fingerprint });
    }
    children.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut taken = HashSet::new();
    children.retain(|found| taken.insert(found.name.to_lowercase()));
    Ok(FoundFolder {
        key: key.to_owned(),
        disk: disk.to_owned(),
        children,
    })
}

/// Makes the index agree with what was found in a folder. Folders come parents first.
pub fn reconcile(tree: &mut Tree, found: &FoundFolder) {
    let there: HashSet<String> = found
        .children
        .iter()
        .map(|child| child_key(&found.key, &child.name.to_lowercase()))
        .collect();
    let gone: Vec<String> = tree
        .children_after(&found.key, None)
        .filter(|entry| !there.contains(&entry.path_lower))
        .map(|entry| entry.path_lower.clone())
        .collect();
    for key in gone {
        tree.remove(&key);
    }
    for child in &found.children {
        reconcile_child(tree, found, child);
    }
}

fn reconcile_child(tree: &mut Tree, found: &FoundFolder, child: &Found) {
    let key = child_key(&found.key, &child.name.to_lowercase());
    let known = tree.get(&key).cloned();
    let disk = found.disk.join(&child.name);
    let Some(fingerprint) = child.fingerprint else {
        match known {
            Some(entry) if entry.is_folder() && entry.name == child.name => {}
            // The paths of everything in it have changed, as written.
            Some(_) => {
                tree.remove(&key);
                tree.put_folder(&found.key, &child.name, disk);
            }
            None => {
                tree.put_folder(&found.key, &child.name, disk);
            }
        }
        return;
    };
    let state = known.as_ref().and_then(|entry| entry.file.as_ref());
    let same_name = known.as_ref().is_some_and(|entry| entry.name == child.name);
    match state {
        Some(state) if same_name && state.fingerprint == fingerprint => {}
        Some(state) if same_name && state.fingerprint.same_content(&fingerprint) => {
            tree.refresh_file(&key, fingerprint);
        }
        _ => {
            let same = state.is_some_and(|state| state.fingerprint.same_content(&fingerprint));
            tree.put_file(&found.key, &child.name, disk, fingerprint, same);
        }
    }
}
