//! What is counted of uploads.

use std::sync::LazyLock;
use std::time::Duration;

use crate::figures::{self, COPY_SECONDS, Histogram, IntCounter, IntCounterVec};

static UPLOADS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Uploads that ended, by outcome: stored, abandoned, or the code of what went wrong.";
    figures::counts("longshore_uploads_total", help, &["outcome"])
});
static PARTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Parts of uploads by outcome: stored, or the code of what went wrong.";
    figures::counts("longshore_upload_parts_total", help, &["outcome"])
});
static BYTES: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Bytes of parts that were stored, links and whole files included.";
    figures::count("longshore_uploaded_bytes_total", help)
});
static JOINING: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "Seconds that it took to put a file together from its parts.";
    figures::time("longshore_upload_join_seconds", help, &COPY_SECONDS)
});

/// An upload ended: `stored`, or the code of what went wrong.
pub(super) fn ended(outcome: &str) {
    UPLOADS.with_label_values(&[outcome]).inc();
}

/// So many uploads were never completed and are removed.
pub(super) fn abandoned(count: usize) {
    let count = u64::try_from(count).unwrap_or_default();
    UPLOADS.with_label_values(&["abandoned"]).inc_by(count);
}

/// A part of so many bytes was stored.
pub(super) fn stored(bytes: u64) {
    PARTS.with_label_values(&["stored"]).inc();
    BYTES.inc_by(bytes);
}

/// A part was not taken.
pub(super) fn refused(code: &str) {
    PARTS.with_label_values(&[code]).inc();
}

/// A file was put together.
pub(super) fn joined(took: Duration) {
    JOINING.observe(took.as_secs_f64());
}
