//! One call to Dropbox, repeated as long as that is right.
//!
//! Repeated are: what Dropbox refused for being asked too often (after the wait it names, never
//! earlier), what it could not serve, and what the network lost, if the route does no harm when it
//! runs twice; all under one deadline. An expired token is renewed once.

use std::time::Duration;

use bytes::Bytes;
use log::debug;
use reqwest::{
    RequestBuilder, Response,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
        HeaderValue, RANGE,
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    Account, Dropbox, DropboxError, Refusal, Secret,
    backoff::{Next, unnamed_wait},
    client::Host,
    figures, header_arg,
    refusal::{self, Refused},
    wire::{self, Answer, NoAnswer},
};

/// One of Dropbox's routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub host: Host,
    /// The route's name: `files/list_folder`.
    pub name: &'static str,
    /// Whether running it twice does no harm.
    pub repeatable: bool,
}

impl Route {
    /// A route that reads, or whose second run changes nothing.
    pub const fn repeatable(host: Host, name: &'static str) -> Self {
        Self {
            host,
            name,
            repeatable: true,
        }
    }

    /// A route that must not run twice.
    pub const fn once(host: Host, name: &'static str) -> Self {
        Self {
            host,
            name,
            repeatable: false,
        }
    }
}

/// What a request carries. Dropbox is strict about the content types that go with each kind.
pub(super) enum Payload {
    /// A call without argument: no body and no content type.
    Nothing,
    /// A call.
    Json(Value),
    /// A download: the argument in a header, no content type.
    Download {
        argument: Value,
        range: Option<HeaderValue>,
    },
    /// An upload: the argument in a header, the body always `application/octet-stream`.
    Upload { argument: Value, body: Bytes },
}

impl Payload {
    fn has_body(&self) -> bool {
        match self {
            Self::Nothing | Self::Download { .. } => false,
            Self::Json(_) => true,
            Self::Upload { body, .. } => !body.is_empty(),
        }
    }
}

/// A call and for whom it is made.
pub(super) struct Call<'a> {
    pub route: Route,
    pub account: Option<&'a Account>,
    pub payload: Payload,
    /// Longest wait for one answer.
    pub answer_within: Duration,
}

/// Why one attempt failed.
struct Failure {
    error: DropboxError,
    /// The wait that Dropbox asked for.
    asked: Option<Duration>,
    /// Whether the call may be made again at all.
    again: bool,
}

impl Dropbox {
    /// Calls a route and reads its answer.
    pub(super) async fn rpc<T: DeserializeOwned>(
        &self,
        account: &Account,
        route: Route,
        argument: Value,
    ) -> Result<T, DropboxError> {
        let call = Call {
            route,
            account: Some(account),
            payload: Payload::Json(argument),
            answer_within: self.inner.call_timeout,
        };
        decode(&self.whole(&call).await?)
    }

    /// Makes a call whose answer is read to its end.
    pub(super) async fn whole(&self, call: &Call<'_>) -> Result<Answer, DropboxError> {
        let mut attempts = Attempts::begin(self, call).await?;
        loop {
            let outcome = match self.send(call, &attempts).await {
                Ok(response) => {
                    let request_id = refusal::request_id(response.headers());
                    let answer = wire::rest(response, attempts.patience_left(call)).await;
                    debug!("{}: read, request {request_id:?}", call.route.name);
                    answer.map_err(|fault| no_answer(call.route, fault))
                }
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => attempts.after(self, call, failure).await?,
            }
        }
    }

    /// Makes a call whose answer is streamed by the caller.
    pub(super) async fn streamed(&self, call: &Call<'_>) -> Result<Response, DropboxError> {
        let mut attempts = Attempts::begin(self, call).await?;
        loop {
            match self.send(call, &attempts).await {
                Ok(response) => return Ok(response),
                Err(failure) => attempts.after(self, call, failure).await?,
            }
        }
    }

    /// Makes one attempt, up to the head of a successful answer.
    async fn send(&self, call: &Call<'_>, attempts: &Attempts) -> Result<Response, Failure> {
        let route = call.route;
        let began = Instant::now();
        let request = self
            .request(call, attempts.token.as_ref())
            .map_err(|error| Failure {
                error,
                asked: None,
                again: false,
            })?;
        let within = attempts.patience_left(call);
        let answered = wire::head(request, within).await;
        let status = answered.as_ref().map(|response| response.status());
        figures::called(route.name, status.ok(), began.elapsed());
        let response = match answered {
            Ok(response) => response,
            Err(fault) => {
                debug!(
                    "{}: {}, after {:?}",
                    route.name,
                    fault.cause,
                    began.elapsed()
                );
                return Err(no_answer(route, fault));
            }
        };
        let status = response.status();
        debug!(
            "{}: {} after {:?}, request {:?}",
            route.name,
            status.as_u16(),
            began.elapsed(),
            refusal::request_id(response.headers()),
        );
        if status.is_success() {
            return as_it_is(response);
        }
        let left = attempts.patience_left(call);
        let answer = wire::rest(response, left)
            .await
            .map_err(|fault| no_answer(route, fault))?;
        Err(refused(route, &answer))
    }

