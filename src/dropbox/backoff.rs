//! Decides whether and when a failed call is repeated. No clock, no network.

use std::time::Duration;

/// The longest pause that we choose ourselves.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// A wait that was asked for and is shorter than this grows up to it.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// How patient the client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub first_wait: Duration,
    pub max_retry_after: Duration,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    RetryIn(Duration),
    GiveUp,
}

/// The wait before the next try where a rate limit names none: a second at least, which Dropbox's
/// specification gives as the default, and longer each time, for refused calls count too.
pub(super) fn unnamed_wait(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    Duration::from_secs(1 << doublings).min(LONGEST_WAIT)
}

impl Patience {
    /// Decides what follows the `attempt`th try, counted from one.
    ///
    /// `asked` is the wait that Dropbox asked for: never shortened, since a call refused once more
    /// counts towards the limit; `left` is what remains of the call's time; `dice` lies in 0..1.
    pub fn after(&self, attempt: u32, asked: Option<Duration>, left: Duration, dice: f64) -> Next {
        let doublings = attempt.saturating_sub(1).min(16);
        let doubled = self.first_wait.saturating_mul(2_u32.pow(doublings));
        let wait = match asked {
            Some(asked) if asked > self.max_retry_after => return Next::GiveUp,
            // Only ever later, so that a herd sent away together does not return together, and so
            // that whoever asks for no wait at all, again and again, is not stormed.
            Some(asked) => asked.max(doubled.min(SHORT_WAIT)) + self.first_wait.mul_f64(dice),
            None => doubled.min(LONGEST_WAIT).mul_f64(0.5 + dice / 2.0),
        };
        if wait < left {
            Next::RetryIn(wait)
        } else {
            Next::GiveUp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        first_wait: Duration::from_millis(100),
        max_retry_after: Duration::from_secs(30),
    };
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_that_was_asked_for_is_never_shortened() {
        let asked = Duration::from_secs(7);
        for dice in [0.0, 0.3, 0.999] {
            match PATIENCE.after(1, Some(asked), LONG, dice) {
                Next::RetryIn(wait) => assert!(wait >= asked, "{wait:?}"),
                Next::GiveUp => panic!("there was time left"),
            }
        }
    }

    #[test]
    fn whoever_asks_for_no_wait_again_and_again_is_not_stormed() {
        let wait = |attempt| PATIENCE.after(attempt, Some(Duration::ZERO), LONG, 0.0);
        let millis = |millis| Next::RetryIn(Duration::from_millis(millis));
        let waits: Vec<Next> = (1..7).map(wait).collect();
        let grown = [100, 200, 400, 800, 1000, 1000];
        assert_eq!(waits, grown.map(millis));
        let longer = PATIENCE.after(9, Some(Duration::from_secs(3)), LONG, 0.0);
        assert_eq!(longer, millis(3000), "a longer one stays as it is");
    }

    #[test]
    fn a_wait_beyond_the_deadline_or_the_limit_is_not_begun() {
        let seconds = Duration::from_secs;
        assert_eq!(
            PATIENCE.after(1, Some(seconds(7)), seconds(5), 0.0),
            Next::GiveUp
        );
        assert_eq!(
            PATIENCE.after(1, Some(seconds(31)), LONG, 0.0),
            Next::GiveUp
        );
        assert_eq!(PATIENCE.after(1, None, Duration::ZERO, 0.0), Next::GiveUp);
    }

    #[test]
    fn a_limit_that_names_no_wait_is_waited_for_longer_each_time() {
        let waits: Vec<u64> = (1..7)
            .map(|attempt| unnamed_wait(attempt).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
    }

    #[test]
    fn our_own_pauses_double_with_jitter_up_to_a_limit() {
        let pause = |attempt, dice| match PATIENCE.after(attempt, None, LONG, dice) {
            Next::RetryIn(wait) => wait,
            Next::GiveUp => panic!("there was time left"),
        };
        assert_eq!(pause(1, 0.0), Duration::from_millis(50));
        assert_eq!(pause(3, 0.0), Duration::from_millis(200));
        assert!(pause(1, 0.9) > pause(1, 0.1));
        assert!(pause(40, 0.999) <= LONGEST_WAIT);
    }
}
