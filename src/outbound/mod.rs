//! The guarded HTTP client for every address that a stranger gives.
//!
//! A subscriber's URL is a wish of somebody we do not know. It must not lead into our own
//! network, keep us waiting, or fill our memory. The guard has three parts: `target.rs` reads
//! the URL and judges a host that is an address already (such hosts never reach a resolver);
//! `resolver.rs` looks names up and hands the connector vetted addresses only, so that a name
//! cannot change its mind between check and connection; this file bounds time and size, follows
//! no redirect, asks no proxy, and looks once more at the address that answered. `fetch.rs` reads
//! what lies there, and follows redirects by judging each place anew.
//!
//! Uses none of our rooms. Used by `webhooks` and `uploading`.

mod address;
mod fetch;
mod resolver;
mod settings;
mod target;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
// Whoever posts needs these; the crate itself stays in this room.
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use address::Rules;
pub use fetch::{Fetch, Fetched};
pub use settings::{Opened, Settings};
pub use target::Target;

/// Connections kept open to one host while nothing is sent.
const IDLE_CONNECTIONS: usize = 16;
/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Header lines an answer may have.
const MOST_HEADERS: usize = 64;

/// Why nothing usable came back, as ways out for the caller. The texts are shown to the
/// stranger, so none of them names an address of our network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL itself cannot be used.
    #[error("{0}")]
    BadUrl(&'static str),
    /// The host lies where strangers may not send us.
    #[error("address not allowed")]
    NotAllowed,
    /// The name has no address.
    #[error("the host name could not be resolved")]
    NoSuchHost,
    /// No connection came about.
    #[error("could not connect: {0}")]
    Connect(&'static str),
    /// The deadline passed.
    #[error("no complete answer within {0} ms")]
    TimedOut(u64),
    /// The connection broke, or what came was not HTTP.
    #[error("the answer broke off or was not HTTP")]
    Broken,
    /// The client could not be made.
    #[error("the HTTP client could not be set up: {0}")]
    Setup(String),
}

/// What is sent: always a POST.
#[derive(Debug, Clone)]
pub struct Post {
    /// Where to.
    pub target: Target,
    /// Header lines.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, sent as it is.
    pub body: Bytes,
    /// Everything must have happened within this time: lookup, connection, answer.
    pub deadline: Duration,
    /// How much of the answer's body is read.
    pub answer_limit: usize,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body, up to the limit.
    pub body: Vec<u8>,
    /// Whether there was more than the limit.
    pub cut: bool,
    /// How long it took.
    pub took: Duration,
}

/// The guarded client; cheap to clone, shares its connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    rules: Arc<Rules>,
}

impl Outbound {
    /// A client that keeps to `settings`. Belongs to the runtime that uses it.
    ///
    /// # Errors
    /// [`OutboundError::Setup`] when TLS cannot be set up (no root certificates on the system).
    pub fn new(settings: &Settings) -> Result<Self, OutboundError> {
        // Whoever came first has installed the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let rules = Arc::new(Rules::new(settings.allowed_private_networks.clone()));
        let client = reqwest::Client::builder()
            .dns_resolver(resolver::Vetting::new(rules.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A proxy would look names up itself and so pass by the guard.
            .no_proxy()
            .referer(false)
            // HTTP/2 would send header names in lower case; some receivers read them from a map
            // that knows only the documented spelling.
            .http1_only()
            .http1_title_case_headers()
            .http1_max_headers(MOST_HEADERS)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIME)
            .build()
            .map_err(|error| OutboundError::Setup(error.to_string()))?;
        Ok(Self { client, rules })
    }

    /// Reads and judges a URL, without looking its name up.
    ///
    /// # Errors
    /// [`OutboundError::BadUrl`] or [`OutboundError::NotAllowed`].
    pub fn target(&self, url: &str) -> Result<Target, OutboundError> {
        Target::parse(url, &self.rules)
    }

    /// Sends a POST and reads the answer, all within its deadline.
    ///
    /// # Errors
    /// An [`OutboundError`] when no answer with a status came. Every status is an answer, a
    /// redirect included.
    pub async fn post(&self, post: Post) -> Result<Answer, OutboundError> {
        let deadline = post.deadline;
        match tokio::time::timeout(deadline, self.exchange(post)).await {
            Ok(result) => result,
            Err(_) => {
                let ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
                Err(OutboundError::TimedOut(ms))
            }
        }
    }

    async fn exchange(&self, post: Post) -> Result<Answer, OutboundError> {
        let began = Instant::now();
        let mut headers = HeaderMap::with_capacity(post.headers.len());
        headers.extend(post.headers);
        let mut response = self
            .client
            .post(post.target.into_url())
            .headers(headers)
            .body(post.body)
            .send()
            .await
            .map_err(|error| reason(&error))?;
        self.look_again(response.remote_addr())?;
        let (mut body, mut cut) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            let room = post.answer_limit.saturating_sub(body.len());
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                // Dropping the response closes the connection: the rest is never read.
                break;
            }
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
            cut,
            took: began.elapsed(),
        })
    }

    /// The last line: whatever way led to this peer, its answer is not used if it lies where
    /// strangers may not send us.
    fn look_again(&self, peer: Option<SocketAddr>) -> Result<(), OutboundError> {
        match peer {
            Some(peer) if !self.rules.allow_at(peer) => Err(OutboundError::NotAllowed),
            _ => Ok(()),
        }
    }
}

/// Finds the cause in the chain of errors; the outermost texts hold addresses and are not used.
fn reason(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(ours) = this.downcast_ref::<OutboundError>() {
            return ours.clone();
        }
        if let Some(io) = this.downcast_ref::<std::io::Error>()
            && error.is_connect()
        {
            // An I/O error may wrap ours or TLS's own.
            if io.get_ref().is_none() {
                return OutboundError::Connect(connect_reason(io.kind()));
            }
        }
        if this.downcast_ref::<rustls::Error>().is_some() {
            return OutboundError::Connect("the TLS handshake failed");
        }
        cause = this.source();
    }
    if error.is_connect() {
        OutboundError::Connect("the connection failed")
    } else {
        OutboundError::Broken
    }
}

fn connect_reason(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::ConnectionRefused => "connection refused",
        std::io::ErrorKind::ConnectionReset => "connection reset",
        std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
            "the host cannot be reached"
        }
        _ => "the connection failed",
    }
}
