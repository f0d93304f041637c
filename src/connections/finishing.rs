//! The way back from Dropbox: a code becomes tokens, tokens become a connection.

use std::sync::Arc;

use futures_util::FutureExt;
use sqlx::Row;

use super::authorizing::Journey;
use super::connection::State;
use super::outcome::CONNECTED;
use super::settings::ms;
use super::{ConnectionError, Connections, Failure, Intent};
use crate::access::{Application, token_hash};
use crate::database::{DatabaseError, Tx};
use crate::dropbox::{Account, AppCredentials, CurrentAccount, TokenGrant};

/// What Dropbox sent the person back with.
#[derive(Clone, Default)]
pub struct Answer {
    /// The code of a consent.
    pub code: Option<String>,
    /// What we sent along.
    pub state: Option<String>,
    /// Why there is no consent (RFC 6749, 4.1.2.1).
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}

/// How a way to Dropbox ended, for the page that ends it.
pub struct Finished {
    /// Whose picker it was; not known without a state of ours.
    pub application: Option<Arc<Application>>,
    /// The address of the connected Dropbox, or why there is none.
    pub result: Result<String, Failure>,
    /// Where the person goes now, if not simply back to the page that waits. It is what a page
    /// asked for, not yet checked against the application's origins.
    pub return_url: Option<String>,
}

impl Connections {
    /// Ends a way to Dropbox. What began is brought to its end even when the person closes the
    /// popup meanwhile and the caller stops waiting.
    pub async fn finish(&self, intent: Intent, answer: Answer) -> Finished {
        let this = self.clone();
        let task = tokio::spawn(async move { this.finish_here(intent, answer).await });
        task.await.unwrap_or_else(|ended| {
            log::error!("connecting came to a sudden end: {ended}");
            ended_without_a_trace(Failure::Internal)
        })
    }

    async fn finish_here(&self, intent: Intent, answer: Answer) -> Finished {
        let state = answer.state.clone().unwrap_or_default();
        let Some((journey, late)) = self.journey(&state).filter(|(j, _)| j.intent == intent) else {
            return ended_without_a_trace(Failure::UnknownState);
        };
        let state_hash = token_hash(&state);
        let application = match self.begin_end(&journey, &state_hash).await {
            Ok(application) => application,
            Err(failure) => {
                return Finished {
                    application: None,
                    result: Err(failure),
                    return_url: None,
                };
            }
        };
        let result = if late {
            Err(Failure::Expired)
        } else {
            self.connect(&application, &journey, &state_hash, answer)
                .await
        };
        if let Err(failure) = &result {
            self.keep_failure(state_hash, failure).await;
        }
        self.inner.ended.send_modify(|count| *count += 1);
        Finished {
            application: Some(application),
            result,
            return_url: journey.return_url,
        }
    }

    /// Uses the state up and finds the application. A state that comes a second time (the page
    /// was loaded again) changes nothing of what its first coming brought.
    async fn begin_end(
        &self,
        journey: &Journey,
        state_hash: &str,
    ) -> Result<Arc<Application>, Failure> {
        let needs = &self.inner.needs;
        let known = needs.applications.by_id(journey.application_id).await;
        let application = known.map_err(|error| internal(&error))?;
        let (state_hash, journey) = (state_hash.to_owned(), journey.clone());
        let now = needs.clock.now_ms();
        // Kept for as long as the state could come again, and a while longer for those who ask.
        let expires = now + 2 * ms(self.inner.settings.authorization_lifetime) + 3_600_000;
        let claimed: Result<(), DatabaseError> = needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "INSERT INTO authorizations (state_hash, application_id, session_hash, \
                         purpose, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
                    )
                    .bind(state_hash)
                    .bind(journey.application_id.0)
                    .bind(journey.session_hash)
                    .bind(journey.intent.as_str())
                    .bind(now)
                    .bind(expires)
                    .execute(tx)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await;
        match claimed {
            Ok(()) => Ok(application),
            Err(DatabaseError::Duplicate) => Err(Failure::Used),
            Err(error) => Err(internal(&error)),
        }
    }

    async fn connect(
        &self,
        application: &Application,
        journey: &Journey,
        state_hash: &str,
        answer: Answer,
    ) -> Result<String, Failure> {
        let app = self
            .app_of(application)
            .map_err(|_| Failure::NotConfigured)?;
        let code = code_of(answer)?;
        let dropbox = &self.inner.needs.dropbox;
        let uri = self.redirect_uri(journey.intent);
        let exchanged = dropbox.exchange_code(&app, &code, &uri, &journey.verifier);
        let exchanged = exchanged.await;
        let grant = exchanged.map_err(|error| Failure::of_exchange(error, uri))?;
        let connected = self
            .welcome(&app, journey, state_hash.to_owned(), &grant)
            .await;
        if connected.is_err() {
            // A grant that nobody keeps should not stay open at Dropbox either.
            if let Err(error) = dropbox.revoke(&grant.access_token).await {
                log::warn!("a grant that is not kept could not be revoked: {error}");
            }
        }
        connected
    }

    /// Looks whose Dropbox it is and keeps the connection.
    async fn welcome(
        &self,
        app: &AppCredentials,
        journey: &Journey,
        state_hash: String,
        grant: &TokenGrant,
    ) -> Result<String, Failure> {
        let has = |scope: &&&str| grant.scope.iter().any(|granted| granted == **scope);
        let missing: Vec<&str> = journey
            .intent
            .scopes()
            .iter()
            .filter(|scope| !has(scope))
            .copied()
            .collect();
        if !grant.scope.is_empty() && !missing.is_empty() {
            return Err(Failure::MissingScopes(missing.join(", ")));
        }
        let account = Account::with_token(grant.access_token.clone());
        let dropbox = &self.inner.needs.dropbox;
        let person = dropbox
            .get_current_account(&account)
            .await
            .map_err(Failure::of_call)?;
        let row = self
            .new_row(app, journey, grant, &person)
            .map_err(|error| internal(&error))?;
        let hash = journey.session_hash.clone();
        let now = self.inner.needs.clock.now_ms();
        let until = now + ms(self.inner.settings.session_lifetime);
        let kept: Result<(), DatabaseError> = self
            .inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    let id = row.insert(tx, now).await?;
                    bind(tx, &row, id, &hash, (now, until)).await?;
                    end(tx, state_hash, CONNECTED, String::new(), now).await
                }
                .boxed()
            })
            .await;
        kept.map_err(|error| internal(&error))?;
        Ok(person.email)
    }

    fn new_row(
        &self,
        app: &AppCredentials,
        journey: &Journey,
        grant: &TokenGrant,
        person: &CurrentAccount,
    ) -> Result<NewRow, ConnectionError> {
        let root = person.root_info.as_ref();
        let expires = self.inner.needs.clock.now_ms() + ms(grant.expires_in);
        Ok(NewRow {
            application_id: journey.application_id.0,
            app_key: app.key.clone(),
            account_id: person.account_id.clone(),
            email: person.email.clone(),
            display_name: person.name.display_name.clone(),
            root: root.map_or_else(String::new, |r| r.root_namespace_id.clone()),
            home: root.map_or_else(String::new, |r| r.home_namespace_id.clone()),
            refresh_token: self.seal(&grant.refresh_token)?,
            access_token: self.seal(&grant.access_token)?,
            access_expires_at: expires,
        })
    }

    async fn keep_failure(&self, state_hash: String, failure: &Failure) {
        log::info!(
            "a Dropbox was not connected ({}): {failure}",
            failure.code()
        );
        let (code, message) = (failure.code(), format!("{failure}. {}", failure.advice()));
        let now = self.inner.needs.clock.now_ms();
        let kept: Result<(), DatabaseError> = self
            .inner
            .needs
            .database
            .write(move |tx| async move { end(tx, state_hash, code, message, now).await }.boxed())
            .await;
        if let Err(error) = kept {
            log::warn!("how connecting ended could not be kept: {error}");
        }
    }
}

