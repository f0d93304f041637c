//! The simulated Dropbox keeps the promises that our client and the demo rely on.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "sandbox/batches.rs"]
mod batches;
#[path = "sandbox/content.rs"]
mod content;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/folders.rs"]
mod folders;
#[path = "sandbox/links.rs"]
mod links;
#[path = "sandbox/oauth.rs"]
mod oauth;
#[path = "sandbox/spawn.rs"]
mod spawn;
#[path = "sandbox/strictness.rs"]
mod strictness;
#[path = "sandbox/uploads.rs"]
mod uploads;
#[path = "sandbox/versions.rs"]
mod versions;
#[path = "sandbox/webhooks.rs"]
mod webhooks;
