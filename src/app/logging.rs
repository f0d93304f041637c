//! Log lines: time, level, the request they belong to, the room, the text.
//!
//! On standard error, so that a program's own output stays clean. `RUST_LOG` filters as
//! env_logger does.

use std::io::Write as _;

use crate::clock::Clock;
use crate::http::current_request_id;

/// Sets up logging, with this filter where `RUST_LOG` is not set; a second call does nothing.
pub(super) fn start(clock: &Clock, default: &str) {
    let clock = clock.clone();
    let environment = env_logger::Env::default().default_filter_or(default);
    let mut builder = env_logger::Builder::from_env(environment);
    // sqlx tells every statement at debug, values included in some cases: never wanted here.
    builder.filter_module("sqlx", log::LevelFilter::Warn);
    // It tells of every thread that it starts and stops.
    builder.filter_module("actix_server", log::LevelFilter::Warn);
    // Calls it an error when a stranger's request is not HTTP: anybody could fill the log.
    builder.filter_module("actix_http::h1::dispatcher", log::LevelFilter::Off);
    builder.format(move |out, record| {
        let time = clock
            .now()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let request = current_request_id().unwrap_or_default();
        let request = if request.is_empty() { "-" } else { &request };
        let text = record.args().to_string().replace(['\n', '\r'], " ");
        writeln!(
            out,
            "{time} {:5} [{request}] {}: {text}",
            record.level(),
            record.target()
        )
    });
    drop(builder.try_init());
}
