//! What is counted of calls to Dropbox.

use std::{sync::LazyLock, time::Duration};

use reqwest::StatusCode;

use crate::figures::{self, CALL_SECONDS, HistogramVec, IntCounter, IntCounterVec};

static CALLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Calls to Dropbox by route and status; none: no answer came.";
    figures::counts("longshore_dropbox_calls_total", help, &["route", "status"])
});
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Seconds until the head of Dropbox's answer.";
    figures::times(
        "longshore_dropbox_call_seconds",
        help,
        &["route"],
        &CALL_SECONDS,
    )
});
static WAITED: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Milliseconds waited because Dropbox asked to be called less often (429).";
    figures::count("longshore_dropbox_rate_limit_wait_milliseconds_total", help)
});

/// A call was answered, or not.
pub(super) fn called(route: &str, status: Option<StatusCode>, took: Duration) {
    let status = status.as_ref().map_or("none", StatusCode::as_str);
    CALLS.with_label_values(&[route, status]).inc();
    SECONDS
        .with_label_values(&[route])
        .observe(took.as_secs_f64());
}

/// A call is made again after this wait, for which Dropbox asked.
pub(super) fn waited(wait: Duration) {
    WAITED.inc_by(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
}
