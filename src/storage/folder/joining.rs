//! Several stored files made one, by the kernel.
//!
//! All of it blocks. Knows paths and no keys.

use super::{publish, remove_if_there};
use crate::storage::error::StorageError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// After how many bytes the disk has to catch up, so that the last flush does not take as long as
/// all the rest.
const STEP: u64 = 256 * 1024 * 1024;

/// Files that become one, each with its size, and the names it passes through.
pub(super) struct Joining {
    pub root: PathBuf,
    pub pieces: Vec<(PathBuf, u64)>,
    pub draft: PathBuf,
    pub target: PathBuf,
    pub overwrite: bool,
}

impl Joining {
    pub(super) fn run(&self) -> Result<(), StorageError> {
        if !self.overwrite && fs::symlink_metadata(&self.target).is_ok() {
            return Err(StorageError::Exists);
        }
        let joined = self
            .gather()
            .and_then(|()| publish(&self.root, &self.draft, &self.target, self.overwrite));
        // Also after a success: where both names are of one file, moving one onto the other does
        // nothing. An error that is already there says more than one about the leftover.
        let _ = remove_if_there(&self.draft);
        joined
    }

    fn gather(&self) -> Result<(), StorageError> {
        if let [(piece, size)] = self.pieces.as_slice()
            && link(piece, &self.draft)?
        {
            // Its bytes were flushed when it was stored.
            return whole(fs::metadata(&self.draft)?.len(), *size);
        }
        let draft = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.draft);
        // A missing `.uploads` is the operator's to mend, not a file that was not found.
        let mut draft = draft.map_err(|error| match error.kind() {
            ErrorKind::NotFound => StorageError::denied("the storage folder is gone"),
            _ => error.into(),
        })?;
        let mut unflushed = 0;
        for (piece, size) in &self.pieces {
            let piece = File::open(piece)?;
            whole(piece.metadata()?.len(), *size)?;
            // From file to file the standard library has the kernel copy.
            whole(io::copy(&mut piece.take(*size), &mut draft)?, *size)?;
            unflushed += size;
            if unflushed >= STEP {
                draft.sync_data()?;
                unflushed = 0;
            }
        }
        draft.sync_all()?;
        Ok(())
    }
}

/// Gives a stored file, which never changes, a second name; answers whether that is possible here.
fn link(piece: &Path, draft: &Path) -> Result<bool, StorageError> {
    match fs::hard_link(piece, draft) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound && piece.exists() => {
            Err(StorageError::denied("the storage folder is gone"))
        }
        // File systems without links, and files with too many.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::TooManyLinks
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn whole(found: u64, size: u64) -> Result<(), StorageError> {
    if found == size {
        return Ok(());
    }
    let message = format!("a piece has {found} bytes and not {size}");
    Err(StorageError::incomplete(message))
}
