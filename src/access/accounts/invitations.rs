//! Links by which somebody gets an account, and with it a role on an application.
//!
//! There is no mail here: whoever invites hands the link over. The very first account is made by a
//! link of the same kind, which the server prints while there is none.

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::members::{self, Role};
use super::people::{self, NewAccount, tidy_email, tidy_name};
use super::sessions::{Session, SignedIn};
use super::{Account, AccountError, Accounts, later};
use crate::access::audit::{self, Actor, Deed};
use crate::access::{ApplicationId, random_secret, token_hash};
use crate::database::Tx;

/// A link that somebody may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Names it to those who may withdraw it.
    pub id: i64,
    /// The application; none where it only brings an account.
    pub application: Option<ApplicationId>,
    /// For whom; empty: for whoever has the link.
    pub email: String,
    /// The role that it brings.
    pub role: Role,
    /// Who made it.
    pub invited_by: String,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

/// What somebody says who follows a link and has no account.
#[derive(Clone)]
pub struct Joining {
    /// The token in the link.
    pub token: String,
    /// Their address; where the invitation names one, it must be this one.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Their password.
    pub password: String,
    /// The browser, in its own words.
    pub agent: String,
}

const COLUMNS: &str = "id, application_id, email, role, invited_by, expires_at";

impl Accounts {
    /// The token of a link by which the first account is made; none where there is an account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_invitation(&self) -> Result<Option<String>, AccountError> {
        if self.is_there_any().await? {
            return Ok(None);
        }
        let made = self.invite_to(None, String::new(), Role::Owner, Actor::command_line());
        Ok(Some(made.await?.0))
    }

    /// Makes a link for somebody; the token is not shown again. An earlier one for the same
    /// address is good no more.
    ///
    /// # Errors
    /// [`AccountError::IsMember`], [`AccountError::TooManyMembers`], [`AccountError::Invalid`].
    pub async fn invite(
        &self,
        application: ApplicationId,
        email: &str,
        role: Role,
        actor: &Actor,
    ) -> Result<(String, Invitation), AccountError> {
        let email = tidy_email(email)?;
        self.invite_to(Some(application), email, role, actor.clone())
            .await
    }

    async fn invite_to(
        &self,
        application: Option<ApplicationId>,
        email: String,
        role: Role,
        actor: Actor,
    ) -> Result<(String, Invitation), AccountError> {
        let token = format!("lsi_{}", random_secret());
        let hash = token_hash(&token);
        let now = self.clock.now_ms();
        let expires_at = later(now, self.settings.invitation_lifetime);
        let most = self.settings.max_members;
        let made = self.database.write(move |tx| {
            async move {
                if let Some(application) = application {
                    make_room(tx, application, &email, most, now).await?;
                    let deed = Deed::new("member.invite", &email).with(role.as_str());
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                }
                let row = sqlx::query(
                    "INSERT INTO invitations (token_hash, application_id, email, role, \
                     invited_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                     RETURNING id",
                )
                .bind(hash)
                .bind(application.map(|id| id.0))
                .bind(email.clone())
                .bind(role.as_str())
                .bind(actor.as_str().to_owned())
                .bind(now)
                .bind(expires_at)
                .fetch_one(tx)
                .await?;
                Ok::<_, AccountError>(Invitation {
                    id: row.try_get("id")?,
                    application,
                    email,
                    role,
                    invited_by: actor.as_str().to_owned(),
                    expires_at,
                })
            }
            .boxed()
        });
        Ok((token, made.await?))
    }

    /// The invitation of a link.
    ///
    /// # Errors
    /// [`AccountError::NoInvitation`] when it is good no more.
    pub async fn invitation(&self, token: &str) -> Result<Invitation, AccountError> {
        let sql =
            format!("SELECT {COLUMNS} FROM invitations WHERE token_hash = $1 AND expires_at > $2");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(token_hash(token))
            .bind(self.clock.now_ms())
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        let found = from_row(&row.ok_or(AccountError::NoInvitation)?)?;
        // The link for the first account ends with the first account.
        if found.application.is_none() && self.is_there_any().await? {
            return Err(AccountError::NoInvitation);
        }
        Ok(found)
    }

    /// The invitations of an application that are good, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitations(
        &self,
        application: ApplicationId,
    ) -> Result<Vec<Invitation>, AccountError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM invitations \
             WHERE application_id = $1 AND expires_at > $2 ORDER BY id"
        );
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(application.0)
            .bind(self.clock.now_ms())
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] when the application has no such invitation.
    pub async fn withdraw(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    let row = sqlx::query(
                        "DELETE FROM invitations WHERE id = $1 AND application_id = $2 \
                         RETURNING email",
                    )
                    .bind(id)
                    .bind(application.0)
                    .fetch_optional(&mut *tx)
                    .await?
                    .ok_or(AccountError::NotFound("invitation"))?;
                    let deed = Deed::new("member.withdraw", &row.try_get::<String, _>("email")?);
                    audit::record(tx, Some(application), &actor, &deed, now).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Makes the account of somebody who follows a link, with its role, and signs them in. The
    /// link is used up.
    ///
    /// # Errors
    /// [`AccountError::NoInvitation`], [`AccountError::EmailTaken`] (they sign in and
    /// [`accept`](Accounts::accept)), [`AccountError::Invalid`].
    pub async fn join(&self, joining: Joining) -> Result<(SignedIn, Session), AccountError> {
        let invitation = self.invitation(&joining.token).await?;
        let new = NewAccount {
            email: tidy_email(&joining.email)?,
            name: tidy_name(&joining.name)?,
            password_hash: self.hashed(joining.password).await?,
            operator: invitation.application.is_none(),
        };
        if !invitation.is_for(&new.email) {
            return Err(AccountError::NoInvitation);
        }
        let now = self.clock.now_ms();
        let joined = self.database.write(move |tx| {
            async move {
                use_up(tx, &invitation).await?;
                let account = people::insert(tx, new, now).await?;
                let deed = Deed::new("account.create", &account.email);
                audit::record(tx, None, &account.actor(), &deed, now).await?;
                take_role(tx, &invitation, &account, now).await?;
                Ok(account)
            }
            .boxed()
        });
        let account = joined.await.map_err(people::taken)?;
        self.open_session(account, &joining.agent).await
    }

    /// Takes the role of a link for somebody who has an account. The link is used up.
    ///
    /// # Errors
    /// [`AccountError::NoInvitation`], [`AccountError::IsMember`].
    pub async fn accept(&self, account: &Account, token: &str) -> Result<Invitation, AccountError> {
        let invitation = self.invitation(token).await?;
        if invitation.application.is_none() || !invitation.is_for(&account.email) {
            return Err(AccountError::NoInvitation);
        }
        let (account, now) = (account.clone(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                async move {
                    use_up(tx, &invitation).await?;
                    take_role(tx, &invitation, &account, now).await?;
                    Ok(invitation)
                }
                .boxed()
            })
            .await
    }
}

