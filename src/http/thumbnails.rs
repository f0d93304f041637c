//! `GET /thumbnail/…` and `GET /icons/….svg`: the pictures of a listing.
//!
//! A thumbnail's link is signed and short-lived, and is all that is needed to see it: pages show
//! it in an `img`, which sends no token.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder, web};

use super::edge::Edge;
use super::problem::{Problem, Refusal};

/// Every icon, by the name that `picking::browse` gives its kind.
const ICONS: [(&str, &str); 11] = [
    ("archive", include_str!("../../web/icons/archive.svg")),
    ("audio", include_str!("../../web/icons/audio.svg")),
    ("document", include_str!("../../web/icons/document.svg")),
    ("file", include_str!("../../web/icons/file.svg")),
    ("folder", include_str!("../../web/icons/folder.svg")),
    ("image", include_str!("../../web/icons/image.svg")),
    ("pdf", include_str!("../../web/icons/pdf.svg")),
    ("sheet", include_str!("../../web/icons/sheet.svg")),
    ("slides", include_str!("../../web/icons/slides.svg")),
    ("text", include_str!("../../web/icons/text.svg")),
    ("video", include_str!("../../web/icons/video.svg")),
];

/// The picture of one file; the icon of pictures where Dropbox can make none.
pub(super) async fn picture(
    edge: web::Data<Edge>,
    link: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let (browser, link) = (edge.browser.clone(), link.into_inner());
    let picture = edge
        .run(async move { browser.thumbnail(&link).await })
        .await?;
    let keep = format!("private, max-age={}", picture.good_for);
    let mut response = shown(&keep);
    Ok(match picture.jpeg {
        Some(jpeg) => response.content_type("image/jpeg").body(jpeg),
        None => response.content_type("image/svg+xml").body(svg("image")),
    })
}

/// The picture of a kind of file.
pub(super) async fn icon(name: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let known = ICONS.iter().find(|(kind, _)| *kind == name.as_str());
    match known {
        Some((_, svg)) => Ok(shown("public, max-age=86400")
            .content_type("image/svg+xml")
            .body(*svg)),
        None => Err(Problem::not_found("there is no such icon").into()),
    }
}

fn svg(kind: &str) -> &'static str {
    let known = ICONS.iter().find(|(name, _)| *name == kind);
    known.map_or("", |(_, svg)| *svg)
}

/// An answer that other sites may show and that nothing may run in.
fn shown(keep: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, keep))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ));
    response
}
