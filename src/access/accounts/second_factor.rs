//! The second factor: codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 s), and
//! recovery codes for the day the app is lost.

use futures_util::FutureExt;
use sqlx::Row;
use totp_rs::{Builder, Secret, Totp};

use super::{Account, AccountError, Accounts};
use crate::access::audit::{self, Actor, Deed};
use crate::access::{Purpose, random_name, token_hash};
use crate::database::Tx;

/// Bytes of a secret (RFC 4226 recommends 20).
const SECRET_BYTES: usize = 20;
/// Steps that a clock may be off, either way.
const SKEW: u16 = 1;
/// Recovery codes that somebody gets.
const RECOVERY_CODES: usize = 10;
/// Letters and digits of one: 71 bits.
const RECOVERY_LENGTH: usize = 12;
/// What authenticator apps show as the sender.
const ISSUER: &str = "Longshore";

/// What somebody puts into their authenticator app.
#[derive(Clone)]
pub struct Offer {
    /// The secret in base32, to be typed.
    pub secret: String,
    /// The same as an address that apps read from a picture.
    pub url: String,
}

impl Accounts {
    /// Offers a second factor; it counts from the moment a code of it is shown.
    ///
    /// # Errors
    /// [`AccountError::SecondFactor`] when one is on.
    pub async fn offer_second_factor(&self, account: &Account) -> Result<Offer, AccountError> {
        if account.second_factor {
            return Err(AccountError::SecondFactor("the second factor is on"));
        }
        let bytes: [u8; SECRET_BYTES] = rand::random();
        let secret = Secret::from(bytes.as_slice()).to_base32();
        let totp = totp(&secret, &account.email)?;
        let url = totp.to_url().map_err(|_| unfit())?;
        let sealed = self.master_key.seal(Purpose::SecondFactor, &secret)?;
        let id = account.id;
        let kept = self.database.write(move |tx| {
            async move {
                sqlx::query("UPDATE accounts SET totp_offered = $1 WHERE id = $2")
                    .bind(sealed)
                    .bind(id.0)
                    .execute(tx)
                    .await?;
                Ok::<_, AccountError>(())
            }
            .boxed()
        });
        kept.await?;
        Ok(Offer { secret, url })
    }

    /// Switches the offered second factor on; answers the recovery codes, which are not shown
    /// again.
    ///
    /// # Errors
    /// [`AccountError::WrongCode`], [`AccountError::TooManyTries`],
    /// [`AccountError::SecondFactor`] when none was offered.
    pub async fn switch_second_factor_on(
        &self,
        account: &Account,
        code: &str,
    ) -> Result<Vec<String>, AccountError> {
        self.count_try(&subject(account)).await?;
        let (offered, _) = self.secret(account, "totp_offered").await?;
        let offered = offered.ok_or(AccountError::SecondFactor("no second factor is offered"))?;
        let step = self.step_of(&offered, account, code)?;
        let sealed = self.master_key.seal(Purpose::SecondFactor, &offered)?;
        let codes: Vec<String> = (0..RECOVERY_CODES)
            .map(|_| random_name(RECOVERY_LENGTH).to_lowercase())
            .collect();
        let hashes: Vec<String> = codes.iter().map(|code| token_hash(code)).collect();
        let (who, now) = (account.clone(), self.clock.now_ms());
        let on = self.database.write(move |tx| {
            async move {
                sqlx::query(
                    "UPDATE accounts SET totp_secret = $1, totp_offered = NULL, totp_step = $2 \
                     WHERE id = $3",
                )
                .bind(sealed)
                .bind(step)
                .bind(who.id.0)
                .execute(&mut *tx)
                .await?;
                forget_codes(tx, &who).await?;
                for hash in hashes {
                    sqlx::query(
                        "INSERT INTO account_recovery_codes (code_hash, account_id) VALUES ($1, $2)",
                    )
                    .bind(hash)
                    .bind(who.id.0)
                    .execute(&mut *tx)
                    .await?;
                }
                let deed = Deed::new("account.second-factor-on", &who.email);
                audit::record(tx, None, &who.actor(), &deed, now).await?;
                Ok::<_, AccountError>(())
            }
            .boxed()
        });
        on.await?;
        self.forget_tries(&subject(account)).await?;
        Ok(codes)
    }

