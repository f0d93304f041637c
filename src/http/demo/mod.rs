//! The demo: a page that picks, and a small subscriber that shows the webhooks it gets.
//!
//! Part of the server only while it runs as `longshore demo`; else `/demo` says how to run it.
//! `subscriber.rs` receives, `check.rs` verifies as a stranger would, `story.rs` keeps what came
//! and streams it to the page.
//!
//! *Uses* `clock`. *Used by* `app`, which hands in the endpoint's secret.

mod check;
mod page;
mod story;
mod subscriber;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::{self, ServiceConfig};
use serde_json::{Value, json};

use super::get;
use story::Story;

/// What the demo's page and its subscriber know.
pub struct Demo {
    apikey: String,
    secret: String,
    retry_offsets: Vec<Duration>,
    failing: AtomicBool,
    story: Story,
    /// Draws the picture that can be tried as a link.
    draw: Draw,
}

/// Draws a PNG.
type Draw = fn() -> std::io::Result<Vec<u8>>;

impl Demo {
    /// A demo of the application with this API key, whose endpoint signs with this secret; `draw`
    /// draws the picture that can be tried as a link.
    pub fn new(apikey: String, secret: String, retry_offsets: Vec<Duration>, draw: Draw) -> Self {
        Self {
            apikey,
            secret,
            retry_offsets,
            draw,
            failing: AtomicBool::new(false),
            story: Story::default(),
        }
    }

    /// Ends the streams to open pages: an open stream would hold up the server's stop.
    pub fn close(&self) {
        self.story.close();
    }

    fn is_failing(&self) -> bool {
        self.failing.load(Ordering::SeqCst)
    }

    /// What the page needs to begin. The secret is the sample subscriber's own, shown so that a
    /// signature can be checked by hand; it opens nothing else.
    fn beginning(&self) -> Value {
        let offsets = self.retry_offsets.iter().map(Duration::as_secs);
        json!({
            "apikey": self.apikey,
            "secret": self.secret,
            "retry_offsets": offsets.collect::<Vec<_>>(),
            "failing": self.is_failing(),
        })
    }
}

/// The demo's routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/demo", get().to(page::index))
        .route("/demo/", get().to(page::index))
        .route("/demo/config", get().to(page::config))
        .route("/demo/events", web::get().to(story::stream))
        .route("/demo/webhooks", web::post().to(subscriber::receive))
        .route("/demo/subscriber", web::post().to(subscriber::switch))
        .route("/demo/sea-chart.png", get().to(page::chart))
        .route("/demo/{file}", get().to(page::asset));
}
