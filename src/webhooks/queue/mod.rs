//! The queue: what is due soon, and who has it.
//!
//! A queue here is an index and a hint, never the record: the rows of `deliveries` say what is
//! owed, and everything in a queue can be rebuilt from them. It holds ids only, and only what is
//! due within the [`HORIZON`]; what comes later waits in SQL until the reconciler brings it.
//!
//! Promises of every implementation (`tests/webhooks/queue.rs` tries them on both):
//! - what is taken is *leased*: it is either acknowledged or, when its time is over, returned;
//! - the lease's token fences: who comes after the time was over changes nothing;
//! - no endpoint has more than the cap in flight, and that is checked before the claim;
//! - endpoints with due work take turns, [`TURN`] deliveries at a time;
//! - an endpoint that fails is *sick* until it succeeds again: it goes in a lane of its own with
//!   a smaller cap, of which a worker takes only as much as it asked for;
//! - a delivery stands in one place: waiting or leased, never twice;
//! - what is fresh and the backlog (retries, and what is late) stand in lines of their own: fresh
//!   deliveries go first, a backlog is released at a bounded rate and has one place in four;
//! - no more wait than the limits say, in all and per endpoint; of what is turned away the
//!   endpoint is noted as spilled, and the reconciler brings more when there is room.

mod embedded;
mod redis;
mod scored;

use std::time::Duration;

use async_trait::async_trait;

pub use embedded::Embedded;
pub use redis::{Redis, RedisSettings, Trouble, check_redis};

/// How far ahead deliveries are held in the queue.
pub const HORIZON: Duration = Duration::from_secs(15 * 60);
/// Deliveries of one endpoint taken before the next has its turn.
pub const TURN: usize = 4;

/// The queue did not answer; what it holds is not lost, because it holds nothing of its own.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// Redis is away, too slow, or cannot do what is asked.
    #[error("the queue is not available: {text}")]
    Unavailable {
        /// What kind of trouble it is.
        trouble: Trouble,
        /// For the log: what to do about it.
        text: String,
    },
    /// The settings are not understood.
    #[error("{key}: {why}")]
    Settings {
        /// Which setting.
        key: &'static str,
        /// What is wrong with it; repeats nothing of an address.
        why: String,
    },
}

/// How much may be in flight, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In flight per endpoint at most.
    pub cap: usize,
    /// In flight per endpoint at most while it fails.
    pub sick_cap: usize,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Deliveries of one endpoint's backlog released in a second.
    pub drain_rate: u32,
    /// Deliveries that wait in the queue at most.
    pub capacity: usize,
    /// Deliveries that wait for one endpoint at most.
    pub capacity_per_endpoint: usize,
}

impl Limits {
    /// How many may wait in all and for one endpoint when one more is put in: of both the last
    /// quarter is for what is fresh.
    fn room(&self, fresh: bool) -> (usize, usize) {
        let share = |all: usize| if fresh { all } else { all - all / 4 };
        (share(self.capacity), share(self.capacity_per_endpoint))
    }
}

/// A delivery and when it is due, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which delivery.
    pub delivery_id: i64,
    /// To which endpoint.
    pub endpoint_id: i64,
    /// When.
    pub at: i64,
    /// Whether it is new, and no part of a backlog.
    pub fresh: bool,
}

/// What became of deliveries that were put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// How many from the beginning were looked at; for the others there was no room at all.
    pub looked_at: usize,
    /// Whether some were turned away because too many wait for their endpoint.
    pub spilled: bool,
}

/// Endpoints of which the record has more than waits in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spilled {
    /// Whether there is room for a backlog in all.
    pub room: bool,
    /// How many further endpoints are noted.
    pub left: usize,
    /// Those with room again; they are no longer noted.
    pub endpoints: Vec<i64>,
}

/// A time-limited hold on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Which delivery.
    pub delivery_id: i64,
    /// To which endpoint.
    pub endpoint_id: i64,
    /// The fencing token: another holder has another one.
    pub token: i64,
    /// Whether it was taken from the lane of sick endpoints.
    pub sick: bool,
}

/// What a worker asks for.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// Deliveries in all at most.
    pub most: usize,
    /// Of these, from sick endpoints at most.
    pub sick: usize,
}

/// What a worker got.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// The leases.
    pub leases: Vec<Lease>,
    /// When the next delivery becomes due that is not due yet.
    pub next_at: Option<i64>,
    /// Which filling of the queue this is; `None` while it was not filled from the record.
    pub generation: Option<String>,
}

/// A lease given back.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// What was leased.
    pub lease: Lease,
    /// When it is due again, if it is and within the horizon.
    pub again_at: Option<i64>,
    /// Whether the endpoint is well; `None` leaves that as it was.
    pub well: Option<bool>,
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Endpoints that wait for their turn or for a time.
    pub endpoints: usize,
    /// Deliveries in flight.
    pub leased: usize,
    /// Deliveries that wait.
    pub waiting: usize,
    /// Endpoints of which the record has more than may wait.
    pub spilled: usize,
}

/// What is due soon, and who has it. `now` is the time of the schedule, in milliseconds since
/// the epoch; leases run on the queue's own clock.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Puts deliveries in. What is waiting already keeps the earlier time; what is leased is
    /// left alone.
    async fn add(&self, due: &[Due]) -> Result<Added, QueueError>;

    /// Takes what is due.
    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError>;

    /// Gives leases back; answers for each whether it was still held.
    async fn ack(&self, acks: &[Ack]) -> Result<Vec<bool>, QueueError>;

    /// Returns deliveries whose leases are over; answers how many.
    async fn reap(&self, now: i64) -> Result<usize, QueueError>;

    /// Puts leases back that a lost queue has forgotten while their holders still work.
    async fn restore(&self, leases: &[Lease]) -> Result<(), QueueError>;

    /// Puts an endpoint into the lane of the sick before its attempt has ended.
    async fn mark_sick(&self, endpoint_id: i64) -> Result<(), QueueError>;

    /// Takes endpoints that were noted as spilled and have room again, at most so many.
    async fn take_spilled(&self, most: usize) -> Result<Spilled, QueueError>;

    /// Notes endpoints as spilled.
    async fn spill(&self, endpoint_ids: &[i64]) -> Result<(), QueueError>;

    /// Forgets everything that waits for an endpoint.
    async fn purge(&self, endpoint_id: i64) -> Result<(), QueueError>;

    /// Asks to be the one who fills a lost queue; `false` when another does already.
    async fn begin_filling(&self) -> Result<bool, QueueError>;

    /// Marks the queue as filled: a new generation begins.
    async fn filled(&self) -> Result<(), QueueError>;

    /// Whether it could take and give deliveries now: answers, takes writes, has room.
    async fn check(&self) -> Result<(), QueueError>;

    /// How much it holds.
    async fn depth(&self) -> Result<Depth, QueueError>;

    /// Whether other processes work on the same queue.
    fn is_shared(&self) -> bool;

    /// A short word for the line printed at start; never holds a password.
    fn describe(&self) -> String;
}
