//! Delivering where processes share the record but not the queue: one of them does it.
//!
//! Without Redis each process has a queue of its own. Two that filled theirs from one PostgreSQL
//! would attempt everything twice, so delivering is a duty that one process has at a time. The
//! others serve requests, and what their events owe is brought by the reconciler of the one that
//! delivers: that can take its interval, which is what Redis is there to spare.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Room, work};
use crate::database::{DatabaseError, Duty};

/// How long the duty stays with a process that says nothing any more.
const LEASE: Duration = Duration::from_secs(30);
/// How often the lease is renewed.
const RENEWED: Duration = Duration::from_secs(10);
/// When nobody may rely on a lease any more that could not be renewed.
const SURE: Duration = Duration::from_secs(25);
/// How often the others look whether the duty is free.
const LOOK: Duration = Duration::from_secs(3);

/// Delivers whenever no other process does, until `stop`.
pub(super) async fn run(room: Arc<Room>, stop: CancellationToken) {
    let duty = Duty::new("deliveries", LEASE, room.clock.clone());
    let mut told = false;
    while !stop.is_cancelled() {
        let taking = duty.clone();
        let take = room
            .reserved
            .write(move |tx| async move { taking.take(tx).await }.boxed());
        match take.await {
            Ok(true) => {
                told = false;
                log::info!("webhooks: this process delivers");
                deliver(&room, &duty, &stop).await;
            }
            Ok(false) if !told => {
                told = true;
                log::warn!(
                    "webhooks: another process delivers, and learns of this one's events late: \
                     processes that share a database should share a queue (LONGSHORE_REDIS_URL)"
                );
            }
            Ok(false) => {}
            Err(error) => log::debug!("webhooks: who delivers is not known: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Delivers for as long as the duty is ours; ends what is under way and gives the duty back.
async fn deliver(room: &Arc<Room>, duty: &Duty, stop: &CancellationToken) {
    // Others may have delivered meanwhile, and recorded what this queue never heard of.
    room.mark_missed();
    let ours = stop.child_token();
    // Dropped with this future, should it be aborted.
    let mut works = JoinSet::new();
    for part in work(room, &ours) {
        works.spawn(part);
    }
    keep(room, duty, stop).await;
    ours.cancel();
    while works.join_next().await.is_some() {}
    let ending = duty.clone();
    let end = room
        .reserved
        .write(move |tx| async move { ending.end(tx, Duration::ZERO).await }.boxed());
    if let Err(error) = end.await {
        log::debug!("webhooks: the duty is given back when its lease is over: {error}");
    }
}

/// Renews the lease until `stop`, or until another process may have the duty.
async fn keep(room: &Arc<Room>, duty: &Duty, stop: &CancellationToken) {
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEWED.min(SURE.saturating_sub(renewed.elapsed()))) => {}
            () = stop.cancelled() => return,
        }
        // Before it is asked for: by a later moment the lease would seem to last longer.
        let asked = Instant::now();
        let keeping = duty.clone();
        let kept: Result<bool, DatabaseError> = room
            .reserved
            .write(move |tx| async move { keeping.keep(tx).await }.boxed())
            .await;
        match kept {
            Ok(true) => renewed = asked,
            Ok(false) => {
                log::warn!("webhooks: another process has taken over delivering");
                return;
            }
            Err(error) if renewed.elapsed() >= SURE => {
                log::warn!("webhooks: delivering rests, another process may be at it: {error}");
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}
