//! Files over plain HTTP, as a client would: reading, looking at, overwriting, removing, and who
//! may do so.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/azure.rs"]
mod azure_server;
#[path = "support/file_service.rs"]
mod file_service;
#[path = "support/gcs.rs"]
mod gcs_server;
#[path = "support/s3.rs"]
mod s3_server;

mod files {
    mod access;
    mod changing;
    mod metadata;
    mod orphans;
    mod reading;
    mod redirects;
    mod symlinks;
}