impl Invitation {
    fn is_for(&self, email: &str) -> bool {
        self.email.is_empty() || self.email == email
    }
}

fn from_row(row: &AnyRow) -> Result<Invitation, AccountError> {
    let application: Option<i64> = row.try_get("application_id")?;
    Ok(Invitation {
        id: row.try_get("id")?,
        application: application.map(ApplicationId),
        email: row.try_get("email")?,
        role: Role::parse(&row.try_get::<String, _>("role")?),
        invited_by: row.try_get("invited_by")?,
        expires_at: row.try_get("expires_at")?,
    })
}

/// Sees that there is room for one more, and ends an earlier invitation for the same address.
async fn make_room(
    tx: &mut Tx,
    application: ApplicationId,
    email: &str,
    most: u32,
    now: i64,
) -> Result<(), AccountError> {
    sqlx::query("DELETE FROM invitations WHERE application_id = $1 AND email = $2")
        .bind(application.0)
        .bind(email.to_owned())
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM members WHERE application_id = $1) \
              + (SELECT COUNT(*) FROM invitations \
                 WHERE application_id = $1 AND expires_at > $2) AS people, \
                (SELECT COUNT(*) FROM members m JOIN accounts a ON a.id = m.account_id \
                 WHERE m.application_id = $1 AND a.email = $3) AS member",
    )
    .bind(application.0)
    .bind(now)
    .bind(email.to_owned())
    .fetch_one(tx)
    .await?;
    if row.try_get::<i64, _>("member")? > 0 {
        return Err(AccountError::IsMember);
    }
    match row.try_get::<i64, _>("people")? < i64::from(most) {
        true => Ok(()),
        false => Err(AccountError::TooManyMembers(most)),
    }
}

/// Of two who follow the same link at once, one finds it used.
async fn use_up(tx: &mut Tx, invitation: &Invitation) -> Result<(), AccountError> {
    let done = match invitation.application {
        Some(_) => sqlx::query("DELETE FROM invitations WHERE id = $1").bind(invitation.id),
        // All links for the first account end together: of two who follow two of them at once,
        // one finds none.
        None => sqlx::query("DELETE FROM invitations WHERE application_id IS NULL"),
    };
    if done.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(AccountError::NoInvitation);
    }
    if invitation.application.is_some() {
        return Ok(());
    }
    let first = sqlx::query("SELECT id FROM accounts LIMIT 1")
        .fetch_optional(tx)
        .await?;
    match first {
        Some(_) => Err(AccountError::NoInvitation),
        None => Ok(()),
    }
}

async fn take_role(
    tx: &mut Tx,
    invitation: &Invitation,
    account: &Account,
    now: i64,
) -> Result<(), AccountError> {
    let Some(application) = invitation.application else {
        return Ok(());
    };
    members::join(tx, application, account.id, invitation.role, now).await?;
    let deed = Deed::new("member.join", &account.email).with(invitation.role.as_str());
    audit::record(tx, Some(application), &account.actor(), &deed, now).await?;
    Ok(())
}
