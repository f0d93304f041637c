//! Who works on an application, and how much they may.

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::people::COLUMNS;
use super::{Account, AccountError, AccountId, Accounts};
use crate::access::ApplicationId;
use crate::access::audit::{self, Actor, Deed};
use crate::database::Tx;

/// How much somebody may; each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Changes settings, endpoints and files, resends deliveries.
    Developer,
    /// Also secrets, members, tokens.
    Owner,
}

impl Role {
    /// As the database and the protocol have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Owner => "owner",
        }
    }

    /// What the database has; an unknown word may least.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "owner" => Self::Owner,
            "developer" => Self::Developer,
            _ => Self::Viewer,
        }
    }
}

/// Somebody who works on an application.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub account: Account,
    /// How much they may.
    pub role: Role,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}

/// An application on which somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which.
    pub application: ApplicationId,
    /// How much they may.
    pub role: Role,
}

impl Accounts {
    /// What somebody may do with an application; `None`: they must not even learn that it exists.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn role(
        &self,
        account: AccountId,
        application: ApplicationId,
    ) -> Result<Option<Role>, AccountError> {
        let mut connection = self.database.read().await?;
        let row =
            sqlx::query("SELECT role FROM members WHERE account_id = $1 AND application_id = $2")
                .bind(account.0)
                .bind(application.0)
                .fetch_optional(&mut *connection)
                .await?;
        let role = row
            .map(|row| row.try_get::<String, _>("role"))
            .transpose()?;
        Ok(role.map(|role| Role::parse(&role)))
    }

    /// The applications on which somebody works, oldest first, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn memberships(
        &self,
        account: AccountId,
        after: i64,
        rows: i64,
    ) -> Result<Vec<Membership>, AccountError> {
        let mut connection = self.database.read().await?;
        let found = sqlx::query(
            "SELECT application_id, role FROM members \
             WHERE account_id = $1 AND application_id > $2 ORDER BY application_id LIMIT $3",
        )
        .bind(account.0)
        .bind(after)
        .bind(rows)
        .fetch_all(&mut *connection)
        .await?;
        let memberships = found.iter().map(|row| {
            Ok(Membership {
                application: ApplicationId(row.try_get("application_id")?),
                role: Role::parse(&row.try_get::<String, _>("role")?),
            })
        });
        memberships.collect()
    }

    /// Who works on an application, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn members(&self, application: ApplicationId) -> Result<Vec<Member>, AccountError> {
        let sql = format!(
            "SELECT {COLUMNS}, m.role AS role, m.created_at AS since FROM members m \
             JOIN accounts a ON a.id = m.account_id \
             WHERE m.application_id = $1 ORDER BY m.created_at, a.id"
        );
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(application.0)
            .fetch_all(&mut *connection)
            .await?;
        let members = rows.iter().map(|row| {
            Ok(Member {
                account: Account::from_row(row)?,
                role: Role::parse(&row.try_get::<String, _>("role")?),
                since: row.try_get("since")?,
            })
        });
        members.collect()
    }

    /// Makes somebody with an account a member; for the command line.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] for an address without an account, [`AccountError::IsMember`].
    pub async fn add_member(
        &self,
        application: ApplicationId,
        email: &str,
        role: Role,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let account = self.find(email).await?;
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    join(tx, application, account.id, role, now).await?;
                    let deed = Deed::new("member.add", &account.email).with(role.as_str());
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Gives a member another role.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::LastOwner`].
    pub async fn change_role(
        &self,
        application: ApplicationId,
        account: AccountId,
        role: Role,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    let email = found(tx, application, account).await?;
                    sqlx::query(
                        "UPDATE members SET role = $1 \
                         WHERE application_id = $2 AND account_id = $3",
                    )
                    .bind(role.as_str())
                    .bind(application.0)
                    .bind(account.0)
                    .execute(&mut *tx)
                    .await?;
                    has_an_owner(tx, application).await?;
                    let deed = Deed::new("member.role", &email).with(role.as_str());
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Takes somebody off an application.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::LastOwner`].
    pub async fn remove_member(
        &self,
        application: ApplicationId,
        account: AccountId,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    let email = found(tx, application, account).await?;
                    sqlx::query(
                        "DELETE FROM members WHERE application_id = $1 AND account_id = $2",
                    )
                    .bind(application.0)
                    .bind(account.0)
                    .execute(&mut *tx)
                    .await?;
                    has_an_owner(tx, application).await?;
                    let deed = Deed::new("member.remove", &email);
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

/// Makes the account that made an application its owner, in the same transaction.
pub(in crate::access) async fn own(
    tx: &mut Tx,
    application: ApplicationId,
    account: AccountId,
    now: i64,
) -> Result<(), sqlx::Error> {
    insert(tx, application, account, Role::Owner, now).await?;
    Ok(())
}

/// Writes a membership down.
pub(super) async fn join(
    tx: &mut Tx,
    application: ApplicationId,
    account: AccountId,
    role: Role,
    now: i64,
) -> Result<(), AccountError> {
    match insert(tx, application, account, role, now).await? {
        0 => Err(AccountError::IsMember),
        _ => Ok(()),
    }
}

async fn insert(
    tx: &mut Tx,
    application: ApplicationId,
    account: AccountId,
    role: Role,
    now: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO members (application_id, account_id, role, created_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (application_id, account_id) DO NOTHING",
    )
    .bind(application.0)
    .bind(account.0)
    .bind(role.as_str())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// The address of a member. Holds the application's row until the end of the transaction: of two
/// owners who remove each other at once, one finds that they are the last.
async fn found(
    tx: &mut Tx,
    application: ApplicationId,
    account: AccountId,
) -> Result<String, AccountError> {
    sqlx::query("UPDATE applications SET name = name WHERE id = $1")
        .bind(application.0)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query(
        "SELECT a.email AS email FROM members m JOIN accounts a ON a.id = m.account_id \
         WHERE m.application_id = $1 AND m.account_id = $2",
    )
    .bind(application.0)
    .bind(account.0)
    .fetch_optional(tx)
    .await?;
    let row = row.ok_or(AccountError::NotFound("member"))?;
    Ok(row.try_get("email")?)
}

async fn has_an_owner(tx: &mut Tx, application: ApplicationId) -> Result<(), AccountError> {
    let owner = sqlx::query(
        "SELECT account_id FROM members WHERE application_id = $1 AND role = 'owner' LIMIT 1",
    )
    .bind(application.0)
    .fetch_optional(tx)
    .await?;
    owner.map(|_| ()).ok_or(AccountError::LastOwner)
}
