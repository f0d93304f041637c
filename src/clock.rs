//! What time it is: the one place where the system's clock is read.
//!
//! Every room takes its time from a [`Clock`] handed to it, so that a test can move time by
//! hours without waiting. Durations of calls are measured with `std::time::Instant` and do not
//! pass through here. Knows nothing of the other rooms.
//!
//! Uses none of our rooms. Used by most.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Tells the time; cheap to clone.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    by_hand: bool,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is where the time comes from"
        )]
        Self::reading(Utc::now)
    }

    /// A clock for those who know the time from elsewhere.
    pub fn reading(read: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self {
            read: Arc::new(read),
            by_hand: false,
        }
    }

    /// A clock that a test moves by hand, starting at the system's time.
    pub fn by_hand() -> (Self, ClockHand) {
        let hand = ClockHand(Arc::new(AtomicI64::new(Self::system().now_ms())));
        let read = hand.clone();
        let clock = Self {
            by_hand: true,
            ..Self::reading(move || from_ms(read.0.load(Ordering::SeqCst)))
        };
        (clock, hand)
    }

    /// Whether somebody moves it by hand: then nobody else's time may stand in for it.
    pub fn is_by_hand(&self) -> bool {
        self.by_hand
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.read)()
    }

    /// The time now, in milliseconds since the epoch: the form in which the database keeps times.
    pub fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Moves a clock made by [`Clock::by_hand`].
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<AtomicI64>);

impl ClockHand {
    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The time that lies `ms` milliseconds after the epoch; times beyond what a date can say
/// become the epoch.
pub fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
