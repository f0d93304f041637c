//! The order in which people expect names: case set aside, numbers by their value.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// Compares two names: `photo 2` stands before `Photo 10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = number(&mut left).cmp(&number(&mut right));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(x), Some(y)) => {
                let order = folded(x).cmp(&folded(y));
                if order != Ordering::Equal {
                    return order;
                }
                left.next();
                right.next();
            }
        }
    }
}

/// Takes a run of digits: how many there are without leading zeros, and which. Longer is larger,
/// so that a number of any length compares.
fn number(chars: &mut Peekable<Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

fn folded(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value_and_case_is_set_aside() {
        let mut names = vec![
            "b",
            "img10.jpg",
            "IMG2.jpg",
            "img1.jpg",
            "a",
            "Ärger",
            "zebra",
            "img002.jpg",
            "B",
        ];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            [
                "a",
                "B",
                "b",
                "img1.jpg",
                "IMG2.jpg",
                "img002.jpg",
                "img10.jpg",
                "zebra",
                "Ärger"
            ]
        );
    }

    #[test]
    fn the_order_is_total_and_knows_no_overflow() {
        let long = "9".repeat(500);
        assert_eq!(natural(&long, &format!("{long}0")), Ordering::Less);
        assert_eq!(natural("a01", "a1"), natural("a1", "a01").reverse());
        assert_ne!(natural("a01", "a1"), Ordering::Equal);
    }
}
