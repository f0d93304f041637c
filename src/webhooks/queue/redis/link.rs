//! The connection to Redis: made when it is needed, kept while it serves, made anew with pauses.
//!
//! One connection is kept and multiplexed: nothing blocking is ever sent on it, and every wait
//! has an end. After a failure that another connection may mend it is dropped; whoever comes
//! next makes another one, while all others wait for that one try and share what came of it.
//! Pauses between tries double and are spread by chance, so that a fleet does not storm a Redis
//! that has just come back. With Sentinel every connection begins with the question who the
//! master is; a Cluster's own connections are the driver's business.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, Pipeline, RedisFuture,
    RedisResult, TlsCertificates, TlsMode, Value,
};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};

use super::super::QueueError;
use super::address::{Address, Shape};
use super::settings::RedisSettings;
use super::trouble;

/// What a sentinel's question and the connection after it may take, in timeouts.
const SENTINEL_STEPS: u32 = 4;
/// How often the driver tries a command again on other nodes of a Cluster.
const CLUSTER_RETRIES: u32 = 2;
/// The first pause is this part of the longest.
const FIRST_PAUSE: u32 = 40;

/// A connection to the server, or to the servers, that hold the queue.
#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(link) => link.req_packed_command(command),
            Self::Cluster(link) => link.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}

/// Where connections come from.
enum Source {
    Single(Pool),
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

/// What came of the last try.
#[derive(Default)]
struct Tries {
    failed: Option<(Instant, QueueError)>,
    pause: Duration,
    not_before: Option<Instant>,
}

/// The kept connection.
pub(super) struct Links {
    source: Source,
    config: AsyncConnectionConfig,
    patience: Duration,
    longest_pause: Duration,
    kept: Mutex<Option<Link>>,
    tries: tokio::sync::Mutex<Tries>,
    made: AtomicU64,
}

impl Links {
    /// Prepares connections, and makes none.
    pub(super) fn new(address: &Address, settings: &RedisSettings) -> Result<Self, QueueError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout));
        let certificates = certificates(address, settings)?;
        let source = source(address, settings, &config, certificates)?;
        Ok(Self {
            source,
            config,
            patience: settings.timeout,
            longest_pause: settings.max_reconnect_wait,
            kept: Mutex::default(),
            tries: tokio::sync::Mutex::default(),
            made: AtomicU64::new(0),
        })
    }

    /// How many connections were made so far. Another number means that what was written last
    /// may be lost: another server may answer now.
    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// The kept connection, or another one.
    pub(super) async fn get(&self) -> Result<Link, QueueError> {
        let known = self.kept().clone();
        if let Some(link) = known {
            return Ok(link);
        }
        let asked_at = Instant::now();
        let mut tries = self.tries.lock().await;
        let known = self.kept().clone();
        if let Some(link) = known {
            return Ok(link);
        }
        if let Some((failed_at, error)) = &tries.failed
            && *failed_at > asked_at
        {
            return Err(error.clone());
        }
        if let Some(not_before) = tries.not_before {
            tokio::time::sleep_until(not_before.into()).await;
        }
        match self.make().await {
            Ok(link) => {
                *tries = Tries::default();
                self.made.fetch_add(1, Ordering::AcqRel);
                *self.kept() = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                self.pause(&mut tries, &error);
                Err(error)
            }
        }
    }

    /// Drops the kept connection.
    pub(super) fn drop_kept(&self) {
        *self.kept() = None;
    }

    fn kept(&self) -> MutexGuard<'_, Option<Link>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, tries: &mut Tries, error: &QueueError) {
        let first = self.longest_pause / FIRST_PAUSE;
        tries.pause = (tries.pause * 2).clamp(first, self.longest_pause);
        let spread = tries.pause.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        let now = Instant::now();
        tries.failed = Some((now, error.clone()));
        tries.not_before = Some(now + spread);
    }

    async fn make(&self) -> Result<Link, QueueError> {
        match &self.source {
            Source::Single(pool) => {
                let connection = pool.get().await.map_err(|error| from_pool(&error))?;
                Ok(Link::One(Connection::take(connection)))
            }
            Source::Sentinel(client) => {
                let mut client = client.lock().await;
                let made = client.get_async_connection_with_config(&self.config);
                let patience = self.patience * SENTINEL_STEPS;
                match tokio::time::timeout(patience, made).await {
                    Ok(made) => made.map(Link::One).map_err(|e| trouble::from_driver(&e)),
                    Err(_) => Err(trouble::too_late()),
                }
            }
            Source::Cluster(client) => {
                let patience = self.patience * SENTINEL_STEPS;
                match tokio::time::timeout(patience, client.get_async_connection()).await {
                    Ok(made) => made
                        .map(Link::Cluster)
                        .map_err(|e| trouble::from_driver(&e)),
                    Err(_) => Err(trouble::too_late()),
                }
            }
        }
    }
}

