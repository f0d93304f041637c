//! The edge: every route, who asks, what is answered.
//!
//! With the sandbox the only room that knows actix, and the only one that knows statuses. A
//! handler reads, asks a room, answers; rooms run on the outbound runtime, reached by
//! [`Edge::run`]. Routes are served on every host alike: which host a client calls (`cdn.`,
//! `cloud.`, … of a cname, or the one origin) changes nothing.
//!
//! Uses all rooms but `sandbox`. Used by `app`.

mod base64_body;
mod browsing;
mod caller;
mod cancelling;
mod cloud_request;
mod connect;
mod connect_page;
mod cors;
mod demo;
mod edge;
mod files;
mod health;
mod incoming;
mod links;
mod management;
mod metrics;
mod openapi;
mod patience;
mod picks;
mod portal;
mod prefetch;
mod problem;
mod request_id;
mod server;
mod sessions;
mod settings;
mod tasks;
mod thumbnails;
mod uploads;
mod widget;

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Route, guard};

pub use demo::Demo;
pub use edge::Edge;
pub use metrics::{Watched, serve as serve_metrics};
pub use openapi::DOCUMENT as OPENAPI;
pub use problem::{Problem, Refusal};
pub use request_id::current as current_request_id;
pub use server::{Server, start};
pub use settings::Settings;

/// Every route of the server, by who calls it. Each resource has a file of its own.
fn routes(config: &mut ServiceConfig) {
    config
        // The picker, in an end user's browser: Filestack's cloud API.
        .route("/prefetch", web::post().to(prefetch::post))
        .route("/prefetch", get().to(prefetch::get))
        .route("/folder/list", web::post().to(browsing::list))
        .route("/folder/list/", web::post().to(browsing::list))
        .route("/folder/files", web::post().to(browsing::files))
        .route("/metadata", web::post().to(browsing::metadata))
        .route("/auth/status", web::post().to(sessions::status))
        .route("/auth/logout", web::post().to(sessions::logout))
        .route("/auth/logout/", web::post().to(sessions::logout))
        .route("/thumbnail/{link}", get().to(thumbnails::picture))
        .route("/icons/{kind}.svg", get().to(thumbnails::icon))
        // By GET alone: whoever only looks (a link scanner, a preview) must not use up the code.
        .service(
            web::resource("/api/client/dropbox/authCallback/open")
                .route(web::get().to(connect::open))
                .default_service(web::to(no_such_method)),
        )
        .service(
            web::resource("/api/client/dropbox/authCallback/saveas")
                .route(web::get().to(connect::saveas))
                .default_service(web::to(no_such_method)),
        )
        .route("/store/", web::post().to(picks::store))
        .route("/store", web::post().to(picks::store))
        .route("/progress", web::post().to(picks::progress))
        .route("/cancel", web::post().to(cancelling::cancel))
        .route("/link/", web::post().to(picks::link))
        .route("/link", web::post().to(picks::link))
        // Servers and pages that store a link or a whole file.
        .route("/process", web::post().to(links::process))
        .route("/api/store/{provider}", web::post().to(links::store))
        // Devices: Filestack's upload API.
        .route("/multipart/start", web::post().to(uploads::start))
        .route("/multipart/upload", web::post().to(uploads::upload))
        .route("/multipart/commit", web::post().to(uploads::commit))
        .route("/multipart/complete", web::post().to(uploads::complete))
        .route("/multipart/part/{name}/{part}", web::put().to(uploads::put))
        // The picker widget, for the unmodified filestack-js and by our own loader.
        .route("/picker/{version}/{script}", get().to(widget::script))
        .route("/longshore.js", get().to(widget::loader))
        // The developer portal's pages.
        .configure(portal::routes)
        // The demo's page and its sample subscriber.
        .configure(demo::routes)
        // Whoever watches over the process.
        .route("/healthz", get().to(health::alive))
        .route("/readyz", get().to(health::ready))
        // Scripts and the portal, with a management token.
        .route("/openapi.json", get().to(openapi::get))
        .configure(management::routes)
        // Servers and SDKs that deal with one file.
        .configure(files::routes)
        // Links to files may look like anything: they come last.
        .configure(files::links);
}

/// The refusal of a method that a route of the protocol does not know.
async fn no_such_method() -> Result<HttpResponse, Refusal> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let message = "this route does not answer to this method";
    Err(Problem::new(status, "method-not-allowed", message).into())
}

/// A route for GET, and for HEAD with it: load balancers and `curl -I` ask by HEAD.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
