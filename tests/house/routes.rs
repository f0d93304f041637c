//! The OpenAPI document and `docs/API.md` have the routes that the server has.

use std::collections::BTreeSet;

use longshore::http::OPENAPI;
use regex::Regex;
use serde_json::Value;

use super::read;

/// Method and path of each route that the sources hang in, but for the management API, which is
/// compared with its own table, and pages.
fn hung_in() -> BTreeSet<(String, String)> {
    let single = Regex::new(r#"\.route\(\s*"([^"]+)",\s*(?:web::)?([a-z]+)\(\)"#).unwrap();
    let several = Regex::new(r"\.route\(web::([a-z]+)\(\)").unwrap();
    let mut routes = BTreeSet::new();
    let mut add = |method: &str, path: &str| {
        // With and without a slash at the end is one route; a link may look like anything.
        let path = match path {
            "/store" | "/link" => format!("{path}/"),
            "/folder/list/" | "/auth/logout/" => path.trim_end_matches('/').to_owned(),
            "/{link:.*}" => "/{handle}".to_owned(),
            path => path.to_owned(),
        };
        routes.insert((method.to_uppercase(), path));
    };
    for source in ["src/http/mod.rs", "src/http/files/mod.rs"] {
        let text = read(source);
        for route in single.captures_iter(&text) {
            add(&route[2], &route[1]);
        }
        for resource in text.split("web::resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').unwrap();
            let rest = rest.split("default_service").next().unwrap_or_default();
            for method in several.captures_iter(rest) {
                add(&method[1], path);
            }
        }
    }
    // The same handler as GET; the document tells of one.
    routes.retain(|(method, path)| path != "/{handle}" || method == "GET");
    routes
}

fn documented() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

#[test]
fn the_openapi_document_has_the_routes_of_the_server() {
    let real = hung_in();
    assert!(real.len() > 20, "{real:?}");
    let told: BTreeSet<_> = documented()
        .into_iter()
        .filter(|(_, path)| !path.starts_with("/api/v1"))
        .collect();
    let missing: Vec<_> = real.difference(&told).collect();
    assert!(missing.is_empty(), "the document lacks {missing:?}");
    let invented: Vec<_> = told.difference(&real).collect();
    assert!(invented.is_empty(), "the server lacks {invented:?}");
}

#[test]
fn the_api_document_names_every_route() {
    let text = read("docs/API.md");
    for (_, path) in documented() {
        // Written alone, or before a note in the same code.
        let named = text.contains(&format!("{path}`")) || text.contains(&format!("{path},"));
        assert!(named, "docs/API.md lacks {path}");
    }
}

#[test]
fn every_reference_within_the_openapi_document_resolves() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let reference = Regex::new(r##""\$ref":"#([^"]+)""##).unwrap();
    let text = document.to_string();
    let mut used = BTreeSet::new();
    for found in reference.captures_iter(&text) {
        assert!(document.pointer(&found[1]).is_some(), "{}", &found[1]);
        used.insert(found[1].to_owned());
    }
    for kind in ["schemas", "responses", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let path = format!("/components/{kind}/{name}");
            assert!(used.contains(&path), "nothing uses {path}");
        }
    }
}
