//! What is counted of removals.

use std::sync::LazyLock;

use crate::figures::{self, IntCounterVec};

static REMOVED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Rows removed because they were older than the settings keep them, by kind: events, \
                response_bodies (emptied), picks, deleted_files, connections.";
    figures::counts("longshore_retention_removed_total", help, &["kind"])
});

/// So many of a kind were removed.
pub(super) fn removed(kind: &str, count: u64) {
    REMOVED.with_label_values(&[kind]).inc_by(count);
}
