//! The demo's page and the files it is made of, embedded in the program.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

use crate::http::{Edge, Problem};

/// Nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const NO_DEMO: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
     <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
     <title>No demo here</title><p>This server does not run the demo: start one with \
     <code>longshore demo</code>, which brings a simulated Dropbox along.</p></html>";

#[derive(RustEmbed)]
#[folder = "web/demo"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
struct Files;

/// The page, or how to get it.
pub(super) async fn index(edge: web::Data<Edge>, request: HttpRequest) -> HttpResponse {
    if edge.demo.is_none() {
        return HttpResponse::NotFound()
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"))
            .body(NO_DEMO);
    }
    file(&request, "index.html").unwrap_or_else(|| HttpResponse::NotFound().finish())
}

/// One of the page's files.
pub(super) async fn asset(
    edge: web::Data<Edge>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = edge.demo.as_ref().and_then(|_| file(&request, &name));
    found.ok_or_else(|| Problem::not_found("there is no such page"))
}

/// What the page needs to begin.
pub(super) async fn config(edge: web::Data<Edge>) -> Result<HttpResponse, Problem> {
    let demo = super::subscriber::of(&edge)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(demo.beginning()))
}

/// A picture to be tried as a link.
pub(super) async fn chart(edge: web::Data<Edge>) -> Result<HttpResponse, Problem> {
    let demo = super::subscriber::of(&edge)?;
    // Drawn when it is asked for, which few do: it takes a moment of a processor.
    let drawn = web::block(demo.draw).await;
    let drawn = drawn.map_err(std::io::Error::other).flatten();
    let png = drawn.map_err(|error| {
        log::error!("the picture of the demo cannot be drawn: {error}");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .content_type("image/png")
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(png))
}

fn file(request: &HttpRequest, name: &str) -> Option<HttpResponse> {
    let file = Files::get(name)?;
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return None,
    };
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|tags| tags.to_str().is_ok_and(|tags| tags.contains(&etag)));
    let status = if known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((ETAG, etag))
        // Asked again each time: a page of yesterday's version would not fit today's server.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
        ));
    if known {
        return Some(response.finish());
    }
    response.insert_header((CONTENT_TYPE, kind));
    Some(response.body(file.data.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_all_it_names_are_embedded() {
        let index = Files::get("index.html").unwrap();
        let html = String::from_utf8(index.data.into_owned()).unwrap();
        let named = html.split("/demo/").skip(1);
        let names: Vec<&str> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(!names.is_empty());
        for name in names {
            assert!(Files::get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn nothing_is_inline_or_from_elsewhere() {
        for name in Files::iter() {
            let text = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
            let foreign = text.match_indices("https://").map(|(at, _)| &text[at..]);
            let foreign: Vec<&str> = foreign.filter_map(|link| link.lines().next()).collect();
            assert!(foreign.is_empty(), "{name}: {foreign:?}");
            if name.ends_with(".html") {
                for inline in ["<style", "style=", "onclick", "javascript:"] {
                    assert!(!text.contains(inline), "{name}: {inline}");
                }
            }
        }
    }
}
