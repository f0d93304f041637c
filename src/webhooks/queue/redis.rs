//! The queue in Redis, shared by all nodes.
//!
//! All keys bear one hash tag, so that they lie in one slot and each script changes all it must
//! in one step, in a Redis Cluster too. `{longshore}` is the prefix from the settings.
//!
//! | key | type | content |
//! |---|---|---|
//! | `{longshore}:q:ENDPOINT` | sorted set | deliveries that wait for the endpoint, by due time |
//! | `{longshore}:later` | sorted set | endpoints, by the time when they next have due work |
//! | `{longshore}:turns`, `:sick-turns` | sorted set | endpoints with due work, by turn number |
//! | `{longshore}:sick` | set | endpoints whose last attempt failed or was slow |
//! | `{longshore}:leases` | sorted set | `ENDPOINT:DELIVERY`, by fencing token, which is the time of expiry ⨯ 4096 + a number |
//! | `{longshore}:in-flight` | hash | leases per endpoint |
//! | `{longshore}:sequence` | string | numbers turns and tokens |
//! | `{longshore}:generation` | string | written last by a complete filling; missing: Redis lost its memory |
//! | `{longshore}:filling` | string | a node fills; gone after 5 s |
//!
//! Nothing here is the record; it may be flushed at any time.
//!
//! The scripts take per-endpoint keys built from a prefix in ARGV: the tag keeps them in the
//! slot of the declared keys. One connection from the pool is kept and multiplexed, because the
//! pool pings on every hand-out; after any failure a fresh one is taken. Nothing blocking is
//! ever sent on it, and every wait ends within a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{
    AsyncConnectionConfig, FromRedisValue, RedisError, Script, ScriptInvocation,
};
use deadpool_redis::{Connection, Manager, Pool, Runtime};

use super::{Ack, Claim, DeliveryQueue, Depth, Due, Lease, Limits, QueueError, TURN, Want};

/// Longest wait for an answer or a connection.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest wait for a place in the pool.
const POOL_WAIT: Duration = Duration::from_millis(250);
/// How long the lock of a node that fills lasts. Short: if that node dies, the others wait for
/// nothing; if it takes longer, two fill at once, which does no harm.
const FILLING_MS: u64 = 5_000;
/// Deliveries added by one call of a script, which holds Redis up for all.
const ADDED_AT_ONCE: usize = 500;

/// The queue in Redis.
pub struct Redis {
    pool: Pool,
    connection: Mutex<Option<MultiplexedConnection>>,
    limits: Limits,
    keys: Keys,
    scripts: Scripts,
    address: String,
}

struct Keys {
    queue_prefix: String,
    later: String,
    turns: String,
    sick_turns: String,
    sick: String,
    leases: String,
    in_flight: String,
    sequence: String,
    generation: String,
    filling: String,
}

struct Scripts {
    add: Script,
    claim: Script,
    ack: Script,
    reap: Script,
    restore: Script,
    purge: Script,
}

/// Whether this address of Redis is understood; asks nobody. None at all is the embedded queue.
///
/// # Errors
/// [`QueueError::Address`] when it is not.
pub fn check_redis(url: &str) -> Result<(), QueueError> {
    if url.is_empty() {
        return Ok(());
    }
    let understood = Manager::new(url).map_err(|_| QueueError::Address);
    understood.map(drop)
}

