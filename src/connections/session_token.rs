//! The token by which a person at a picker is known.
//!
//! Random, with the time of its making and a tag that only our master key makes, bound to one
//! application: a token that somebody invented, or that another application's page holds, is
//! told apart without a row in the database, so that pages which never connect write nothing.

use crate::access::{Application, MasterKey, random_secret, token_hash};

/// What the tag is bound to.
const LABEL: &str = "session token";
/// Hex digits of the tag: 128 bits.
const TAG_DIGITS: usize = 32;
/// Letters of a token at most; ours have fewer than 100.
const LONGEST: usize = 200;

/// A token whose tag is right.
pub(super) struct Genuine {
    /// The form in which it is kept.
    pub hash: String,
    /// When it was minted, in milliseconds since the epoch.
    pub minted_ms: i64,
}

/// Makes a token for a person at this application's picker.
pub(super) fn mint(key: &MasterKey, application: &Application, now_ms: i64) -> String {
    let body = format!("{}.{:x}", random_secret(), now_ms / 1000);
    let mut tag = key.mac(LABEL, &bound(application, &body));
    tag.truncate(TAG_DIGITS);
    format!("{body}.{tag}")
}

/// Reads a token; none for one that was not minted here for this application.
pub(super) fn read(key: &MasterKey, application: &Application, token: &str) -> Option<Genuine> {
    if token.len() > LONGEST {
        return None;
    }
    let (body, given) = token.rsplit_once('.')?;
    let bound = bound(application, body);
    if given.len() != TAG_DIGITS || !key.has_made(given, LABEL, &bound) {
        return None;
    }
    let (_, minted) = body.rsplit_once('.')?;
    Some(Genuine {
        hash: token_hash(token),
        minted_ms: i64::from_str_radix(minted, 16).ok()?.checked_mul(1000)?,
    })
}

/// What the tag is made over.
fn bound(application: &Application, body: &str) -> String {
    format!("{}.{body}", application.id.0)
}
