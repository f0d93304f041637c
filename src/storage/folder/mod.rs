//! Bytes in a folder: a draft in `.uploads/`, then a file under the very name of its key.
//!
//! A commit flushes the file, gives it its name in one step and flushes every folder on the way,
//! so that "stored" survives a power cut. What a crash leaves behind lies in `.uploads/` and
//! bears the id of its upload. May not know of object stores.

use super::{
    ByteStream, Piece,
    error::StorageError,
    key::{RESERVED, StorageKey, leftover_name, upload_id_of},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind},
    ops::Range,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::spawn_blocking;

mod joining;
mod publishing;
mod reading;
mod writeback;

use joining::Joining;
use publishing::publish;
use writeback::Writeback;

/// The size of a draft's parts: large enough that asking for each costs nothing, and a multiple
/// of the 4 MiB blocks that Dropbox hashes.
pub(super) const PART_SIZE: u64 = 32 * 1024 * 1024;

/// A folder that keeps files.
pub(super) struct Folder {
    root: PathBuf,
    uploads: PathBuf,
}

impl Folder {
    pub(super) async fn open(root: &Path) -> Result<Self, StorageError> {
        let root = root.to_owned();
        spawn_blocking(move || {
            let uploads = root.join(RESERVED);
            private_folder().recursive(true).create(&uploads)?;
            let root = root.canonicalize()?;
            // The folders just made have to survive a power cut as well. Those above them may
            // not be ours to open, and were there before.
            for folder in root.ancestors() {
                if let Ok(folder) = File::open(folder) {
                    let _ = folder.sync_all();
                }
            }
            Ok(Self {
                uploads: root.join(RESERVED),
                root,
            })
        })
        .await?
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn path_of(&self, key: &StorageKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    pub(super) async fn begin(
        self: &Arc<Self>,
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<FolderDraft, StorageError> {
        let target = self.path_of(key);
        let path = self.uploads.join(leftover_name(upload_id)?);
        let folder = Arc::clone(self);
        spawn_blocking(move || {
            if !overwrite && fs::symlink_metadata(&target).is_ok() {
                return Err(StorageError::Exists);
            }
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            // A missing `.uploads` is the operator's to mend, not a file that was not found.
            let file = file.map_err(|error| match error.kind() {
                ErrorKind::NotFound => StorageError::denied("the storage folder is gone"),
                _ => error.into(),
            })?;
            let writeback = Writeback::new(file);
            Ok(FolderDraft {
                folder,
                path: Mutex::new(Some(path)),
                target,
                overwrite,
                writeback,
            })
        })
        .await?
    }

    pub(super) async fn join(
        &self,
        pieces: &[Piece],
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let piece = |piece: &Piece| (self.path_of(&piece.key), piece.size);
        let joining = Joining {
            root: self.root.clone(),
            pieces: pieces.iter().map(piece).collect(),
            draft: self.uploads.join(leftover_name(upload_id)?),
            target: self.path_of(key),
            overwrite,
        };
        spawn_blocking(move || joining.run()).await?
    }

    pub(super) async fn read(
        &self,
        key: &StorageKey,
        range: Range<u64>,
    ) -> Result<ByteStream, StorageError> {
        reading::read(self.path_of(key), range).await
    }

    pub(super) async fn size(&self, key: &StorageKey) -> Result<u64, StorageError> {
        let path = self.path_of(key);
        spawn_blocking(move || match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(found.len()),
            Ok(_) => Err(StorageError::NotFound),
            Err(error) => Err(lost(error)),
        })
        .await?
    }

    pub(super) async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let path = self.path_of(key);
        let root = self.root.clone();
        spawn_blocking(move || {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    // Linux says EISDIR for a folder; no file lies there either way.
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                        return Ok(());
                    }
                    _ => return Err(error.into()),
                },
            }
            // An empty folder would keep its name from ever being a file's.
            for emptied in path
                .ancestors()
                .skip(1)
                .take_while(|folder| *folder != root)
            {
                if fs::remove_dir(emptied).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await?
    }

    pub(super) async fn check(&self, probe: &str) -> Result<(), StorageError> {
        let path = self.uploads.join(probe);
        spawn_blocking(move || {
            let probed = fs::write(&path, b"probe").and_then(|()| fs::read(&path));
            let removed = fs::remove_file(&path);
            let found = probed.map_err(|error| match error.kind() {
                ErrorKind::NotFound => StorageError::denied("the storage folder is gone"),
                _ => error.into(),
            })?;
            removed?;
            if found == b"probe" {
                Ok(())
            } else {
                Err(StorageError::unavailable(
                    "what was written is not what is read",
                ))
            }
        })
        .await?
    }

    pub(super) async fn leftovers(&self) -> Result<Vec<String>, StorageError> {
        let uploads = self.uploads.clone();
        spawn_blocking(move || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&uploads)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            Ok(names)
        })
        .await?
    }

    pub(super) async fn remove_leftovers(&self, upload_id: &str) -> Result<(), StorageError> {
        for name in self.leftovers().await? {
            if upload_id_of(&name) == upload_id {
                let path = self.uploads.join(name);
                spawn_blocking(move || remove_if_there(&path)).await??;
            }
        }
        Ok(())
    }
}

/// A file that is being written and has no name of its own yet.
pub(super) struct FolderDraft {
    folder: Arc<Folder>,
    /// Where the draft lies; taken when it is published or removed.
    path: Mutex<Option<PathBuf>>,
    target: PathBuf,
    overwrite: bool,
    writeback: Writeback,
}

impl FolderDraft {
    /// Writes bytes at their place; blocks.
    pub(super) fn write_at(&self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.writeback.write_at(at, bytes)
    }

    pub(super) async fn commit(&self, size: u64) -> Result<(), StorageError> {
        let gone = || StorageError::incomplete("the upload has ended");
        let path = self.take_path().ok_or_else(gone)?;
        let writeback = self.writeback.clone();
        let (folder, target, overwrite) = (
            Arc::clone(&self.folder),
            self.target.clone(),
            self.overwrite,
        );
        spawn_blocking(move || {
            let published = writeback
                .finish(size)
                .and_then(|()| publish(&folder.root, &path, &target, overwrite));
            if published.is_err() {
                // The error that is already there says more than one about the leftover.
                let _ = remove_if_there(&path);
            }
            published
        })
        .await?
    }

    pub(super) async fn discard(&self) {
        if let Some(path) = self.take_path() {
            // A leftover that cannot be removed now is removed by the next sweep.
            let _ = spawn_blocking(move || remove_if_there(&path)).await;
        }
    }

    /// Like `discard`, where there is no runtime to wait on.
    pub(super) fn discard_now(&self) {
        if let Some(path) = self.take_path() {
            let _ = remove_if_there(&path);
        }
    }

    fn take_path(&self) -> Option<PathBuf> {
        self.path
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// What a failure to open means where a key is looked up: a file in the place of a folder, too,
/// says only that nothing lies there.
fn lost(error: io::Error) -> StorageError {
    match error.kind() {
        ErrorKind::NotADirectory => StorageError::NotFound,
        _ => error.into(),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes folders that only the service can look into.
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}
