//! How the way to Dropbox and back can end badly, and who can mend it.

use crate::dropbox::{DropboxError, OAuthError};

/// Why a person was not connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The person said no on Dropbox's page.
    #[error("access to Dropbox was not allowed")]
    Denied,
    /// The link is older than a person may take.
    #[error("this sign-in link has expired")]
    Expired,
    /// The link was followed to its end before.
    #[error("this sign-in link was used before")]
    Used,
    /// The state is missing, or is not one of ours.
    #[error("this is not a sign-in link of this server")]
    UnknownState,
    /// App key and secret do not belong together.
    #[error("Dropbox does not accept the app key and secret: {0}")]
    WrongApp(String),
    /// The redirect URI is not the registered one.
    #[error("the redirect URI {uri} is not accepted by Dropbox: {message}")]
    RedirectMismatch {
        /// The URI to register.
        uri: String,
        /// Dropbox's own words.
        message: String,
    },
    /// The Dropbox app may not do what is needed.
    #[error("the Dropbox app lacks permissions: {0}")]
    MissingScopes(String),
    /// No Dropbox app is set up.
    #[error("no Dropbox app is set up for this application")]
    NotConfigured,
    /// Dropbox does not answer.
    #[error("Dropbox does not answer right now")]
    Unavailable,
    /// Dropbox refused in a way that has no name of its own here.
    #[error("Dropbox refused: {0}")]
    Refused(String),
    /// A fault of ours; the log has it.
    #[error("something went wrong on this server")]
    Internal,
}

impl Failure {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Expired => "authorization-expired",
            Self::Used => "authorization-used",
            Self::UnknownState => "authorization-unknown",
            Self::WrongApp(_) => "dropbox-wrong-app",
            Self::RedirectMismatch { .. } => "dropbox-redirect-mismatch",
            Self::MissingScopes(_) => "dropbox-missing-scopes",
            Self::NotConfigured => "dropbox-not-configured",
            Self::Unavailable => "dropbox-unavailable",
            Self::Refused(_) => "dropbox-refused",
            Self::Internal => "internal",
        }
    }

    /// What to do about it: for the person first, then for the developer where it is theirs.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Denied => {
                "Nothing was connected. Go back to the page and connect again if this was not \
                 intended."
            }
            Self::Expired | Self::Used | Self::UnknownState => {
                "Go back to the page and connect again."
            }
            Self::WrongApp(_) => {
                "For the developer: copy app key and app secret of the same app from the Dropbox \
                 App Console into this application."
            }
            Self::RedirectMismatch { .. } => {
                "For the developer: add this redirect URI, to the letter, under OAuth 2 in the \
                 Dropbox App Console."
            }
            Self::MissingScopes(_) => {
                "For the developer: tick these permissions under Permissions in the Dropbox App \
                 Console, submit, and connect again."
            }
            Self::NotConfigured => {
                "For the developer: make the application with `longshore app create \
                 --dropbox-app-key … --dropbox-app-secret …`, or set LONGSHORE_DROPBOX_APP_KEY \
                 and LONGSHORE_DROPBOX_APP_SECRET."
            }
            Self::Unavailable => "Try again in a moment.",
            Self::Refused(_) | Self::Internal => {
                "Try again; if it happens again, the server's log says more."
            }
        }
    }
}

impl Failure {
    /// What an exchange that failed means; `uri` is the redirect URI that was used.
    pub(super) fn of_exchange(error: OAuthError, uri: String) -> Self {
        match error {
            OAuthError::WrongApp { message } => Self::WrongApp(message),
            OAuthError::RedirectMismatch { message } => Self::RedirectMismatch { uri, message },
            OAuthError::InvalidGrant { message } => Self::Refused(message),
            OAuthError::Unavailable { cause, .. } => {
                log::warn!("a code could not be exchanged: {cause}");
                Self::Unavailable
            }
            OAuthError::Unexpected { message, .. } => Self::Refused(message),
        }
    }

    /// What a first call that failed means.
    pub(super) fn of_call(error: DropboxError) -> Self {
        match error {
            DropboxError::MissingScope { scope } => Self::MissingScopes(scope),
            DropboxError::AppMisconfigured { message } => Self::MissingScopes(message),
            DropboxError::RateLimited { .. } | DropboxError::Unavailable { .. } => {
                log::warn!("an account could not be read: {error}");
                Self::Unavailable
            }
            other => Self::Refused(other.to_string()),
        }
    }
}
