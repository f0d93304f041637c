//! Webhooks: events told to whoever asked for them, signed, and retried until they are accepted.
//!
//! How a delivery goes: `listener.rs` writes it in the event's own transaction and hints at it
//! after the commit; `queue/` holds what is due soon; `dispatcher.rs` claims it, `jobs.rs` reads
//! what is to be sent, `attempt.rs` signs (`sign.rs`) and sends it through `outbound`,
//! `schedule.rs` decides what follows, `verdicts.rs` writes that down (`health.rs` what it tells
//! of the endpoint) and only then gives the lease back. `reconciler.rs` keeps the queue true to
//! the record. `endpoints.rs` and `deliveries.rs` are what an owner sees.
//!
//! The rows are the truth, the queue is a hint. Whatever is lost, a pending delivery is a row
//! with a time, and the reconciler finds it; whatever is repeated, the number of attempts in the
//! row decides which verdict counts.
//!
//! Uses `clock`, `figures`, `database`, `access`, `events`, `outbound`. Used by `portal`, `http`.

mod alone;
mod attempt;
mod deliveries;
mod dispatcher;
mod endpoints;
mod figures;
mod health;
mod jobs;
mod listener;
pub mod queue;
mod reconciler;
mod rotation;
mod rows;
pub mod schedule;
mod settings;
pub mod sign;
mod verdicts;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::{MasterKey, Purpose, SealError, SealedColumn};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Dialect};
use crate::events::Listener;
use crate::outbound::{Outbound, OutboundError};

pub use deliveries::{Attempt, Delivery, DeliveryState, Filter};
pub use endpoints::{Created, Endpoint, EndpointState};
pub use queue::{Depth, QueueError, RedisSettings, check_redis};
pub use settings::Settings;

use queue::{Ack, Claim, DeliveryQueue, Due, Embedded, Lease, Limits, Redis, Trouble, Want};

