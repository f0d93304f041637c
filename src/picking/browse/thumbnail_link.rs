//! Links to thumbnails: signed, short-lived, and without anything of the session in them.
//!
//! Whoever holds one sees one small picture until it expires, and nothing else. The expiry is
//! rounded, so that listing a folder again gives the same links and browsers find the pictures
//! in their cache.

use super::{BrowseError, Browser};
use crate::access::MasterKey;
use crate::connections::Connection;
use crate::dropbox::ThumbnailSize;

/// What the code of a link is bound to.
const LABEL: &str = "thumbnail";
/// Hex digits of a link's code: 128 bits.
const CODE_DIGITS: usize = 32;

/// Makes the links of one listing.
pub(super) struct Signer {
    key: MasterKey,
    connection: i64,
    expires: i64,
    base: String,
}

/// A link that was made here and has not expired.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// Whose Dropbox it is in.
    pub connection: i64,
    /// The size of the picture.
    pub size: ThumbnailSize,
    /// The version of the file.
    pub rev: String,
}

impl Browser {
    /// Makes the links for this connection's entries.
    pub(super) fn signer(&self, connection: &Connection) -> Signer {
        let lifetime = self.inner.settings.thumbnail_lifetime.as_secs().max(60);
        let lifetime = i64::try_from(lifetime).unwrap_or(3600);
        let now = self.inner.clock.now().timestamp();
        Signer {
            key: self.inner.master_key.clone(),
            connection: connection.id,
            expires: (now / lifetime + 2) * lifetime,
            base: self.inner.links.api(""),
        }
    }

    /// Reads a link's last part; also says for how many seconds it is good yet.
    pub(super) fn read_link(&self, text: &str) -> Result<(Wanted, u64), BrowseError> {
        let now = self.inner.clock.now().timestamp();
        read(&self.inner.master_key, text, now).ok_or(BrowseError::BadLink)
    }
}

impl Signer {
    /// The link to a file's thumbnail; none where the version is not as Dropbox writes them.
    pub fn thumbnail(&self, rev: &str) -> Option<String> {
        if rev.is_empty() || rev.len() > 64 || !rev.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let body = format!("{:x}.{:x}.m.{rev}", self.connection, self.expires);
        let code = code(&self.key, &body);
        Some(format!("{}/thumbnail/{body}.{code}", self.base))
    }

    /// The link to the picture of a kind of file.
    pub fn icon(&self, kind: &str) -> String {
        format!("{}/icons/{kind}.svg", self.base)
    }
}

fn read(key: &MasterKey, text: &str, now: i64) -> Option<(Wanted, u64)> {
    if text.len() > 200 {
        return None;
    }
    let (body, given) = text.rsplit_once('.')?;
    if given.len() != CODE_DIGITS || !key.has_made(given, LABEL, body) {
        return None;
    }
    let mut parts = body.split('.');
    let connection = i64::from_str_radix(parts.next()?, 16).ok()?;
    let expires = i64::from_str_radix(parts.next()?, 16).ok()?;
    let size = match parts.next()? {
        "m" => ThumbnailSize::W256h256,
        _ => return None,
    };
    let rev = parts.next()?.to_owned();
    let left = u64::try_from(expires - now).ok().filter(|left| *left > 0)?;
    let wanted = Wanted {
        connection,
        size,
        rev,
    };
    Some((wanted, left))
}

fn code(key: &MasterKey, body: &str) -> String {
    let mut code = key.mac(LABEL, body);
    code.truncate(CODE_DIGITS);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_until_it_expires_and_cannot_be_bent() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let signer = Signer {
            key: key.clone(),
            connection: 5,
            expires: 1000,
            base: "https://x.test".to_owned(),
        };
        let link = signer.thumbnail("0123abc").unwrap();
        let text = link.rsplit_once('/').unwrap().1;
        let (wanted, left) = read(&key, text, 900).unwrap();
        assert_eq!(
            (wanted.connection, wanted.rev.as_str(), left),
            (5, "0123abc", 100)
        );
        assert_eq!(read(&key, text, 1000), None);
        assert_eq!(read(&key, &text.replacen('5', "6", 1), 900), None);
        assert_eq!(read(&key, "", 900), None);
        assert_eq!(signer.thumbnail("../x"), None);
    }
}
