//! Which bytes a request wants (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header comes to for a file of a certain size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it; also where the header is not understood or names several ranges.
    Whole,
    /// These bytes, never none.
    Part(Range<u64>),
    /// The file has no such bytes.
    Unsatisfiable,
}

/// Reads a `Range` header.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else {
        return Wanted::Whole;
    };
    // Several ranges would need a body in parts, which no client of files relies on: a server
    // may always send the whole.
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Number::Missing, Number::Value(last)) => part(size.saturating_sub(last), size, size),
        (Number::Value(first), Number::Missing) => part(first, size, size),
        (Number::Value(first), Number::Value(last)) if first <= last => {
            part(first, last.saturating_add(1), size)
        }
        _ => Wanted::Whole,
    }
}

fn part(start: u64, end: u64, size: u64) -> Wanted {
    let end = end.min(size);
    if start < end {
        Wanted::Part(start..end)
    } else {
        Wanted::Unsatisfiable
    }
}

enum Number {
    Missing,
    Value(u64),
    Nonsense,
}

fn number(text: &str) -> Number {
    let text = text.trim();
    if text.is_empty() {
        return Number::Missing;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Number::Nonsense;
    }
    // Digits that do not fit are more than any file has.
    Number::Value(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_range_of_each_form_is_understood() {
        let of_ten = |header| wanted(Some(header), 10);
        assert_eq!(of_ten("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(of_ten("bytes=2-"), Wanted::Part(2..10));
        assert_eq!(of_ten("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(of_ten("bytes=-30"), Wanted::Part(0..10));
        assert_eq!(of_ten("Bytes = 4-99"), Wanted::Part(4..10));
        assert_eq!(
            of_ten("bytes=9-99999999999999999999999"),
            Wanted::Part(9..10)
        );
    }

    #[test]
    fn ranges_outside_of_the_file_cannot_be_satisfied() {
        for header in [
            "bytes=10-",
            "bytes=10-20",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(wanted(Some(header), 10), Wanted::Unsatisfiable, "{header}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_not_understood_brings_the_whole_file() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "chunks=0-1",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=0x1-2",
        ] {
            assert_eq!(wanted(Some(header), 10), Wanted::Whole, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(header in "bytes=[0-9]{0,22}-[0-9]{0,22}", size: u64) {
            if let Wanted::Part(part) = wanted(Some(&header), size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
