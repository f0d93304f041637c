//! A file's name in headers: whatever a person called it, in a form that every client reads.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 lets stand as it is.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Everything printable stays readable; a percent sign must not look like an escape.
const PLAIN: &AsciiSet = &CONTROLS.add(b'%');

/// Characters of a name at most, of which so many may be its extension.
const LONGEST: usize = 200;
const LONGEST_EXTENSION: usize = 20;

/// `Content-Disposition`, with the name for old clients and for those that read RFC 8187.
pub(super) fn disposition(filename: &str, attachment: bool) -> String {
    let kind = if attachment { "attachment" } else { "inline" };
    let name = tame(filename);
    if name.is_empty() {
        return kind.to_owned();
    }
    let fallback: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        })
        .collect();
    if fallback == name {
        return format!("{kind}; filename=\"{fallback}\"");
    }
    let exact = utf8_percent_encode(&name, ATTRIBUTE);
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{exact}")
}

/// `X-File-Name`: the name itself, with everything escaped that a header cannot hold.
pub(super) fn x_file_name(filename: &str) -> String {
    utf8_percent_encode(&tame(filename), PLAIN).to_string()
}

/// A name without what would deceive a person or leave a folder, at a bearable length.
fn tame(filename: &str) -> String {
    let plain: Vec<char> = filename
        .chars()
        .filter(|c| !c.is_control() && !deceives(*c))
        .map(|c| if c == '/' { '_' } else { c })
        .collect();
    if plain.len() <= LONGEST {
        return plain.iter().collect::<String>().trim().to_owned();
    }
    let dot = plain.iter().rposition(|c| *c == '.');
    let extension = match dot {
        Some(at) if plain.len() - at <= LONGEST_EXTENSION => &plain[at..],
        _ => &[],
    };
    let stem = &plain[..LONGEST - extension.len()];
    stem.iter().chain(extension).collect()
}

/// Marks that turn the direction of writing: `exe.gpj` would read `jpg.exe`.
fn deceives(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn plain_names_are_sent_plainly() {
        assert_eq!(
            disposition("a b.txt", false),
            "inline; filename=\"a b.txt\""
        );
        assert_eq!(disposition("", true), "attachment");
    }

    #[test]
    fn other_names_are_sent_twice() {
        let sent = disposition("Größe \"1\".txt", true);
        let exact = "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.txt";
        assert_eq!(
            sent,
            format!("attachment; filename=\"Gr__e _1_.txt\"; {exact}")
        );
    }

    #[test]
    fn marks_that_deceive_are_left_out() {
        let sent = disposition("a\u{202e}gpj.exe\r\nSet-Cookie: x", false);
        assert_eq!(sent, "inline; filename=\"agpj.exeSet-Cookie: x\"");
        assert_eq!(x_file_name("../ä%\n"), ".._%C3%A4%25");
    }

    #[test]
    fn a_very_long_name_keeps_its_extension() {
        let sent = disposition(&format!("{}.jpeg", "x".repeat(4000)), false);
        assert!(sent.len() < 300 && sent.ends_with("x.jpeg\""));
    }

    proptest! {
        #[test]
        fn every_name_fits_a_header(name in "\\PC{0,300}|[\\x00-\\x7f]{0,40}") {
            for sent in [disposition(&name, true), x_file_name(&name)] {
                prop_assert!(HeaderValue::from_str(&sent).is_ok());
                prop_assert!(sent.is_ascii() && sent.len() < 8000);
            }
        }
    }
}
