//! Small things that all statements of this room share.

use std::collections::BTreeMap;

/// Rows that one statement takes at most.
pub(super) const MOST: usize = 64;

/// The lengths in which lists are sent, so that a statement has few forms and its prepared form
/// is found again.
const LENGTHS: [usize; 4] = [1, 4, 16, MOST];

/// At most [`MOST`] values, the last repeated until the list has one of the few lengths. For
/// statements to which saying the same twice is saying it once.
pub(super) fn padded<T>(list: &[T]) -> Vec<&T> {
    let length = LENGTHS.into_iter().find(|length| *length >= list.len());
    let mut padded: Vec<&T> = list.iter().collect();
    if let (Some(length), Some(last)) = (length, list.last()) {
        padded.resize(length, last);
    }
    padded
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
    fn a_padded_list_says_nothing_new_and_has_one_of_four_lengths() {
        assert!(padded::<usize>(&[]).is_empty());
        for length in 1..=MOST {
            let list: Vec<usize> = (0..length).collect();
            let padded = padded(&list);
            assert!(LENGTHS.contains(&padded.len()));
            assert!(padded.iter().take(length).copied().eq(&list));
            assert!(
                padded
                    .iter()
                    .skip(length)
                    .all(|value| **value == length - 1)
            );
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
