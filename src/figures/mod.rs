//! What this process counts, for whoever watches it: Prometheus' counters and histograms.
//!
//! Each room counts what it does under names of its own and knows nothing of how that is read;
//! `http` gathers all of it. Labels are taken from fixed lists (a route, an outcome), never from
//! what a client says, or every stranger could make time series.
//!
//! Uses none of our rooms. Used by whoever counts.

use prometheus::{Encoder as _, HistogramOpts, Opts, TextEncoder};

pub use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};

/// Seconds that network calls and requests take.
pub const CALL_SECONDS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
/// Seconds that copies of files take.
pub const COPY_SECONDS: [f64; 10] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0,
];

/// A count for each combination of labels.
pub fn counts(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    known(name, IntCounterVec::new(Opts::new(name, help), labels))
}

/// One count.
pub fn count(name: &str, help: &str) -> IntCounter {
    known(name, IntCounter::new(name, help))
}

/// A value that goes up and down.
pub fn gauge(name: &str, help: &str) -> IntGauge {
    known(name, IntGauge::new(name, help))
}

/// How long things took, for each combination of labels.
pub fn times(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    known(name, HistogramVec::new(options, labels))
}

/// How long one kind of thing took.
pub fn time(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    known(name, Histogram::with_opts(options))
}

/// Everything that was counted so far, as Prometheus reads it (text format 0.0.4).
pub fn text() -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&prometheus::gather(), &mut text) {
        log::error!("the figures cannot be written: {error}");
    }
    text
}

/// Registers a figure under its name.
#[expect(
    clippy::expect_used,
    reason = "names are constants of ours; a test makes every figure"
)]
fn known<F>(name: &str, made: Result<F, prometheus::Error>) -> F
where
    F: prometheus::core::Collector + Clone + 'static,
{
    let made = made.expect("a figure's name and labels are well formed");
    if prometheus::register(Box::new(made.clone())).is_err() {
        log::error!("two figures are called {name}");
    }
    made
}
