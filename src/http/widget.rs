//! `/picker/…` and `/longshore.js`: the picker widget, embedded in the program by `build.rs`.
//!
//! filestack-js asks for `picker.js` below the version that it was made for, so every version
//! leads to the one picker there is. Scripts are asked for anew each time (an `ETag` makes that
//! cheap); what they load bears its hash in its name and is kept for a year. Every site may load
//! all of them: pages of strangers are what they are for.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};

use super::problem::{Problem, Refusal};

/// Names and bytes of the bundle's files; none when it was built without the picker.
const BUNDLE: Option<&[(&str, &[u8])]> = include!(concat!(env!("OUT_DIR"), "/picker.rs"));

/// One file of the bundle.
struct Script {
    bytes: &'static [u8],
    etag: String,
}

static SCRIPTS: LazyLock<HashMap<&str, Script>> = LazyLock::new(|| {
    let files = BUNDLE.unwrap_or_default().iter();
    files
        .map(|(name, bytes)| {
            let etag = format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..12]));
            (*name, Script { bytes, etag })
        })
        .collect()
});

/// The page's door of our own.
pub(super) async fn loader(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    serve(&request, "longshore.js")
}

/// `picker.js` and what it loads, below any version.
pub(super) async fn script(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (_version, name) = path.into_inner();
    serve(&request, &name)
}

fn serve(request: &HttpRequest, name: &str) -> Result<HttpResponse, Refusal> {
    if BUNDLE.is_none() {
        let message = "built without the picker: install Node and build again";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "picker-missing", message).into());
    }
    let (script, keeping) = match SCRIPTS.get(name) {
        Some(script) => (script, keeping(name)),
        None => (other_version(name)?, "no-store"),
    };
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.contains(&script.etag));
    let mut response = HttpResponse::build(if known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    response
        .insert_header((ETAG, script.etag.as_str()))
        .insert_header((CACHE_CONTROL, keeping))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ));
    if known {
        return Ok(response.finish());
    }
    response.insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"));
    Ok(response.body(script.bytes))
}

/// The widget's module of this version for a page whose door came from another one: while nodes
/// are replaced one after the other, or from a browser's cache.
fn other_version(name: &str) -> Result<&'static Script, Problem> {
    let is_widget = |name: &str| name.starts_with("widget-") && name.ends_with(".js");
    let ours = SCRIPTS.iter().find(|(ours, _)| is_widget(ours));
    ours.filter(|_| is_widget(name))
        .map(|(_, script)| script)
        .ok_or_else(|| Problem::not_found("the picker has no such script"))
}

/// How long a browser may keep a script.
fn keeping(name: &str) -> &'static str {
    match name {
        // Five minutes without a question, as `api/file` scripts of others have it, and an old
        // one while the new one comes: a page must not wait for us.
        "picker.js" | "longshore.js" => "public, max-age=300, stale-while-revalidate=86400",
        _ => "public, max-age=31536000, immutable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_asked_for_anew_and_what_bears_a_hash_is_kept() {
        assert!(keeping("picker.js").contains("max-age=300"));
        assert!(keeping("longshore.js").contains("max-age=300"));
        assert!(keeping("widget-abc.js").contains("immutable"));
    }

    #[test]
    fn the_bundle_has_its_doors_and_the_module_they_name() {
        let Some(files) = BUNDLE else { return };
        for door in ["picker.js", "longshore.js"] {
            let (_, bytes) = files.iter().find(|(name, _)| *name == door).unwrap();
            let text = String::from_utf8_lossy(bytes);
            let named = files
                .iter()
                .any(|(name, _)| name.starts_with("widget-") && text.contains(name));
            assert!(named, "{door} names no module of the bundle");
        }
    }
}
