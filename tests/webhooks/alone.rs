//! Several processes on one PostgreSQL without Redis: one of them delivers.

use std::time::Duration;

use longshore::webhooks::RedisSettings;

use crate::support::postgres;
use crate::world::{World, settings};

/// Long enough for a process to look twice whether it is its turn.
const LOOKED: Duration = Duration::from_secs(7);

async fn world() -> World {
    let mut settings = settings();
    settings.reconcile_interval = Duration::from_secs(1);
    let url = tokio::task::block_in_place(postgres::database);
    World::over(url, RedisSettings::none(), settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_without_a_common_queue_deliver_each_event_once() {
    let world = world().await;
    world.endpoint("/hook").await;
    let other = world.beside().await;
    let (first, second) = (world.webhooks.start(), other.start());
    world.happen(40).await;
    world.settled().await;
    // Time for the other one to read the record and do it all again.
    tokio::time::sleep(LOOKED).await;
    assert_eq!(world.subscriber.received("/hook").len(), 40);

    // One that is stopped leaves the duty to the other.
    first.stop(Duration::from_secs(5)).await;
    world.happen(10).await;
    world.settled().await;
    assert_eq!(world.subscriber.received("/hook").len(), 50);
    second.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_died_is_followed_when_its_lease_is_over() {
    let world = world().await;
    world.endpoint("/hook").await;
    let first = world.webhooks.start();
    world.happen(5).await;
    world.settled().await;
    // As kill -9 would: nothing is given back.
    drop(first);
    let second = world.beside().await.start();
    world.happen(5).await;
    tokio::time::sleep(LOOKED).await;
    assert_eq!(
        world.subscriber.received("/hook").len(),
        5,
        "the lease holds"
    );
    world.hand.advance(Duration::from_secs(31));
    world.settled().await;
    assert_eq!(world.subscriber.received("/hook").len(), 10);
    second.stop(Duration::from_secs(5)).await;
}
