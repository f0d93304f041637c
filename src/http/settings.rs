//! Settings of the edge.

use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// How the server listens and what it accepts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the HTTP server.
    pub listen: SocketAddr,
    /// The origin users reach.
    pub public_url: String,
    /// Base name of the protocol's hosts; empty: every route on one origin.
    pub cname: String,
    /// Threads that answer HTTP; 0: one for each core.
    pub workers: usize,
    /// Bytes of a JSON or form body at most.
    pub max_body: ByteSize,
    /// How long a client may take to send its request head.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long a client may be silent in the middle of a body.
    #[serde(with = "humantime_serde")]
    pub body_silence: Duration,
    /// Bytes of a body in a second of waiting for them at least; 0: no such limit.
    pub body_min_rate: ByteSize,
    /// How long an idle connection is kept.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// How long the server goes on serving, but says it is not ready, before it stops.
    #[serde(with = "humantime_serde")]
    pub shutdown_delay: Duration,
    /// How long running requests may take to end when the server stops.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How long a browser may remember what cross-origin calls are allowed.
    #[serde(with = "humantime_serde")]
    pub cors_max_age: Duration,
}
