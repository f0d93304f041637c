//! What Dropbox sends to us: the question whether we listen, and word of changed accounts.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::Secret;

/// The longest challenge that is echoed; Dropbox's own are far shorter.
const LONGEST_CHALLENGE: usize = 512;

/// Whether `signature` (`X-Dropbox-Signature`) is Dropbox's over this body.
///
/// The body must be the raw bytes: parsed and written again it has another signature.
pub fn verify(app_secret: &Secret, body: &[u8], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature.trim()) else {
        return false;
    };
    // Any length of key is a key; without one, nothing is believed.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(body);
    !app_secret.is_empty() && mac.verify_slice(&signature).is_ok()
}

/// The text to answer to Dropbox's `?challenge=…` with: as `text/plain`, with `nosniff`, within
/// ten seconds. None, if it is not a challenge that Dropbox would send.
pub fn challenge_answer(challenge: &str) -> Option<&str> {
    let plain = challenge.len() <= LONGEST_CHALLENGE && challenge.chars().all(|c| !c.is_control());
    (plain && !challenge.is_empty()).then_some(challenge)
}

/// The accounts that have changed. What has changed, only a listing from a kept cursor tells.
pub fn changed_accounts(body: &[u8]) -> Result<Vec<String>, InvalidNotification> {
    let notification: Notification =
        serde_json::from_slice(body).map_err(|_| InvalidNotification)?;
    Ok(notification.list_folder.accounts)
}

/// The body is not one of Dropbox's notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is not a notification from Dropbox")]
pub struct InvalidNotification;

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    list_folder: ListFolder,
}

#[derive(Deserialize, Default)]
struct ListFolder {
    #[serde(default)]
    accounts: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with `openssl dgst -sha256 -hmac app-secret`.
    const BODY: &[u8] = br#"{"list_folder": {"accounts": ["dbid:a"]}}"#;
    const SIGNATURE: &str = "4056f91c0cf52c81d5b097ce61f07622b332319a936eabb7af8f9e5b3190b979";

    #[test]
    fn a_signature_over_the_raw_body_is_believed_and_no_other() {
        let secret = Secret::new("app-secret");
        assert!(verify(&secret, BODY, SIGNATURE));
        assert!(verify(&secret, BODY, &SIGNATURE.to_uppercase()));
        assert!(!verify(&Secret::new("other"), BODY, SIGNATURE));
        assert!(!verify(&secret, b"{}", SIGNATURE));
        assert!(!verify(&secret, BODY, &SIGNATURE[..32]));
        assert!(!verify(&secret, BODY, "ü"));
    }

    #[test]
    fn without_an_app_secret_nothing_is_believed() {
        let of_empty_key = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        assert!(!verify(&Secret::default(), b"", of_empty_key));
    }

    #[test]
    fn a_challenge_is_echoed_as_it_came() {
        assert_eq!(challenge_answer("kx9-_Z"), Some("kx9-_Z"));
        assert_eq!(challenge_answer(""), None);
        assert_eq!(challenge_answer("a\r\nb"), None);
    }

    #[test]
    fn a_notification_names_accounts_and_nothing_else() {
        let both = br#"{"list_folder":{"accounts":["dbid:a","dbid:b"]},"delta":{"users":[1]}}"#;
        assert_eq!(changed_accounts(both).unwrap(), ["dbid:a", "dbid:b"]);
        assert_eq!(changed_accounts(b"{}").unwrap(), Vec::<String>::new());
        assert_eq!(changed_accounts(b"nonsense"), Err(InvalidNotification));
    }
}
