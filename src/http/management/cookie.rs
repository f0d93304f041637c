//! The cookie of the portal's session: for our server alone, never seen by a script.

use actix_web::cookie::time::OffsetDateTime;
use actix_web::cookie::{Cookie, SameSite};

use crate::access::accounts::SignedIn;
use crate::http::Edge;

/// Its name. Over https the browser itself sees to it that no other host and no plain http has
/// set it.
pub(super) fn name(edge: &Edge) -> &'static str {
    match is_secure(edge) {
        true => "__Host-longshore",
        false => "longshore",
    }
}

/// The cookie of a fresh session.
pub(super) fn of(edge: &Edge, session: &SignedIn) -> Cookie<'static> {
    let mut cookie = bare(edge, session.token.clone());
    if let Ok(end) = OffsetDateTime::from_unix_timestamp(session.expires_at / 1000) {
        cookie.set_expires(end);
    }
    cookie
}

/// What takes the cookie away.
pub(super) fn none(edge: &Edge) -> Cookie<'static> {
    let mut cookie = bare(edge, String::new());
    cookie.make_removal();
    cookie
}

fn bare(edge: &Edge, value: String) -> Cookie<'static> {
    Cookie::build(name(edge), value)
        .path("/")
        .http_only(true)
        .secure(is_secure(edge))
        .same_site(SameSite::Lax)
        .finish()
}

fn is_secure(edge: &Edge) -> bool {
    edge.links.public().starts_with("https://")
}
