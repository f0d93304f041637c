//! Arguments that travel in a header (`Dropbox-API-Arg`).
//!
//! A header carries visible ASCII only, so 0x7F and everything beyond is written as JSON's
//! `\uXXXX`, in UTF-16: a character above U+FFFF becomes two escapes. One escape of five digits
//! would name another file.

use std::fmt::Write as _;

use reqwest::header::HeaderValue;
use serde_json::Value;

use super::DropboxError;

/// The argument as a header's value.
pub(super) fn header_value(argument: &Value) -> Result<HeaderValue, DropboxError> {
    HeaderValue::from_str(&escaped(&argument.to_string())).map_err(|_| DropboxError::BadRequest {
        message: "an argument does not fit into a header".to_owned(),
    })
}

/// JSON text in which every character outside of visible ASCII is escaped.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if character < '\u{7f}' {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_emoji_travels_as_two_utf16_escapes() {
        let value = header_value(&json!({"path": "/😀.txt"})).unwrap();
        assert_eq!(value, r#"{"path":"/\ud83d\ude00.txt"}"#);
    }

    #[test]
    fn delete_and_umlauts_are_escaped_and_quotes_survive() {
        let value = header_value(&json!({"p": "\u{7f}ü\"\n"})).unwrap();
        assert_eq!(value, r#"{"p":"\u007f\u00fc\"\n"}"#);
    }

    proptest! {
        #[test]
        fn any_path_arrives_as_it_was_sent(path in "\\PC*|.*") {
            let argument = json!({"path": path});
            let value = header_value(&argument).unwrap();
            let text = value.to_str().unwrap();
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(serde_json::from_str::<Value>(text).unwrap(), argument);
        }
    }
}
