//! People who work with the portal: their accounts, sessions and second factors, the applications
//! they are members of, invitations, and the log of what was changed by whom.
//!
//! `people.rs` keeps accounts; `passwords.rs` and `second_factor.rs` know how somebody shows that
//! an account is theirs; `signing_in.rs` puts the two together, with `throttle.rs` against those
//! who guess; `sessions.rs` keeps who is signed in; `members.rs` and `invitations.rs` say who may do
//! what where; `upkeep.rs` removes what has ended.
//!
//! Knows no HTTP: what a cookie is, or which route a role opens, is the edge's business.

mod error;
mod invitations;
pub(super) mod members;
mod passwords;
mod people;
mod second_factor;
mod sessions;
mod signing_in;
mod throttle;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Semaphore;

pub use error::AccountError;
pub use invitations::{Invitation, Joining};
pub use members::{Member, Membership, Role};
pub use people::{Account, AccountId};
pub use second_factor::Offer;
pub use sessions::{Seen, Session, SignedIn};
pub use signing_in::SignIn;

use super::{MasterKey, Purpose, SealedColumn};
use crate::clock::Clock;
use crate::database::Database;

/// Where secrets of accounts are kept.
pub const SEALED: [SealedColumn; 2] = [
    SealedColumn {
        table: "accounts",
        column: "totp_secret",
        purpose: Purpose::SecondFactor,
    },
    SealedColumn {
        table: "accounts",
        column: "totp_offered",
        purpose: Purpose::SecondFactor,
    },
];

/// How people sign in, and how long that lasts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long a session lasts that nobody uses.
    #[serde(with = "humantime_serde")]
    pub session_idle: Duration,
    /// How long a session lasts at most.
    #[serde(with = "humantime_serde")]
    pub session_lifetime: Duration,
    /// Browsers in which one account may be signed in; a further one ends the one that was used
    /// least lately.
    pub max_sessions: u32,
    /// Tries to sign in to one account within the window.
    pub sign_in_tries: u32,
    /// The window, counted from the first of its tries.
    #[serde(with = "humantime_serde")]
    pub sign_in_window: Duration,
    /// Passwords that this node hashes at once; further ones wait. Each takes 19 MiB.
    pub max_hashing: usize,
    /// How long an invitation is good.
    #[serde(with = "humantime_serde")]
    pub invitation_lifetime: Duration,
    /// Members and open invitations of one application.
    pub max_members: u32,
    /// How long the log of changes is kept.
    #[serde(with = "humantime_serde")]
    pub audit_retention: Duration,
}

/// Everything about people; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    database: Database,
    clock: Clock,
    master_key: MasterKey,
    settings: Arc<Settings>,
    hashing: Arc<Semaphore>,
}

impl Accounts {
    /// Accounts kept in `database`.
    pub fn new(
        database: Database,
        clock: Clock,
        master_key: MasterKey,
        settings: Settings,
    ) -> Self {
        Self {
            database,
            clock,
            master_key,
            hashing: Arc::new(Semaphore::new(settings.max_hashing)),
            settings: Arc::new(settings),
        }
    }
}

/// So much later, in milliseconds since the epoch.
fn later(now_ms: i64, by: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}
