//! Small things that all statements of this room share.

use std::collections::BTreeMap;

/// A statement whose list has room for some values has few forms, so that prepared statements
/// are found again: lists are cut into parts of these lengths.
const LENGTHS: [usize; 3] = [64, 8, 1];

/// Cuts a list into parts of a few fixed lengths.
pub(super) fn parts<T>(mut list: &[T]) -> Vec<&[T]> {
    let mut parts = Vec::new();
    for length in LENGTHS {
        while list.len() >= length {
            let (part, rest) = list.split_at(length);
            parts.push(part);
            list = rest;
        }
    }
    parts
}

/// `($1, $2), ($3, $4)`: placeholders for `rows` rows of `columns`.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 5);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            text.push('$');
            text.push_str(&(row * columns + column + 1).to_string());
        }
        text.push(')');
    }
    text
}

/// The text as the databases can keep it: PostgreSQL takes no NUL.
pub(super) fn keepable(bytes: &[u8], most: usize) -> String {
    let cut = &bytes[..bytes.len().min(most)];
    String::from_utf8_lossy(cut).replace('\0', "\u{fffd}")
}

/// Headers as JSON text.
pub(super) fn headers_json(headers: &BTreeMap<String, String>) -> String {
    serde_json::to_string(headers).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_everything_in_order_and_have_three_lengths() {
        for length in 0..200 {
            let list: Vec<usize> = (0..length).collect();
            let parts = parts(&list);
            assert_eq!(parts.concat(), list);
            assert!(parts.iter().all(|part| LENGTHS.contains(&part.len())));
        }
    }

    #[test]
    fn placeholders_count_on_over_rows() {
        assert_eq!(placeholders(2, 2), "($1, $2), ($3, $4)");
    }

    #[test]
    fn what_no_database_keeps_is_replaced() {
        assert_eq!(keepable(b"a\0b\xff", 100), "a\u{fffd}b\u{fffd}");
        assert_eq!(keepable(b"abcdef", 3), "abc");
    }
}
