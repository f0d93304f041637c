//! What is wrong with Redis, in words that tell an operator what to do.
//!
//! Every failure of the driver becomes one of a few kinds. The texts are ours, with the driver's
//! own words behind them where they say more: those name addresses and commands, never
//! passwords. Said when it begins, once a minute while it lasts, and when it is over.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};

use super::super::QueueError;
use crate::figures::{self, IntCounterVec};

/// How often trouble that lasts is told again.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Trouble is over when nothing has failed for so long: while a full Redis refuses what is new,
/// other calls go well.
const OVER_AFTER: Duration = Duration::from_secs(3);

static ERRORS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Calls to Redis that failed, by trouble: away, loading, read_only, full, denied, \
                wrong_type, other.";
    figures::counts("longshore_queue_errors_total", help, &["trouble"])
});

/// What keeps the queue from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, or not in time; or the part of a Cluster that holds the queue is down.
    Away,
    /// Redis reads its data in after a start.
    Loading,
    /// It takes no writes: it is a replica, or cannot save to its disk.
    ReadOnly,
    /// It has no memory left (`maxmemory`).
    Full,
    /// It does not accept the user or password, or the user may not do what is needed.
    Denied,
    /// A key under our prefix holds another type.
    WrongType,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Its name in figures and at `/readyz`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Loading => "loading",
            Self::ReadOnly => "read_only",
            Self::Full => "full",
            Self::Denied => "denied",
            Self::WrongType => "wrong_type",
            Self::Other => "other",
        }
    }

    /// Whether another connection may help: the address may lead to another server by now, or
    /// the password may have changed.
    pub(super) fn needs_another_connection(self) -> bool {
        !matches!(self, Self::Full | Self::WrongType | Self::Loading)
    }

    fn of(error: &RedisError) -> Self {
        use ServerErrorKind as Said;
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(Said::NoPerm) => Self::Denied,
            ErrorKind::Server(Said::BusyLoading) => Self::Loading,
            ErrorKind::Server(Said::ReadOnly) => Self::ReadOnly,
            ErrorKind::Io
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::EmptySentinelList
            | ErrorKind::Server(Said::ClusterDown | Said::MasterDown | Said::TryAgain) => {
                Self::Away
            }
            _ => match error.code() {
                Some("OOM") => Self::Full,
                Some("NOAUTH" | "WRONGPASS") => Self::Denied,
                Some("WRONGTYPE") => Self::WrongType,
                Some("MISCONF" | "NOREPLICAS") => Self::ReadOnly,
                // What Redis says to a long command before it knows who asks.
                _ if error
                    .detail()
                    .is_some_and(|text| text.contains("unauthenticated")) =>
                {
                    Self::Denied
                }
                _ => Self::Other,
            },
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Away => "Redis does not answer",
            Self::Loading => "Redis still loads its data",
            Self::ReadOnly => "Redis takes no writes: it is a replica, or cannot save to its disk",
            Self::Full => "Redis is full: raise its maxmemory, or free what others keep in it",
            Self::Denied => "Redis does not accept our user and password, or its ACL lacks a right",
            Self::WrongType => {
                "a key under our prefix in Redis holds another type; it is set aside"
            }
            Self::Other => "Redis answers what we do not expect (version 7.0 or later is needed)",
        }
    }
}

/// The driver's error in our words.
pub(super) fn from_driver(error: &RedisError) -> QueueError {
    let trouble = Trouble::of(error);
    let text = trouble.text();
    QueueError::Unavailable {
        trouble,
        text: format!("{text} ({error})"),
    }
}

/// Nobody answered in time.
pub(super) fn too_late() -> QueueError {
    QueueError::Unavailable {
        trouble: Trouble::Away,
        text: format!("{} in time", Trouble::Away.text()),
    }
}

/// What is wrong now, and since when it was told.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<Last>>);

#[derive(Clone, Debug)]
struct Last {
    error: QueueError,
    trouble: Trouble,
    told_at: Instant,
    failed_at: Instant,
}

impl Told {
    /// A call failed.
    pub(super) fn failed(&self, error: &QueueError) {
        let QueueError::Unavailable { trouble, .. } = error else {
            return;
        };
        ERRORS.with_label_values(&[trouble.name()]).inc();
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told_at = match last.as_ref() {
            Some(known) if known.trouble == *trouble && known.told_at.elapsed() < TOLD_EVERY => {
                known.told_at
            }
            _ => {
                log::warn!("webhooks: {error}; deliveries wait in the database");
                now
            }
        };
        *last = Some(Last {
            error: error.clone(),
            trouble: *trouble,
            told_at,
            failed_at: now,
        });
    }

    /// What is wrong, if anything is.
    pub(super) fn last(&self) -> Option<QueueError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|last| last.error.clone())
    }

    /// A call went well.
    pub(super) fn went_well(&self) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |known: &Last| known.failed_at.elapsed() >= OVER_AFTER;
        if last.as_ref().is_some_and(over) {
            *last = None;
            log::info!("webhooks: Redis is well again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn failures_of_the_driver_are_told_apart() {
        let refused = RedisError::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        let denied = RedisError::from((ErrorKind::AuthenticationFailed, "no"));
        for (error, name) in [(refused, "away"), (denied, "denied")] {
            let QueueError::Unavailable { trouble, text } = from_driver(&error) else {
                panic!("{error}");
            };
            assert_eq!(trouble.name(), name);
            assert!(text.starts_with("Redis does not"), "{text}");
        }
    }
}
