//! Who may do what: applications and their keys, policies and signatures, sealed secrets,
//! management tokens, the people who work with the portal (`accounts`), and the log of what
//! was changed by whom (`audit`).
//!
//! Knows no HTTP: the edge hands in strings, this room says yes or names the reason for no.
//! What a file is, or where it lies, is not known here; a policy's limits are checked against
//! plain values ([`Subject`]).
//!
//! Uses `clock` and `database`. Used by nearly every room above.

pub mod accounts;
mod applications;
pub mod audit;
mod policy;
mod reseal;
mod rules;
mod seal;
mod tokens;

use crate::database::DatabaseError;

pub use applications::{
    Application, ApplicationId, Applications, Change, NewApplication, OwnDropboxApp, SEALED,
};
pub use policy::{Call, Credentials, Policy, Subject, sign_policy};
pub use reseal::{Resealed, SealedColumn, reseal};
pub use seal::{MasterKey, Purpose, SealError};
pub use tokens::{Grant, ManagementToken, ManagementTokens, NewToken, Scope};

/// Why access was refused, as ways out for the caller.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// No application has this API key.
    #[error("there is no application with this API key")]
    UnknownApplication,
    /// The application asks for a policy and none came.
    #[error("proper credentials were not provided: a policy and its signature are required")]
    PolicyMissing,
    /// The policy is unreadable, or its signature does not fit.
    #[error("the policy is not valid: {0}")]
    PolicyInvalid(&'static str),
    /// The policy was right once.
    #[error("the policy has expired")]
    PolicyExpired,
    /// The policy is right but does not allow this.
    #[error("the policy does not allow this: {0}")]
    NotAllowed(String),
    /// The secret, token or password given is wrong.
    #[error("the credentials are wrong")]
    WrongCredentials,
    /// A value given for an application or account cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// A sealed secret cannot be opened: the master key has changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for AccessError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// `length` letters and digits from the system's random source; each adds 5.95 bits.
pub fn random_name(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length)
        .map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]))
        .collect()
}

/// A fresh secret of 256 bits in URL-safe letters.
pub fn random_secret() -> String {
    use base64::Engine as _;
    let bytes: [u8; 32] = rand::random();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The form in which a token is kept that only ever needs to be compared: SHA-256, hex. Tokens
/// are 256 random bits, so no slow hash is needed.
pub fn token_hash(token: &str) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Compares two secrets without telling by the time taken where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    use subtle::ConstantTimeEq as _;
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
