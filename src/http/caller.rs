//! Who asks: the application named by an API key, and the page's origin.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use base64::Engine as _;

use super::{Edge, Problem};
use crate::access::Application;

/// The application with this API key, after checking that the asking page may use it.
///
/// # Errors
/// 400 without a key, 401 for an unknown one, 403 for a page of another origin.
pub(super) async fn application(
    edge: &Edge,
    request: &HttpRequest,
    apikey: Option<&str>,
) -> Result<Arc<Application>, Problem> {
    let Some(apikey) = apikey.filter(|key| !key.is_empty()) else {
        return Err(Problem::bad_request("apikey is missing"));
    };
    let (applications, apikey) = (edge.applications.clone(), apikey.to_owned());
    let application = edge
        .run(async move { applications.by_apikey(&apikey).await })
        .await?;
    check_origin(request, &application, edge.links.public())?;
    Ok(application)
}

/// Refuses pages of origins that the application does not list. Servers send no `Origin`, and
/// our own pages are always welcome.
pub(super) fn check_origin(
    request: &HttpRequest,
    application: &Application,
    own: &str,
) -> Result<(), Problem> {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return Ok(());
    };
    // An origin that is no text is on nobody's list.
    let origin = origin.to_str().unwrap_or_default();
    let listed = application
        .allowed_origins
        .iter()
        .any(|o| o.eq_ignore_ascii_case(origin));
    if application.allowed_origins.is_empty() || listed || origin.eq_ignore_ascii_case(own) {
        return Ok(());
    }
    let message = "this application may not be used from this origin";
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "origin-not-allowed",
        message,
    ))
}

/// The secret of HTTP Basic `app:SECRET`, with which a server shows that it is the application.
pub(super) fn basic_secret(request: &HttpRequest) -> Option<String> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .filter(|(user, _)| *user == "app")
        .map(|(_, secret)| secret.to_owned())
}
