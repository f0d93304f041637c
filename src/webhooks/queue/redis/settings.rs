//! What an operator may set about Redis.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// Where Redis is, and how it is reached.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://…` and its kin, as `address.rs` reads them; empty: the queue is embedded.
    pub url: String,
    /// PEM file of the authorities that the certificates of Redis and its sentinels are checked
    /// against; empty: those of the system.
    pub ca_file: PathBuf,
    /// PEM file of the certificate shown to Redis; empty: none.
    pub client_cert_file: PathBuf,
    /// PEM file of its private key.
    pub client_key_file: PathBuf,
    /// The user at the sentinels, which have credentials of their own; empty: the default user.
    pub sentinel_user: String,
    /// Its password; empty: none.
    pub sentinel_password: String,
    /// Longest wait for a connection, and for an answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Longest pause between two tries to connect; the first pause is a fortieth of it.
    #[serde(with = "humantime_serde")]
    pub max_reconnect_wait: Duration,
}

impl RedisSettings {
    /// Those of a Redis at this address, everything else by default.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: PathBuf::new(),
            client_cert_file: PathBuf::new(),
            client_key_file: PathBuf::new(),
            sentinel_user: String::new(),
            sentinel_password: String::new(),
            timeout: Duration::from_secs(1),
            max_reconnect_wait: Duration::from_secs(1),
        }
    }

    /// No Redis: the embedded queue.
    pub fn none() -> Self {
        Self::at("")
    }
}

impl std::fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("RedisSettings")
            .field("ca_file", &self.ca_file)
            .field("timeout", &self.timeout)
            .field("max_reconnect_wait", &self.max_reconnect_wait)
            .finish_non_exhaustive()
    }
}
