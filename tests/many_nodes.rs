//! Several processes as one service: two nodes and a worker on PostgreSQL, Redis and an S3
//! server, behind the proxy of the compose file.
//!
//! A crate of its own, so that it runs alone: what is measured here is measured in seconds.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/processes.rs"]
mod processes;
#[path = "support/s3.rs"]
mod s3;
#[path = "faults/scene.rs"]
mod scene;
mod support;

#[path = "many_nodes/cancelled.rs"]
mod cancelled;
#[path = "many_nodes/clocks.rs"]
mod clocks;
#[path = "many_nodes/fleet.rs"]
mod fleet;
#[path = "many_nodes/front.rs"]
mod front;
#[path = "many_nodes/own_postgres.rs"]
mod own_postgres;
#[path = "many_nodes/proxy.rs"]
mod proxy;
#[path = "many_nodes/rolling.rs"]
mod rolling;
#[path = "many_nodes/storm.rs"]
mod storm;
#[path = "many_nodes/uploads.rs"]
mod uploads;
