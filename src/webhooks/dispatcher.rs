//! The worker: claims what is due, has it attempted, and has the verdicts written down.
//!
//! One loop claims, woken by a bell (a commit, a freed slot, an acknowledgment), by the next due
//! time, and once a second to return expired leases. Each batch is read and sent by tasks of its
//! own; one task gathers verdicts and commits as many at a time as have come in. Nothing here
//! ends on an error: the queue or the database may be away for hours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{self, Verdict};
use super::jobs::{self, Job};
use super::queue::{Claim, Due, Want};
use super::{Room, verdicts};

/// Deliveries claimed at once.
const BATCH: usize = 64;
/// Verdicts committed at once.
const COMMITTED_AT_ONCE: usize = 64;
/// Deliveries handed to the queue at once.
const ADDED_AT_ONCE: usize = 256;
/// The longest sleep: leases run out and other nodes add work without a bell here.
const IDLE: Duration = Duration::from_secs(1);
/// An attempt that takes longer than this stalls: it moves to places of its own.
const STALL: Duration = Duration::from_secs(1);
/// While the queue is away: the first pause, doubled up to [`IDLE`].
const PAUSE: Duration = Duration::from_millis(50);
/// How long to gather freed slots before claiming again, when many were claimed last time.
const GATHER: Duration = Duration::from_millis(2);

/// Places for attempts on this node.
#[derive(Debug)]
struct Slots {
    most: usize,
    used: Mutex<[usize; 3]>,
}

/// Which places an attempt holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of an endpoint that is well.
    Well = 0,
    /// Of an endpoint that is sick: half of all places at most.
    Sick = 1,
    /// Of one that was well and stalls now: half as many more.
    Stalled = 2,
}

