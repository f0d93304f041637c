//! What the tests start, the benchmark starts too: the same processes in the same way.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "made for the tests, which use more of it and stop where something fails"
)]

#[path = "../../tests/support/processes.rs"]
pub mod processes;
#[path = "../../tests/support/redis.rs"]
pub mod redis;
#[path = "../../tests/support/s3.rs"]
pub mod s3;

pub use processes::free_port;
