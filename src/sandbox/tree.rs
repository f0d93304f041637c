//! What Dropbox remembers of an account beyond what a file system does: ids, revs, display names
//! and the order of changes.
//!
//! A `Tree` is plain data in memory. It does not read the disk; [`super::scan`] tells it what lies
//! there and the routes that write tell it what they did.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Bound,
    path::PathBuf,
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::hash::Fingerprint;

/// A file or folder as it stands now.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `id:…`, kept when the entry is moved.
    pub id: String,
    /// The last component, as written.
    pub name: String,
    /// The path in lower case, which is the entry's key. Empty for the root.
    pub path_lower: String,
    /// The path as written.
    pub path_display: String,
    /// The path on disk, below the account's folder.
    pub disk: PathBuf,
    /// What a file has and a folder has not.
    pub file: Option<FileState>,
}

/// The present version of a file.
#[derive(Debug, Clone)]
pub struct FileState {
    /// Changes whenever the content does.
    pub rev: String,
    /// Which bytes they are.
    pub fingerprint: Fingerprint,
}

impl Entry {
    /// Whether this is a folder.
    pub fn is_folder(&self) -> bool {
        self.file.is_none()
    }
}

/// One step in the life of an account: something at this path came, changed or went.
#[derive(Debug, Clone)]
pub struct Change {
    /// The key of what changed.
    pub path_lower: String,
    /// Its path as written, for entries that are gone.
    pub path_display: String,
    /// When it happened, counted from one.
    pub sequence: u64,
    /// Whether it went.
    pub deletion: bool,
}

struct Node {
    entry: Arc<Entry>,
    children: BTreeSet<String>,
}

/// The index of one account.
pub struct Tree {
    account: String,
    nodes: HashMap<String, Node>,
    by_id: HashMap<String, String>,
    by_rev: HashMap<String, String>,
    /// Changes by their number. Of each path the last deletion and the last other change are
    /// kept: a folder that went and came again must be heard to go, or its former children would
    /// seem to live on.
    journal: BTreeMap<u64, Change>,
    /// The number of the last change that was a deletion, or not, by path.
    last: HashMap<(String, bool), u64>,
    sequence: u64,
    minted: u64,
    used_revs: HashSet<String>,
}

impl Tree {
    /// An empty account. Its name keeps ids of different accounts apart.
    pub fn new(account: &str) -> Self {
        let root = Entry {
            id: String::new(),
            name: String::new(),
            path_lower: String::new(),
            path_display: String::new(),
            disk: PathBuf::new(),
            file: None,
        };
        let node = Node {
            entry: Arc::new(root),
            children: BTreeSet::new(),
        };
        Tree {
            account: account.to_owned(),
            nodes: HashMap::from([(String::new(), node)]),
            by_id: HashMap::new(),
            by_rev: HashMap::new(),
            journal: BTreeMap::new(),
            last: HashMap::new(),
            sequence: 0,
            minted: 0,
            used_revs: HashSet::new(),
        }
    }

    /// The number of the last change.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What lies at a path in lower case.
    pub fn get(&self, path_lower: &str) -> Option<&Arc<Entry>> {
        self.nodes.get(path_lower).map(|node| &node.entry)
    }

