//! What an image says about itself: width, height, EXIF.
//!
//! The bytes are a stranger's. Only the beginning of a file is looked at, what is found is cut to
//! a bounded size, and a parser that panics has found nothing.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use exif::{Exif, Field, In, Tag, Value as Entry};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};

use crate::storage::{Storage, StorageError, StorageKey};

/// Bytes that are looked at first: enough for nearly every image.
const FIRST_LOOK: u64 = 256 * 1024;
/// Bytes that are looked at where those did not do: photos with large previews in front.
const SECOND_LOOK: u64 = 4 * 1024 * 1024;
/// EXIF members that are kept.
const MOST_MEMBERS: usize = 300;
/// Numbers of one EXIF member that are kept.
const MOST_NUMBERS: usize = 32;
/// Characters of one EXIF text that are kept.
const LONGEST_TEXT: usize = 1000;

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// EXIF, a JSON object as text.
    pub exif: Option<String>,
}

/// Looks into a stored file. What is not an image has no such facts.
///
/// # Errors
/// When the storage fails. A broken image is no error: it merely says nothing.
pub async fn read(
    storage: &Storage,
    key: &StorageKey,
    size: u64,
    mimetype: &str,
) -> Result<Facts, StorageError> {
    if !may_have(mimetype) || size == 0 {
        return Ok(Facts::default());
    }
    let mut facts = Facts::default();
    for look in [FIRST_LOOK, SECOND_LOOK] {
        let bytes = beginning(storage, key, size.min(look)).await?;
        let found = tokio::task::spawn_blocking(move || find(&bytes)).await?;
        facts = Facts {
            exif: found.exif.or(facts.exif),
            ..found
        };
        if facts.width.is_some() || size <= look {
            break;
        }
    }
    Ok(facts)
}

/// Whether a file of this type has such facts.
pub fn may_have(mimetype: &str) -> bool {
    let prefix = mimetype.get(..6);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("image/"))
}

async fn beginning(
    storage: &Storage,
    key: &StorageKey,
    length: u64,
) -> Result<Vec<u8>, StorageError> {
    let mut stream = storage.read(key, 0..length).await?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// Looks at the beginning of a file; blocks for a moment.
fn find(bytes: &[u8]) -> Facts {
    let size = guarded(|| imagesize::blob_size(bytes).ok());
    let pixels = |n: usize| u32::try_from(n).ok();
    Facts {
        width: size.and_then(|size| pixels(size.width)),
        height: size.and_then(|size| pixels(size.height)),
        exif: guarded(|| exif_of(bytes)),
    }
}

/// Runs a parser on a stranger's bytes.
fn guarded<T>(parse: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten()
}

fn exif_of(bytes: &[u8]) -> Option<String> {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let found = match reader.read_from_container(&mut Cursor::new(bytes)) {
        Ok(found) => found,
        Err(exif::Error::PartialResult(partial)) => partial.into_inner().0,
        Err(_) => return None,
    };
    let members = members(&found);
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

/// The members of the main image (not of its thumbnail) by their names.
fn members(found: &Exif) -> Map<String, Value> {
    found
        .fields()
        .filter(|field| field.ifd_num == In::PRIMARY && field.tag != Tag::MakerNote)
        .filter_map(|field| Some((name(field.tag)?, value(field)?)))
        .take(MOST_MEMBERS)
        .collect()
}

/// The standard's name of a tag; those of single makers have none.
fn name(tag: Tag) -> Option<String> {
    tag.description().map(|_| tag.to_string())
}

fn value(field: &Field) -> Option<Value> {
    let numbers = match &field.value {
        Entry::Ascii(texts) => return Some(text(texts)),
        Entry::Rational(all) => list(all, |n| finite(n.to_f64())),
        Entry::SRational(all) => list(all, |n| finite(n.to_f64())),
        Entry::Float(all) => list(all, |n| finite(f64::from(*n))),
        Entry::Double(all) => list(all, |n| finite(*n)),
        Entry::Byte(all) => list(all, |n| json!(n)),
        Entry::SByte(all) => list(all, |n| json!(n)),
        Entry::Short(all) => list(all, |n| json!(n)),
        Entry::SShort(all) => list(all, |n| json!(n)),
        Entry::Long(all) => list(all, |n| json!(n)),
        Entry::SLong(all) => list(all, |n| json!(n)),
        Entry::Undefined(bytes, _) if bytes.len() <= LONGEST_TEXT => {
            let shown = field.display_value().to_string();
            return Some(Value::String(clean(&shown)));
        }
        Entry::Undefined(..) | Entry::Unknown(..) => return None,
    };
    match numbers.len() {
        0 => None,
        1 => numbers.into_iter().next(),
        _ => Some(Value::Array(numbers)),
    }
}

fn list<T>(all: &[T], shown: impl Fn(&T) -> Value) -> Vec<Value> {
    all.iter().take(MOST_NUMBERS).map(shown).collect()
}

/// JSON knows no infinity: a fraction over nothing is null.
fn finite(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn text(texts: &[Vec<u8>]) -> Value {
    let whole = texts.join(&b' ');
    Value::String(clean(&String::from_utf8_lossy(&whole)))
}

fn clean(text: &str) -> String {
    let plain = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    plain
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A JPEG's beginning with EXIF (Make "Ours", Orientation 6) and a frame of 32 x 16 pixels.
    fn photo() -> Vec<u8> {
        let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
        tiff.extend(b"\x01\x0f\0\x02\0\0\0\x05\0\0\0\x26");
        tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        tiff.extend(b"\0\0\0\0Ours\0");
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe1];
        let length = u16::try_from(tiff.len() + 8).unwrap();
        jpeg.extend(length.to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(tiff);
        jpeg.extend(b"\xff\xc0\0\x11\x08\0\x10\0\x20\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        jpeg.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0\xff\xd9");
        jpeg
    }

    #[test]
    fn a_photo_tells_its_size_and_its_maker() {
        let facts = find(&photo());
        assert_eq!((facts.width, facts.height), (Some(32), Some(16)));
        let exif: Value = serde_json::from_str(&facts.exif.unwrap()).unwrap();
        assert_eq!(exif["Make"], "Ours");
        assert_eq!(exif["Orientation"], 6);
    }

    #[test]
    fn what_is_no_image_says_nothing() {
        assert_eq!(find(b"just text"), Facts::default());
        assert!(!may_have("text/plain") && !may_have("") && may_have("IMAGE/png"));
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_survived(at in 0usize..120, with: Vec<u8>, cut in 0usize..140) {
            let mut bytes = photo();
            for (offset, byte) in with.iter().take(24).enumerate() {
                if let Some(place) = bytes.get_mut(at + offset) {
                    *place = *byte;
                }
            }
            bytes.truncate(cut);
            find(&bytes);
        }

        #[test]
        fn random_bytes_behind_every_magic_are_survived(
            magic in 0usize..8,
            rest in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let magics: [&[u8]; 8] = [
                b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X", b"II*\0", b"MM\0*",
                b"\0\0\0\x18ftypheic", b"BM", b"\0\0\0\x0cJXL \r\n\x87\n",
            ];
            let mut bytes = magics[magic].to_vec();
            bytes.extend(rest);
            find(&bytes);
        }
    }
}
