//! Portal accounts: a person with an e-mail address and a password.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use futures_util::FutureExt;

use super::AccessError;
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};

/// Characters of a password at least.
const SHORTEST_PASSWORD: usize = 10;
/// Bytes of a password at most, so that hashing stays bounded.
const LONGEST_PASSWORD: usize = 1024;

/// All portal accounts.
#[derive(Clone)]
pub struct Accounts {
    database: Database,
    clock: Clock,
}

impl Accounts {
    /// Accounts kept in `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Makes an account; the password is kept as its argon2id hash.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] for an address or password that cannot be used, or an address
    /// that has an account.
    pub async fn create(&self, email: &str, password: String) -> Result<(), AccessError> {
        let email = email.trim().to_lowercase();
        let shaped = email.len() <= 254
            && !email.chars().any(|c| c.is_control() || c.is_whitespace())
            && email.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !host.contains('@')
            });
        if !shaped {
            return Err(AccessError::Invalid(
                "that is not an e-mail address".to_owned(),
            ));
        }
        if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
            let why = format!("a password has {SHORTEST_PASSWORD} characters or more");
            return Err(AccessError::Invalid(why));
        }
        // Hashing takes tens of milliseconds of CPU: not on an async thread.
        let hashed = tokio::task::spawn_blocking(move || hash(&password)).await;
        let hashed = hashed.map_err(|_| DatabaseError::Fault("hashing failed".to_owned()))??;
        let now = self.clock.now_ms();
        let added = self
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "INSERT INTO accounts (email, password_hash, created_at) \
                         VALUES ($1, $2, $3)",
                    )
                    .bind(email)
                    .bind(hashed)
                    .bind(now)
                    .execute(tx)
                    .await?;
                    Ok::<_, AccessError>(())
                }
                .boxed()
            })
            .await;
        match added {
            Err(AccessError::Database(DatabaseError::Duplicate)) => Err(AccessError::Invalid(
                "this address has an account already".to_owned(),
            )),
            other => other,
        }
    }
}

fn hash(password: &str) -> Result<String, AccessError> {
    let salt: [u8; 16] = rand::random();
    let salt = SaltString::encode_b64(&salt)
        .map_err(|_| AccessError::Invalid("the password cannot be hashed".to_owned()))?;
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| AccessError::Invalid("the password cannot be hashed".to_owned()))
}
