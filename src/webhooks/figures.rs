//! What is counted of attempts.

use std::sync::LazyLock;
use std::time::Duration;

use crate::figures::{self, CALL_SECONDS, Histogram, IntCounterVec};

static ATTEMPTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Attempts by outcome: accepted, refused (an answer that is not 2xx), gone (410), \
                no_answer; exhausted counts deliveries whose last attempt failed.";
    figures::counts("longshore_webhook_attempts_total", help, &["outcome"])
});
static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "Seconds that an attempt took, from name lookup to the last byte of the answer.";
    figures::time("longshore_webhook_attempt_seconds", help, &CALL_SECONDS)
});

/// An attempt ended like this.
pub(super) fn attempted(outcome: &str, took: Duration) {
    ATTEMPTS.with_label_values(&[outcome]).inc();
    SECONDS.observe(took.as_secs_f64());
}

/// The last attempt of a delivery has failed.
pub(super) fn exhausted() {
    ATTEMPTS.with_label_values(&["exhausted"]).inc();
}
