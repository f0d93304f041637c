//! The database under a running service: PostgreSQL held to limits and restarted under load, what
//! is removed in time, and how every statement is carried out on large tables.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

#[path = "database/few.rs"]
mod few;
#[path = "database/limits.rs"]
mod limits;
#[path = "many_nodes/own_postgres.rs"]
mod own_postgres;
#[path = "database/plans.rs"]
mod plans;
#[path = "database/restart.rs"]
mod restart;
#[path = "database/retention.rs"]
mod retention;
#[path = "database/silence.rs"]
mod silence;
#[path = "database/time.rs"]
mod time;
