//! One consent of one person, as its row tells of it.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{ConnectionError, Connections};
use crate::access::{ApplicationId, Purpose};
use crate::dropbox::Secret;

/// In the order of [`read`]; `c` is the table.
pub(super) const COLUMNS: &str = "c.id AS id, c.application_id AS application_id, \
     c.app_key AS app_key, c.account_id AS account_id, c.email AS email, \
     c.display_name AS display_name, c.root_namespace_id AS root_namespace_id, \
     c.home_namespace_id AS home_namespace_id, c.refresh_token AS refresh_token, \
     c.access_token AS access_token, c.access_expires_at AS access_expires_at, \
     c.state AS state";

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In use.
    Live,
    /// The person withdrew it at Dropbox, or it died otherwise: connect again.
    Dead,
    /// The person signed out; kept only for what still needs the grant.
    SignedOut,
}

impl State {
    pub const fn number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Dead => 1,
            Self::SignedOut => 2,
        }
    }

    fn read(number: i64) -> Self {
        match number {
            0 => Self::Live,
            2 => Self::SignedOut,
            _ => Self::Dead,
        }
    }
}

/// One consent of one person to their Dropbox.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its key in the database.
    pub id: i64,
    /// Whose picker it was given to.
    pub application_id: ApplicationId,
    /// The Dropbox app that was consented to.
    pub app_key: String,
    /// `dbid:…`, whose Dropbox it is.
    pub account_id: String,
    /// Their address, to show them which Dropbox is connected.
    pub email: String,
    /// Their name.
    pub display_name: String,
    /// Where their paths begin, if they see a team's space.
    pub team_root: Option<String>,
    pub(super) state: State,
    pub(super) access_token: Secret,
    pub(super) access_expires_at: i64,
    pub(super) refresh_token: Secret,
}

impl Connection {
    /// Whether the person is still signed in with it.
    pub fn is_live(&self) -> bool {
        self.state == State::Live && !self.is_spent()
    }

    /// Whether there is nothing left to use it with.
    pub(super) fn is_spent(&self) -> bool {
        self.state == State::Dead || self.refresh_token.is_empty()
    }
}

/// Where a person's paths begin, if not in their own folder.
pub(super) fn team_root(root: &str, home: &str) -> Option<String> {
    (!root.is_empty() && root != home).then(|| root.to_owned())
}

impl Connections {
    /// Reads a row that has [`COLUMNS`].
    pub(super) fn read(&self, row: &AnyRow) -> Result<Connection, ConnectionError> {
        let root: String = row.try_get("root_namespace_id")?;
        let home: String = row.try_get("home_namespace_id")?;
        Ok(Connection {
            id: row.try_get("id")?,
            application_id: ApplicationId(row.try_get("application_id")?),
            app_key: row.try_get("app_key")?,
            account_id: row.try_get("account_id")?,
            email: row.try_get("email")?,
            display_name: row.try_get("display_name")?,
            team_root: team_root(&root, &home),
            state: State::read(row.try_get("state")?),
            access_token: self.unseal(&row.try_get::<Vec<u8>, _>("access_token")?)?,
            access_expires_at: row.try_get("access_expires_at")?,
            refresh_token: self.unseal(&row.try_get::<Vec<u8>, _>("refresh_token")?)?,
        })
    }

    /// The connection with this key, in whatever state.
    pub(super) async fn row(&self, id: i64) -> Result<Option<Connection>, ConnectionError> {
        let sql = format!("SELECT {COLUMNS} FROM connections c WHERE c.id = $1");
        let mut connection = self.inner.needs.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        row.as_ref().map(|row| self.read(row)).transpose()
    }

    /// A live connection of the same person, for the same application and Dropbox app; the newest.
    pub(super) async fn successor(
        &self,
        of: &Connection,
    ) -> Result<Option<Connection>, ConnectionError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM connections c WHERE c.application_id = $1 \
             AND c.account_id = $2 AND c.app_key = $3 AND c.state = $4 \
             AND length(c.refresh_token) > 0 ORDER BY c.id DESC LIMIT 1"
        );
        let mut connection = self.inner.needs.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(of.application_id.0)
            .bind(of.account_id.clone())
            .bind(of.app_key.clone())
            .bind(State::Live.number())
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        row.as_ref().map(|row| self.read(row)).transpose()
    }

    pub(super) fn seal(&self, secret: &Secret) -> Result<Vec<u8>, ConnectionError> {
        let key = &self.inner.needs.master_key;
        Ok(key.seal(Purpose::DropboxToken, secret.expose())?)
    }

    /// A token that was let go of is kept as no bytes at all.
    fn unseal(&self, sealed: &[u8]) -> Result<Secret, ConnectionError> {
        if sealed.is_empty() {
            return Ok(Secret::default());
        }
        let key = &self.inner.needs.master_key;
        Ok(Secret::new(key.open(Purpose::DropboxToken, sealed)?))
    }
}
