//! What follows an attempt: decided here, without clock and without network.
//!
//! Retries are due at fixed distances from the *first* attempt, so slow answers do not push the
//! later ones away, and the herd after an outage has the shape of the original traffic.

use std::time::Duration;

/// The longest pause kept between the end of an attempt and the next: so that an outage of ours
/// does not fire two overdue attempts back to back.
const PAUSE_MS: i64 = 60_000;
/// How far `Retry-After` may push the last attempt, which no later one bounds.
const LAST_PUSH_MS: i64 = 3_600_000;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Any 2xx.
    Accepted,
    /// 410: the subscriber wants no more.
    Gone,
    /// Anything else; with what 429 and 503 asked for in `Retry-After`.
    Failed(Option<Duration>),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was accepted.
    Delivered,
    /// Another attempt at this time.
    RetryAt(i64),
    /// Nothing: no attempt is left.
    Exhausted,
    /// The endpoint is switched off and the delivery waits until it is switched on again.
    DisableEndpoint,
}

/// An attempt that has ended. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Which delivery, for a jitter that is the same whenever it is computed.
    pub delivery_id: i64,
    /// Which automatic attempt, counted from 1.
    pub attempt: usize,
    /// When the first attempt began.
    pub first_at: i64,
    /// When this one ended.
    pub ended_at: i64,
}

/// Decides what follows an automatic attempt under the given offsets from the first.
pub fn after(ended: Ended, outcome: Outcome, offsets: &[Duration]) -> Next {
    match outcome {
        Outcome::Accepted => Next::Delivered,
        Outcome::Gone => Next::DisableEndpoint,
        Outcome::Failed(asked) => match offsets.get(ended.attempt.saturating_sub(1)) {
            Some(_) => Next::RetryAt(due(ended, asked, offsets)),
            None => Next::Exhausted,
        },
    }
}

fn due(ended: Ended, asked: Option<Duration>, offsets: &[Duration]) -> i64 {
    let index = ended.attempt.saturating_sub(1);
    let at = |index: usize| offsets.get(index).map(|offset| millis(*offset));
    let offset = at(index).unwrap_or_default();
    let before = index.checked_sub(1).and_then(at).unwrap_or_default();
    // Half a step at most, so that short offsets (a demonstration's seconds) stay what they say.
    let pause = PAUSE_MS.min((offset - before).max(0) / 2);
    let planned = ended
        .first_at
        .saturating_add(offset)
        .saturating_add(jitter(ended.delivery_id, index, offset))
        .max(ended.ended_at.saturating_add(pause));
    let Some(asked) = asked else {
        return planned;
    };
    let latest = match at(index + 1) {
        Some(next) => ended.first_at.saturating_add(next),
        None => planned.saturating_add(LAST_PUSH_MS),
    };
    let wanted = ended.ended_at.saturating_add(millis(asked));
    planned.max(wanted.min(latest))
}

/// Spreads deliveries that failed together: never early, at most 5 % of the offset and at most
/// 15 s, 60 s or 300 s, the same for one delivery and attempt however often it is asked.
fn jitter(delivery_id: i64, index: usize, offset: i64) -> i64 {
    let most = match offset {
        0..=300_000 => 15_000,
        300_001..=3_600_000 => 60_000,
        _ => 300_000,
    };
    let span = most.min(offset / 20).max(0);
    let seed = delivery_id.cast_unsigned() ^ ((index as u64) << 56);
    let share = i64::try_from(mix(seed) >> 33).unwrap_or_default();
    share % (span + 1)
}

/// SplitMix64's finisher: neighbors in, strangers out.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFFSETS: [Duration; 3] = [
        Duration::from_secs(300),
        Duration::from_secs(3_600),
        Duration::from_secs(43_200),
    ];

    fn ended(attempt: usize, ended_at: i64) -> Ended {
        Ended {
            delivery_id: 42,
            attempt,
            first_at: 0,
            ended_at,
        }
    }

    fn retry(ended: Ended, asked: Option<u64>) -> i64 {
        match after(
            ended,
            Outcome::Failed(asked.map(Duration::from_secs)),
            &OFFSETS,
        ) {
            Next::RetryAt(at) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn offsets_count_from_the_first_attempt() {
        for (attempt, offset, spread) in [(1, 300, 15), (2, 3_600, 60), (3, 43_200, 300)] {
            let at = retry(ended(attempt, 1_000), None);
            assert!(
                (offset * 1000..=(offset + spread) * 1000).contains(&at),
                "{at}"
            );
        }
        assert_eq!(
            after(ended(4, 0), Outcome::Failed(None), &OFFSETS),
            Next::Exhausted
        );
    }

    #[test]
    fn without_offsets_the_first_failure_is_the_last() {
        assert_eq!(
            after(ended(1, 0), Outcome::Failed(None), &[]),
            Next::Exhausted
        );
    }

    #[test]
    fn success_ends_it_and_410_switches_the_endpoint_off() {
        assert_eq!(
            after(ended(1, 0), Outcome::Accepted, &OFFSETS),
            Next::Delivered
        );
        assert_eq!(
            after(ended(1, 0), Outcome::Gone, &OFFSETS),
            Next::DisableEndpoint
        );
    }

    #[test]
    fn retry_after_is_never_earlier_than_the_offset_nor_later_than_the_next() {
        let plain = retry(ended(1, 0), None);
        assert_eq!(retry(ended(1, 0), Some(1)), plain);
        assert_eq!(retry(ended(1, 0), Some(1_200)), 1_200_000);
        assert_eq!(retry(ended(1, 0), Some(1_000_000)), 3_600_000);
        let last = retry(ended(3, 3_600_000), None);
        assert_eq!(
            retry(ended(3, 3_600_000), Some(1_000_000)),
            last + LAST_PUSH_MS
        );
        assert_eq!(
            retry(ended(3, 0), Some(u64::MAX / 2000)),
            last + LAST_PUSH_MS
        );
    }

    #[test]
    fn after_an_outage_two_overdue_attempts_do_not_follow_back_to_back() {
        assert_eq!(retry(ended(2, 50_000_000), None), 50_060_000);
    }

    #[test]
    fn seconds_of_a_demonstration_stay_seconds() {
        let offsets = [5, 10, 20].map(Duration::from_secs);
        for (attempt, offset) in [(1, 5_000), (2, 10_000), (3, 20_000)] {
            let next = after(
                ended(attempt, offset - 4_000),
                Outcome::Failed(None),
                &offsets,
            );
            let Next::RetryAt(at) = next else {
                panic!("{next:?}")
            };
            assert!((offset..=offset + offset / 20).contains(&at), "{at}");
        }
    }

    proptest! {
        #[test]
        fn a_retry_is_never_early_and_always_the_same(
            delivery_id: i64, attempt in 1_usize..=3, late in 0_i64..100_000, asked: Option<u64>,
        ) {
            let ended = Ended { delivery_id, attempt, first_at: 1_000, ended_at: 1_000 + late };
            let outcome = Outcome::Failed(asked.map(Duration::from_secs));
            let next = after(ended, outcome, &OFFSETS);
            let Next::RetryAt(at) = next else { panic!("{next:?}") };
            prop_assert!(at >= 1_000 + millis(OFFSETS[attempt - 1]));
            prop_assert_eq!(next, after(ended, outcome, &OFFSETS));
        }
    }
}