    /// Switches the second factor off. The caller has asked for the password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn switch_second_factor_off(
        &self,
        account: &Account,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let (who, now) = (account.clone(), self.clock.now_ms());
        let actor = actor.clone();
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE accounts SET totp_secret = NULL, totp_offered = NULL WHERE id = $1",
                    )
                    .bind(who.id.0)
                    .execute(&mut *tx)
                    .await?;
                    forget_codes(tx, &who).await?;
                    let deed = Deed::new("account.second-factor-off", &who.email);
                    audit::record(tx, None, &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Takes a code of the app, or a recovery code; each counts once.
    pub(super) async fn use_code(&self, account: &Account, code: &str) -> Result<(), AccountError> {
        let code: String = code.split_whitespace().collect();
        self.count_try(&subject(account)).await?;
        let (secret, last) = self.secret(account, "totp_secret").await?;
        let secret = secret.ok_or(AccountError::WrongCode)?;
        match self.step_of(&secret, account, &code) {
            Ok(step) if step > last => self.note_step(account, step).await?,
            Ok(_) => return Err(AccountError::WrongCode),
            Err(_) => {
                self.use_recovery_code(account, &code.to_lowercase())
                    .await?
            }
        }
        self.forget_tries(&subject(account)).await
    }

    async fn note_step(&self, account: &Account, step: i64) -> Result<(), AccountError> {
        let id = account.id;
        let noted = self.database.write(move |tx| {
            async move {
                // Of two that show the same code at once, one finds it used.
                let done = sqlx::query(
                    "UPDATE accounts SET totp_step = $1 WHERE id = $2 AND totp_step < $1",
                )
                .bind(step)
                .bind(id.0)
                .execute(tx)
                .await?;
                Ok::<_, AccountError>(done.rows_affected())
            }
            .boxed()
        });
        match noted.await? {
            0 => Err(AccountError::WrongCode),
            _ => Ok(()),
        }
    }

    async fn use_recovery_code(&self, account: &Account, code: &str) -> Result<(), AccountError> {
        let (who, hash, now) = (account.clone(), token_hash(code), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    let done = sqlx::query(
                        "DELETE FROM account_recovery_codes WHERE code_hash = $1 AND account_id = $2",
                    )
                    .bind(hash)
                    .bind(who.id.0)
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() == 0 {
                        return Err(AccountError::WrongCode);
                    }
                    let deed = Deed::new("account.recovery-code-used", &who.email);
                    audit::record(tx, None, &who.actor(), &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// A secret of an account, if it has one, and the last step of which a code was taken.
    async fn secret(
        &self,
        account: &Account,
        column: &str,
    ) -> Result<(Option<String>, i64), AccountError> {
        let sql = format!("SELECT {column} AS sealed, totp_step FROM accounts WHERE id = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(account.id.0)
            .fetch_one(&mut *connection)
            .await?;
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let secret = sealed
            .map(|sealed| self.master_key.open(Purpose::SecondFactor, &sealed))
            .transpose()?;
        Ok((secret, row.try_get("totp_step")?))
    }

    /// The time step of which this is the code.
    fn step_of(&self, secret: &str, account: &Account, code: &str) -> Result<i64, AccountError> {
        let now = u64::try_from(self.clock.now().timestamp()).unwrap_or_default();
        let step = totp(secret, &account.email)?.check(code.trim(), now);
        let step = step.ok_or(AccountError::WrongCode)?;
        i64::try_from(step).map_err(|_| AccountError::WrongCode)
    }
}

async fn forget_codes(tx: &mut Tx, account: &Account) -> Result<(), AccountError> {
    sqlx::query("DELETE FROM account_recovery_codes WHERE account_id = $1")
        .bind(account.id.0)
        .execute(tx)
        .await?;
    Ok(())
}

fn totp(secret: &str, email: &str) -> Result<Totp, AccountError> {
    let secret = Secret::try_from_base32(secret).map_err(|_| unfit())?;
    Builder::new()
        .with_secret(secret)
        .with_skew(SKEW)
        .with_issuer(Some(ISSUER))
        // A colon would part the name from the issuer.
        .with_account_name(email.replace(':', "_"))
        .build()
        .map_err(|_| unfit())
}

fn unfit() -> AccountError {
    AccountError::Invalid("a second factor cannot be made for this address".to_owned())
}

/// What tries at codes are counted under: a password that is known must not be worth more tries.
fn subject(account: &Account) -> String {
    format!("code {}", account.id.0)
}
