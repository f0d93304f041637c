//! A simulated Dropbox over HTTP, whose accounts are folders on this machine.
//!
//! The demo and the tests talk to it in place of the real service, so it must not share our
//! client's ideas of how Dropbox behaves: everything here was written from Dropbox's own
//! documentation, and it is checked with Dropbox's own SDKs. What it simulates, and its switches
//! for making things go wrong, are described in `docs/sandbox.md`.
//!
//! The folder is the truth. The index in [`tree`] only remembers what Dropbox would remember
//! beyond a file system: ids, revs and the order of changes.
//!
//! *Uses* none of our rooms, not even the clock. *Used by* `app`, `main` and the tests.

mod accounts;
mod argument;
mod batches;
mod body;
mod call;
mod consent;
mod content;
mod control;
mod dispatch;
mod edits;
mod errors;
mod export;
mod faults;
mod grants;
mod hash;
mod link_settings;
mod listing;
mod metadata;
mod notify;
mod oauth;
mod options;
mod paths;
mod request_log;
mod routes;
mod save_url;
mod scan;
mod search;
mod server;
mod sharing;
mod simulation;
mod thumbnails;
mod time;
mod tree;
mod upload;
mod upload_sessions;
mod users;
mod versions;

pub use faults::{FaultKind, FaultRule, Faults};
pub use options::{AccountOptions, AppOptions, Arguments, Options};
pub use server::{Sandbox, SandboxError, run};
