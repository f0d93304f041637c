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
//! slot of the declared keys. Every call is a script, and every script is refused as a whole by
//! a server that takes no writes; those that give memory back run in a full Redis too, so that
//! what it holds is still delivered. `address.rs` reads where Redis is, `link.rs` keeps the
//! connection, `trouble.rs` has the words for what goes wrong.

mod address;
mod link;
mod lua;
mod settings;
mod trouble;

use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::FromRedisValue;

use super::{Ack, Claim, DeliveryQueue, Depth, Due, Lease, Limits, QueueError, TURN, Want};
use address::Address;
use link::Links;
use lua::{Call, Lua};
pub use settings::RedisSettings;
pub use trouble::Trouble;

/// How long the lock of a node that fills lasts. Short: if that node dies, the others wait for
/// nothing; if it takes longer, two fill at once, which does no harm.
const FILLING_MS: u64 = 5_000;
/// Deliveries added by one call of a script, which holds Redis up for all.
const ADDED_AT_ONCE: usize = 500;

/// The queue in Redis.
pub struct Redis {
    links: Links,
    told: trouble::Told,
    patience: Duration,
    limits: Limits,
    keys: Keys,
    scripts: Scripts,
    description: String,
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
    add: Lua,
    claim: Lua,
    ack: Lua,
    reap: Lua,
    restore: Lua,
    mark_sick: Lua,
    purge: Lua,
    begin_filling: Lua,
    filled: Lua,
    depth: Lua,
    check: Lua,
    repair: Lua,
}

/// Whether these settings of Redis are understood; asks nobody. No address at all is the
/// embedded queue.
///
/// # Errors
/// [`QueueError::Settings`] when they are not.
pub fn check_redis(settings: &RedisSettings) -> Result<(), QueueError> {
    if settings.url.is_empty() {
        return Ok(());
    }
    Links::new(&address(settings)?, settings).map(drop)
}

fn address(settings: &RedisSettings) -> Result<Address, QueueError> {
    Address::parse(&settings.url).map_err(|why| QueueError::Settings {
        key: "redis.url",
        why: why.to_owned(),
    })
}

impl Redis {
    /// A queue at this address. Does not connect yet: a Redis that is away at start is no worse
    /// than one that goes away later.
    ///
    /// # Errors
    /// [`QueueError::Settings`] when the settings are not understood.
    pub fn new(settings: &RedisSettings, prefix: &str, limits: Limits) -> Result<Self, QueueError> {
        let address = address(settings)?;
        Ok(Self {
            links: Links::new(&address, settings)?,
            told: trouble::Told::default(),
            patience: settings.timeout,
            limits,
            keys: Keys::new(prefix),
            scripts: Scripts::new(),
            description: address.describe(),
        })
    }

    /// Runs a script. What is wrong is told, and what another connection may mend gets one.
    async fn run<T: FromRedisValue>(&self, call: &Call<'_>) -> Result<T, QueueError> {
        let done = match self.links.get().await {
            Ok(mut link) => call
                .run(&mut link)
                .await
                .map_err(|error| trouble::from_driver(&error)),
            Err(error) => Err(error),
        };
        match &done {
            Ok(_) => self.told.went_well(),
            Err(error) => {
                self.told.failed(error);
                self.mend(error).await;
            }
        }
        done
    }

    async fn mend(&self, error: &QueueError) {
        let QueueError::Unavailable { trouble, .. } = error else {
            return;
        };
        if trouble.needs_another_connection() {
            self.links.drop_kept();
        } else if *trouble == Trouble::WrongType {
            let keys = &self.keys;
            let mut call = self.scripts.repair.call(&[
                &keys.later,
                &keys.turns,
                &keys.sick_turns,
                &keys.leases,
                &keys.sick,
                &keys.in_flight,
                &keys.sequence,
                &keys.filling,
                &keys.generation,
            ]);
            call.arg(&keys.queue_prefix);
            if let Ok(mut link) = self.links.get().await {
                match call.run::<Vec<String>>(&mut link).await {
                    Ok(aside) => {
                        log::warn!("webhooks: set aside in Redis: {}", aside.join(", "));
                    }
                    Err(error) => log::warn!("webhooks: {}", trouble::from_driver(&error)),
                }
            }
        }
    }
}