/// Deliveries remembered at most that did not reach the queue; with more, the record is looked
/// through.
const MOST_UNSENT: usize = 8_192;
/// How long [`Webhooks::deliver_all`] goes on at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why something about webhooks could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebhookError {
    /// The application has no such endpoint or delivery.
    #[error("there is no such endpoint or delivery")]
    NotFound,
    /// A value given cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// The endpoint is switched off or deleted, so nothing can be sent to it.
    #[error("the endpoint is switched off")]
    EndpointOff,
    /// Two secrets are alive already.
    #[error("a rotation of this secret is open")]
    RotationOpen,
    /// There is no second secret.
    #[error("no rotation of this secret is open")]
    NoRotation,
    /// The queue is away. Nothing is lost; what it should hold is brought to it later.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A secret cannot be opened: the master key has changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for WebhookError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<OutboundError> for WebhookError {
    fn from(error: OutboundError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Where secrets of endpoints are kept.
pub const SEALED: [SealedColumn; 2] = [
    SealedColumn {
        table: "endpoints",
        column: "secret",
        purpose: Purpose::EndpointSecret,
    },
    SealedColumn {
        table: "endpoints",
        column: "other_secret",
        purpose: Purpose::EndpointSecret,
    },
];

/// What all parts of this room work with.
struct Room {
    settings: Settings,
    /// For what owners ask.
    database: Database,
    /// For deliveries, by connections that requests do not get.
    reserved: Database,
    master_key: MasterKey,
    clock: Clock,
    outbound: Outbound,
    queue: Arc<dyn DeliveryQueue>,
    /// Rings when there may be something to claim.
    bell: Notify,
    /// Rings when the queue may have lost something.
    lost: Notify,
    /// Something did not reach the queue, and nobody knows what.
    missed: AtomicBool,
    /// What did not reach the queue.
    unsent: Mutex<Vec<Due>>,
    /// The record has more than may wait in the queue.
    spilled: AtomicBool,
    /// The leases of this process that are not given back yet.
    in_air: Mutex<HashMap<i64, Lease>>,
    /// The generation last seen; the outer `None` before the first look.
    generation: Mutex<Option<Option<String>>>,
    arrivals: tokio::sync::Mutex<mpsc::Receiver<Due>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    fn overlap_ms(&self) -> i64 {
        i64::try_from(self.settings.secret_overlap.as_millis()).unwrap_or(i64::MAX)
    }

    fn mark_missed(&self) {
        self.missed.store(true, Ordering::Release);
    }

    /// Whether the reconciler has something to bring.
    fn owes_the_queue(&self) -> bool {
        self.missed.load(Ordering::Acquire) || !locked(&self.unsent).is_empty()
    }

    fn has_generation(&self) -> bool {
        matches!(*locked(&self.generation), Some(Some(_)))
    }

    /// Hands deliveries to the queue; if it is away or has no room, they are brought later.
    async fn add(&self, due: &[Due]) {
        match self.put_in(due).await {
            Ok(()) => self.bell.notify_one(),
            Err(error) => {
                log::debug!("webhooks: {error}");
                let mut unsent = locked(&self.unsent);
                if unsent.len() + due.len() <= MOST_UNSENT {
                    unsent.extend_from_slice(due);
                } else {
                    self.mark_missed();
                }
            }
        }
    }

    /// The same, with what the queue says. Of what finds no room the endpoints are noted.
    async fn put_in(&self, due: &[Due]) -> Result<(), QueueError> {
        let added = self.queue.add(due).await?;
        let rest = due.get(added.looked_at..).unwrap_or_default();
        if !rest.is_empty() {
            let endpoints: BTreeSet<i64> = rest.iter().map(|due| due.endpoint_id).collect();
            let endpoints: Vec<i64> = endpoints.into_iter().collect();
            self.queue.spill(&endpoints).await?;
        }
        if added.spilled || !rest.is_empty() {
            self.spilled.store(true, Ordering::Release);
            self.lost.notify_one();
        }
        Ok(())
    }

    /// Claims, and notices when the queue has lost its memory.
    async fn claim(&self, want: Want) -> Result<Claim, QueueError> {
        let mut claim = self.queue.claim(self.clock.now_ms(), want).await?;
        self.notice(&claim).await?;
        let mut doubles = Vec::new();
        {
            let mut in_air = locked(&self.in_air);
            claim.leases.retain(|lease| {
                let known = in_air.contains_key(&lease.delivery_id);
                if known {
                    doubles.push(*lease);
                } else {
                    in_air.insert(lease.delivery_id, *lease);
                }
                !known
            });
        }
        if !doubles.is_empty() {
            // The queue forgot that we have these. One attempt at a time is enough.
            let back = doubles.into_iter().map(|lease| Ack {
                lease,
                again_at: None,
                well: None,
            });
            self.queue.ack(&back.collect::<Vec<_>>()).await?;
        }
        Ok(claim)
    }

    async fn notice(&self, claim: &Claim) -> Result<(), QueueError> {
        let before = locked(&self.generation).replace(claim.generation.clone());
        let changed = before.as_ref() != Some(&claim.generation);
        // Another generation, or the same from another connection: what was written last may be
        // lost. Whoever has just filled the queue does not know the generation's name yet.
        if changed && matches!(&before, Some(Some(name)) if !name.is_empty()) {
            self.mark_missed();
        }
        if changed && before.is_some() {
            let leases: Vec<Lease> = locked(&self.in_air).values().copied().collect();
            if !leases.is_empty() {
                self.queue.restore(&leases).await?;
            }
        }
        if claim.generation.is_none() || self.owes_the_queue() {
            if changed {
                log::info!("webhooks: the queue is filled from the record");
            }
            self.lost.notify_one();
        }
        Ok(())
    }

    /// Gives leases back; if the queue is away, they run out by themselves.
    async fn acknowledge(&self, acks: Vec<Ack>) {
        if acks.is_empty() {
            return;
        }
        if let Err(error) = self.queue.ack(&acks).await {
            // The leases run out; whoever has them next finds in the record how things stand.
            log::debug!("webhooks: {error}");
        }
        self.forget(acks.iter().map(|ack| ack.lease.delivery_id));
        self.bell.notify_one();
    }

    fn forget(&self, deliveries: impl Iterator<Item = i64>) {
        let mut in_air = locked(&self.in_air);
        for delivery in deliveries {
            in_air.remove(&delivery);
        }
    }
}

/// What delivering is made of, until `stop`.
fn work(room: &Arc<Room>, stop: &CancellationToken) -> [BoxFuture<'static, ()>; 3] {
    [
        dispatcher::enqueue(room.clone(), stop.clone()).boxed(),
        reconciler::run(room.clone(), stop.clone()).boxed(),
        dispatcher::run(room.clone(), stop.clone()).boxed(),
    ]
}

/// The webhooks of all applications; cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    room: Arc<Room>,
    listener: Arc<listener::Outbox>,
}

