//! One request, one answer: no repetition, no meaning.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap, redirect};
use tokio::time::timeout;

use super::{DropboxError, Settings, refusal};

/// No answer that is read as a whole comes near this (25 large thumbnails do not reach 20 MiB).
const LARGEST_ANSWER: usize = 64 << 20;

/// How much of an HTTP/2 answer may be under way before we have read it.
const STREAM_WINDOW: u32 = 4 << 20;

/// The client for calls.
pub(super) fn call_client(settings: &Settings, local: bool) -> Result<Client, DropboxError> {
    let builder = Client::builder()
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(4 * STREAM_WINDOW);
    build(builder, settings, local)
}

/// The client for file content. HTTP/1 on purpose: the ranges of a large file then come over a
/// connection each, instead of sharing one connection's window and its losses; hyper reads such a
/// connection in pieces of up to 400 KiB.
pub(super) fn content_client(settings: &Settings, local: bool) -> Result<Client, DropboxError> {
    build(Client::builder().http1_only(), settings, local)
}

fn build(
    builder: reqwest::ClientBuilder,
    settings: &Settings,
    local: bool,
) -> Result<Client, DropboxError> {
    let builder = builder
        .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(64)
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(60))
        // A redirected call would carry the token to a host that nobody named.
        .redirect(redirect::Policy::none())
        .referer(false);
    // A simulated Dropbox on this machine is out of every proxy's reach.
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().map_err(|fault| DropboxError::Unavailable {
        cause: format!("the HTTP client could not be built: {fault}"),
        retry_after: None,
    })
}

/// An answer read to its end.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn request_id(&self) -> Option<String> {
        refusal::request_id(&self.headers)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub cause: String,
    /// Whether it is certain that Dropbox has not seen the request.
    pub unseen: bool,
}

impl NoAnswer {
    fn timed_out(within: Duration) -> Self {
        Self {
            cause: format!("no answer within {} ms", within.as_millis()),
            unseen: false,
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(fault: reqwest::Error) -> Self {
        Self {
            unseen: fault.is_connect(),
            cause: words(fault),
        }
    }
}

/// What the connection said, with its causes but without the URL.
pub(super) fn words(fault: reqwest::Error) -> String {
    let fault = fault.without_url();
    let mut words = fault.to_string();
    let mut source = std::error::Error::source(&fault);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// Sends the request and returns when the head of the answer has come.
pub(super) async fn head(request: RequestBuilder, within: Duration) -> Result<Response, NoAnswer> {
    match timeout(within, request.send()).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(NoAnswer::timed_out(within)),
    }
}

/// Reads the rest of an answer.
pub(super) async fn rest(mut response: Response, within: Duration) -> Result<Answer, NoAnswer> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let reading = async {
        let mut first = response.chunk().await?.unwrap_or_default();
        let Some(second) = response.chunk().await? else {
            return Ok(first);
        };
        let mut body = BytesMut::from(std::mem::take(&mut first));
        body.extend_from_slice(&second);
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(NoAnswer {
                    cause: "the answer is too large".to_owned(),
                    unseen: false,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    match timeout(within, reading).await {
        Ok(body) => Ok(Answer {
            status,
            headers,
            body: body?,
        }),
        Err(_) => Err(NoAnswer::timed_out(within)),
    }
}
