//! After an outage: what is owed is released bit by bit, and the queue never holds more than it may.

use std::time::{Duration, Instant};

use longshore::webhooks::DeliveryState;

use crate::support::subscriber::Answer;
use crate::world::{Ground, World, settings};

async fn a_backlog_is_brought_bit_by_bit_until_nothing_is_left(ground: Ground) {
    let mut settings = settings();
    settings.queue_capacity = 400;
    settings.queue_capacity_per_endpoint = 50;
    let world = World::with(ground, settings).await;
    let mut endpoints = Vec::new();
    for n in 0..10 {
        endpoints.push(world.endpoint(&format!("/{n}")).await.0);
    }
    for endpoint in &endpoints {
        world.owe(*endpoint, 150).await;
    }
    let running = world.webhooks.start();
    let (mut most, began) = (0, Instant::now());
    while world.webhooks.overdue().await.unwrap() > 0 {
        most = most.max(world.webhooks.depth().await.unwrap().waiting);
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop(Duration::from_secs(5)).await;
    assert!((1..=300).contains(&most), "{most} waited");
    for n in 0..10 {
        let received = world.subscriber.received(&format!("/{n}"));
        assert_eq!(received.len(), 150, "each once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_in_a_small_queue_embedded() {
    a_backlog_is_brought_bit_by_bit_until_nothing_is_left(Ground::SqliteEmbedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_in_a_small_queue_in_redis_on_postgres() {
    a_backlog_is_brought_bit_by_bit_until_nothing_is_left(Ground::PostgresRedis).await;
}

async fn a_backlog_is_released_at_its_rate_and_does_not_hold_up_what_is_fresh(ground: Ground) {
    let mut settings = settings();
    settings.drain_rate = 20;
    settings.queue_capacity_per_endpoint = 60;
    let world = World::with(ground, settings).await;
    let (endpoint, _) = world.endpoint("/back").await;
    world.subscriber.answer("/back", Answer::Status(200));
    world.owe(endpoint, 500).await;
    let (running, began) = (world.webhooks.start(), Instant::now());
    world.subscriber.wait_for("/back", 10).await;
    let fresh = world.happen(5).await;
    let ids: Vec<String> = fresh
        .iter()
        .map(|event| format!("evt_{}", event.id))
        .collect();
    let arrived = || {
        let received = world.subscriber.received("/back");
        let of = |id: &String| {
            received
                .iter()
                .any(|one| one.header("webhook-id") == Some(id))
        };
        ids.iter().all(of)
    };
    while !arrived() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "a backlog holds up what is fresh"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let received = world.subscriber.received("/back").len();
    let most = 5 + 20 + 20 * (began.elapsed().as_millis() as usize + 500) / 1000;
    running.stop(Duration::from_secs(5)).await;
    assert!(received <= most, "{received}, and at most {most} may be");
    assert!(world.webhooks.overdue().await.unwrap() > 0);
    let all = world.deliveries().await;
    assert!(all.iter().any(|one| one.state == DeliveryState::Delivered));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_beside_fresh_events_embedded() {
    a_backlog_is_released_at_its_rate_and_does_not_hold_up_what_is_fresh(Ground::SqliteEmbedded)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_beside_fresh_events_in_redis() {
    a_backlog_is_released_at_its_rate_and_does_not_hold_up_what_is_fresh(Ground::PostgresRedis)
        .await;
}
