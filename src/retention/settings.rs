//! How long what has ended is kept.

use std::time::Duration;

use serde::Deserialize;

/// How long what has ended is kept; zero is for ever.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Events, with their deliveries and attempts, since they happened.
    #[serde(with = "humantime_serde")]
    pub events: Duration,
    /// What subscribers answered to attempts, since these were made.
    #[serde(with = "humantime_serde")]
    pub response_bodies: Duration,
    /// Picks that have ended, since they last changed.
    #[serde(with = "humantime_serde")]
    pub picks: Duration,
    /// What was known of deleted files, since their deletion.
    #[serde(with = "humantime_serde")]
    pub deleted_files: Duration,
    /// Connections that nobody uses and nothing names, since they ended.
    #[serde(with = "humantime_serde")]
    pub connections: Duration,
    /// How often all of that is looked for.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Rows looked at in one transaction.
    pub batch: u32,
    /// The pause between two transactions.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
}