    fn request(
        &self,
        call: &Call<'_>,
        token: Option<&Secret>,
    ) -> Result<RequestBuilder, DropboxError> {
        let url = self
            .inner
            .url(call.route.host, &format!("/2/{}", call.route.name));
        let client = match call.route.host {
            Host::Content => &self.inner.content,
            _ => &self.inner.calls,
        };
        let mut request = client.post(url);
        if let Some(token) = token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| DropboxError::LinkRevoked)?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        if let Some(root) = call.account.and_then(|account| account.path_root.as_ref()) {
            let root = header_arg::header_value(&json!({".tag": "root", "root": root}))?;
            request = request.header("Dropbox-API-Path-Root", root);
        }
        if let Some(member) = call
            .account
            .and_then(|account| account.select_user.as_ref())
        {
            request = request.header("Dropbox-API-Select-User", member);
        }
        if !call.payload.has_body() {
            // The HTTP library says nothing of a body that is empty, and some servers refuse a
            // POST that does not say its length.
            request = request.header(CONTENT_LENGTH, 0);
        }
        Ok(match &call.payload {
            Payload::Nothing => request,
            Payload::Json(argument) => request
                .header(CONTENT_TYPE, "application/json")
                .body(argument.to_string()),
            Payload::Download { argument, range } => {
                let request = request
                    .header("Dropbox-API-Arg", header_arg::header_value(argument)?)
                    .header(ACCEPT_ENCODING, "identity");
                match range {
                    Some(range) => request.header(RANGE, range),
                    None => request,
                }
            }
            Payload::Upload { argument, body } => request
                .header("Dropbox-API-Arg", header_arg::header_value(argument)?)
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(body.clone()),
        })
    }
}

/// The attempts of one call so far.
struct Attempts {
    token: Option<Secret>,
    renewed: bool,
    made: u32,
    deadline: Instant,
}

impl Attempts {
    async fn begin(dropbox: &Dropbox, call: &Call<'_>) -> Result<Self, DropboxError> {
        // A call that may rightly take long (a long poll) has at least the time for one answer.
        let budget = dropbox.inner.total_deadline.max(call.answer_within);
        let deadline = Instant::now() + budget;
        let token = match call.account {
            Some(account) => Some(account.tokens.current().await?),
            None => None,
        };
        Ok(Self {
            token,
            renewed: false,
            made: 0,
            deadline,
        })
    }

    fn patience_left(&self, call: &Call<'_>) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        call.answer_within.min(left)
    }

    /// Prepares the next attempt, or gives the call up.
    async fn after(
        &mut self,
        dropbox: &Dropbox,
        call: &Call<'_>,
        failure: Failure,
    ) -> Result<(), DropboxError> {
        self.made += 1;
        if failure.error == DropboxError::TokenExpired
            && !self.renewed
            && let Some(account) = call.account
            && let Some(stale) = &self.token
        {
            self.token = Some(account.tokens.renewed(stale).await?);
            self.renewed = true;
            return Ok(());
        }
        if failure.error == DropboxError::LinkRevoked
            && let Some(account) = call.account
        {
            account.tokens.withdrawn().await;
        }
        if !failure.again {
            return Err(failure.error);
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let asked = match &failure.error {
            DropboxError::RateLimited { .. } => failure.asked.or(Some(unnamed_wait(self.made))),
            _ => failure.asked,
        };
        let patience = dropbox.inner.patience;
        match patience.after(self.made, asked, left, rand::random()) {
            Next::RetryIn(wait) => {
                if matches!(failure.error, DropboxError::RateLimited { .. }) {
                    figures::waited(wait);
                }
                debug!("{}: again in {wait:?}: {}", call.route.name, failure.error);
                sleep(wait).await;
                Ok(())
            }
            Next::GiveUp => Err(failure.error),
        }
    }
}

/// The answer, unless it comes in a coding that nobody asked for: read as they are, its bytes would
/// be another file.
fn as_it_is(response: Response) -> Result<Response, Failure> {
    let coding = response.headers().get(CONTENT_ENCODING);
    if coding.is_none_or(|coding| coding == "identity") {
        return Ok(response);
    }
    Err(Failure {
        error: DropboxError::Unexpected(Refusal {
            status: response.status().as_u16(),
            summary: "the answer is compressed, although that was not asked for".to_owned(),
            user_message: None,
            request_id: refusal::request_id(response.headers()),
        }),
        asked: None,
        again: false,
    })
}

/// An answer that is not a success, and whether to ask again.
fn refused(route: Route, answer: &Answer) -> Failure {
    let refused = Refused::read(answer.status, &answer.headers, &answer.body);
    let asked = refused.retry_after();
    let error = refused.into_error(route.name);
    let again = match &error {
        // Refused before anything was done, so even a write may come again.
        DropboxError::RateLimited { .. } => true,
        DropboxError::Unavailable { .. } => {
            route.repeatable || (answer.status == 503 && asked.is_some())
        }
        _ => false,
    };
    Failure {
        error,
        asked,
        again,
    }
}

fn no_answer(route: Route, fault: NoAnswer) -> Failure {
    Failure {
        again: route.repeatable || fault.unseen,
        asked: None,
        error: DropboxError::Unavailable {
            cause: fault.cause,
            retry_after: None,
        },
    }
}

/// Reads a successful answer.
pub(super) fn decode<T: DeserializeOwned>(answer: &Answer) -> Result<T, DropboxError> {
    // Some routes answer with an empty body where the specification says `null`.
    let body: &[u8] = if answer.body.is_empty() {
        b"null"
    } else {
        &answer.body
    };
    serde_json::from_slice(body)
        .map_err(|fault| unreadable(answer.status, answer.request_id(), &fault))
}

/// An answer that does not say what it should. Its content is not repeated: it may be private.
pub(super) fn unreadable(
    status: u16,
    request_id: Option<String>,
    fault: &serde_json::Error,
) -> DropboxError {
    DropboxError::Unexpected(Refusal {
        status,
        summary: format!(
            "the answer cannot be read at line {}, column {}",
            fault.line(),
            fault.column()
        ),
        user_message: None,
        request_id,
    })
}
