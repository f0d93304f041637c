//! A folder that is there for as long as the demo runs.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::access::random_name;

/// The folder; dropping it removes it with all that is in it.
pub(super) struct Scratch(Option<PathBuf>);

impl Scratch {
    /// Makes one if it is needed, for nobody else to read.
    pub fn make(needed: bool) -> anyhow::Result<Self> {
        if !needed {
            return Ok(Self(None));
        }
        let dir = std::env::temp_dir().join(format!("longshore-demo-{}", random_name(8)));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(Some(dir)))
    }

    /// Where it is; nowhere if none was needed.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take()
            && let Err(error) = fs::remove_dir_all(&dir)
        {
            log::warn!("{} stays: {error}", dir.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_private_and_goes_with_all_that_is_in_it() {
        let scratch = Scratch::make(true).unwrap();
        let dir = scratch.path().unwrap().to_owned();
        let mode = fs::metadata(&dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::create_dir(dir.join("x")).unwrap();
        fs::write(dir.join("x/y"), b"z").unwrap();
        drop(scratch);
        assert!(!dir.exists());
        assert!(Scratch::make(false).unwrap().path().is_none());
    }
}
