//! An account: a person, a folder on this machine and the index of what lies in it.
//!
//! Whoever changes the folder on Dropbox's behalf holds [`Account::disk`], so that a scan never
//! sees half a change. Readers only need the index.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    hash::Hashes,
    options::AccountOptions,
    scan,
    tree::{Entry, Tree},
    versions::Versions,
};

/// A scan that is faster than this is worth making before a call that reads.
const CHEAP_SCAN: Duration = Duration::from_millis(50);

/// Hashing a file of this size takes seconds.
const SLOW_TO_HASH: u64 = 1024 * 1024 * 1024;

/// One simulated account.
pub struct Account {
    /// The person's name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// `dbid:…`
    pub id: String,
    /// The number that webhooks of the old form give.
    pub uid: u64,
    /// The folder, free of symbolic links.
    pub folder: PathBuf,
    /// The namespace of everything.
    pub root_namespace: String,
    /// The namespace of the person's own folder; the same as the root but for team members.
    pub home_namespace: String,
    /// The key of the person's own folder. Empty but for team members.
    pub home: String,
    /// The person's own folder as written.
    pub home_display: String,
    /// Content hashes.
    pub hashes: Hashes,
    /// What files were before.
    pub versions: Versions,
    /// The revs of large files whose hashes are being made.
    hashing: Mutex<HashSet<String>>,
    tree: RwLock<Tree>,
    scans: Mutex<Scans>,
    changed: watch::Sender<u64>,
}

/// When the folder was last read, held by whoever changes it.
pub struct Scans {
    started: Instant,
    took: Duration,
}

impl Account {
    /// Opens the folder and reads it once.
    pub fn open(number: usize, options: &AccountOptions) -> io::Result<Account> {
        let folder = options.folder.canonicalize()?;
        if !folder.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        let safe_name = options.name.replace(['/', '\\', '\0'], "_");
        let (home, home_display) = match options.team {
            true => (
                format!("/{}", safe_name.to_lowercase()),
                format!("/{safe_name}"),
            ),
            false => (String::new(), String::new()),
        };
        if options.team {
            fs::create_dir_all(folder.join(&safe_name))?;
        }
        let digest = Sha256::digest(options.name.as_bytes());
        let uid = 100_000_000 + u64::from(digest[0]) * 1_000_000 + number as u64;
        let mailbox: String = options
            .name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '.' })
            .collect();
        let root_namespace = format!("{}", 3_000_000 + 2 * number);
        let account = Account {
            email: format!("{mailbox}@example.com"),
            id: account_id(&digest),
            uid,
            home_namespace: match options.team {
                true => format!("{}", 3_000_001 + 2 * number),
                false => root_namespace.clone(),
            },
            root_namespace,
            home,
            home_display,
            hashes: Hashes::default(),
            versions: Versions::default(),
            hashing: Mutex::default(),
            tree: RwLock::new(Tree::new(&options.name)),
            scans: Mutex::new(Scans {
                started: Instant::now(),
                took: Duration::ZERO,
            }),
            changed: watch::Sender::new(0),
            name: options.name.clone(),
            folder,
        };
        account.scan()?;
        Ok(account)
    }

    /// Whether this is a member of a team.
    pub fn is_team(&self) -> bool {
        !self.home.is_empty()
    }

    /// The index, to read.
    pub fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index, to change. Hold [`Account::disk`] as well.
    pub fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to change the folder; nobody scans meanwhile.
    pub fn disk(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears the number of the last change whenever there is one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Tells the listeners if something changed.
    pub fn announce(&self) {
        let sequence = self.tree().sequence();
        self.changed.send_if_modified(|known| {
            let newer = *known != sequence;
            *known = sequence;
            newer
        });
    }

    /// Reads the whole folder and says how long that took.
    pub fn scan(&self) -> io::Result<Duration> {
        let mut scans = self.disk();
        self.scan_holding(&mut scans)?;
        Ok(scans.took)
    }

    fn scan_holding(&self, scans: &mut Scans) -> io::Result<()> {
        scans.started = Instant::now();
        let folders = scan::read_all(&self.folder)?;
        let mut tree = self.tree_mut();
        for folder in &folders {
            scan::reconcile(&mut tree, folder);
        }
        drop(tree);
        scans.took = scans.started.elapsed();
        self.announce();
        Ok(())
    }

    /// Brings the index up to date before a call that reads: wholly if that is cheap, otherwise
    /// only the folder in question. The rest follows with the next regular scan.
    pub fn refresh(&self, folder: &str) {
        let asked = Instant::now();
        let mut scans = self.disk();
        if scans.took < CHEAP_SCAN {
            // Whoever scanned while we waited did it for us.
            if scans.started < asked
                && let Err(error) = self.scan_holding(&mut scans)
            {
                log::warn!("sandbox: cannot read the folder of {}: {error}", self.name);
            }
            return;
        }
        let known = self.tree().get(folder).cloned();
        if let Some(entry) = known.filter(|entry| entry.is_folder())
            && let Ok(found) = scan::read_folder(&self.folder, folder, &entry.disk)
        {
            scan::reconcile(&mut self.tree_mut(), &found);
            self.announce();
        }
    }

    /// Where an entry lies on disk, provided that no symbolic link has come in the way since it
    /// was indexed.
    pub fn locate(&self, below: &Path) -> io::Result<PathBuf> {
        let mut path = self.folder.clone();
        for component in below.components() {
            path.push(component);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(io::Error::from(io::ErrorKind::NotFound));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(path)
    }

    /// The place for bytes that wait to become a file.
    pub fn cache(&self) -> io::Result<PathBuf> {
        let cache = self.locate(Path::new(scan::CACHE))?;
        fs::create_dir_all(&cache)?;
        Ok(cache)
    }

    /// Removes what only this run needed.
    pub fn clean_up(&self) {
        if let Err(error) = fs::remove_dir_all(self.folder.join(scan::CACHE))
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("sandbox: cannot remove the cache of {}: {error}", self.name);
        }
    }

    /// The content hash of a file.
    pub fn content_hash(&self, entry: &Entry) -> io::Result<Option<String>> {
        match &entry.file {
            Some(state) => {
                let path = self.locate(&entry.disk)?;
                self.hashes.of(&path, state.fingerprint).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Whether the hash of this file is known or soon made. If it is not, the work is begun.
    pub fn hash_soon(self: &Arc<Self>, entry: &Arc<Entry>) -> bool {
        let Some(state) = &entry.file else {
            return true;
        };
        if state.fingerprint.size < SLOW_TO_HASH || self.hashes.known(state.fingerprint).is_some() {
            return true;
        }
        let mut begun = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.insert(state.rev.clone()) {
            let (account, entry) = (self.clone(), entry.clone());
            std::thread::spawn(move || account.content_hash(&entry));
        }
        false
    }

    /// Hashes every file, so that listings need not wait. Returns early when told to stop.
    pub fn hash_everything(&self, stopping: &dyn Fn() -> bool) {
        let entries: Vec<Arc<Entry>> = self.tree().entries().cloned().collect();
        for entry in entries {
            if stopping() {
                return;
            }
            // A file that cannot be read shows itself when somebody asks for it.
            let _unreadable = self.content_hash(&entry);
        }
    }
}

/// When a file last changed.
pub fn modified(entry: &Entry) -> std::time::SystemTime {
    let nanoseconds = entry
        .file
        .as_ref()
        .map_or(0, |state| state.fingerprint.modified);
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

fn account_id(digest: &[u8]) -> String {
    use base64::Engine;
    let name = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..25]);
    format!("dbid:AA{name}").chars().take(40).collect()
}
