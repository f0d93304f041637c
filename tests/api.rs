//! The service as a whole, over plain HTTP: real processes, a simulated Dropbox, nothing inside
//! is touched.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop"
)]

#[path = "support/processes.rs"]
mod processes;

use processes::free_port;

#[path = "api/picking.rs"]
mod picking;

#[path = "api/progress.rs"]
mod progress;

#[path = "api/cancelling.rs"]
mod cancelling;

#[path = "api/duplicating.rs"]
mod duplicating;

#[path = "api/access.rs"]
mod access;

#[path = "api/doctor.rs"]
mod doctor;

#[path = "api/eavesdropper.rs"]
mod eavesdropper;

#[path = "api/hostile_access.rs"]
mod hostile_access;

#[path = "api/hostile_files.rs"]
mod hostile_files;

#[path = "api/hostile_paths.rs"]
mod hostile_paths;

#[path = "api/slow_bodies.rs"]
mod slow_bodies;

#[path = "api/secrets.rs"]
mod secrets;

#[path = "api/master_key.rs"]
mod master_key;

#[path = "api/metrics.rs"]
mod metrics;

#[path = "support/redis.rs"]
mod redis;

#[path = "support/subscriber.rs"]
mod subscriber;

#[path = "api/hostile.rs"]
mod hostile;

#[path = "support/postgres.rs"]
mod postgres;

#[path = "api/wire.rs"]
mod wire;
