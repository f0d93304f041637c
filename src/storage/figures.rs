//! What is counted of the storage's failures.

use std::sync::LazyLock;

use super::StorageError;
use crate::figures::{self, IntCounterVec};

static ERRORS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help =
        "Failures of the storage by operation and kind: full, unavailable, denied, incomplete.";
    figures::counts(
        "longshore_storage_errors_total",
        help,
        &["operation", "kind"],
    )
});

/// Counts an outcome that is the storage's fault, and passes it on.
pub(super) fn noted<T>(
    operation: &str,
    outcome: Result<T, StorageError>,
) -> Result<T, StorageError> {
    let kind = match &outcome {
        Err(StorageError::Full) => "full",
        Err(StorageError::Unavailable { .. }) => "unavailable",
        Err(StorageError::Denied { .. }) => "denied",
        Err(StorageError::Incomplete { .. }) => "incomplete",
        _ => return outcome,
    };
    ERRORS.with_label_values(&[operation, kind]).inc();
    outcome
}