impl Slots {
    fn change(&self, change: impl FnOnce(&mut [usize; 3])) {
        change(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self, kind: Kind) {
        self.change(|used| used[kind as usize] += 1);
    }

    fn free(&self, kind: Kind) {
        self.change(|used| used[kind as usize] = used[kind as usize].saturating_sub(1));
    }

    /// Moves a stalling attempt out of the way, if there is room.
    fn park(&self) -> Kind {
        let mut kind = Kind::Well;
        self.change(|used| {
            if used[Kind::Stalled as usize] < self.most / 2 {
                used[Kind::Well as usize] = used[Kind::Well as usize].saturating_sub(1);
                used[Kind::Stalled as usize] += 1;
                kind = Kind::Stalled;
            }
        });
        kind
    }

    fn want(&self) -> Want {
        let [well, sick, _] = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.most.saturating_sub(well + sick).min(BATCH);
        let sick = (self.most / 2).max(1).saturating_sub(sick).min(most);
        Want { most, sick }
    }
}

struct Worker {
    room: Arc<Room>,
    slots: Slots,
    verdicts: mpsc::Sender<Verdict>,
    tasks: TaskTracker,
}

/// Claims and attempts until `stop`, then waits for what is under way.
pub(super) async fn run(room: Arc<Room>, stop: CancellationToken) {
    let (sender, receiver) = mpsc::channel(1024);
    let worker = Arc::new(Worker {
        slots: Slots {
            most: room.settings.max_in_flight.max(1),
            used: Mutex::default(),
        },
        room: room.clone(),
        verdicts: sender,
        tasks: TaskTracker::new(),
    });
    let writer = tokio::spawn(write_verdicts(room, receiver));
    claim_until(&worker, stop).await;
    worker.tasks.close();
    worker.tasks.wait().await;
    // The last sender goes with the worker; the writer then ends by itself.
    drop(worker);
    drop(writer.await);
}

async fn claim_until(worker: &Arc<Worker>, stop: CancellationToken) {
    let room = &worker.room;
    let mut pause = PAUSE;
    let mut reaped_at = Instant::now();
    while !stop.is_cancelled() {
        if reaped_at.elapsed() >= IDLE {
            reaped_at = Instant::now();
            reap(room).await;
        }
        let want = worker.slots.want();
        let wait = if want.most == 0 {
            IDLE
        } else {
            match room.claim(want).await {
                Ok(claim) => {
                    pause = PAUSE;
                    let wait = wait_after(room, &claim, want);
                    start_batch(worker, claim);
                    wait
                }
                Err(error) => {
                    // Told by the queue itself, once a minute.
                    log::debug!("webhooks: {error}; trying again in {pause:?}");
                    pause = (pause * 2)
                        .min(IDLE)
                        .mul_f64(0.75 + rand::random::<f64>() / 4.0);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                    continue;
                }
            }
        };
        if wait.is_zero() {
            continue;
        }
        tokio::select! {
            () = room.bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// How long to sleep if no bell rings.
fn wait_after(room: &Room, claim: &Claim, want: Want) -> Duration {
    if claim.leases.len() == want.most {
        // There is probably more. With all slots full a moment's patience makes the next batch
        // a batch.
        return if want.most == BATCH {
            Duration::ZERO
        } else {
            GATHER
        };
    }
    let until_next = claim.next_at.map_or(IDLE, |at| {
        let ms = at.saturating_sub(room.clock.now_ms()).max(1);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1))
    });
    until_next.min(IDLE)
}

async fn reap(room: &Room) {
    match room.queue.reap(room.clock.now_ms()).await {
        Ok(0) => {}
        Ok(count) => log::warn!("webhooks: {count} leases ran out; their deliveries are due again"),
        Err(error) => log::debug!("webhooks: {error}"),
    }
}

fn start_batch(worker: &Arc<Worker>, claim: Claim) {
    if claim.leases.is_empty() {
        return;
    }
    for lease in &claim.leases {
        worker.slots.take(kind_of(lease.sick));
    }
    let this = worker.clone();
    worker.tasks.spawn(async move {
        let leases = claim.leases.clone();
        let jobs = jobs::prepare(&this.room, claim.leases).await;
        let sending: std::collections::HashSet<i64> =
            jobs.iter().map(|job| job.lease.delivery_id).collect();
        let mut freed = false;
        for lease in leases {
            if !sending.contains(&lease.delivery_id) {
                this.slots.free(kind_of(lease.sick));
                freed = true;
            }
        }
        if freed {
            this.room.bell.notify_one();
        }
        for job in jobs {
            let one = this.clone();
            this.tasks.spawn(async move { one.make(job).await });
        }
    });
}

fn kind_of(sick: bool) -> Kind {
    if sick { Kind::Sick } else { Kind::Well }
}

impl Worker {
    async fn make(&self, job: Job) {
        let (endpoint, mut kind) = (job.lease.endpoint_id, kind_of(job.lease.sick));
        let attempt = attempt::make(&self.room, job);
        tokio::pin!(attempt);
        let verdict = tokio::select! {
            verdict = &mut attempt => verdict,
            () = tokio::time::sleep(STALL) => {
                if kind == Kind::Well {
                    kind = self.slots.park();
                    self.room.bell.notify_one();
                    // Its other deliveries go in the lane of the sick from now on.
                    drop(self.room.queue.mark_sick(endpoint).await);
                }
                attempt.await
            }
        };
        // Waiting here while the database is behind keeps the slot: that is the back-pressure.
        drop(self.verdicts.send(verdict).await);
        self.slots.free(kind);
        self.room.bell.notify_one();
    }
}

async fn write_verdicts(room: Arc<Room>, mut receiver: mpsc::Receiver<Verdict>) {
    let mut batch = Vec::with_capacity(COMMITTED_AT_ONCE);
    while receiver.recv_many(&mut batch, COMMITTED_AT_ONCE).await > 0 {
        verdicts::settle(&room, std::mem::take(&mut batch)).await;
    }
}

/// Hands fresh deliveries to the queue, as many at a time as have come in.
pub(super) async fn enqueue(room: Arc<Room>, stop: CancellationToken) {
    let mut arrivals = room.arrivals.lock().await;
    let mut batch: Vec<Due> = Vec::with_capacity(ADDED_AT_ONCE);
    loop {
        tokio::select! {
            count = arrivals.recv_many(&mut batch, ADDED_AT_ONCE) => if count == 0 { break },
            () = stop.cancelled() => break,
        }
        room.add(&batch).await;
        batch.clear();
    }
}

/// Claims and attempts what is due now, here and one batch after the other; answers how many.
pub(super) async fn run_once(room: &Arc<Room>) -> usize {
    let want = Want {
        most: BATCH,
        sick: BATCH,
    };
    let mut made = 0;
    while let Ok(claim) = room.claim(want).await {
        if claim.leases.is_empty() {
            break;
        }
        let jobs = jobs::prepare(room, claim.leases).await;
        made += jobs.len();
        let verdicts = join_all(jobs.into_iter().map(|job| attempt::make(room, job))).await;
        if !verdicts.is_empty() {
            verdicts::settle(room, verdicts).await;
        }
    }
    made
}
