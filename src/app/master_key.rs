//! The master key: from the settings, or of an embedded server: made once, kept in the data
//! folder. There a key may have others below it, each on a line of its own, which only open what
//! they sealed.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::access::{MasterKey, SealError};
use crate::config::Server;

const FILE: &str = "master.key";

/// The key from the settings, or the one kept in the data folder; made there if there is none.
pub(super) fn load(server: &Server, data_dir: &Path) -> anyhow::Result<MasterKey> {
    if !server.master_key.is_empty() {
        let key = MasterKey::parse(&server.master_key).context("LONGSHORE_MASTER_KEY")?;
        let whole = key.with_others(&server.other_master_keys);
        return whole.context("LONGSHORE_OTHER_MASTER_KEYS");
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
    match parse(&text) {
        Ok(key) => Ok(key),
        Err(error) => bail!("{place}: {error}"),
    }
}

fn parse(text: &str) -> Result<MasterKey, SealError> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = MasterKey::parse(lines.next().unwrap_or_default())?;
    first.with_others(&lines.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Purpose;
    use crate::config::Settings;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let server = Settings::defaults().unwrap().server;
        let first = format!("{:?}", load(&server, dir.path()).unwrap());
        assert_eq!(first, format!("{:?}", load(&server, dir.path()).unwrap()));
        let mode = fs::metadata(dir.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
    #[test]
    fn the_first_line_seals_and_the_others_open() {
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let before = parse(&old).unwrap();
        let sealed = before.seal(Purpose::Link, "x").unwrap();
        let both = parse(&format!("{new}\n\n{old}\n")).unwrap();
        assert_eq!(both.open(Purpose::Link, &sealed).unwrap(), "x");
        let anew = both.seal(Purpose::Link, "x").unwrap();
        assert!(before.open(Purpose::Link, &anew).is_err());
        for wrong in ["", "x", &format!("{new}\nx")] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
