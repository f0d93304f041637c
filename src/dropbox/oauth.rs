//! A person's consent: the page they are sent to, and the tokens that come of it.
//!
//! The app's secret travels in the body, never in a URL; an app without one is a public app, whose
//! codes are bound by PKCE alone. Consent is always asked for offline use: without that there is
//! no refresh token, and the connection dies after four hours.

use std::time::Duration;

use log::debug;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::{Url, form_urlencoded};

use super::{
    Account, Dropbox, DropboxError, Secret,
    backoff::{Next, unnamed_wait},
    call::{Call, Payload, Route},
    client::Host,
    refusal,
    wire::{self, Answer, NoAnswer},
};

const REVOKE: Route = Route::repeatable(Host::Api, "auth/token/revoke");

/// A Dropbox app, as its developer registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCredentials {
    /// The app key.
    pub key: String,
    /// The app secret; empty for a public app.
    pub secret: Secret,
}

/// What a person is asked to consent to.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeRequest<'a> {
    /// Where Dropbox sends the person back to: one of those registered, to the letter.
    pub redirect_uri: &'a str,
    /// Comes back unchanged: who began this, and that it was us.
    pub state: &'a str,
    /// S256 of the verifier: BASE64URL without padding of its SHA-256.
    pub code_challenge: &'a str,
    /// What the app may do; empty: everything it is set up for.
    pub scopes: &'a [&'a str],
    /// Asks again even if the person has consented before.
    pub force_reapprove: bool,
    /// Language of the page.
    pub locale: Option<&'a str>,
}

/// What a person's consent gives.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// Opens the Dropbox, for `expires_in`.
    pub access_token: Secret,
    /// Gives new access tokens, until the person withdraws the link.
    pub refresh_token: Secret,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// `dbid:…`, whose Dropbox it is; empty, if Dropbox does not say.
    pub account_id: String,
    /// The person's older numeric id; empty, if Dropbox does not say.
    pub uid: String,
    /// What was consented to; empty, if Dropbox does not say.
    pub scope: Vec<String>,
    /// The team, if the app was linked to a whole one.
    pub team_id: Option<String>,
}

/// A new access token.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// Opens the Dropbox, for `expires_in`.
    pub access_token: Secret,
    /// How long it lives.
    pub expires_in: Duration,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// App key and secret do not belong together, or to no app: the developer mends them.
    #[error("Dropbox does not know this app key and secret: {message}")]
    WrongApp {
        /// Dropbox's own words.
        message: String,
    },
    /// The redirect URI is not the one the code was made for: the developer registers it.
    #[error("the redirect URI does not match: {message}")]
    RedirectMismatch {
        /// Dropbox's own words.
        message: String,
    },
    /// The code or the refresh token is spent, expired or withdrawn: the person connects again.
    #[error("the consent is no longer valid: {message}")]
    InvalidGrant {
        /// Dropbox's own words.
        message: String,
    },
    /// Dropbox does not answer: try later.
    #[error("Dropbox is not available: {cause}")]
    Unavailable {
        /// What was seen last.
        cause: String,
        /// The wait that was asked for, if any.
        retry_after: Option<Duration>,
    },
    /// An answer that this client does not know.
    #[error("Dropbox answered in an unexpected way (status {status}): {message}")]
    Unexpected {
        /// The status of the answer.
        status: u16,
        /// The error's name and description, as far as there are any.
        message: String,
        /// Names the call to Dropbox's support.
        request_id: Option<String>,
    },
}

impl From<OAuthError> for DropboxError {
    /// What a refresh that failed means for the call that needed it.
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::InvalidGrant { .. } => Self::LinkRevoked,
            OAuthError::WrongApp { message } | OAuthError::RedirectMismatch { message } => {
                Self::AppMisconfigured { message }
            }
            OAuthError::Unavailable { cause, retry_after } => {
                Self::Unavailable { cause, retry_after }
            }
            OAuthError::Unexpected {
                status,
                message,
                request_id,
            } => Self::Unexpected(super::Refusal {
                status,
                summary: message,
                user_message: None,
                request_id,
            }),
        }
    }
}