impl Scripts {
    fn new() -> Self {
        Self {
            add: Lua::new(include_str!("add.lua")),
            claim: Lua::new(include_str!("claim.lua")),
            ack: Lua::new(include_str!("ack.lua")),
            reap: Lua::new(include_str!("reap.lua")),
            restore: Lua::new(include_str!("restore.lua")),
            mark_sick: Lua::new(include_str!("mark_sick.lua")),
            purge: Lua::new(include_str!("purge.lua")),
            begin_filling: Lua::new(include_str!("begin_filling.lua")),
            filled: Lua::new(include_str!("filled.lua")),
            depth: Lua::new(include_str!("depth.lua")),
            check: Lua::new(include_str!("check.lua")),
            repair: Lua::new(include_str!("repair.lua")),
        }
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
            let keys = [&self.keys.later, &self.keys.leases];
            let mut call = self.scripts.add.call(&keys);
            call.arg(&self.keys.queue_prefix);
            for due in part {
                call.arg(due.endpoint_id).arg(due.delivery_id).arg(due.at);
            }
            let _: i64 = self.run(&call).await?;
        }
        Ok(())
    }

    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError> {
        let keys = &self.keys;
        let mut call = self.scripts.claim.call(&[
            &keys.turns,
            &keys.sick_turns,
            &keys.later,
            &keys.sick,
            &keys.leases,
            &keys.in_flight,
            &keys.sequence,
            &keys.generation,
        ]);
        call.arg(now)
            .arg(want.most)
            .arg(want.sick)
            .arg(self.limits.cap)
            .arg(self.limits.sick_cap)
            .arg(u64::try_from(self.limits.lease.as_millis()).unwrap_or(u64::MAX))
            .arg(TURN)
            .arg(&keys.queue_prefix);
        let fields: Vec<String> = self.run(&call).await?;
        let mut claim = read_claim(&fields)?;
        // After a failover another server answers, which may not have seen the last writes.
        let made = self.links.made();
        claim.generation = claim.generation.map(|filling| format!("{filling}/{made}"));
        Ok(claim)
    }

    async fn ack(&self, acks: &[Ack]) -> Result<Vec<bool>, QueueError> {
        let keys = &self.keys;
        let keys = [&keys.later, &keys.sick, &keys.leases, &keys.in_flight];
        let mut call = self.scripts.ack.call(&keys);
        call.arg(&self.keys.queue_prefix);
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
        let keys = [&self.keys.later, &self.keys.leases, &self.keys.in_flight];
        let mut call = self.scripts.reap.call(&keys);
        call.arg(&self.keys.queue_prefix).arg(now);
        self.run(&call).await
    }

    async fn restore(&self, leases: &[Lease]) -> Result<(), QueueError> {
        let keys = [&self.keys.leases, &self.keys.in_flight];
        let mut call = self.scripts.restore.call(&keys);
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
        let mut call = self.scripts.mark_sick.call(&[&self.keys.sick]);
        call.arg(endpoint_id);
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn purge(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let keys = &self.keys;
        let keys = [&keys.turns, &keys.sick_turns, &keys.later, &keys.sick];
        let mut call = self.scripts.purge.call(&keys);
        call.arg(&self.keys.queue_prefix).arg(endpoint_id);
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn begin_filling(&self) -> Result<bool, QueueError> {
        let mut call = self.scripts.begin_filling.call(&[&self.keys.filling]);
        call.arg(FILLING_MS);
        let ours: i64 = self.run(&call).await?;
        Ok(ours == 1)
    }

    async fn filled(&self) -> Result<(), QueueError> {
        let keys = [&self.keys.generation, &self.keys.filling];
        let mut call = self.scripts.filled.call(&keys);
        call.arg(format!("{:016x}", rand::random::<u64>()));
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let keys = &self.keys;
        let keys = [&keys.later, &keys.turns, &keys.sick_turns, &keys.leases];
        let [endpoints, leased]: [usize; 2] = self.run(&self.scripts.depth.call(&keys)).await?;
        Ok(Depth { endpoints, leased })
    }

    async fn check(&self) -> Result<(), QueueError> {
        let keys = &self.keys;
        let keys = [&keys.later, &keys.leases, &keys.generation];
        let call = self.scripts.check.call(&keys);
        // Whoever asks is in a hurry: a pause between two tries is not waited out.
        match tokio::time::timeout(self.patience, self.run::<i64>(&call)).await {
            Ok(done) => done.map(drop),
            Err(_) => Err(self.told.last().unwrap_or_else(trouble::too_late)),
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

/// generation, next time, then delivery, endpoint, token, lane each.
fn read_claim(fields: &[String]) -> Result<Claim, QueueError> {
    let odd = || QueueError::Unavailable {
        trouble: Trouble::Other,
        text: "a claim came back in an unknown form".to_owned(),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_lie_in_one_slot() {
        let keys = Keys::new("longshore");
        for key in [keys.queue_prefix, keys.later, keys.leases, keys.generation] {
            assert!(key.starts_with("{longshore}:"), "{key}");
        }
    }
}
