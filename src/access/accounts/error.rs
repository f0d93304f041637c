//! Why something about an account was refused, as ways out for the caller.

use std::time::Duration;

use crate::access::{AccessError, SealError};
use crate::database::DatabaseError;

/// Why something about an account was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountError {
    /// Address or password are wrong; which of them is not told.
    #[error("the address or the password is wrong")]
    WrongCredentials,
    /// The password is right, and a code of the second factor is missing.
    #[error("a code of the second factor is needed")]
    CodeNeeded,
    /// The code is not right, or was used before.
    #[error("the code is wrong, or was used before")]
    WrongCode,
    /// Too many tries: come back after this time.
    #[error("too many tries; try again in {} s", .0.as_secs())]
    TooManyTries(Duration),
    /// The browser is signed in no more.
    #[error("you are signed out; sign in again")]
    SignedOut,
    /// No such account, member, session or invitation, or none that may be seen.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A value cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// The address has an account.
    #[error("this address has an account already")]
    EmailTaken,
    /// They are a member already.
    #[error("this person is a member already")]
    IsMember,
    /// An application needs an owner.
    #[error("an application needs an owner: make somebody else one first")]
    LastOwner,
    /// The application has as many members and invitations as it may have.
    #[error("an application has at most {0} members and open invitations")]
    TooManyMembers(u32),
    /// The invitation was used or withdrawn, its time is over, or it is for somebody else.
    #[error("this invitation was used or withdrawn, or its time is over")]
    NoInvitation,
    /// The second factor is on already, or is not being set up.
    #[error("{0}")]
    SecondFactor(&'static str),
    /// A sealed secret cannot be opened: the master key has changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<AccessError> for AccountError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Database(error) => Self::Database(error),
            AccessError::Seal(error) => Self::Seal(error),
            other => Self::Invalid(other.to_string()),
        }
    }
}
