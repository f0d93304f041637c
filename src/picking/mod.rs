//! The use case: a person picks files from their Dropbox, the application keeps them.
//!
//! The journey of a pick, as told by the files of this room: `request.rs` says what is wanted
//! and where it is to lie; `ledger.rs` writes the pick down before the first byte moves, and
//! knows who works on it; `copy.rs` moves the bytes in parallel ranges of one pinned revision
//! and compares the content hash, for `storing.rs`, which knows where the file is to lie and
//! what is to be said of it; `journey.rs` tells it top to bottom and ends in the one transaction
//! that makes file, event and finished pick true together; `upkeep.rs` takes up what a dead node
//! left; `progress.rs` tells how far it all is; `cancel.rs` ends what nobody wants any more;
//! `link.rs` makes a symlink instead. `browse` is what comes before: folders and searching.
//!
//! Knows nothing of HTTP, and never learns that subscribers exist.
//!
//! Uses `clock`, `figures`, `database`, `access`, `dropbox`, `connections`, `storage`, `files`, `events`,
//! `leases`. Used by `http`.

pub mod browse;
mod cancel;
mod copy;
mod error;
mod figures;
mod journey;
mod ledger;
mod limits;
mod link;
mod progress;
mod request;
mod storing;
mod upkeep;

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub use cancel::{Cancellation, Outcome, Which};
pub use error::PickError;
pub use journey::{Picking, Rooms};
pub use progress::UnderWay;
pub use request::PickRequest;

/// How much is copied at once, and for how long it is tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The largest file that is copied.
    pub max_file_size: ByteSize,
    /// Ranges of one file that are fetched at once.
    pub parallel_ranges: usize,
    /// Copies that run at once on this node.
    pub max_copies: usize,
    /// Copies that run at once for one application on this node.
    pub max_copies_per_application: usize,
    /// Picks that wait for their turn on this node; further ones are told to come back.
    pub max_waiting: usize,
    /// How long a pick stays with a node that no longer says it is alive.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How often a copy writes down how far it is, for pickers that ask another node.
    #[serde(with = "humantime_serde")]
    pub progress_interval: Duration,
    /// How long a copy goes on without a single new byte before it is given up.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// How often a file is copied anew when its content hash does not agree.
    pub hash_attempts: u32,
    /// How often a pick is taken up again after a node died with it.
    pub max_attempts: i64,
    /// How often leftovers of dead copies are looked for in the storage.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}
