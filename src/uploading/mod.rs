//! Files that clients send: from a device, in parts or as a whole, or as a link.
//!
//! The journey of an upload, as told by the files of this room: `request.rs` says what is to come
//! and where it is to lie; `ledger.rs` writes the upload down before the first byte, knows its
//! pieces and who puts them together; `ticket.rs` is the leave to send one piece; `receiving.rs`
//! takes a piece in and checks it; `pieces.rs` sees whether all of them make a file;
//! `completing.rs` joins them and ends in the one transaction that makes file, event and finished
//! upload true together; `whole.rs` does all of that at once for a file that comes in one piece,
//! `link.rs` fetches one from an address, and `duplicate.rs` stores a stored file once more;
//! `upkeep.rs` takes up what a dead node left and removes what was never finished.
//!
//! A piece is an object of its own, held in the list of garbage: no crash leaves one behind for
//! good. Nothing of an upload is kept in a node's memory, so each request may go to another node.
//!
//! Knows nothing of HTTP, and never learns that subscribers exist.
//!
//! Uses `clock`, `figures`, `database`, `outbound`, `access`, `storage`, `files`, `events`, `leases`.
//! Used by `http`.

mod completing;
mod duplicate;
mod error;
mod figures;
mod ledger;
mod link;
mod pieces;
mod receiving;
mod request;
mod ticket;
mod upkeep;
mod whole;

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub use completing::{Completed, Rooms, Uploading};
pub use duplicate::{DuplicateError, DuplicateRequest};
pub use error::UploadError;
pub use link::{LinkFacts, LinkRequest};
pub use receiving::Started;
pub use request::{Completion, PieceRequest, StartRequest};
pub use ticket::Ticket;

/// How long uploads may take, and how many there may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long an upload may take from its start to its completion; also how long a completed one
    /// is remembered.
    #[serde(with = "humantime_serde")]
    pub lifetime: Duration,
    /// Uploads that one application may have open.
    pub max_open: u32,
    /// Bytes that one application may have in parts of uploads that are not completed; 0: any
    /// number.
    pub max_staged_bytes: ByteSize,
    /// Parts of one upload, and pieces of parts.
    pub max_pieces: u32,
    /// Pieces that this node takes in at once; further ones wait.
    pub max_receiving: usize,
    /// Files that this node puts together at once; further ones wait.
    pub max_joining: usize,
    /// How long a completion waits for the file before the client is told to ask again.
    #[serde(with = "humantime_serde")]
    pub completion_wait: Duration,
    /// Links that this node fetches at once; further ones wait.
    pub max_fetching: usize,
    /// How long the answer to a link may take to begin.
    #[serde(with = "humantime_serde")]
    pub link_answer_timeout: Duration,
    /// How long nothing may come while a link is fetched.
    #[serde(with = "humantime_serde")]
    pub link_silence: Duration,
    /// How long a link may be fetched.
    #[serde(with = "humantime_serde")]
    pub link_deadline: Duration,
    /// Redirects of a link that are followed.
    pub link_redirects: u32,
    /// How long a completion stays with a node that no longer says it is alive.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How often a completion is taken up after a node died with it or the storage failed.
    pub max_attempts: i64,
    /// How often uploads that were never completed are looked for.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}
