//! What goes wrong in the world: processes killed, connections cut, disks full, Redis gone.
//!
//! Everything is real: `longshore serve`, the simulated Dropbox and Redis are processes of their
//! own on loopback, and what must hold is read from the outside, from the disk and from the
//! record. With `LONGSHORE_TEST_OUTGROWN=1` the service runs on PostgreSQL, Redis and an S3 server,
//! and the same must hold. Sizes and rounds are constants that the environment overrides (see `scene.rs`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

#[path = "faults/cancelled.rs"]
mod cancelled;
#[path = "faults/full_disk.rs"]
mod full_disk;
#[path = "faults/graceful.rs"]
mod graceful;
#[path = "faults/impatient_client.rs"]
mod impatient_client;
#[path = "faults/large.rs"]
mod large;
#[path = "faults/redis_away.rs"]
mod redis_away;
#[path = "faults/scene.rs"]
mod scene;
#[path = "faults/sudden_death.rs"]
mod sudden_death;
#[path = "faults/unruly_dropbox.rs"]
mod unruly_dropbox;
#[path = "faults/uploads.rs"]
mod uploads;
#[path = "faults/wrong_bytes.rs"]
mod wrong_bytes;
