//! The description of the HTTP API, served and printed as it is written.

use actix_web::HttpResponse;

/// The OpenAPI document.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// Serves it.
pub(super) async fn get() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Cache-Control", "public, max-age=300"))
        .body(DOCUMENT)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_bears_the_version_of_the_program() {
        let document: serde_json::Value = serde_json::from_str(super::DOCUMENT).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
