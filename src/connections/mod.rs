//! A person's Dropbox, connected: the way to Dropbox's consent page and back, the sealed tokens,
//! their renewal, signing out.
//!
//! A person at a picker is a *session*, known by a token that we minted; nothing is written
//! until they connect. A *connection* is one consent of theirs, with its tokens. Knows no HTTP:
//! the edge hands in strings and shows what comes back. What is done with a connected Dropbox is
//! not known here.
//!
//! *Uses* `clock`, `database`, `access`, `dropbox`. *Used by* `files`, `picking`, `exporting`,
//! `http`.

mod authorizing;
mod connection;
mod failure;
mod finishing;
mod leaving;
mod outcome;
mod session_token;
mod sessions;
mod settings;
mod tokens;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::watch;

use crate::access::{
    AccessError, Application, Applications, MasterKey, OwnDropboxApp, Purpose, SealError,
    SealedColumn,
};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};
use crate::dropbox::{AppCredentials, Dropbox, DropboxError, Secret};

pub use authorizing::Intent;
pub use connection::Connection;
pub use failure::Failure;
pub use finishing::{Answer, Finished};
pub use outcome::Outcome;
pub use sessions::{Absence, Session};
pub use settings::Settings;

/// What connections are made of.
pub struct Needs {
    /// Where sessions and tokens are kept.
    pub database: Database,
    /// Seals the tokens.
    pub master_key: MasterKey,
    /// What time it is.
    pub clock: Clock,
    /// Whose connections they are.
    pub applications: Applications,
    /// Dropbox's wire.
    pub dropbox: Dropbox,
    /// The Dropbox app of applications that have none of their own.
    pub default_app: Option<AppCredentials>,
    /// What stands before `/api/client/dropbox/authCallback/…` in the redirect URIs that are
    /// registered with Dropbox: an origin, without a slash at its end.
    pub callback_base: String,
}

/// All connections; cheap to clone.
#[derive(Clone)]
pub struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    needs: Needs,
    /// One refresh at a time for each connection, within this process.
    refreshing: Mutex<HashMap<i64, Weak<tokio::sync::Mutex<()>>>>,
    /// Moves whenever a way to Dropbox has ended here, so that whoever waits looks again.
    ended: watch::Sender<u64>,
}

/// Why a connection could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectionError {
    /// Nobody has connected in this session: the person is sent to Dropbox.
    #[error("no Dropbox is connected: connect first")]
    NotConnected,
    /// The person withdrew the link, or it has died: they connect again.
    #[error("the Dropbox link is no longer valid: connect again")]
    Reconnect,
    /// The session token is missing, expired, or was not minted here for this application.
    #[error("the session token is missing, has expired or belongs to another application")]
    InvalidSession,
    /// There is no Dropbox app to ask with: the developer sets one.
    #[error(
        "no Dropbox app is set up for this application: make the application with \
         `longshore app create --dropbox-app-key … --dropbox-app-secret …`, or set \
         LONGSHORE_DROPBOX_APP_KEY and LONGSHORE_DROPBOX_APP_SECRET"
    )]
    NotConfigured,
    /// The address to return to does not fit into what Dropbox sends back.
    #[error("appurl is longer than {} bytes", authorizing::LONGEST_RETURN_URL)]
    ReturnUrlTooLong,
    /// Dropbox refused, or does not answer.
    #[error(transparent)]
    Dropbox(#[from] DropboxError),
    /// The application cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A sealed token cannot be opened: the master key has changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for ConnectionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Where people's tokens are kept.
pub const SEALED: [SealedColumn; 2] = [
    SealedColumn {
        table: "connections",
        column: "refresh_token",
        purpose: Purpose::DropboxToken,
    },
    SealedColumn {
        table: "connections",
        column: "access_token",
        purpose: Purpose::DropboxToken,
    },
];

impl Connections {
    /// Connections made of these parts.
    pub fn new(settings: Settings, needs: Needs) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                needs,
                refreshing: Mutex::default(),
                ended: watch::Sender::new(0),
            }),
        }
    }

    /// Dropbox's wire, for those who have an account to use it with.
    pub fn dropbox(&self) -> &Dropbox {
        &self.inner.needs.dropbox
    }

    /// The Dropbox app that a person of this application consents to.
    fn app_of(&self, application: &Application) -> Result<AppCredentials, ConnectionError> {
        let own = application.dropbox_app.as_ref().map(credentials);
        own.or_else(|| self.inner.needs.default_app.clone())
            .ok_or(ConnectionError::NotConfigured)
    }

    /// The same app as a connection was made with; none if that is no longer set up.
    fn app_with_key(&self, application: &Application, key: &str) -> Option<AppCredentials> {
        let own = application.dropbox_app.as_ref().map(credentials);
        let all = own.into_iter().chain(self.inner.needs.default_app.clone());
        all.into_iter().find(|app| app.key == key)
    }

    /// The redirect URI, as it is registered with Dropbox.
    pub fn redirect_uri(&self, intent: Intent) -> String {
        let base = self.inner.needs.callback_base.trim_end_matches('/');
        format!("{base}/api/client/dropbox/authCallback/{}", intent.as_str())
    }
}

fn credentials(own: &OwnDropboxApp) -> AppCredentials {
    AppCredentials {
        key: own.key.clone(),
        secret: Secret::new(own.secret.clone()),
    }
}
