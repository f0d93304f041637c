//! The management API, from outside: what a token reaches, what it does not, what is refused,
//! and that no answer tells a secret twice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

#[path = "management/scene.rs"]
mod scene;

#[path = "management/applications.rs"]
mod applications;
#[path = "management/input.rs"]
mod input;
#[path = "management/people.rs"]
mod people;
#[path = "management/reading.rs"]
mod reading;
#[path = "management/walls.rs"]
mod walls;
#[path = "management/webhooks.rs"]
mod webhooks;
