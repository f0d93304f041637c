//! How long sessions and the way to Dropbox last.

use std::time::Duration;

use serde::Deserialize;

/// How long sessions and the way to Dropbox last.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long a session is remembered after its last use.
    #[serde(with = "humantime_serde")]
    pub session_lifetime: Duration,
    /// How long a person may take on Dropbox's pages.
    #[serde(with = "humantime_serde")]
    pub authorization_lifetime: Duration,
    /// How long before its expiry an access token is renewed.
    #[serde(with = "humantime_serde")]
    pub refresh_margin: Duration,
    /// How long a node that renews a token keeps others from doing the same.
    #[serde(with = "humantime_serde")]
    pub refresh_lease: Duration,
    /// How long a person who signs out waits for Dropbox; the rest is done later.
    #[serde(with = "humantime_serde")]
    pub revoke_patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_lifetime: Duration::from_secs(30 * 24 * 3600),
            authorization_lifetime: Duration::from_secs(600),
            refresh_margin: Duration::from_secs(60),
            // Longer than one refresh may take with all its repetitions.
            refresh_lease: Duration::from_secs(75),
            revoke_patience: Duration::from_secs(5),
        }
    }
}

/// A duration in the database's unit.
pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
