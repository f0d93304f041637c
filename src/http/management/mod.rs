//! The management API, `/api/v1`: what the owner of an application sees and sets.
//!
//! Everything below `/applications/{apikey}` is reached through [`Owner`], which has checked who
//! asks (a management token, or a person signed in to the portal) before a handler begins: what
//! they do not reach answers as if it did not exist, and what their role does not allow is
//! refused. Lists are pages with a cursor; unknown members and parameters are refused by name.
//! Times are milliseconds since the epoch. No answer but the one that makes a secret shows it.

mod applications;
mod asked;
mod cookie;
mod deliveries;
mod endpoints;
mod events;
mod files;
mod members;
mod routes;
mod session;
mod usage;
mod who;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use serde_json::{Value, json};

use super::Problem;
use asked::Body;
use routes::{PREFIX, ROUTES};
use who::{Caller, Owner};

/// Hangs the routes in.
pub(super) fn routes(config: &mut ServiceConfig) {
    let mut scope = web::scope(PREFIX);
    let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        for route in ROUTES.iter().filter(|route| route.path == path) {
            resource = resource.route((route.to)(web::method(route.method.clone())));
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
            .map(|route| (route.method.to_string(), route.path.to_owned()));
        assert_eq!(written, real.collect());
    }
}
