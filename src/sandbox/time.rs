//! The time, as the simulated Dropbox sees it.
//!
//! The room stands alone, so it does not take the service's clock: a real Dropbox would not
//! follow a test's clock either.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// The present.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulated Dropbox is another party and has a clock of its own"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// A time as Dropbox writes it: UTC, whole seconds, `Z`.
pub fn timestamp(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads a time as Dropbox accepts it.
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").ok()?;
    Some(time.and_utc().into())
}