impl Redis {
    /// A queue at this address. Does not connect yet: a Redis that is away at start is no worse
    /// than one that goes away later.
    ///
    /// # Errors
    /// [`QueueError::Address`] when the address is not understood.
    pub fn new(url: &str, prefix: &str, limits: Limits) -> Result<Self, QueueError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let manager = Manager::new_with_config(url, config).map_err(|_| QueueError::Address)?;
        let pool = Pool::builder(manager)
            .max_size(4)
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(POOL_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| QueueError::Address)?;
        Ok(Self {
            pool,
            connection: Mutex::default(),
            limits,
            keys: Keys::new(prefix),
            scripts: Scripts {
                add: Script::new(include_str!("add.lua")),
                claim: Script::new(include_str!("claim.lua")),
                ack: Script::new(include_str!("ack.lua")),
                reap: Script::new(include_str!("reap.lua")),
                restore: Script::new(include_str!("restore.lua")),
                purge: Script::new(include_str!("purge.lua")),
            },
            address: without_password(url),
        })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, QueueError> {
        let known = self.remembered().clone();
        if let Some(connection) = known {
            return Ok(connection);
        }
        let fresh = self.pool.get().await.map_err(unavailable)?;
        let fresh = Connection::take(fresh);
        *self.remembered() = Some(fresh.clone());
        Ok(fresh)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn checked<T>(&self, result: Result<T, RedisError>) -> Result<T, QueueError> {
        result.map_err(|error| {
            *self.remembered() = None;
            unavailable(error)
        })
    }

    /// EVALSHA; after a flush or a failover, which forget scripts, loaded again.
    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, QueueError> {
        let mut connection = self.connection().await?;
        self.checked(call.invoke_async(&mut connection).await)
    }
}

impl Keys {
    fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self {
            queue_prefix: key("q:"),
            later: key("later"),
            turns: key("turns"),
            sick_turns: key("sick-turns"),
            sick: key("sick"),
            leases: key("leases"),
            in_flight: key("in-flight"),
            sequence: key("sequence"),
            generation: key("generation"),
            filling: key("filling"),
        }
    }
}

#[async_trait]
impl DeliveryQueue for Redis {
    async fn add(&self, due: &[Due]) -> Result<(), QueueError> {
        for part in due.chunks(ADDED_AT_ONCE) {
            let mut call = self.scripts.add.prepare_invoke();
            call.key(&self.keys.later).key(&self.keys.leases);
            call.arg(&self.keys.queue_prefix);
            for due in part {
                call.arg(due.endpoint_id).arg(due.delivery_id).arg(due.at);
            }
            let _: i64 = self.run(&call).await?;
        }
        Ok(())
    }

    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError> {
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(&self.keys.turns)
            .key(&self.keys.sick_turns)
            .key(&self.keys.later)
            .key(&self.keys.sick)
            .key(&self.keys.leases)
            .key(&self.keys.in_flight)
            .key(&self.keys.sequence)
            .key(&self.keys.generation)
            .arg(now)
            .arg(want.most)
            .arg(want.sick)
            .arg(self.limits.cap)
            .arg(self.limits.sick_cap)
            .arg(u64::try_from(self.limits.lease.as_millis()).unwrap_or(u64::MAX))
            .arg(TURN)
            .arg(&self.keys.queue_prefix);
        let fields: Vec<String> = self.run(&call).await?;
        read_claim(&fields)
    }

    async fn ack(&self, acks: &[Ack]) -> Result<Vec<bool>, QueueError> {
        let mut call = self.scripts.ack.prepare_invoke();
        call.key(&self.keys.later)
            .key(&self.keys.sick)
            .key(&self.keys.leases)
            .key(&self.keys.in_flight)
            .arg(&self.keys.queue_prefix);
        for ack in acks {
            call.arg(ack.lease.endpoint_id)
                .arg(ack.lease.delivery_id)
                .arg(ack.lease.token)
                .arg(ack.again_at.map_or(String::new(), |at| at.to_string()))
                .arg(match ack.well {
                    Some(true) => "1",
                    Some(false) => "0",
                    None => "",
                });
        }
        let held: Vec<i64> = self.run(&call).await?;
        Ok(held.into_iter().map(|held| held == 1).collect())
    }

    async fn reap(&self, now: i64) -> Result<usize, QueueError> {
        let mut call = self.scripts.reap.prepare_invoke();
        call.key(&self.keys.later)
            .key(&self.keys.leases)
            .key(&self.keys.in_flight)
            .arg(&self.keys.queue_prefix)
            .arg(now);
        self.run(&call).await
    }

