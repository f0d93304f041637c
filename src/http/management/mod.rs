//! The management API, `/api/v1`: what the owner of an application sees and sets.
//!
//! Everything below `/applications/{apikey}` is reached through [`Owner`], which has checked the
//! bearer token before a handler begins: what a token does not reach answers as if it did not
//! exist. Lists are pages with a cursor; unknown members and parameters are refused by name.
//! Times are milliseconds since the epoch. No answer but the one that makes a secret shows it.

mod applications;
mod asked;
mod deliveries;
mod endpoints;
mod events;
mod files;
mod owner;
mod usage;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Route};
use serde_json::{Value, json};

use super::Problem;
use asked::Body;
use owner::{Bearer, Owner};

const PREFIX: &str = "/api/v1";

/// One route: its method, its path below [`PREFIX`], its handler.
type Listed = (Method, &'static str, fn(Route) -> Route);

/// Every route; the OpenAPI document is compared with it.
const ROUTES: [Listed; 21] = [
    (Method::GET, "/token", |r| r.to(applications::token)),
    (Method::GET, "/applications", |r| r.to(applications::list)),
    (Method::POST, "/applications", |r| {
        r.to(applications::create)
    }),
    (Method::GET, "/applications/{apikey}", |r| {
        r.to(applications::get)
    }),
    (Method::PATCH, "/applications/{apikey}", |r| {
        r.to(applications::change)
    }),
    (Method::GET, "/applications/{apikey}/usage", |r| {
        r.to(usage::get)
    }),
    (Method::GET, "/applications/{apikey}/endpoints", |r| {
        r.to(endpoints::list)
    }),
    (Method::POST, "/applications/{apikey}/endpoints", |r| {
        r.to(endpoints::create)
    }),
    (
        Method::GET,
        "/applications/{apikey}/endpoints/{endpoint}",
        |r| r.to(endpoints::get),
    ),
    (
        Method::PATCH,
        "/applications/{apikey}/endpoints/{endpoint}",
        |r| r.to(endpoints::change),
    ),
    (
        Method::DELETE,
        "/applications/{apikey}/endpoints/{endpoint}",
        |r| r.to(endpoints::delete),
    ),
    (
        Method::POST,
        "/applications/{apikey}/endpoints/{endpoint}/rotate-secret",
        |r| r.to(endpoints::rotate_secret),
    ),
    (
        Method::POST,
        "/applications/{apikey}/endpoints/{endpoint}/promote-secret",
        |r| r.to(endpoints::promote_secret),
    ),
    (
        Method::POST,
        "/applications/{apikey}/endpoints/{endpoint}/resend-failed",
        |r| r.to(deliveries::resend_failed),
    ),
    (Method::GET, "/applications/{apikey}/deliveries", |r| {
        r.to(deliveries::list)
    }),
    (
        Method::GET,
        "/applications/{apikey}/deliveries/{delivery}",
        |r| r.to(deliveries::get),
    ),
    (
        Method::POST,
        "/applications/{apikey}/deliveries/{delivery}/resend",
        |r| r.to(deliveries::resend),
    ),
    (Method::GET, "/applications/{apikey}/events", |r| {
        r.to(events::list)
    }),
    (Method::GET, "/applications/{apikey}/events/{event}", |r| {
        r.to(events::get)
    }),
    (Method::GET, "/applications/{apikey}/files", |r| {
        r.to(files::list)
    }),
    (Method::GET, "/applications/{apikey}/files/{handle}", |r| {
        r.to(files::get)
    }),
];

/// Hangs the routes in.
pub(super) fn routes(config: &mut ServiceConfig) {
    let mut scope = web::scope(PREFIX);
    let mut paths: Vec<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        for (method, _, to) in ROUTES.iter().filter(|(_, other, _)| *other == path) {
            resource = resource.route(to(web::method(method.clone())));
        }
        scope = scope.service(resource.default_service(web::to(no_such_method)));
    }
    config.service(scope.default_service(web::to(nothing_here)));
}

async fn no_such_method() -> Result<HttpResponse, Problem> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let message = "this route does not answer to this method";
    Err(Problem::new(status, "method-not-allowed", message))
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is no such route"))
}

/// An answer that no cache keeps.
fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header(("Cache-Control", "no-store"))
        .json(body)
}

fn ok(body: &Value) -> HttpResponse {
    answer(StatusCode::OK, body)
}

/// One page of a list: `rows` holds one more than were asked for if there is a next page.
/// `shown` makes the JSON of a row, `place` its cursor.
fn page<T>(
    mut rows: Vec<T>,
    limit: usize,
    shown: impl Fn(&T) -> Value,
    place: impl Fn(&T) -> String,
) -> HttpResponse {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(place);
    let items: Vec<Value> = rows.iter().map(shown).collect();
    ok(&json!({ "items": items, "next": next }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::OPENAPI;

    #[test]
    fn the_openapi_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut written = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let Some(path) = path.strip_prefix(PREFIX) else {
                continue;
            };
            for method in item.as_object().unwrap().keys() {
                if method != "parameters" {
                    written.insert((method.to_uppercase(), path.to_owned()));
                }
            }
        }
        let real = ROUTES
            .iter()
            .map(|(method, path, _)| (method.to_string(), (*path).to_owned()));
        assert_eq!(written, real.collect());
    }
}
