//! Where the catalog lives and how hard it is pressed.

use std::time::Duration;

use serde::Deserialize;

use super::DatabaseError;

/// Settings of the database. All but the address and `max_connections` hold for PostgreSQL
/// alone: SQLite's connections are files of this process.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `sqlite:PATH` or `postgres://…`; empty: `longshore.db` in the data folder.
    pub url: String,
    /// Connections of this process at most, reserved ones included (on SQLite: readers).
    pub max_connections: u32,
    /// Of these, how many are kept for deliveries and for the look whether all is well.
    pub reserved_connections: u32,
    /// Connections kept open although nobody uses them.
    pub min_connections: u32,
    /// How long a caller waits for a free connection.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// How long a connection that nobody uses stays open; zero: for ever.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How long a connection lives; zero: for ever.
    #[serde(with = "humantime_serde")]
    pub max_lifetime: Duration,
    /// How long one statement may run; zero: no limit.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock; zero: no limit.
    #[serde(with = "humantime_serde")]
    pub lock_timeout: Duration,
    /// How long a transaction may stand open without a statement; zero: no limit.
    #[serde(with = "humantime_serde")]
    pub idle_in_transaction_timeout: Duration,
    /// After which silence the server asks whether this process still lives; zero: the server's
    /// own setting.
    #[serde(with = "humantime_serde")]
    pub keepalive: Duration,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Settings")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Whether the numbers go together.
    pub(super) fn check(&self) -> Result<(), DatabaseError> {
        let shared = self.max_connections.checked_sub(self.reserved_connections);
        match shared {
            None | Some(0) => Err(DatabaseError::Limits(
                "database.reserved_connections must be less than database.max_connections",
            )),
            Some(shared) if self.min_connections > shared => Err(DatabaseError::Limits(
                "database.min_connections must not be more than what \
                 database.reserved_connections leaves of database.max_connections",
            )),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
impl Settings {
    /// As they are delivered, for tests of this room and of those above it.
    pub fn delivered() -> Self {
        let reference: toml::Table = include_str!("../config/defaults.toml")
            .parse()
            .expect("the reference is TOML");
        let section = reference["database"].clone();
        section.try_into().expect("the reference fits")
    }
}
