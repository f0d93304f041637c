//! What happens when something is lost: nothing is.

use std::time::Duration;

use futures_util::FutureExt;
use longshore::webhooks::DeliveryState;

use crate::support::subscriber::Answer;
use crate::world::{Ground, World, on_every_ground, settings};

/// Sends a number of events through and checks that each arrived.
fn all_arrived(world: &World, path: &str, count: usize) {
    let received = world.subscriber.received(path);
    let mut ids: Vec<_> = received
        .iter()
        .map(|one| one.header("webhook-id").unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

on_every_ground! {
    async fn what_was_pending_when_the_process_ended_is_sent_by_the_next(mut_world: World) {
        let mut world = mut_world;
        world.endpoint("/hook").await;
        world.happen(30).await;
        world.restart().await;
        let running = world.webhooks.start();
        world.settled().await;
        running.stop(Duration::from_secs(5)).await;
        all_arrived(&world, "/hook", 30);
        assert!(world.deliveries().await.iter().all(|one| one.state == DeliveryState::Delivered));
    }

    async fn a_process_that_ends_in_the_middle_loses_nothing(mut_world: World) {
        let mut world = mut_world;
        world.endpoint("/slow").await;
        world.subscriber.answer("/slow", Answer::After(Duration::from_millis(30)));
        let running = world.webhooks.start();
        world.happen(40).await;
        world.subscriber.wait_for("/slow", 6).await;
        // Dropped, not stopped: attempts are cut off between claim and verdict.
        drop(running);
        world.restart().await;
        world.subscriber.answer("/slow", Answer::Status(200));
        let running = world.webhooks.start();
        world.settled().await;
        running.stop(Duration::from_secs(5)).await;
        all_arrived(&world, "/slow", 40);
        assert!(world.deliveries().await.iter().all(|one| one.attempts == 1));
    }

    async fn a_verdict_that_comes_second_changes_nothing(world: World) {
        world.endpoint("/late").await;
        world.subscriber.answer("/late", Answer::After(Duration::from_millis(200)));
        world.happen(1).await;
        let running = world.webhooks.start();
        world.subscriber.wait_for("/late", 1).await;
        // Meanwhile somebody else brings the same attempt to an end.
        world.database.write(|tx| async move {
            sqlx::query("UPDATE deliveries SET attempts = 1, state = 2, last_error = 'first'")
                .execute(tx).await?;
            Ok::<_, longshore::database::DatabaseError>(())
        }.boxed()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        running.stop(Duration::from_secs(5)).await;
        let delivery = world.only_delivery().await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Exhausted, 1));
        assert_eq!(delivery.last_error, "first");
        let attempts = world.webhooks.attempts(world.application, delivery.id).await.unwrap();
        assert!(attempts.is_empty());
    }

    async fn stopping_waits_for_what_is_under_way(world: World) {
        world.endpoint("/slow").await;
        world.subscriber.answer("/slow", Answer::After(Duration::from_millis(300)));
        let running = world.webhooks.start();
        world.happen(1).await;
        world.subscriber.wait_for("/slow", 1).await;
        running.stop(Duration::from_secs(5)).await;
        assert_eq!(world.only_delivery().await.state, DeliveryState::Delivered);
    }
}

async fn a_flush_in_mid_air_costs_neither_a_delivery_nor_a_double(ground: Ground) {
    let world = World::on(ground).await;
    world.endpoint("/slow").await;
    world.endpoint("/fast").await;
    world
        .subscriber
        .answer("/slow", Answer::After(Duration::from_millis(100)));
    let running = world.webhooks.start();
    world.happen(40).await;
    let redis = world.redis.as_ref().unwrap();
    for n in 1..4 {
        world.subscriber.wait_for("/slow", n * 8).await;
        redis.command(&["FLUSHALL"]);
        redis.command(&["SCRIPT", "FLUSH"]);
    }
    world.happen(5).await;
    world.settled().await;
    running.stop(Duration::from_secs(5)).await;
    for path in ["/slow", "/fast"] {
        all_arrived(&world, path, 45);
        assert_eq!(
            world.subscriber.received(path).len(),
            45,
            "{path}: none twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_in_mid_air_on_sqlite() {
    a_flush_in_mid_air_costs_neither_a_delivery_nor_a_double(Ground::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_in_mid_air_on_postgres() {
    a_flush_in_mid_air_costs_neither_a_delivery_nor_a_double(Ground::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_down_events_are_recorded_and_told_when_it_is_back() {
    let mut world = World::on(Ground::SqliteRedis).await;
    world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(10).await;
    world.subscriber.wait_for("/hook", 10).await;
    world.settled().await;
    world.redis.as_mut().unwrap().kill();
    world.happen(20).await;
    world.webhooks.check().await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.happen(20).await;
    assert_eq!(world.subscriber.received("/hook").len(), 10);
    world.redis.as_mut().unwrap().start_again();
    world.settled().await;
    world.webhooks.check().await.unwrap();
    running.stop(Duration::from_secs(5)).await;
    all_arrived(&world, "/hook", 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_starts_without_redis_and_delivers_when_it_comes() {
    let mut world = World::on(Ground::SqliteRedis).await;
    world.redis.as_mut().unwrap().kill();
    world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(10).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.redis.as_mut().unwrap().start_again();
    world.settled().await;
    running.stop(Duration::from_secs(5)).await;
    all_arrived(&world, "/hook", 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_forgot_alone_is_found_by_the_reconciler() {
    let mut settings = settings();
    settings.reconcile_interval = Duration::from_millis(100);
    let world = World::with(Ground::SqliteRedis, settings).await;
    world.endpoint("/hook").await;
    world.happen(10).await;
    let running = world.webhooks.start();
    world.settled().await;
    // The hint of these is lost: nobody tells the queue.
    let events = world.events.clone();
    let application = world.application;
    world
        .database
        .write(move |tx| {
            async move {
                let what = longshore::events::Happening::Dialog(application, serde_json::json!(1));
                events.record(tx, &what).await
            }
            .boxed()
        })
        .await
        .unwrap();
    world.settled().await;
    running.stop(Duration::from_secs(5)).await;
    all_arrived(&world, "/hook", 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_on_one_redis_share_the_work_and_double_none() {
    let mut world = World::on(Ground::PostgresRedis).await;
    world.endpoint("/hook").await;
    world
        .subscriber
        .answer("/hook", Answer::After(Duration::from_millis(2)));
    let one = world.webhooks.start();
    world.restart().await;
    let two = world.webhooks.start();
    world.happen(200).await;
    world.settled().await;
    one.stop(Duration::from_secs(5)).await;
    two.stop(Duration::from_secs(5)).await;
    assert_eq!(world.subscriber.received("/hook").len(), 200);
    assert!(world.subscriber.most_in_flight("/hook") <= 4);
}
