//! Files over plain HTTP, as a client would: reading, looking at, overwriting, removing, and who
//! may do so.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/file_service.rs"]
mod file_service;

mod files {
    mod access;
    mod changing;
    mod metadata;
    mod reading;
    mod symlinks;
}
