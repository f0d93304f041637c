//! Secrets that must be used again are kept sealed: XChaCha20-Poly1305 under the master key.
//!
//! A sealed value names the key that made it, so that several keys can stand beside one another
//! while the master key is changed, and is bound to its [`Purpose`], so that one column's value
//! cannot be moved into another. `reseal.rs` brings what is kept under the first of them.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

/// First byte of every sealed value, for the day the form changes.
const FORM: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// Hex digits of a code at least, where it is cut: 128 bits.
const LEAST_CODE_DIGITS: usize = 32;

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
    /// The leave to send a part of an upload.
    UploadTicket,
    /// The secret of a person's authenticator app.
    SecondFactor,
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

/// The key under which secrets are kept, and others that only open what they sealed.
#[derive(Clone)]
pub struct MasterKey {
    first: OneKey,
    others: Arc<[OneKey]>,
}

/// One key of them.
#[derive(Clone)]
struct OneKey {
    cipher: XChaCha20Poly1305,
    id: [u8; KEY_ID_BYTES],
    bytes: [u8; 32],
}

impl OneKey {
    fn parse(text: &str) -> Result<Self, SealError> {
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

    fn mac(&self, label: &str, text: &str) -> String {
        super::policy::hmac_hex(&self.bytes, &[label.as_bytes(), b"\0", text.as_bytes()])
    }
}

impl MasterKey {
    /// Reads 32 bytes of base64, in either alphabet.
    ///
    /// # Errors
    /// [`SealError::BadKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        Ok(Self {
            first: OneKey::parse(text)?,
            others: Arc::default(),
        })
    }

    /// The same with other keys beside it, which open and check what they made and make nothing.
    ///
    /// # Errors
    /// [`SealError::BadKey`] when one of them is no key.
    pub fn with_others<T: AsRef<str>>(self, others: &[T]) -> Result<Self, SealError> {
        let others: Result<Vec<_>, _> = others.iter().map(|o| OneKey::parse(o.as_ref())).collect();
        Ok(Self {
            others: others?.into(),
            ..self
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
        let sealed = self.first.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Damaged)?;
        Ok([&[FORM][..], &self.first.id, &nonce, &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] or [`SealError::Damaged`].
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<String, SealError> {
        let (key, rest) = self.maker(sealed)?;
        let (nonce, text) = rest
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let bound = format!("{purpose:?}");
        let payload = Payload {
            msg: text,
            aad: bound.as_bytes(),
        };
        let secret = key
            .cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        String::from_utf8(secret).map_err(|_| SealError::Damaged)
    }

    /// The key that sealed a value, and what follows its name.
    fn maker<'a>(&self, sealed: &'a [u8]) -> Result<(&OneKey, &'a [u8]), SealError> {
        let rest = sealed.strip_prefix(&[FORM]).ok_or(SealError::Damaged)?;
        let (id, rest) = rest
            .split_at_checked(KEY_ID_BYTES)
            .ok_or(SealError::Damaged)?;
        let key = self.all().find(|key| key.id == id);
        Ok((key.ok_or(SealError::OtherKey)?, rest))
    }

    fn all(&self) -> impl Iterator<Item = &OneKey> {
        std::iter::once(&self.first).chain(self.others.iter())
    }

    /// The value sealed anew under the first key; none where that is done already.
    ///
    /// # Errors
    /// As [`MasterKey::open`].
    pub fn reseal(&self, purpose: Purpose, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let (maker, _) = self.maker(sealed)?;
        if maker.id == self.first.id {
            return Ok(None);
        }
        let secret = self.open(purpose, sealed)?;
        self.seal(purpose, &secret).map(Some)
    }

    /// The same keys with the one first that sealed this value: what follows from a key is to be
    /// had again only from the same one.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] or [`SealError::Damaged`].
    pub fn that_sealed(&self, sealed: &[u8]) -> Result<Self, SealError> {
        let (maker, _) = self.maker(sealed)?;
        Ok(Self {
            first: maker.clone(),
            others: self.others.clone(),
        })
    }

    /// A short code over `text` that only this key makes, for links that must not be forged:
    /// lower-case hex of HMAC-SHA256, bound to `label`.
    pub fn mac(&self, label: &str, text: &str) -> String {
        self.first.mac(label, text)
    }

    /// Whether `code` was made by [`MasterKey::mac`] of one of the keys for this text, whole or
    /// cut to 32 digits or more. Takes the same time wherever they differ.
    pub fn has_made(&self, code: &str, label: &str, text: &str) -> bool {
        let digits = code.len();
        self.all().any(|key| {
            let whole = key.mac(label, text);
            let expected = whole.get(..digits).filter(|_| digits >= LEAST_CODE_DIGITS);
            expected.is_some_and(|expected| super::same_secret(expected, code))
        })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", hex::encode(self.first.id))
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
    fn a_key_beside_the_first_opens_and_checks_and_makes_nothing() {
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let before = MasterKey::parse(&old).unwrap();
        let sealed = before.seal(Purpose::DropboxToken, "sl.token").unwrap();
        let code = before.mac("thumbnail", "x");
        let ring = MasterKey::parse(&new)
            .unwrap()
            .with_others(&[&old])
            .unwrap();
        assert_eq!(
            ring.open(Purpose::DropboxToken, &sealed).unwrap(),
            "sl.token"
        );
        assert!(ring.has_made(&code, "thumbnail", "x"));
        assert!(ring.has_made(&code[..32], "thumbnail", "x"));
        for (code, label, text) in [
            (&code[..31], "thumbnail", "x"),
            ("", "thumbnail", "x"),
            (&code[..], "other", "x"),
            (&code[..], "thumbnail", "y"),
        ] {
            assert!(!ring.has_made(code, label, text), "{code} {label} {text}");
        }
        assert_ne!(ring.mac("thumbnail", "x"), code);
        let that = ring.that_sealed(&sealed).unwrap();
        assert_eq!(that.mac("thumbnail", "x"), code);

        let anew = ring
            .reseal(Purpose::DropboxToken, &sealed)
            .unwrap()
            .unwrap();
        let after = MasterKey::parse(&new).unwrap();
        assert_eq!(
            after.open(Purpose::DropboxToken, &anew).unwrap(),
            "sl.token"
        );
        assert_eq!(ring.reseal(Purpose::DropboxToken, &anew), Ok(None));
        assert_eq!(
            after.reseal(Purpose::DropboxToken, &sealed),
            Err(SealError::OtherKey)
        );
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        assert!(MasterKey::parse("c2hvcnQ=").is_err());
        assert!(MasterKey::parse("").is_err());
    }
}
