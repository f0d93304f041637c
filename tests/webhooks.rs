//! Webhooks from the event to the subscriber, on real databases, real Redis, real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

mod support;

#[path = "webhooks/alone.rs"]
mod alone;
#[path = "webhooks/backlog.rs"]
mod backlog;
#[path = "webhooks/delivery.rs"]
mod delivery;
#[path = "webhooks/faults.rs"]
mod faults;
#[path = "webhooks/guard.rs"]
mod guard;
#[path = "webhooks/owner.rs"]
mod owner;
#[path = "webhooks/queue.rs"]
mod queue;
#[path = "webhooks/redis.rs"]
mod redis;
#[path = "webhooks/world.rs"]
mod world;