/// How long an access token is taken to live if nothing is said: as long as Dropbox's do. Should
/// it die sooner, a call says so.
const USUAL_LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);

/// Nobody keeps a token for longer.
const LONGEST_LIFETIME: f64 = 10.0 * 365.0 * 86_400.0;

// Beyond the tokens nothing is relied on: OAuth makes the rest optional, and a number may come
// as a text.
#[derive(Deserialize)]
struct GrantOnWire {
    access_token: Secret,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    account_id: Value,
    #[serde(default)]
    uid: Value,
    #[serde(default)]
    scope: Value,
    #[serde(default)]
    team_id: Value,
}

#[derive(Deserialize)]
struct RefreshedOnWire {
    access_token: Secret,
    #[serde(default)]
    expires_in: Value,
}

fn lifetime(expires_in: &Value) -> Duration {
    let said = expires_in
        .as_f64()
        .or_else(|| expires_in.as_str()?.trim().parse().ok());
    let seconds = said.filter(|seconds| *seconds >= 0.0);
    seconds.map_or(USUAL_LIFETIME, |seconds| {
        Duration::from_secs_f64(seconds.min(LONGEST_LIFETIME))
    })
}

/// A text, or a number as one; empty for anything else.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

impl Dropbox {
    /// The page where the person consents.
    pub fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        let mut url = self.inner.url(Host::Www, "/oauth2/authorize");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &app.key)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("state", request.state)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("token_access_type", "offline");
        if !request.scopes.is_empty() {
            query.append_pair("scope", &request.scopes.join(" "));
        }
        if request.force_reapprove {
            query.append_pair("force_reapprove", "true");
        }
        if let Some(locale) = request.locale {
            query.append_pair("locale", locale);
        }
        drop(query);
        url
    }

    /// Turns the code of a consent into tokens. A code works once.
    pub async fn exchange_code(
        &self,
        app: &AppCredentials,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<TokenGrant, OAuthError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let answer = self.token(app, &fields, false).await?;
        let grant: GrantOnWire = decode(&answer)?;
        let refresh_token = grant.refresh_token.filter(|token| !token.is_empty());
        let refresh_token = refresh_token.ok_or_else(|| OAuthError::Unexpected {
            status: answer.status,
            message: "the answer has no refresh token, although offline use was asked for"
                .to_owned(),
            request_id: answer.request_id(),
        })?;
        Ok(TokenGrant {
            access_token: grant.access_token,
            refresh_token,
            expires_in: lifetime(&grant.expires_in),
            account_id: text(&grant.account_id),
            uid: text(&grant.uid),
            scope: text(&grant.scope)
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            team_id: Some(text(&grant.team_id)).filter(|id| !id.is_empty()),
        })
    }

    /// Gets a new access token. The older ones live on until they expire.
    pub async fn refresh(
        &self,
        app: &AppCredentials,
        refresh_token: &Secret,
    ) -> Result<Refreshed, OAuthError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        let answer = self.token(app, &fields, true).await?;
        let refreshed: RefreshedOnWire = decode(&answer)?;
        Ok(Refreshed {
            access_token: refreshed.access_token,
            expires_in: lifetime(&refreshed.expires_in),
        })
    }

    /// Withdraws the link: this token, its refresh token and all tokens of theirs.
    ///
    /// A token that Dropbox knows no more counts as withdrawn; one that has merely expired does
    /// not ([`DropboxError::TokenExpired`]), for its refresh token lives.
    pub async fn revoke(&self, access_token: &Secret) -> Result<(), DropboxError> {
        let account = Account::with_token(access_token.clone());
        let call = Call {
            route: REVOKE,
            account: Some(&account),
            payload: Payload::Nothing,
            answer_within: self.inner.call_timeout,
        };
        match self.whole(&call).await {
            Ok(_) | Err(DropboxError::LinkRevoked) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the token route, repeatedly where that is right.
    async fn token(
        &self,
        app: &AppCredentials,
        fields: &[(&str, &str)],
        repeatable: bool,
    ) -> Result<Answer, OAuthError> {
        let form = form(app, fields);
        let deadline = Instant::now() + self.inner.total_deadline;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, asked) = match self.token_once(&form).await {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => {
                    let error = refused(&answer);
                    let OAuthError::Unavailable { retry_after, .. } = &error else {
                        return Err(error);
                    };
                    let asked = match (retry_after, answer.status) {
                        (None, 429) => Some(unnamed_wait(attempt)),
                        (asked, _) => *asked,
                    };
                    // Refused before the code was looked at.
                    let untouched = matches!(answer.status, 429 | 503) && asked.is_some();
                    if !repeatable && !untouched {
                        return Err(error);
                    }
                    (error, asked)
                }
                Err(fault) => {
                    let again = repeatable || fault.unseen;
                    let error = OAuthError::Unavailable {
                        cause: fault.cause,
                        retry_after: None,
                    };
                    if !again {
                        return Err(error);
                    }
                    (error, None)
                }
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match self
                .inner
                .patience
                .after(attempt, asked, left, rand::random())
            {
                Next::RetryIn(wait) => sleep(wait).await,
                Next::GiveUp => return Err(error),
            }
        }
    }

    async fn token_once(&self, form: &str) -> Result<Answer, NoAnswer> {
        let began = Instant::now();
        let request = self
            .inner
            .calls
            .post(self.inner.url(Host::Api, "/oauth2/token"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let within = self.inner.call_timeout;
        let answer = wire::rest(wire::head(request, within).await?, within).await?;
        debug!(
            "oauth2/token: {} after {:?}, request {:?}",
            answer.status,
            began.elapsed(),
            answer.request_id(),
        );
        Ok(answer)
    }
}

/// The body of a question to the token route. Apart, because a serializer may not be held while
/// waiting for an answer.
fn form(app: &AppCredentials, fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).append_pair("client_id", &app.key);
    if !app.secret.is_empty() {
        form.append_pair("client_secret", app.secret.expose());
    }
    form.finish()
}

/// Reads a token answer. Its content is never repeated.
fn decode<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Result<T, OAuthError> {
    serde_json::from_slice(&answer.body).map_err(|fault| OAuthError::Unexpected {
        status: answer.status,
        message: format!("the answer cannot be read at column {}", fault.column()),
        request_id: answer.request_id(),
    })
}

/// An answer without tokens: RFC 6749's error names, in Dropbox's dialect.
fn refused(answer: &Answer) -> OAuthError {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let said = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    let (error, description) = (said("error"), said("error_description"));
    let retry_after = refusal::retry_after(&answer.headers, &json);
    if answer.status == 429 || answer.status >= 500 {
        return OAuthError::Unavailable {
            cause: format!("status {}", answer.status),
            retry_after,
        };
    }
    let plain = String::from_utf8_lossy(&answer.body);
    let words = match (description, error) {
        ("", "") if json.is_null() => plain.trim(),
        ("", error) => error,
        (description, _) => description,
    };
    let message: String = words.chars().take(300).collect();
    // Dropbox has written `invalid_client` with its description behind a colon.
    let is = |name: &str| error == name || error.starts_with(&format!("{name}:"));
    if is("invalid_client") || is("invalid_client_id") || is("unauthorized_client") {
        return OAuthError::WrongApp { message };
    }
    if (is("invalid_grant") || is("invalid_request") || is("redirect_uri_mismatch"))
        && (words.contains("redirect_uri") || words.contains("redirect URI"))
    {
        return OAuthError::RedirectMismatch { message };
    }
    if is("invalid_grant") {
        return OAuthError::InvalidGrant { message };
    }
    let lower = message.to_lowercase();
    if lower.contains("client_id") || lower.contains("client_secret") {
        return OAuthError::WrongApp { message };
    }
    OAuthError::Unexpected {
        status: answer.status,
        message,
        request_id: answer.request_id(),
    }
}