fn from_pool(error: &PoolError) -> QueueError {
    match error {
        PoolError::Backend(error) => trouble::from_driver(error),
        _ => trouble::too_late(),
    }
}

fn source(
    address: &Address,
    settings: &RedisSettings,
    config: &AsyncConnectionConfig,
    certificates: Option<TlsCertificates>,
) -> Result<Source, QueueError> {
    let odd = |_| refused("redis.url", "is not understood by the driver");
    match &address.shape {
        Shape::Single(node) => {
            let mut info = address.at(node).map_err(|why| refused("redis.url", why))?;
            if let Some(certificates) = certificates {
                let client = Client::build_with_tls(info, certificates).map_err(odd)?;
                info = client.get_connection_info().clone();
            }
            let manager = Manager::new_with_config(info, config.clone()).map_err(odd)?;
            let pool = Pool::builder(manager)
                .max_size(1)
                .wait_timeout(Some(settings.timeout))
                .create_timeout(Some(settings.timeout))
                .recycle_timeout(Some(settings.timeout))
                .runtime(Runtime::Tokio1)
                .build()
                .map_err(|_| refused("redis.url", "is not understood by the pool"))?;
            Ok(Source::Single(pool))
        }
        Shape::Sentinel(sentinels, master) => {
            let client =
                sentinel(address, settings, sentinels, master, certificates).map_err(odd)?;
            Ok(Source::Sentinel(Box::new(tokio::sync::Mutex::new(client))))
        }
        Shape::Cluster(nodes) => {
            let nodes = nodes.iter().map(|node| address.at(node));
            let nodes: Result<Vec<_>, _> = nodes.collect();
            let nodes = nodes.map_err(|why| refused("redis.url", why))?;
            let mut builder = ClusterClientBuilder::new(nodes)
                .connection_timeout(settings.timeout)
                .response_timeout(settings.timeout)
                .retries(CLUSTER_RETRIES);
            if let Some(certificates) = certificates {
                builder = builder.tls(TlsMode::Secure).certs(certificates);
            }
            Ok(Source::Cluster(Box::new(builder.build().map_err(odd)?)))
        }
    }
}

fn sentinel(
    address: &Address,
    settings: &RedisSettings,
    sentinels: &[ConnectionAddr],
    master: &str,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let mut builder = SentinelClientBuilder::new(
        sentinels.iter().cloned(),
        master,
        SentinelServerType::Master,
    )?
    .set_client_to_redis_db(address.who.db());
    if let Some(user) = address.who.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = address.who.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if !settings.sentinel_user.is_empty() {
        builder = builder.set_client_to_sentinel_username(&settings.sentinel_user);
    }
    if !settings.sentinel_password.is_empty() {
        builder = builder.set_client_to_sentinel_password(&settings.sentinel_password);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build()
}

/// What is checked and shown in a TLS handshake; `None` without TLS.
fn certificates(
    address: &Address,
    settings: &RedisSettings,
) -> Result<Option<TlsCertificates>, QueueError> {
    let none = |path: &Path| path.as_os_str().is_empty();
    let (ca, cert, key) = (
        &settings.ca_file,
        &settings.client_cert_file,
        &settings.client_key_file,
    );
    if !address.tls {
        if !none(ca) || !none(cert) || !none(key) {
            let why = "or a client certificate is set, and redis.url does not begin with rediss";
            return Err(refused("redis.ca_file", why));
        }
        return Ok(None);
    }
    if none(cert) != none(key) {
        let why = "and redis.client_key_file must be set both or neither";
        return Err(refused("redis.client_cert_file", why));
    }
    // Whoever came first has installed the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let read = |key: &'static str, path: &Path| {
        if none(path) {
            return Ok(None);
        }
        let bytes = std::fs::read(path).map_err(|error| QueueError::Settings {
            key,
            why: format!("{} cannot be read: {error}", path.display()),
        })?;
        if !bytes.windows(11).any(|part| part == b"-----BEGIN ") {
            return Err(refused(key, "is no PEM file"));
        }
        Ok(Some(bytes))
    };
    let root_cert = read("redis.ca_file", ca)?;
    let client_cert = read("redis.client_cert_file", cert)?;
    let client_key = read("redis.client_key_file", key)?;
    let client_tls = client_cert
        .zip(client_key)
        .map(|(client_cert, client_key)| ClientTlsConfig {
            client_cert,
            client_key,
        });
    Ok(Some(TlsCertificates {
        client_tls,
        root_cert,
    }))
}

fn refused(key: &'static str, why: &str) -> QueueError {
    QueueError::Settings {
        key,
        why: why.to_owned(),
    }
}
