//! `/portal`: the developer portal's pages, embedded in the program by `build.rs`.
//!
//! One page for every address below it; what it shows, it asks of the management API like any
//! script. It loads nothing but its own script and styles, sends nothing elsewhere, and stands in
//! nobody's frame: what strangers call their files and endpoints is shown there.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};

use super::{Problem, get};

/// Paths and bytes of the bundle's files; none when it was built without the portal.
const BUNDLE: Option<&[(&str, &[u8])]> = include!(concat!(env!("OUT_DIR"), "/portal.rs"));

/// The page itself.
const PAGE: &str = "index.html";

/// What the page may do. Pictures of files come from this server and from nowhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

static FILES: LazyLock<HashMap<&str, &[u8]>> =
    LazyLock::new(|| BUNDLE.unwrap_or_default().iter().copied().collect());

/// Hangs the pages in.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/portal", get().to(serve))
        .route("/portal/{path:.*}", get().to(serve));
}

/// A file of the bundle, or the page.
async fn serve(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if BUNDLE.is_none() {
        let message = "built without the portal: install Node and build again";
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "portal-missing",
            message,
        ));
    }
    let path = request.match_info().get("path").unwrap_or_default();
    // What bears its hash in its name is kept for good; the page that names it never.
    let (path, keeping) = match path.starts_with("assets/") {
        true => (path, "public, max-age=31536000, immutable"),
        false => (PAGE, "no-cache"),
    };
    let Some((path, bytes)) = FILES.get_key_value(path) else {
        return Err(Problem::not_found("the portal has no such file"));
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind(path)))
        .insert_header((CACHE_CONTROL, keeping))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(*bytes))
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
