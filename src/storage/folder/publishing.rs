//! Gives a finished draft its name, in one step and for good.
//!
//! All of it blocks. Knows paths and no uploads.

use super::private_folder;
use crate::storage::error::StorageError;
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

/// How often a folder may be swept away under us, by the deletion of its last file, before we
/// give up.
const TRIES: usize = 100;

/// Moves `draft` to `target`, which lies below `root`, and flushes the folders between.
pub(super) fn publish(
    root: &Path,
    draft: &Path,
    target: &Path,
    overwrite: bool,
) -> Result<(), StorageError> {
    let folder = target.parent().unwrap_or(root);
    let mut named = Ok(());
    for _ in 0..TRIES {
        named = make_folders(folder).and_then(|()| name(draft, target, overwrite));
        match &named {
            Err(error) if error.kind() == ErrorKind::NotFound && draft.exists() => {}
            _ => break,
        }
    }
    named.map_err(|error| match error.kind() {
        // Here it is the draft, not the file asked for, that is gone.
        ErrorKind::NotFound => StorageError::incomplete("the draft was swept away"),
        // A folder lies where the file should.
        ErrorKind::DirectoryNotEmpty => io::Error::from(ErrorKind::IsADirectory).into(),
        _ => error.into(),
    })?;
    // Every folder up to the root, not only those just made: another upload may have made one
    // of them a moment ago and not have flushed it yet. Flushing a clean folder costs nothing.
    for folder in target.ancestors().skip(1) {
        File::open(folder)?.sync_all()?;
        if folder == root {
            break;
        }
    }
    Ok(())
}

fn make_folders(folder: &Path) -> io::Result<()> {
    match private_folder().recursive(true).create(folder) {
        // A file lies where a folder should, or a folder that was there a moment ago was swept
        // away before it could be told from a file.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match fs::metadata(folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(ErrorKind::NotADirectory.into()),
            Err(error) => Err(error),
        },
        made => made,
    }
}

/// The one step after which readers find the file.
fn name(draft: &Path, target: &Path, overwrite: bool) -> io::Result<()> {
    if overwrite {
        return fs::rename(draft, target);
    }
    // A rename would replace; a link refuses to.
    match fs::hard_link(draft, target) {
        Ok(()) => fs::remove_file(draft),
        // File systems without links (some network shares) leave a gap between look and move;
        // nothing of ours writes one key from two places.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported
            ) =>
        {
            if fs::symlink_metadata(target).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            fs::rename(draft, target)
        }
        Err(error) => Err(error),
    }
}
