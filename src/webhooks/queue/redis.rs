//! The queue in Redis, shared by all nodes.
//!
//! All keys bear one hash tag, so that they lie in one slot and each script changes all it must
//! in one step, in a Redis Cluster too. `{longshore}` is the prefix from the settings.
//!
//! | key | type | content |
//! |---|---|---|
//! | `{longshore}:q:ENDPOINT` | sorted set | fresh deliveries that wait for the endpoint, by due time |
//! | `{longshore}:b:ENDPOINT` | sorted set | its backlog: retries, and what is late, by due time |
//! | `{longshore}:later` | sorted set | endpoints, by the time when they next have due work |
//! | `{longshore}:turns`, `:sick-turns` | sorted set | endpoints with due work, by turn number |
//! | `{longshore}:sick` | set | endpoints whose last attempt failed or was slow |
//! | `{longshore}:leases` | sorted set | `ENDPOINT:DELIVERY`, by fencing token, which is the time of expiry ⨯ 4096 + a number |
//! | `{longshore}:in-flight` | hash | leases per endpoint |
//! | `{longshore}:sequence` | string | numbers turns and tokens |
//! | `{longshore}:generation` | string | written last by a complete filling; missing: Redis lost its memory |
//! | `{longshore}:filling` | string | a node fills; gone after 5 s |
//! | `{longshore}:waiting` | string | how many deliveries wait |
//! | `{longshore}:spilled` | set | endpoints of which the record has more than may wait here |
//! | `{longshore}:paced` | hash | endpoints with a backlog: how far ahead it was released, in microseconds of Redis' clock |
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

use super::{
    Ack, Added, Claim, DeliveryQueue, Depth, Due, Lease, Limits, QueueError, Spilled, TURN, Want,
};
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

/// The keys in the order in which `keys.lua` takes them.
struct Keys {
    all: [String; 12],
    fresh_prefix: String,
    backlog_prefix: String,
}

struct Scripts {
    add: Lua,
    claim: Lua,
    ack: Lua,
    reap: Lua,
    restore: Lua,
    mark_sick: Lua,
    purge: Lua,
    take_spilled: Lua,
    spill: Lua,
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

    /// Begins a call with what every script takes.
    fn call<'a>(&self, lua: &'a Lua) -> Call<'a> {
        let mut call = lua.call(&self.keys.all);
        call.arg(&self.keys.fresh_prefix)
            .arg(&self.keys.backlog_prefix)
            .arg(self.limits.capacity)
            .arg(self.limits.capacity_per_endpoint);
        call
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
            let call = self.call(&self.scripts.repair);
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

/// A script with what all begin with. The header says whether it may run in a full Redis.
macro_rules! lua {
    ($flags:literal, $file:literal) => {
        Lua::new(concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!("keys.lua"),
            include_str!($file)
        ))
    };
}

/// For scripts that give memory back, or take little for a short time.
macro_rules! when_full {
    ($file:literal) => {
        lua!(" flags=allow-oom", $file)
    };
}

impl Scripts {
    fn new() -> Self {
        Self {
            add: lua!("", "add.lua"),
            claim: when_full!("claim.lua"),
            ack: when_full!("ack.lua"),
            reap: when_full!("reap.lua"),
            restore: when_full!("restore.lua"),
            mark_sick: when_full!("mark_sick.lua"),
            purge: when_full!("purge.lua"),
            take_spilled: when_full!("take_spilled.lua"),
            spill: when_full!("spill.lua"),
            begin_filling: lua!("", "begin_filling.lua"),
            filled: lua!("", "filled.lua"),
            depth: lua!(" flags=no-writes", "depth.lua"),
            check: lua!("", "check.lua"),
            repair: when_full!("repair.lua"),
        }
    }
}

impl Keys {
    fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        let names = [
            "later",
            "turns",
            "sick-turns",
            "sick",
            "leases",
            "in-flight",
            "sequence",
            "generation",
            "filling",
            "waiting",
            "spilled",
            "paced",
        ];
        Self {
            all: names.map(key),
            fresh_prefix: key("q:"),
            backlog_prefix: key("b:"),
        }
    }
}

