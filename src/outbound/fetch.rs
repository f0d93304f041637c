//! Reading what lies under a stranger's URL: redirects judged anew, the body as a stream.
//!
//! Each address on the way is judged like the first one, and its name looked up by the same guard.
//! What the caller sends along for the first host is not shown to another one. May not know what
//! the bytes are for.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::Method;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use tokio::time::timeout;

use super::{Outbound, OutboundError, Target, reason};

/// What we call ourselves; some servers answer nobody without a name.
const NAME: HeaderValue = HeaderValue::from_static("Longshore");

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Where.
    pub target: Target,
    /// Whether only what is said of it is wanted (HEAD).
    pub head_only: bool,
    /// Header lines for the host of the target.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long each answer on the way may take to begin.
    pub answer_timeout: Duration,
    /// How long nothing may come in the middle of the body.
    pub silence: Duration,
    /// How long all of it may take.
    pub deadline: Duration,
    /// Redirects that are followed at most.
    pub redirects: u32,
}

/// What lies there.
pub struct Fetched {
    /// The HTTP status; no redirect that was followed.
    pub status: u16,
    /// The header lines.
    pub headers: HeaderMap,
    /// Where it lies in the end.
    pub url: String,
    /// How many bytes the body is said to have. A body that ends earlier fails.
    pub length: Option<u64>,
    /// The body.
    pub body: BoxStream<'static, Result<Bytes, OutboundError>>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetched({}, {:?} bytes)", self.status, self.length)
    }
}

impl Outbound {
    /// Asks for what lies under a URL, following redirects.
    ///
    /// # Errors
    /// An [`OutboundError`] when no answer with a status came. Every status but a redirect is an
    /// answer; so is a redirect that names no place.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Fetched, OutboundError> {
        let ends = Instant::now() + fetch.deadline;
        let (mut target, mut headers) = (fetch.target.clone(), HeaderMap::new());
        headers.extend(fetch.headers.iter().cloned());
        for _ in 0..=fetch.redirects {
            let response = timeout(
                fetch.answer_timeout,
                self.ask(&target, &headers, fetch.head_only),
            );
            let response = response
                .await
                .map_err(|_| timed_out(fetch.answer_timeout))??;
            let Some(place) = moved(&response) else {
                return Ok(fetched(response, fetch.silence, ends));
            };
            let next = response.url().join(&place);
            let next = next.map_err(|_| OutboundError::BadUrl("it leads to what is no URL"))?;
            if next.origin() != response.url().origin() {
                headers.clear();
            }
            target = self.target(next.as_str())?;
        }
        Err(OutboundError::BadUrl("it leads on too often"))
    }

    async fn ask(
        &self,
        target: &Target,
        headers: &HeaderMap,
        head_only: bool,
    ) -> Result<reqwest::Response, OutboundError> {
        let method = if head_only { Method::HEAD } else { Method::GET };
        let request = self.client.request(method, target.clone().into_url());
        // Bytes that were packed for the way would not be those that are meant.
        let request = request.header(ACCEPT_ENCODING, "identity");
        let request = request.header(USER_AGENT, NAME).headers(headers.clone());
        let response = request.send().await.map_err(|error| reason(&error))?;
        self.look_again(response.remote_addr())?;
        let packed = response.headers().get(CONTENT_ENCODING);
        match packed.is_some_and(|how| how != "identity") {
            true => Err(OutboundError::BadUrl("it answers with packed bytes only")),
            false => Ok(response),
        }
    }
}

/// Where a redirect leads.
fn moved(response: &reqwest::Response) -> Option<String> {
    if ![301, 302, 303, 307, 308].contains(&response.status().as_u16()) {
        return None;
    }
    let place = response.headers().get(LOCATION)?;
    Some(place.to_str().ok()?.to_owned())
}

fn fetched(mut response: reqwest::Response, silence: Duration, ends: Instant) -> Fetched {
    let said = response.headers().get(reqwest::header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.trim().parse().ok());
    Fetched {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        url: response.url().to_string(),
        length: said,
        body: stream::unfold(Some(response), move |response| async move {
            let mut response = response?;
            let left = ends.saturating_duration_since(Instant::now());
            let patience = silence.min(left);
            match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some(response))),
                Ok(Ok(None)) => None,
                Ok(Err(error)) => Some((Err(reason(&error)), None)),
                Err(_) => Some((Err(timed_out(patience)), None)),
            }
        })
        .boxed(),
    }
}

fn timed_out(after: Duration) -> OutboundError {
    OutboundError::TimedOut(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
}
