//! Signing in: a password, and a code where a second factor is on.

use sqlx::Row;

use super::people::{COLUMNS, tidy_email};
use super::sessions::{Session, SignedIn};
use super::{Account, AccountError, Accounts};

/// What somebody shows who wants to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The address of the account.
    pub email: String,
    /// Its password.
    pub password: String,
    /// A code of the second factor, or one of the recovery codes.
    pub code: Option<String>,
    /// The browser, in its own words.
    pub agent: String,
}

impl Accounts {
    /// Signs somebody in: the answer holds the token of a fresh session.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`], [`AccountError::CodeNeeded`],
    /// [`AccountError::WrongCode`], [`AccountError::TooManyTries`].
    pub async fn sign_in(&self, wish: SignIn) -> Result<(SignedIn, Session), AccountError> {
        // What is no address has no account; it costs as much time all the same.
        let email = tidy_email(&wish.email).unwrap_or_default();
        let subject = subject(&email);
        self.count_try(&subject).await?;
        let found = self.by_email(&email).await?;
        let kept = found.as_ref().map(|(_, hash)| hash.clone());
        if !self.is_right(wish.password, kept).await? {
            return Err(AccountError::WrongCredentials);
        }
        let Some((account, _)) = found else {
            return Err(AccountError::WrongCredentials);
        };
        if account.second_factor {
            let code = wish.code.filter(|code| !code.trim().is_empty());
            let code = code.ok_or(AccountError::CodeNeeded)?;
            self.use_code(&account, &code).await?;
        }
        self.forget_tries(&subject).await?;
        self.open_session(account, &wish.agent).await
    }

    /// Lets a signed-in person show their password once more.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`], [`AccountError::TooManyTries`].
    pub async fn prove(&self, account: &Account, password: String) -> Result<(), AccountError> {
        let subject = subject(&account.email);
        self.count_try(&subject).await?;
        let kept = self.by_email(&account.email).await?.map(|(_, hash)| hash);
        match self.is_right(password, kept).await? {
            true => self.forget_tries(&subject).await,
            false => Err(AccountError::WrongCredentials),
        }
    }

    /// The account with this address, and the hash of its password.
    pub(super) async fn by_email(
        &self,
        email: &str,
    ) -> Result<Option<(Account, String)>, AccountError> {
        let sql = format!("SELECT {COLUMNS}, a.password_hash FROM accounts a WHERE a.email = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(email.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let hash: String = row.try_get("password_hash")?;
        Ok(Some((Account::from_row(&row)?, hash)))
    }
}

/// What tries at an account are counted under.
fn subject(email: &str) -> String {
    format!("sign-in {email}")
}