    /// What bears an `id:…`.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Entry>> {
        self.get(self.by_id.get(id)?)
    }

    /// The file whose present version is this rev.
    pub fn by_rev(&self, rev: &str) -> Option<&Arc<Entry>> {
        self.get(self.by_rev.get(rev)?)
    }

    /// All entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.nodes.values().map(|node| &node.entry)
    }

    /// The direct children whose keys come after the given one, in the order of their keys.
    pub fn children_after<'a>(
        &'a self,
        folder: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let start = match after {
            Some(key) => Bound::Excluded(key.to_owned()),
            None => Bound::Unbounded,
        };
        self.nodes
            .get(folder)
            .into_iter()
            .flat_map(move |node| {
                node.children
                    .range::<String, _>((start.clone(), Bound::Unbounded))
            })
            .filter_map(|key| self.get(key))
    }

    /// A folder and all that lies in it, parents first.
    pub fn subtree(&self, top: &str) -> Vec<Arc<Entry>> {
        let mut found = Vec::new();
        let mut waiting: Vec<&str> = self
            .nodes
            .get_key_value(top)
            .map(|(key, _)| key.as_str())
            .into_iter()
            .collect();
        while let Some(key) = waiting.pop() {
            if let Some(node) = self.nodes.get(key) {
                found.push(node.entry.clone());
                waiting.extend(node.children.iter().rev().map(String::as_str));
            }
        }
        found
    }

    /// The changes after a number, oldest first.
    pub fn changes_after(&self, sequence: u64) -> impl Iterator<Item = &Change> {
        self.journal.range(sequence + 1..).map(|(_, change)| change)
    }

    /// How an entry that is gone was written, if something ever lay there.
    pub fn deleted(&self, path_lower: &str) -> Option<&Change> {
        if self.nodes.contains_key(path_lower) {
            return None;
        }
        self.journal
            .get(self.last.get(&(path_lower.to_owned(), true))?)
    }

    /// Puts a folder. Its parent must be there.
    pub fn put_folder(&mut self, parent: &str, name: &str, disk: PathBuf) -> Option<Arc<Entry>> {
        let key = child_key(parent, &name.to_lowercase());
        if let Some(entry) = self.get(&key).cloned() {
            if entry.is_folder() {
                return Some(entry);
            }
            self.remove(&key);
        }
        let id = self.mint_id(&key, 0);
        self.insert(parent, name, disk, id, None)
    }

    /// Puts a file or a new version of it. Its parent must be there. A file at this path keeps
    /// its id; it keeps its rev only if `same_content` says so.
    pub fn put_file(
        &mut self,
        parent: &str,
        name: &str,
        disk: PathBuf,
        fingerprint: Fingerprint,
        same_content: bool,
    ) -> Option<Arc<Entry>> {
        let key = child_key(parent, &name.to_lowercase());
        let existing = self.get(&key).cloned();
        if existing.as_ref().is_some_and(|entry| entry.is_folder()) {
            self.remove(&key);
        }
        let old = existing.and_then(|entry| Some((entry.id.clone(), entry.file.clone()?)));
        let id = match &old {
            Some((id, _)) => id.clone(),
            None => self.mint_id(&key, fingerprint.inode),
        };
        let rev = match &old {
            Some((_, state)) if same_content => state.rev.clone(),
            _ => self.mint_rev(&id, fingerprint),
        };
        if let Some((_, state)) = old {
            self.by_rev.remove(&state.rev);
        }
        self.insert(parent, name, disk, id, Some(FileState { rev, fingerprint }))
    }

    /// Notes a new fingerprint of unchanged bytes, which is no change to Dropbox.
    pub fn refresh_file(&mut self, path_lower: &str, fingerprint: Fingerprint) {
        if let Some(node) = self.nodes.get_mut(path_lower)
            && let Some(state) = &mut Arc::make_mut(&mut node.entry).file
        {
            state.fingerprint = fingerprint;
        }
    }

    /// Takes away what lies at a path with all that lies in it. To Dropbox this is one change.
    pub fn remove(&mut self, path_lower: &str) {
        let gone = self.subtree(path_lower);
        let Some(top) = gone.first().cloned() else {
            return;
        };
        for entry in &gone {
            self.forget(entry);
        }
        if let Some(parent) = self.nodes.get_mut(parent_of(path_lower)) {
            parent.children.remove(path_lower);
        }
        self.note(&top.path_lower, &top.path_display, true);
    }

    /// Moves an entry with all that lies in it; ids and revs stay. The new parent must be there
    /// and nothing may lie at the new path, unless it is the same entry written differently.
    pub fn rename(&mut self, from: &str, parent: &str, name: &str) -> Option<Arc<Entry>> {
        let moved = self.subtree(from);
        let top = moved.first()?.clone();
        self.remove(from);
        let destination = self.get(parent)?.clone();
        let disk_top = destination.disk.join(name);
        for entry in &moved {
            let mut entry = Entry::clone(entry);
            let under = entry.disk.strip_prefix(&top.disk).ok()?.to_owned();
            let (parent, name, disk) = if entry.path_lower == top.path_lower {
                (parent.to_owned(), name.to_owned(), disk_top.clone())
            } else {
                let key = child_key(parent, &name.to_lowercase());
                let old_parent = parent_of(&entry.path_lower);
                let new_parent = format!("{key}{}", &old_parent[top.path_lower.len()..]);
                (
                    new_parent,
                    std::mem::take(&mut entry.name),
                    disk_top.join(under),
                )
            };
            self.insert(&parent, &name, disk, entry.id, entry.file);
        }
        self.get(&child_key(parent, &name.to_lowercase())).cloned()
    }

    fn insert(
        &mut self,
        parent: &str,
        name: &str,
        disk: PathBuf,
        id: String,
        file: Option<FileState>,
    ) -> Option<Arc<Entry>> {
        let above = self.nodes.get_mut(parent)?;
        let key = child_key(parent, &name.to_lowercase());
        above.children.insert(key.clone());
        let entry = Arc::new(Entry {
            id,
            name: name.to_owned(),
            path_display: format!("{}/{name}", above.entry.path_display),
            path_lower: key.clone(),
            disk,
            file,
        });
        self.by_id.insert(entry.id.clone(), key.clone());
        if let Some(state) = &entry.file {
            self.by_rev.insert(state.rev.clone(), key.clone());
        }
        match self.nodes.get_mut(&key) {
            Some(node) => node.entry = entry.clone(),
            None => {
                let children = BTreeSet::new();
                let entry = entry.clone();
                self.nodes.insert(key, Node { entry, children });
            }
        }
        self.note(&entry.path_lower, &entry.path_display, false);
        Some(entry)
    }

    fn forget(&mut self, entry: &Entry) {
        self.nodes.remove(&entry.path_lower);
        self.by_id.remove(&entry.id);
        if let Some(state) = &entry.file {
            self.by_rev.remove(&state.rev);
        }
    }

    fn note(&mut self, path_lower: &str, path_display: &str, deletion: bool) {
        self.sequence += 1;
        let change = Change {
            path_lower: path_lower.to_owned(),
            path_display: path_display.to_owned(),
            sequence: self.sequence,
            deletion,
        };
        let slot = (path_lower.to_owned(), deletion);
        if let Some(earlier) = self.last.insert(slot, self.sequence) {
            self.journal.remove(&earlier);
        }
        self.journal.insert(self.sequence, change);
    }

    /// An id that a restart of the sandbox makes again for the same file, as long as it was not
    /// moved: what points to it by id then goes on working.
    fn mint_id(&self, key: &str, inode: u64) -> String {
        use base64::Engine;
        let mut extra = 0_u64;
        loop {
            let text = format!("{}|{key}|{inode}|{extra}", self.account);
            let digest = Sha256::digest(text.as_bytes());
            let name = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..16]);
            let id = format!("id:{name}");
            if !self.by_id.contains_key(&id) {
                return id;
            }
            extra += 1;
        }
    }

    /// Dropbox's revs are hexadecimal, at least nine digits.
    fn mint_rev(&mut self, id: &str, fingerprint: Fingerprint) -> String {
        self.minted += 1;
        let text = format!("{id}|{}|{}", fingerprint.size, fingerprint.modified);
        let digest = Sha256::digest(text.as_bytes());
        let rev = format!("01{}", hex::encode(&digest[..10]));
        // The same file in the same state has the same rev after a restart, but within one run a
        // rev never comes back.
        let rev = match self.used_revs.contains(&rev) {
            true => format!("{}{:06x}", &rev[..16], self.minted),
            false => rev,
        };
        self.used_revs.insert(rev.clone());
        rev
    }
}

/// The key of a child, whose name is given in lower case.
pub fn child_key(parent: &str, name_lower: &str) -> String {
    format!("{parent}/{name_lower}")
}

/// The key of the folder in which a key lies.
pub fn parent_of(path_lower: &str) -> &str {
    path_lower.rsplit_once('/').map_or("", |(parent, _)| parent)
}
