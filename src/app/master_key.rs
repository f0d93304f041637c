//! The master key of an embedded server: made once, kept in the data folder.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::access::MasterKey;

const FILE: &str = "master.key";

/// The key from the settings, or the one kept in the data folder; made there if there is none.
pub(super) fn load(setting: &str, data_dir: &Path) -> anyhow::Result<MasterKey> {
    if !setting.is_empty() {
        return MasterKey::parse(setting).context("LONGSHORE_MASTER_KEY");
    }
    let path = data_dir.join(FILE);
    let place = path.display().to_string();
    // Written whole under another name and then linked into place: two programs that start at
    // once end up with one key, and a crash leaves no half of one.
    if !path.exists() {
        let draft = data_dir.join(format!("{FILE}.{}", crate::access::random_name(8)));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("cannot write {place}"))?;
        file.write_all(MasterKey::generate().as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot write {place}"));
            }
            _ => fs::File::open(data_dir)?.sync_all()?,
        }
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {place}"))?;
    match MasterKey::parse(&text) {
        Ok(key) => Ok(key),
        Err(error) => bail!("{place}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = format!("{:?}", load("", dir.path()).unwrap());
        assert_eq!(first, format!("{:?}", load("", dir.path()).unwrap()));
        let mode = fs::metadata(dir.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