#[async_trait]
impl DeliveryQueue for Redis {
    async fn add(&self, due: &[Due]) -> Result<Added, QueueError> {
        let mut added = Added::default();
        for part in due.chunks(ADDED_AT_ONCE) {
            let mut call = self.call(&self.scripts.add);
            for due in part {
                call.arg(due.endpoint_id)
                    .arg(due.delivery_id)
                    .arg(due.at)
                    .arg(u8::from(due.fresh));
            }
            let told: Vec<i64> = self.run(&call).await?;
            let (looked_at, spilled) = told.split_first().ok_or_else(odd)?;
            added.spilled |= !spilled.is_empty();
            let looked_at = usize::try_from(*looked_at).map_err(|_| odd())?;
            added.looked_at += looked_at;
            if looked_at < part.len() {
                break;
            }
        }
        Ok(added)
    }

    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError> {
        let mut call = self.call(&self.scripts.claim);
        call.arg(now)
            .arg(want.most)
            .arg(want.sick)
            .arg(self.limits.cap)
            .arg(self.limits.sick_cap)
            .arg(u64::try_from(self.limits.lease.as_millis()).unwrap_or(u64::MAX))
            .arg(TURN)
            .arg(self.limits.drain_rate.max(1));
        let fields: Vec<String> = self.run(&call).await?;
        let mut claim = read_claim(&fields)?;
        // After a failover another server answers, which may not have seen the last writes.
        let made = self.links.made();
        claim.generation = claim.generation.map(|filling| format!("{filling}/{made}"));
        Ok(claim)
    }

    async fn ack(&self, acks: &[Ack]) -> Result<Vec<bool>, QueueError> {
        let mut call = self.call(&self.scripts.ack);
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
        let mut call = self.call(&self.scripts.reap);
        call.arg(now);
        self.run(&call).await
    }

    async fn restore(&self, leases: &[Lease]) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.restore);
        for lease in leases {
            call.arg(lease.endpoint_id)
                .arg(lease.delivery_id)
                .arg(lease.token);
        }
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn mark_sick(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.mark_sick);
        call.arg(endpoint_id);
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn purge(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.purge);
        call.arg(endpoint_id);
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn take_spilled(&self, most: usize) -> Result<Spilled, QueueError> {
        let mut call = self.call(&self.scripts.take_spilled);
        call.arg(most);
        let told: Vec<i64> = self.run(&call).await?;
        let [room, left, endpoints @ ..] = told.as_slice() else {
            return Err(odd());
        };
        Ok(Spilled {
            room: *room == 1,
            left: usize::try_from(*left).unwrap_or(0),
            endpoints: endpoints.to_vec(),
        })
    }

    async fn spill(&self, endpoint_ids: &[i64]) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.spill);
        for endpoint in endpoint_ids {
            call.arg(*endpoint);
        }
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn begin_filling(&self) -> Result<bool, QueueError> {
        let mut call = self.call(&self.scripts.begin_filling);
        call.arg(FILLING_MS);
        let ours: i64 = self.run(&call).await?;
        Ok(ours == 1)
    }

    async fn filled(&self) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.filled);
        call.arg(format!("{:016x}", rand::random::<u64>()));
        let _: i64 = self.run(&call).await?;
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let counts: [usize; 4] = self.run(&self.call(&self.scripts.depth)).await?;
        let [endpoints, leased, waiting, spilled] = counts;
        Ok(Depth {
            endpoints,
            leased,
            waiting,
            spilled,
        })
    }

    async fn check(&self) -> Result<(), QueueError> {
        let call = self.call(&self.scripts.check);
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

fn odd() -> QueueError {
    QueueError::Unavailable {
        trouble: Trouble::Other,
        text: "an answer of Redis is of an unknown form".to_owned(),
    }
}

/// generation, next time, then delivery, endpoint, token, lane each.
fn read_claim(fields: &[String]) -> Result<Claim, QueueError> {
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
        let prefixes = [keys.fresh_prefix, keys.backlog_prefix];
        for key in keys.all.iter().chain(&prefixes) {
            assert!(key.starts_with("{longshore}:"), "{key}");
        }
    }
}
