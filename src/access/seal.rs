//! Secrets that must be used again are kept sealed: XChaCha20-Poly1305 under the master key.
//!
//! A sealed value names the key that made it, so that a later key can stand beside the old one,
//! and is bound to its [`Purpose`], so that one column's value cannot be moved into another.

use std::fmt;

use base64::Engine as _;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

/// First byte of every sealed value, for the day the form changes.
const FORM: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An application's own secret, the key of its policies.
    ApplicationSecret,
    /// The secret of an application's Dropbox app.
    DropboxAppSecret,
    /// A person's Dropbox token, access or refresh.
    DropboxToken,
    /// The PKCE verifier of an authorization that is under way.
    Verifier,
    /// The secret that signs an endpoint's deliveries.
    EndpointSecret,
    /// A value that goes out and comes back, such as the state of a link.
    Link,
}

/// Why a sealed value could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The master key is not 32 bytes of base64.
    #[error("the master key must be 32 bytes in base64")]
    BadKey,
    /// The value was sealed under another master key.
    #[error("a secret was sealed under another master key")]
    OtherKey,
    /// The value is damaged, or was made for another purpose.
    #[error("a sealed secret is damaged")]
    Damaged,
}

/// The key under which secrets are kept.
#[derive(Clone)]
pub struct MasterKey {
    cipher: XChaCha20Poly1305,
    id: [u8; KEY_ID_BYTES],
    bytes: [u8; 32],
}

impl MasterKey {
    /// Reads 32 bytes of base64, in either alphabet.
    ///
    /// # Errors
    /// [`SealError::BadKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let text = text
            .trim()
            .trim_end_matches('=')
            .replace('+', "-")
            .replace('/', "_");
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| SealError::BadKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SealError::BadKey)?;
        let digest = Sha256::digest(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Ok(Self {
            cipher: XChaCha20Poly1305::new(&Key::from(bytes)),
            id,
            bytes,
        })
    }

    /// A fresh key in the form that [`MasterKey::parse`] reads.
    pub fn generate() -> String {
        let bytes: [u8; 32] = rand::random();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// Never for values of the sizes kept here; the cipher's own limit is 256 GiB.
    pub fn seal(&self, purpose: Purpose, secret: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let bound = format!("{purpose:?}");
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: bound.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        Ok([&[FORM][..], &self.id, &nonce, &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] or [`SealError::Damaged`].
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<String, SealError> {
        let rest = sealed.strip_prefix(&[FORM]).ok_or(SealError::Damaged)?;
        let (id, rest) = rest
            .split_at_checked(KEY_ID_BYTES)
            .ok_or(SealError::Damaged)?;
        if id != self.id {
            return Err(SealError::OtherKey);
        }
        let (nonce, text) = rest
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let bound = format!("{purpose:?}");
        let payload = Payload {
            msg: text,
            aad: bound.as_bytes(),
        };
        let secret = self
            .cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        String::from_utf8(secret).map_err(|_| SealError::Damaged)
    }

    /// A short code over `text` that only this key makes, for links that must not be forged:
    /// lower-case hex of HMAC-SHA256, bound to `label`.
    pub fn mac(&self, label: &str, text: &str) -> String {
        super::policy::hmac_hex(&self.bytes, &[label.as_bytes(), b"\0", text.as_bytes()])
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", hex::encode(self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_for_its_purpose_and_under_its_key() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let sealed = key.seal(Purpose::DropboxToken, "sl.token").unwrap();
        assert_eq!(
            key.open(Purpose::DropboxToken, &sealed).unwrap(),
            "sl.token"
        );
        assert_eq!(
            key.open(Purpose::EndpointSecret, &sealed),
            Err(SealError::Damaged)
        );
        let other = MasterKey::parse(&MasterKey::generate()).unwrap();
        assert_eq!(
            other.open(Purpose::DropboxToken, &sealed),
            Err(SealError::OtherKey)
        );
    }

    #[test]
    fn a_flipped_bit_or_a_cut_value_is_damaged() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let sealed = key.seal(Purpose::Verifier, "secret").unwrap();
        for length in 0..sealed.len() {
            assert!(key.open(Purpose::Verifier, &sealed[..length]).is_err());
        }
        let mut flipped = sealed.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        assert_eq!(
            key.open(Purpose::Verifier, &flipped),
            Err(SealError::Damaged)
        );
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        assert!(MasterKey::parse("c2hvcnQ=").is_err());
        assert!(MasterKey::parse("").is_err());
    }
}
