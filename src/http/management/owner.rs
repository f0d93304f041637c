//! Who asks: the bearer of a management token, and the application that the path names.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use crate::access::{AccessError, Application, ApplicationId, Scope};
use crate::http::{Edge, Problem};

/// Somebody with a management token that is valid.
pub(super) struct Bearer {
    /// The rooms.
    pub edge: web::Data<Edge>,
    /// What was asked.
    pub request: HttpRequest,
    /// What the token reaches.
    pub scope: Scope,
}

impl Bearer {
    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        let Some(edge) = request.app_data::<web::Data<Edge>>().cloned() else {
            return Err(Problem::internal());
        };
        let token = token(&request).ok_or_else(|| {
            let message = "a management token is needed: Authorization: Bearer lsm_…";
            Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", message)
        })?;
        let tokens = edge.tokens.clone();
        let scope = edge.run(async move { tokens.scope_of(&token).await });
        let scope = scope.await?;
        Ok(Self {
            edge,
            request,
            scope,
        })
    }
}

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::of(request.clone()).boxed_local()
    }
}

/// Somebody whose token reaches the application in the path.
pub(super) struct Owner {
    /// The rooms.
    pub edge: web::Data<Edge>,
    /// What was asked.
    pub request: HttpRequest,
    /// The application.
    pub application: Arc<Application>,
}

impl Owner {
    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        let bearer = Bearer::of(request).await?;
        let apikey = bearer.request.match_info().get("apikey");
        let apikey = apikey.unwrap_or_default().to_owned();
        let applications = bearer.edge.applications.clone();
        let found = bearer
            .edge
            .run(async move {
                match applications.by_apikey(&apikey).await {
                    Ok(application) => Ok(Some(application)),
                    Err(AccessError::UnknownApplication) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        // What a token does not reach is not there.
        match found.filter(|application| bearer.scope.reaches(application.id)) {
            Some(application) => Ok(Self {
                edge: bearer.edge,
                request: bearer.request,
                application,
            }),
            None => Err(Problem::not_found("there is no such application")),
        }
    }

    /// The application's id.
    pub(super) fn id(&self) -> ApplicationId {
        self.application.id
    }

    /// A number in the path; what is no number names nothing.
    pub(super) fn number(&self, name: &str) -> Result<i64, Problem> {
        let text = self.request.match_info().get(name).unwrap_or_default();
        text.parse()
            .map_err(|_| Problem::not_found(format!("there is no such {name}")))
    }
}

impl FromRequest for Owner {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::of(request.clone()).boxed_local()
    }
}

fn token(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
