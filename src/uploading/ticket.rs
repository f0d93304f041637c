//! The leave to send one piece: what the client bears in the `Authorization` of its PUT.
//!
//! It is sealed and says all that has to be known of the piece, so that any node can take it in
//! and nothing is written down for a piece that never comes. It opens nothing but that piece.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::UploadError;
use crate::access::{MasterKey, Purpose};

/// What stands before a ticket in the header.
const SCHEME: &str = "Upload";
/// Characters of a ticket at most.
const LONGEST: usize = 1024;

/// The leave to send one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The value of the header `Authorization`.
    pub authorization: String,
    /// Names the upload in a URL without opening anything.
    pub name: String,
}

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Leave {
    pub upload: i64,
    pub part: u32,
    pub offset: u64,
    pub size: u64,
    /// Hex.
    pub md5: Option<String>,
    /// In milliseconds since the epoch.
    pub until: i64,
}

impl Leave {
    /// Seals it.
    pub fn ticket(&self, key: &MasterKey, token_hash: &str) -> Result<Ticket, UploadError> {
        let text = serde_json::json!(self).to_string();
        let sealed = URL_SAFE_NO_PAD.encode(key.seal(Purpose::UploadTicket, &text)?);
        Ok(Ticket {
            authorization: format!("{SCHEME} {sealed}"),
            name: token_hash.chars().take(20).collect(),
        })
    }

    /// Reads the value of an `Authorization` header.
    pub fn read(key: &MasterKey, authorization: &str, now_ms: i64) -> Result<Self, UploadError> {
        let bad = || UploadError::BadTicket;
        let (scheme, sealed) = authorization.trim().split_once(' ').ok_or_else(bad)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || sealed.len() > LONGEST {
            return Err(bad());
        }
        let sealed = URL_SAFE_NO_PAD.decode(sealed.trim()).map_err(|_| bad())?;
        let text = key.open(Purpose::UploadTicket, &sealed)?;
        let leave: Self = serde_json::from_str(&text).map_err(|_| bad())?;
        (now_ms < leave.until).then_some(leave).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_until_its_time_is_over_and_cannot_be_bent() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let leave = Leave {
            upload: 7,
            part: 3,
            offset: 0,
            size: 5_242_880,
            md5: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            until: 1000,
        };
        let ticket = leave.ticket(&key, &"ab".repeat(32)).unwrap();
        assert_eq!(ticket.name, "ab".repeat(10));
        let header = ticket.authorization;
        assert_eq!(Leave::read(&key, &header, 999).unwrap(), leave);
        let bent = header.replace('A', "B");
        let other = MasterKey::parse(&MasterKey::generate()).unwrap();
        for (key, header, now) in [
            (&key, header.as_str(), 1000),
            (&other, &header, 0),
            (&key, &bent, 0),
            (&key, "Upload", 0),
            (&key, "", 0),
            (&key, &header.replace("Upload", "Basic"), 0),
        ] {
            let read = Leave::read(key, header, now);
            assert!(matches!(read, Err(UploadError::BadTicket)), "{header}");
        }
    }
}
