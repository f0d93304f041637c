//! Passwords: kept as their argon2id hash (RFC 9106), hashed a few at a time.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

use super::{AccountError, Accounts};
use crate::database::DatabaseError;

/// Characters of a password at least.
const SHORTEST: usize = 10;
/// Bytes of a password at most, so that hashing stays bounded.
const LONGEST: usize = 1024;

/// Refuses what is too short or too long for a password.
pub(super) fn check(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        let why =
            format!("a password has {SHORTEST} characters or more, and {LONGEST} bytes at most");
        return Err(AccountError::Invalid(why));
    }
    Ok(())
}

impl Accounts {
    /// The form in which a password is kept.
    pub(super) async fn hashed(&self, password: String) -> Result<String, AccountError> {
        check(&password)?;
        self.off_thread(move || hash(&password)).await?
    }

    /// Whether a password is the one of this hash. Takes as long where there is none to compare
    /// it with, so that nobody learns by the time taken which addresses have accounts.
    pub(super) async fn is_right(
        &self,
        password: String,
        kept: Option<String>,
    ) -> Result<bool, AccountError> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        self.off_thread(move || match kept.as_deref().map(PasswordHash::new) {
            Some(Ok(kept)) => Argon2::default()
                .verify_password(password.as_bytes(), &kept)
                .is_ok(),
            // No account, or one without a password.
            _ => hash(&password).is_err(),
        })
        .await
    }

    /// Hashing takes tens of milliseconds of CPU: not on an async thread, and not by the hundred.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let fault = |why: &str| AccountError::Database(DatabaseError::Fault(why.to_owned()));
        let turn = self.hashing.clone().acquire_owned().await;
        let turn = turn.map_err(|_| fault("hashing has ended"))?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| fault("hashing failed"))
    }
}

fn hash(password: &str) -> Result<String, AccountError> {
    let cannot = || AccountError::Invalid("the password cannot be hashed".to_owned());
    let salt: [u8; 16] = rand::random();
    let salt = SaltString::encode_b64(&salt).map_err(|_| cannot())?;
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| cannot())
}
