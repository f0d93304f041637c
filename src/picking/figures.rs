//! What is counted of picks.

use std::sync::LazyLock;
use std::time::Duration;

use crate::figures::{self, COPY_SECONDS, Histogram, IntCounter, IntCounterVec};

static PICKS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Picks that ended, by outcome: stored, or the code of what went wrong.";
    figures::counts("longshore_picks_total", help, &["outcome"])
});
static BYTES: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Bytes copied from Dropbox into the storage and verified.";
    figures::count("longshore_copied_bytes_total", help)
});
static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "Seconds that a copy took, from the first byte asked for to the storage's commit.";
    figures::time("longshore_copy_seconds", help, &COPY_SECONDS)
});

/// A file was copied.
pub(super) fn copied(bytes: u64, took: Duration) {
    BYTES.inc_by(bytes);
    SECONDS.observe(took.as_secs_f64());
}

/// A pick ended here: `stored`, or the code of what went wrong.
pub(super) fn ended(outcome: &str) {
    PICKS.with_label_values(&[outcome]).inc();
}
