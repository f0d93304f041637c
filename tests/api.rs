//! The service as a whole, over plain HTTP: real processes, a simulated Dropbox, nothing inside
//! is touched.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop"
)]

#[path = "support/processes.rs"]
mod processes;

#[path = "api/picking.rs"]
mod picking;

#[path = "api/hostile.rs"]
mod hostile;

#[path = "support/postgres.rs"]
mod postgres;

#[path = "api/wire.rs"]
mod wire;
