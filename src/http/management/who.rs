//! Who asks: the bearer of a management token or a person who is signed in, and the application
//! that the path names. What a route needs is said in the list of routes, and is checked here
//! before its handler begins.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{self, AUTHORIZATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::routes::needed;
use crate::access::accounts::{Role, Session};
use crate::access::audit::Actor;
use crate::access::{AccessError, Application, ApplicationId, Grant, Scope};
use crate::http::{Edge, Problem};

/// The header by which our own pages show that they, and no page of strangers, make a call.
const PROOF: &str = "x-longshore-csrf";
/// What a proof is bound to, beside the session.
const PROOF_LABEL: &str = "portal call";

/// How somebody has shown who they are.
#[derive(Clone)]
pub(super) enum Who {
    /// By a management token.
    Token(Grant),
    /// By a session of the portal.
    Person(Session),
}

/// Somebody whom we know.
pub(super) struct Caller {
    /// The rooms.
    pub edge: web::Data<Edge>,
    /// What was asked.
    pub request: HttpRequest,
    /// Who.
    pub who: Who,
}

impl Caller {
    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        let edge = rooms(&request)?;
        let who = match bearer(&request) {
            Some(token) => {
                let tokens = edge.tokens.clone();
                let grant = edge.run(async move { tokens.grant_of(&token).await });
                Who::Token(grant.await?)
            }
            None => Who::Person(signed_in(&edge, &request).await?),
        };
        Ok(Self { edge, request, who })
    }

    /// How the log of changes names them.
    pub(super) fn actor(&self) -> Actor {
        match &self.who {
            Who::Token(grant) => Actor::token(&grant.id),
            Who::Person(session) => session.account.actor(),
        }
    }

    /// How much they may do with an application; nothing where it must stay unknown to them.
    async fn role(&self, application: ApplicationId) -> Result<Option<Role>, Problem> {
        match &self.who {
            Who::Token(grant) => Ok(grant.scope.reaches(application).then_some(grant.role)),
            Who::Person(session) => {
                let (accounts, id) = (self.edge.accounts.clone(), session.account.id);
                let role = self
                    .edge
                    .run(async move { accounts.role(id, application).await });
                role.await
            }
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::of(request.clone()).boxed_local()
    }
}

/// Somebody who is signed in; a token does not do.
pub(super) struct Person {
    /// The rooms.
    pub edge: web::Data<Edge>,
    /// What was asked.
    pub request: HttpRequest,
    /// Their session.
    pub session: Session,
}

impl FromRequest for Person {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let edge = rooms(&request)?;
            let session = signed_in(&edge, &request).await?;
            Ok(Self {
                edge,
                request,
                session,
            })
        }
        .boxed_local()
    }
}

/// Somebody who may do what the route does to the application in the path.
pub(super) struct Owner {
    /// The rooms.
    pub edge: web::Data<Edge>,
    /// What was asked.
    pub request: HttpRequest,
    /// The application.
    pub application: Arc<Application>,
    /// How much they may do with it.
    pub role: Role,
    /// How the log of changes names them.
    pub actor: Actor,
}

impl Owner {
    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        let caller = Caller::of(request).await?;
        let apikey = caller.request.match_info().get("apikey");
        let apikey = apikey.unwrap_or_default().to_owned();
        let applications = caller.edge.applications.clone();
        let found = caller
            .edge
            .run(async move {
                match applications.by_apikey(&apikey).await {
                    Ok(application) => Ok(Some(application)),
                    Err(AccessError::UnknownApplication) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        let unknown = || Problem::not_found("there is no such application");
        let application = found.ok_or_else(unknown)?;
        // What somebody does not reach is not there.
        let role = caller.role(application.id).await?.ok_or_else(unknown)?;
        let needed = needed(&caller.request);
        if role < needed {
            let message = format!(
                "this needs the role {}, and yours is {}",
                needed.as_str(),
                role.as_str()
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, "role-too-low", message));
        }
        Ok(Self {
            actor: caller.actor(),
            edge: caller.edge,
            request: caller.request,
            application,
            role,
        })
    }

    /// The application's id.
    pub(super) fn id(&self) -> ApplicationId {
        self.application.id
    }

    /// A number in the path; what is no number names nothing.
    pub(super) fn number(&self, name: &str) -> Result<i64, Problem> {
        number(&self.request, name)
    }
}

impl FromRequest for Owner {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::of(request.clone()).boxed_local()
    }
}

/// A number in the path; what is no number names nothing.
pub(super) fn number(request: &HttpRequest, name: &str) -> Result<i64, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse()
        .map_err(|_| Problem::not_found(format!("there is no such {name}")))
}

/// The rooms behind the edge.
pub(super) fn rooms(request: &HttpRequest) -> Result<web::Data<Edge>, Problem> {
    let edge = request.app_data::<web::Data<Edge>>().cloned();
    edge.ok_or_else(Problem::internal)
}

/// What a page of ours must send with every call that changes something.
pub(super) fn proof(edge: &Edge, session: &Session) -> String {
    edge.master_key.mac(PROOF_LABEL, &session.token_hash)
}

/// Refuses calls that a page of strangers makes.
pub(super) fn from_our_pages(edge: &Edge, request: &HttpRequest) -> Result<(), Problem> {
    let strange = || {
        let message = "this may be called from the portal's own pages alone";
        Problem::new(StatusCode::FORBIDDEN, "origin-not-allowed", message)
    };
    let text = |name: &str| Some(request.headers().get(name)?.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(strange());
    }
    match text(header::ORIGIN.as_str()) {
        Some(origin) if !origin.eq_ignore_ascii_case(edge.links.public()) => Err(strange()),
        _ => Ok(()),
    }
}

/// The person of the cookie. A call that changes something needs the proof, too.
async fn signed_in(edge: &web::Data<Edge>, request: &HttpRequest) -> Result<Session, Problem> {
    let token = request
        .cookie(super::cookie::name(edge))
        .map(|cookie| cookie.value().to_owned());
    let Some(token) = token else {
        let message = "sign in, or send a management token: Authorization: Bearer lsm_…";
        let status = StatusCode::UNAUTHORIZED;
        return Err(Problem::new(status, "wrong-credentials", message));
    };
    let accounts = edge.accounts.clone();
    let session = edge.run(async move { accounts.session(&token).await });
    let session = session.await?;
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        from_our_pages(edge, request)?;
        let shown = request.headers().get(PROOF);
        let shown = shown
            .and_then(|proof| proof.to_str().ok())
            .unwrap_or_default();
        if !edge
            .master_key
            .has_made(shown, PROOF_LABEL, &session.token_hash)
        {
            let message =
                format!("the header {PROOF} is missing or wrong; GET /api/v1/session has it");
            return Err(Problem::new(StatusCode::FORBIDDEN, "csrf", message));
        }
    }
    Ok(session)
}

fn bearer(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// Whether somebody may make applications: an operator, or a token that reaches everything.
pub(super) fn may_make_applications(who: &Who) -> bool {
    match who {
        Who::Token(grant) => grant.scope == Scope::Everything && grant.role == Role::Owner,
        Who::Person(session) => session.account.operator,
    }
}
