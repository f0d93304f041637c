//! Where a listing goes on. What leaves us is sealed and bound to its connection, so a cursor
//! that comes back is ours, and says nothing to whoever holds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::BrowseError;
use crate::access::{MasterKey, Purpose};

/// A cursor of Dropbox and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The connection it was made for.
    pub connection: i64,
    /// The folder that is listed or searched.
    pub path: String,
    /// What is searched for, if this is a search.
    pub search: Option<String>,
    /// Dropbox's own.
    pub dropbox: String,
}

impl Cursor {
    pub fn seal(&self, key: &MasterKey) -> String {
        let sealed = serde_json::to_string(self)
            .ok()
            .and_then(|text| key.seal(Purpose::Link, &text).ok());
        // Neither can fail for these members; an empty cursor means that nothing follows.
        sealed.map_or_else(String::new, |sealed| URL_SAFE_NO_PAD.encode(sealed))
    }

    pub fn open(key: &MasterKey, text: &str, connection: i64) -> Result<Self, BrowseError> {
        let opened = || {
            let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
            let text = key.open(Purpose::Link, &sealed).ok()?;
            serde_json::from_str::<Self>(&text).ok()
        };
        opened()
            .filter(|cursor| cursor.connection == connection)
            .ok_or(BrowseError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_its_connection() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let cursor = Cursor {
            connection: 7,
            path: "/Photos".to_owned(),
            search: None,
            dropbox: "AAF".to_owned(),
        };
        let text = cursor.seal(&key);
        assert_eq!(Cursor::open(&key, &text, 7).unwrap(), cursor);
        assert!(matches!(
            Cursor::open(&key, &text, 8),
            Err(BrowseError::BadCursor)
        ));
        assert!(matches!(
            Cursor::open(&key, "AAF", 7),
            Err(BrowseError::BadCursor)
        ));
    }
}