/// A connection that is about to be kept.
struct NewRow {
    application_id: i64,
    app_key: String,
    account_id: String,
    email: String,
    display_name: String,
    root: String,
    home: String,
    refresh_token: Vec<u8>,
    access_token: Vec<u8>,
    access_expires_at: i64,
}

impl NewRow {
    async fn insert(&self, tx: &mut Tx, now: i64) -> Result<i64, DatabaseError> {
        let row = sqlx::query(
            "INSERT INTO connections (application_id, app_key, account_id, email, display_name, \
             root_namespace_id, home_namespace_id, refresh_token, access_token, \
             access_expires_at, created_at, updated_at, last_used_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11) RETURNING id",
        )
        .bind(self.application_id)
        .bind(self.app_key.clone())
        .bind(self.account_id.clone())
        .bind(self.email.clone())
        .bind(self.display_name.clone())
        .bind(self.root.clone())
        .bind(self.home.clone())
        .bind(self.refresh_token.clone())
        .bind(self.access_token.clone())
        .bind(self.access_expires_at)
        .bind(now)
        .fetch_one(tx)
        .await?;
        Ok(row.try_get("id")?)
    }
}

/// Gives the session its new connection; the one it had before is signed out.
///
/// The session's row is taken first: of two ways that end at once, one waits here for the other
/// and then sees its connection, which nobody else would sign out.
async fn bind(
    tx: &mut Tx,
    row: &NewRow,
    id: i64,
    session_hash: &str,
    (now, until): (i64, i64),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO sessions (token_hash, application_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (token_hash) DO UPDATE SET \
         expires_at = excluded.expires_at",
    )
    .bind(session_hash.to_owned())
    .bind(row.application_id)
    .bind(now)
    .bind(until)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE connections SET state = $1, updated_at = $2 WHERE state = $3 AND id IN \
         (SELECT connection_id FROM sessions WHERE token_hash = $4)",
    )
    .bind(State::SignedOut.number())
    .bind(now)
    .bind(State::Live.number())
    .bind(session_hash.to_owned())
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE sessions SET connection_id = $1 WHERE token_hash = $2")
        .bind(id)
        .bind(session_hash.to_owned())
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes down how a way ended.
async fn end(
    tx: &mut Tx,
    state_hash: String,
    outcome: &'static str,
    message: String,
    now: i64,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE authorizations SET outcome = $1, message = $2, ended_at = $3 \
         WHERE state_hash = $4",
    )
    .bind(outcome)
    .bind(message)
    .bind(now)
    .bind(state_hash)
    .execute(tx)
    .await?;
    Ok(())
}

/// The code that came, or why none did.
fn code_of(answer: Answer) -> Result<String, Failure> {
    match (answer.code, answer.error) {
        (_, Some(error)) if error == "access_denied" => Err(Failure::Denied),
        (_, Some(error)) => {
            let words = answer.error_description.unwrap_or(error);
            let words: String = words
                .chars()
                .filter(|c| !c.is_control())
                .take(300)
                .collect();
            Err(Failure::Refused(words))
        }
        (Some(code), None) if !code.is_empty() => Ok(code),
        _ => Err(Failure::Refused("no code came back".to_owned())),
    }
}

fn ended_without_a_trace(failure: Failure) -> Finished {
    Finished {
        application: None,
        result: Err(failure),
        return_url: None,
    }
}

fn internal(error: &dyn std::fmt::Display) -> Failure {
    log::error!("connecting failed: {error}");
    Failure::Internal
}