    async fn restore(&self, leases: &[Lease]) -> Result<(), QueueError> {
        let mut call = self.scripts.restore.prepare_invoke();
        call.key(&self.keys.leases).key(&self.keys.in_flight);
        call.arg(&self.keys.queue_prefix);
        for lease in leases {
            call.arg(lease.endpoint_id)
                .arg(lease.delivery_id)
                .arg(lease.token);
        }
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn mark_sick(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        let done = deadpool_redis::redis::cmd("SADD")
            .arg(&self.keys.sick)
            .arg(endpoint_id)
            .query_async::<()>(&mut connection)
            .await;
        self.checked(done)
    }

    async fn purge(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let mut call = self.scripts.purge.prepare_invoke();
        call.key(&self.keys.turns)
            .key(&self.keys.sick_turns)
            .key(&self.keys.later)
            .key(&self.keys.sick)
            .arg(&self.keys.queue_prefix)
            .arg(endpoint_id);
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn begin_filling(&self) -> Result<bool, QueueError> {
        let mut connection = self.connection().await?;
        let set: Result<Option<String>, RedisError> = deadpool_redis::redis::cmd("SET")
            .arg(&self.keys.filling)
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(FILLING_MS)
            .query_async(&mut connection)
            .await;
        Ok(self.checked(set)?.is_some())
    }

    async fn filled(&self) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        let done = deadpool_redis::redis::pipe()
            .cmd("SET")
            .arg(&self.keys.generation)
            .arg(format!("{:016x}", rand::random::<u64>()))
            .ignore()
            .cmd("DEL")
            .arg(&self.keys.filling)
            .ignore()
            .query_async::<()>(&mut connection)
            .await;
        self.checked(done)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let mut connection = self.connection().await?;
        let mut pipe = deadpool_redis::redis::pipe();
        for key in [
            &self.keys.later,
            &self.keys.turns,
            &self.keys.sick_turns,
            &self.keys.leases,
        ] {
            pipe.cmd("ZCARD").arg(key);
        }
        let counts = pipe.query_async::<[usize; 4]>(&mut connection).await;
        let [later, turns, sick_turns, leased] = self.checked(counts)?;
        Ok(Depth {
            endpoints: later + turns + sick_turns,
            leased,
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("Redis {}", self.address)
    }
}

/// generation, next time, then delivery, endpoint, token, lane each.
fn read_claim(fields: &[String]) -> Result<Claim, QueueError> {
    let odd = || QueueError::Unavailable("a claim came back in an unknown form".to_owned());
    let [generation, next_at, leases @ ..] = fields else {
        return Err(odd());
    };
    let number = |text: &String| text.parse::<i64>().map_err(|_| odd());
    let leases = leases
        .chunks_exact(4)
        .map(|lease| {
            Ok(Lease {
                delivery_id: number(&lease[0])?,
                endpoint_id: number(&lease[1])?,
                token: number(&lease[2])?,
                sick: lease[3] == "1",
            })
        })
        .collect::<Result<Vec<_>, QueueError>>()?;
    Ok(Claim {
        leases,
        next_at: next_at.parse::<f64>().ok().map(|at| at as i64),
        generation: (!generation.is_empty()).then(|| generation.clone()),
    })
}

/// The driver's own texts name addresses at most, never passwords.
fn unavailable(error: impl std::fmt::Display) -> QueueError {
    QueueError::Unavailable(error.to_string())
}

fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => {
            let host = url.host_str().unwrap_or("localhost").to_owned();
            format!("{host}:{}", url.port().unwrap_or(6379))
        }
        Err(_) => "at an address of unknown form".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_described() {
        let text = without_password("redis://user:secret@redis.internal:6380/2");
        assert_eq!(text, "redis.internal:6380");
        assert!(!without_password("redis://:p%40ss@h").contains("ss"));
    }

    #[test]
    fn all_keys_lie_in_one_slot() {
        let keys = Keys::new("longshore");
        for key in [keys.queue_prefix, keys.later, keys.leases, keys.generation] {
            assert!(key.starts_with("{longshore}:"), "{key}");
        }
    }
}
