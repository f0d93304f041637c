//! What tests stand on: real servers on loopback, started by the tests and ended with them.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

pub mod portal;
pub mod postgres;
pub mod redis;
pub mod redis_shapes;
pub mod subscriber;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
