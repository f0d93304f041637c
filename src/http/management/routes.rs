//! Every route of the management API, and what it needs.

use actix_web::http::Method;
use actix_web::{HttpRequest, Route};

use super::{applications, deliveries, endpoints, events, files, members, session, usage};
use crate::access::accounts::Role;
use Method as M;
use Role::{Developer, Owner, Viewer};

/// Where the management API begins.
pub(super) const PREFIX: &str = "/api/v1";

/// One route: its method, its path below [`PREFIX`], the role it needs on the application in the
/// path, its handler. A route that names no application looks for itself.
pub(super) struct Listed {
    pub method: Method,
    pub path: &'static str,
    pub needs: Role,
    pub to: fn(Route) -> Route,
}

const fn route(method: Method, path: &'static str, needs: Role, to: fn(Route) -> Route) -> Listed {
    Listed {
        method,
        path,
        needs,
        to,
    }
}

/// Every route; the OpenAPI document is compared with it.
#[rustfmt::skip]
pub(super) static ROUTES: [Listed; 43] = [
    route(M::POST, "/session", Viewer, |r| r.to(session::sign_in)),
    route(M::GET, "/session", Viewer, |r| r.to(session::get)),
    route(M::DELETE, "/session", Viewer, |r| r.to(session::sign_out)),
    route(M::POST, "/invitations/look", Viewer, |r| r.to(session::look)),
    route(M::POST, "/invitations/accept", Viewer, |r| r.to(session::accept)),
    route(M::POST, "/accounts", Viewer, |r| r.to(session::join)),
    route(M::PATCH, "/account", Viewer, |r| r.to(session::change)),
    route(M::GET, "/account/sessions", Viewer, |r| r.to(session::sessions)),
    route(M::DELETE, "/account/sessions/{session}", Viewer, |r| r.to(session::end)),
    route(M::POST, "/account/second-factor", Viewer, |r| r.to(session::offer)),
    route(M::POST, "/account/second-factor/confirm", Viewer, |r| r.to(session::confirm)),
    route(M::POST, "/account/second-factor/withdraw", Viewer, |r| r.to(session::withdraw)),
    route(M::GET, "/token", Viewer, |r| r.to(applications::token)),
    route(M::GET, "/applications", Viewer, |r| r.to(applications::list)),
    route(M::POST, "/applications", Viewer, |r| r.to(applications::create)),
    route(M::GET, "/applications/{apikey}", Viewer, |r| r.to(applications::get)),
    route(M::PATCH, "/applications/{apikey}", Developer, |r| r.to(applications::change)),
    route(M::GET, "/applications/{apikey}/usage", Viewer, |r| r.to(usage::get)),
    route(M::GET, "/applications/{apikey}/endpoints", Viewer, |r| r.to(endpoints::list)),
    route(M::POST, "/applications/{apikey}/endpoints", Developer, |r| r.to(endpoints::create)),
    route(M::GET, "/applications/{apikey}/endpoints/{endpoint}", Viewer, |r| r.to(endpoints::get)),
    route(M::PATCH, "/applications/{apikey}/endpoints/{endpoint}", Developer, |r| r.to(endpoints::change)),
    route(M::DELETE, "/applications/{apikey}/endpoints/{endpoint}", Developer, |r| r.to(endpoints::delete)),
    route(M::POST, "/applications/{apikey}/endpoints/{endpoint}/rotate-secret", Developer, |r| r.to(endpoints::rotate_secret)),
    route(M::POST, "/applications/{apikey}/endpoints/{endpoint}/promote-secret", Developer, |r| r.to(endpoints::promote_secret)),
    route(M::POST, "/applications/{apikey}/endpoints/{endpoint}/resend-failed", Developer, |r| r.to(deliveries::resend_failed)),
    route(M::GET, "/applications/{apikey}/deliveries", Viewer, |r| r.to(deliveries::list)),
    route(M::GET, "/applications/{apikey}/deliveries/{delivery}", Viewer, |r| r.to(deliveries::get)),
    route(M::POST, "/applications/{apikey}/deliveries/{delivery}/resend", Developer, |r| r.to(deliveries::resend)),
    route(M::GET, "/applications/{apikey}/events", Viewer, |r| r.to(events::list)),
    route(M::GET, "/applications/{apikey}/events/{event}", Viewer, |r| r.to(events::get)),
    route(M::GET, "/applications/{apikey}/files", Viewer, |r| r.to(files::list)),
    route(M::GET, "/applications/{apikey}/files/{handle}", Viewer, |r| r.to(files::get)),
    route(M::GET, "/applications/{apikey}/members", Viewer, |r| r.to(members::list)),
    route(M::PATCH, "/applications/{apikey}/members/{member}", Owner, |r| r.to(members::change)),
    route(M::DELETE, "/applications/{apikey}/members/{member}", Owner, |r| r.to(members::remove)),
    route(M::GET, "/applications/{apikey}/invitations", Owner, |r| r.to(members::invitations)),
    route(M::POST, "/applications/{apikey}/invitations", Owner, |r| r.to(members::invite)),
    route(M::DELETE, "/applications/{apikey}/invitations/{invitation}", Owner, |r| r.to(members::withdraw)),
    route(M::GET, "/applications/{apikey}/tokens", Owner, |r| r.to(members::tokens)),
    route(M::POST, "/applications/{apikey}/tokens", Owner, |r| r.to(members::create_token)),
    route(M::DELETE, "/applications/{apikey}/tokens/{token}", Owner, |r| r.to(members::revoke_token)),
    route(M::GET, "/applications/{apikey}/log", Viewer, |r| r.to(members::log)),
];

/// The role that the route of a request needs.
pub(super) fn needed(request: &HttpRequest) -> Role {
    let pattern = request.match_pattern().unwrap_or_default();
    let path = pattern.strip_prefix(PREFIX).unwrap_or_default();
    // HEAD is asked where GET is.
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref other => other.clone(),
    };
    let mut listed = ROUTES.iter();
    let found = listed.find(|route| route.path == path && route.method == method);
    // What is not listed needs the most: a fault of ours must not open a door.
    found.map_or(Role::Owner, |route| route.needs)
}
