//! Accounts: a person with an e-mail address and a password.

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{AccountError, Accounts};
use crate::access::audit::{self, Actor, Deed};
use crate::database::{DatabaseError, Tx};

/// Characters of an address at most (RFC 5321).
const LONGEST_EMAIL: usize = 254;
/// Characters of a name at most.
const LONGEST_NAME: usize = 100;

/// Names one account in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountId(pub i64);

/// A person, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its key in the database.
    pub id: AccountId,
    /// In lower case.
    pub email: String,
    /// What they are called; empty where nobody said.
    pub name: String,
    /// Whether they may make applications.
    pub operator: bool,
    /// Whether a code is asked for beside the password.
    pub second_factor: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// What a new account is made of.
pub(super) struct NewAccount {
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub operator: bool,
}

pub(super) const COLUMNS: &str = "a.id AS id, a.email AS email, a.name AS name, a.operator AS operator, \
     CASE WHEN a.totp_secret IS NULL THEN 0 ELSE 1 END AS second_factor, \
     a.created_at AS created_at";

impl Account {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: AccountId(row.try_get("id")?),
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            operator: row.try_get::<i64, _>("operator")? != 0,
            second_factor: i64::from(row.try_get::<i32, _>("second_factor")?) != 0,
            created_at: row.try_get("created_at")?,
        })
    }

    /// How the log of changes calls them.
    pub fn actor(&self) -> Actor {
        Actor::person(&self.email)
    }
}

impl Accounts {
    /// Makes an account that may make applications; for the command line.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] for an address or password that cannot be used,
    /// [`AccountError::EmailTaken`] for an address that has an account.
    pub async fn create(&self, email: &str, password: String) -> Result<(), AccountError> {
        let new = NewAccount {
            email: tidy_email(email)?,
            name: String::new(),
            password_hash: self.hashed(password).await?,
            operator: true,
        };
        let now = self.clock.now_ms();
        let added = self.database.write(move |tx| {
            async move {
                let deed = Deed::new("account.create", &new.email);
                insert(tx, new, now).await?;
                audit::record(tx, None, &Actor::command_line(), &deed, now).await?;
                Ok(())
            }
            .boxed()
        });
        added.await.map_err(taken)
    }

    /// Gives an account another password, signs it out everywhere, and, where that is asked for,
    /// switches its second factor off; for the command line.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Invalid`] for one that cannot be used.
    pub async fn replace_password(
        &self,
        email: &str,
        password: String,
        without_second_factor: bool,
    ) -> Result<(), AccountError> {
        let account = self.find(email).await?;
        let hashed = self.hashed(password).await?;
        let (id, now) = (account.id.0, self.clock.now_ms());
        let deed = Deed::new("account.password", &account.email);
        let replaced = self.database.write(move |tx| {
            async move {
                sqlx::query("UPDATE accounts SET password_hash = $1 WHERE id = $2")
                    .bind(hashed)
                    .bind(id)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("DELETE FROM account_sessions WHERE account_id = $1")
                    .bind(id)
                    .execute(&mut *tx)
                    .await?;
                audit::record(tx, None, &Actor::command_line(), &deed, now).await?;
                Ok::<_, AccountError>(())
            }
            .boxed()
        });
        replaced.await?;
        match without_second_factor {
            true => {
                self.switch_second_factor_off(&account, &Actor::command_line())
                    .await
            }
            false => Ok(()),
        }
    }

    /// The account with this address.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] when there is none.
    pub async fn find(&self, email: &str) -> Result<Account, AccountError> {
        let found = self.by_email(&tidy_email(email)?).await?;
        Ok(found.ok_or(AccountError::NotFound("account"))?.0)
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_there_any(&self) -> Result<bool, AccountError> {
        let mut connection = self.database.read().await?;
        let row = sqlx::query("SELECT id FROM accounts LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
        Ok(row.is_some())
    }

    /// Changes what a person is called; answers the name as it is kept.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] for a name that cannot be used.
    pub async fn rename(&self, id: AccountId, name: &str) -> Result<String, AccountError> {
        let name = tidy_name(name)?;
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query("UPDATE accounts SET name = $1 WHERE id = $2")
                        .bind(name.clone())
                        .bind(id.0)
                        .execute(tx)
                        .await?;
                    Ok(name)
                }
                .boxed()
            })
            .await
    }

    /// Gives an account another password and signs it out everywhere but in `session`.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`] when `present` is not the password,
    /// [`AccountError::TooManyTries`], [`AccountError::Invalid`] for one that cannot be used.
    pub async fn change_password(
        &self,
        account: &Account,
        session: i64,
        present: String,
        new: String,
    ) -> Result<(), AccountError> {
        super::passwords::check(&new)?;
        self.prove(account, present).await?;
        let hashed = self.hashed(new).await?;
        let (account, now) = (account.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query("UPDATE accounts SET password_hash = $1 WHERE id = $2")
                        .bind(hashed)
                        .bind(account.id.0)
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query("DELETE FROM account_sessions WHERE account_id = $1 AND id <> $2")
                        .bind(account.id.0)
                        .bind(session)
                        .execute(&mut *tx)
                        .await?;
                    let deed = Deed::new("account.password", &account.email);
                    audit::record(tx, None, &account.actor(), &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

/// Writes an account down.
pub(super) async fn insert(
    tx: &mut Tx,
    new: NewAccount,
    now: i64,
) -> Result<Account, AccountError> {
    let row = sqlx::query(
        "INSERT INTO accounts (email, name, password_hash, operator, created_at) \
         VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(&new.email)
    .bind(&new.name)
    .bind(new.password_hash)
    .bind(i64::from(new.operator))
    .bind(now)
    .fetch_one(tx)
    .await?;
    Ok(Account {
        id: AccountId(row.try_get("id")?),
        email: new.email,
        name: new.name,
        operator: new.operator,
        second_factor: false,
        created_at: now,
    })
}

/// A duplicate, where only the address can be one.
pub(super) fn taken(error: AccountError) -> AccountError {
    match error {
        AccountError::Database(DatabaseError::Duplicate) => AccountError::EmailTaken,
        other => other,
    }
}

/// An address as it is kept.
pub(super) fn tidy_email(email: &str) -> Result<String, AccountError> {
    let email = email.trim().to_lowercase();
    let shaped = email.len() <= LONGEST_EMAIL
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    match shaped {
        true => Ok(email),
        false => Err(AccountError::Invalid(
            "that is not an e-mail address".to_owned(),
        )),
    }
}

/// A name as it is kept.
pub(super) fn tidy_name(name: &str) -> Result<String, AccountError> {
    let name = name.trim();
    let fits = name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    match fits {
        true => Ok(name.to_owned()),
        false => Err(AccountError::Invalid(format!(
            "a name has {LONGEST_NAME} characters at most, and no control characters"
        ))),
    }
}
