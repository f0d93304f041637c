//! Uploads in parts over plain HTTP, as SDKs send them: what arrives, in whatever order and however
//! often, and what is refused.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/file_service.rs"]
mod file_service;

mod uploading {
    mod completing;
    mod forms;
    mod links;
    mod over;
    mod parts;
    mod refused;
    pub mod sender;
    mod shelf;
    mod store_task;
    mod whole;
}
