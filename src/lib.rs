//! Longshore: a self-hosted file picker backend for Dropbox.
//!
//! The rooms, in the order of a picked file's journey: `http` hears the request and asks
//! `access` who is calling; `connections` holds the person's consent to their Dropbox and
//! `dropbox` speaks its wire; `picking` browses, copies, records and announces, keeping the
//! bytes in `storage`, the file in `files` and what happened in `events`, all on `database`;
//! `uploading` takes what clients send from their devices and ends the same way; `leases` says
//! which node does the work of both;
//! `webhooks` tells the subscribers through `outbound`; `retention` removes what is old.
//! `sandbox` is a simulated Dropbox that uses nothing of ours. `config` gathers the settings,
//! `app` puts everything together.
//!
//! Which room may use which is written in `tests/architecture.rs`.

pub mod access;
pub mod app;
pub mod clock;
pub mod config;
pub mod connections;
pub mod database;
pub mod dropbox;
pub mod events;
pub mod figures;
pub mod files;
pub mod http;
pub mod leases;
pub mod outbound;
pub mod picking;
pub mod retention;
pub mod sandbox;
pub mod storage;
pub mod uploading;
pub mod webhooks;