impl Webhooks {
    /// Webhooks on the queue in Redis, or without an address on the embedded one. Must be called
    /// on the runtime that will do the work. Does not wait for Redis: it may come later.
    ///
    /// # Errors
    /// [`QueueError::Settings`] when the settings of Redis are not understood.
    pub async fn new(
        settings: Settings,
        redis: &RedisSettings,
        database: Database,
        master_key: MasterKey,
        clock: Clock,
        outbound: Outbound,
    ) -> Result<Self, WebhookError> {
        let cap = settings.max_in_flight_per_endpoint.max(1);
        let limits = Limits {
            cap,
            sick_cap: (cap / 4).max(1),
            lease: settings.lease(),
            drain_rate: settings.drain_rate,
            capacity: settings.queue_capacity,
            capacity_per_endpoint: settings.queue_capacity_per_endpoint,
        };
        let queue: Arc<dyn DeliveryQueue> = if redis.url.is_empty() {
            Arc::new(Embedded::new(limits))
        } else {
            Arc::new(Redis::new(redis, &settings.redis_prefix, limits)?)
        };
        let (sender, receiver) = mpsc::channel(listener::WAITING);
        let room = Arc::new(Room {
            settings,
            reserved: database.reserved(),
            database,
            master_key,
            clock,
            outbound,
            queue,
            bell: Notify::new(),
            lost: Notify::new(),
            missed: AtomicBool::new(false),
            unsent: Mutex::default(),
            spilled: AtomicBool::new(false),
            in_air: Mutex::default(),
            generation: Mutex::default(),
            arrivals: tokio::sync::Mutex::new(receiver),
        });
        let listener = Arc::new(listener::Outbox::new(room.clone(), sender));
        Ok(Self { room, listener })
    }

    /// Hears of events; to be hung into `events`.
    pub fn listener(&self) -> Arc<dyn Listener> {
        self.listener.clone()
    }

    /// Starts to deliver, on the current runtime.
    pub fn start(&self) -> Running {
        let stop = CancellationToken::new();
        let shared = self.room.database.dialect() == Dialect::Postgres;
        let tasks = if shared && !self.room.queue.is_shared() {
            vec![tokio::spawn(alone::run(self.room.clone(), stop.clone()))]
        } else {
            work(&self.room, &stop).map(tokio::spawn).into()
        };
        Running { stop, tasks }
    }

    /// Attempts everything that is due by the clock, until nothing is. For tests: with it,
    /// nobody has to sleep.
    ///
    /// # Errors
    /// When the database or the queue fails, or a minute was not enough.
    pub async fn deliver_all(&self) -> Result<(), WebhookError> {
        let began = Instant::now();
        loop {
            reconciler::release_held(&self.room).await?;
            reconciler::load_now(&self.room).await?;
            reconciler::refill(&self.room).await?;
            self.room.queue.reap(self.room.clock.now_ms()).await?;
            dispatcher::run_once(&self.room).await;
            if self.overdue().await? == 0 {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let late = QueueError::Unavailable {
                    trouble: Trouble::Other,
                    text: "deliveries are still due after a minute".to_owned(),
                };
                return Err(late.into());
            }
            // Another worker has them.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many deliveries are due and not settled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overdue(&self) -> Result<i64, WebhookError> {
        let mut connection = self.room.database.read().await?;
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM deliveries WHERE state = 0 AND next_at <= $1")
                .bind(self.room.clock.now_ms())
                .fetch_one(&mut *connection)
                .await?;
        Ok(count)
    }

    /// When the oldest delivery that waits became due, in milliseconds since the epoch, if that
    /// time has come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_due(&self) -> Result<Option<i64>, WebhookError> {
        let mut connection = self.room.database.read().await?;
        let oldest: Option<(i64,)> = sqlx::query_as(
            "SELECT next_at FROM deliveries WHERE state = 0 AND next_at <= $1 \
             ORDER BY next_at LIMIT 1",
        )
        .bind(self.room.clock.now_ms())
        .fetch_optional(&mut *connection)
        .await?;
        Ok(oldest.map(|(due,)| due))
    }

    /// How much the queue holds.
    ///
    /// # Errors
    /// [`WebhookError::Queue`] when it does not answer.
    pub async fn depth(&self) -> Result<Depth, WebhookError> {
        Ok(self.room.queue.depth().await?)
    }

    /// A short word for the line printed at start; never holds a password.
    pub fn describe_queue(&self) -> String {
        self.room.queue.describe()
    }

    /// Whether the queue answers and takes work. If not, picks go on and deliveries catch up
    /// later.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn check(&self) -> Result<(), QueueError> {
        self.room.queue.check().await
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks")
            .field("queue", &self.room.queue.describe())
            .finish()
    }
}

/// Delivering, until it is stopped. Dropping it stops at once.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Claims nothing more and waits for the attempts under way, at most for `grace`. What is
    /// cut off is attempted again by the next process.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut self.tasks);
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        if tokio::time::timeout(grace, futures_util::future::join_all(tasks))
            .await
            .is_err()
        {
            for abort in aborts {
                abort.abort();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}
