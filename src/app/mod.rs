//! Puts the rooms together, starts them in order and stops them in the reverse.
//!
//! The programs of the command line are here, each in its own file; nobody imports this room.
//!
//! Uses every room. Used by `main`.

mod commands;
mod demo;
mod doctor;
mod logging;
mod master_key;
mod service;

pub use commands::{Cli, run};
pub use service::{Service, Tools, build, webhooks};
