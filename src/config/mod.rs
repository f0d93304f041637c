//! The settings: each room's own, gathered from defaults, a file and the environment.
//!
//! `defaults.toml` is the default and the reference. A TOML file may override any of it, an
//! environment variable overrides both. A key that is not in the reference, and a value that a
//! room refuses, is a [`Fault`]; all of them are named at once, and nothing starts.
//!
//! Uses every room, for its `Settings`. Used by `app`.

mod layers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    access, connections, database, dropbox, files, http, outbound, picking, retention, storage,
    uploading, webhooks,
};

pub use layers::Fault;

/// The reference, with every setting and its default.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The edge.
    pub http: http::Settings,
    /// The process.
    pub server: Server,
    /// The catalog's database.
    pub database: database::Settings,
    /// Redis, for the delivery queue.
    pub redis: webhooks::RedisSettings,
    /// Figures for Prometheus.
    pub metrics: Metrics,
    /// Where bytes lie.
    pub storage: storage::Settings,
    /// Dropbox and how it is reached.
    pub dropbox: dropbox::Settings,
    /// People's connections to it.
    pub connections: connections::Settings,
    /// What files may be like.
    pub files: files::Settings,
    /// Where strangers may send us.
    pub outbound: outbound::Settings,
    /// How deliveries are made.
    pub webhook: webhooks::Settings,
    /// How folders are shown.
    pub browsing: picking::browse::Settings,
    /// How much is copied at once.
    pub picking: picking::Settings,
    /// How long uploads may take.
    pub uploading: uploading::Settings,
    /// How people sign in to the portal.
    pub accounts: access::accounts::Settings,
    /// How long what has ended is kept.
    pub retention: retention::Settings,
}

/// Settings of the process as a whole.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Folder of the embedded parts.
    pub data_dir: PathBuf,
    /// 32 bytes in base64; empty: generated into the data folder.
    pub master_key: String,
    /// Keys that open what they sealed, while the master key is changed.
    pub other_master_keys: Vec<String>,
    /// Threads of the outbound runtime; 0: one for each core, at least two.
    pub outbound_threads: usize,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// Where Prometheus finds its figures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Address of `/metrics`; empty: off.
    pub listen: String,
}

impl Metrics {
    /// The address, if there is to be one.
    ///
    /// # Errors
    /// When the text is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, std::net::AddrParseError> {
        match self.listen.trim() {
            "" => Ok(None),
            address => address.parse().map(Some),
        }
    }
}

impl Settings {
    /// Reads the settings: defaults, then `file` if there is one, then the environment.
    ///
    /// # Errors
    /// Every [`Fault`] found, each naming the key and where its value came from.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Fault>> {
        let settings = layers::gather(DEFAULTS, file, environment)?;
        let faults = settings.contradictions();
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        }
    }

    /// The defaults alone, for tests and the demo to start from.
    ///
    /// # Errors
    /// Never, as a test shows; the type says so because the file is read at run time.
    pub fn defaults() -> Result<Self, Vec<Fault>> {
        Self::load(None, std::iter::empty())
    }

    /// Settings that are right alone and wrong together.
    fn contradictions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut refuse = |key: &str, why: &str| faults.push(Fault::new(key, "settings", why));
        let url = &self.http.public_url;
        let parsed = url::Url::parse(url)
            .ok()
            .filter(|url| url.has_host() && url.path() == "/");
        if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            refuse(
                "http.public_url",
                "must be an origin such as https://files.example.com",
            );
        }
        if self.http.cname.contains(['/', ' ']) {
            refuse("http.cname", "must be a host name, with a port if need be");
        }
        if self.metrics.address().is_err() {
            refuse(
                "metrics.listen",
                "must be an address such as 127.0.0.1:9090",
            );
        }
        if let Err(error) = database::check(&self.database) {
            let key = match error {
                database::DatabaseError::Limits(_) => "database",
                _ => "database.url",
            };
            refuse(key, &error.to_string());
        }
        if let Err(webhooks::QueueError::Settings { key, why }) = webhooks::check_redis(&self.redis)
        {
            refuse(key, &why);
        }
        if let Err(error) = storage::check(&self.storage) {
            refuse("storage", &error.to_string());
        }
        if !self.files.has_room_for_removals() {
            refuse("files.removal_lease", "must be at least one second");
        }
        let staged = self.uploading.max_staged_bytes.as_u64();
        if staged > 0 && staged < self.files.max_file_size.as_u64() {
            refuse(
                "uploading.max_staged_bytes",
                "must be at least files.max_file_size, or 0",
            );
        }
        self.check_master_keys(&mut refuse);
        let one_only = self.dropbox.app_key.is_empty() != self.dropbox.app_secret.is_empty();
        if one_only {
            refuse(
                "dropbox.app_key",
                "and dropbox.app_secret must be set both or neither",
            );
        }
        faults
    }

    fn check_master_keys(&self, refuse: &mut impl FnMut(&str, &str)) {
        if !self.server.master_key.is_empty()
            && let Err(error) = access::MasterKey::parse(&self.server.master_key)
        {
            refuse("server.master_key", &error.to_string());
        }
        let others = &self.server.other_master_keys;
        for error in others
            .iter()
            .filter_map(|key| access::MasterKey::parse(key).err())
        {
            refuse("server.other_master_keys", &error.to_string());
        }
        if !others.is_empty() && self.server.master_key.is_empty() {
            refuse(
                "server.other_master_keys",
                "stands beside server.master_key; beside a key that is kept in the data folder, \
                 write others into the same file",
            );
        }
        let on_postgres = self.database.url.starts_with("postgres");
        if on_postgres && self.server.master_key.is_empty() {
            refuse(
                "server.master_key",
                "is required with PostgreSQL: all nodes must share it",
            );
        }
    }
}

#[cfg(test)]
mod tests;
