//! A body in base64, decoded on its way (`base64decode` of the store API).
//!
//! Both alphabets are read, with and without padding, and line breaks are passed over: so e-mails
//! and browsers write it. Anything else ends the body.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

/// What was wrong with a body, once it is known.
pub(super) type Fault = Arc<OnceLock<String>>;

/// What has come and is not decoded yet.
#[derive(Default)]
struct Decoder {
    /// Fewer than four letters, between two chunks.
    letters: Vec<u8>,
    padding: usize,
    /// Bytes that have come, for the place of a fault.
    came: u64,
}

impl Decoder {
    /// Decodes what is whole by now.
    fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, String> {
        for byte in chunk {
            self.came += 1;
            let letter = match byte {
                b'\r' | b'\n' | b' ' | b'\t' => continue,
                b'=' => {
                    self.padding += 1;
                    continue;
                }
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            };
            let known = letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'/');
            if !known || self.padding > 0 {
                return Err(format!("byte {} does not belong there", self.came));
            }
            self.letters.push(letter);
        }
        let whole = self.letters.len() / 4 * 4;
        let rest = self.letters.split_off(whole);
        decode(&std::mem::replace(&mut self.letters, rest))
    }

    /// Decodes what is left at the end.
    fn finish(&mut self) -> Result<Bytes, String> {
        let letters = std::mem::take(&mut self.letters);
        let padded = letters.len() + self.padding;
        if letters.len() == 1 || (self.padding > 0 && (letters.is_empty() || padded != 4)) {
            return Err("it ends too early".to_owned());
        }
        decode(&letters)
    }
}

fn decode(letters: &[u8]) -> Result<Bytes, String> {
    let decoded = STANDARD_NO_PAD.decode(letters);
    let decoded = decoded.map_err(|_| "its last letter stands for no byte".to_owned())?;
    Ok(decoded.into())
}

/// The bytes that a body stands for. What is wrong with it is also left in `fault`, for whoever
/// stores them only sees that the body broke off.
pub(super) fn decoded<S, E>(body: S, fault: Fault) -> impl Stream<Item = Result<Bytes, String>>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Display,
{
    let begin = Some((Box::pin(body), Decoder::default()));
    stream::unfold(begin, move |state| {
        let fault = Arc::clone(&fault);
        async move {
            let (mut body, mut decoder) = state?;
            let (outcome, next) = match body.next().await {
                Some(Ok(chunk)) => (decoder.feed(&chunk), Some((body, decoder))),
                Some(Err(error)) => return Some((Err(error.to_string()), None)),
                None => (decoder.finish(), None),
            };
            match outcome {
                Ok(bytes) => Some((Ok(bytes), next)),
                Err(why) => {
                    let why = format!("the body is not base64: {why}");
                    drop(fault.set(why.clone()));
                    Some((Err(why), None))
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fed(chunks: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for chunk in chunks {
            all.extend(decoder.feed(chunk)?);
        }
        all.extend(decoder.finish()?);
        Ok(all)
    }

    #[test]
    fn both_alphabets_and_all_manners_of_ending_are_read() {
        for (text, bytes) in [
            (&b""[..], &b""[..]),
            (b"aGFyYm9y", b"harbor"),
            (b"aGFyYg==", b"harb"),
            (b"aGFyYg", b"harb"),
            (b"aGFyYm8=\r\n", b"harbo"),
            (b" aGFy\r\nYm9y\n", b"harbor"),
            (b"-_-_", b"\xfb\xff\xbf"),
            (b"+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(fed(&[text]).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_not_base64_is_told_with_its_place() {
        for (text, why) in [
            (&b"aG{y"[..], "byte 3"),
            (b"aGFyYg==aGFy", "byte 9"),
            (b"data:image/png;base64,aGFy", "byte 5"),
            (b"aGFyY", "too early"),
            (b"aGFyYg=", "too early"),
            (b"aGFyYg===", "too early"),
            (b"aGFy====", "too early"),
            (b"=", "too early"),
            (b"aGFyYh", "last letter"),
            ("ä".as_bytes(), "byte 1"),
        ] {
            let refused = fed(&[text]).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_bytes_come(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            size in 1_usize..40,
        ) {
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(fed(&chunks).unwrap(), bytes);
        }
    }
}
