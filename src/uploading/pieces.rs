//! Whether what came makes a file. Knows sizes and digests, and no storage.

use super::UploadError;
use super::request::{Completion, Wanted};

/// One piece that lies in the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredPiece {
    pub part: u32,
    /// Where in its part it begins.
    pub offset: u64,
    pub size: u64,
    /// Hex.
    pub md5: String,
    pub storage_key: String,
}

/// What is said of a piece before it comes.
pub(super) struct Said {
    pub part: u32,
    /// Where in its part it begins.
    pub offset: u64,
    pub size: Option<u64>,
    /// Hex.
    pub md5: Option<String>,
}

/// The pieces of the parts up to `last`, in the file's order, where nothing is missing between
/// them. `pieces` are sorted by part and offset.
///
/// A client that lost the answer to a piece may have sent its bytes again in pieces of another
/// size. What begins inside of a piece that is there has come already, and is passed over.
pub(super) fn in_order(
    pieces: Vec<StoredPiece>,
    last: u32,
) -> Result<Vec<StoredPiece>, UploadError> {
    let mut chosen: Vec<StoredPiece> = Vec::with_capacity(pieces.len());
    let (mut part, mut reached) = (0, 0);
    for piece in pieces {
        if piece.part > last {
            break;
        }
        if piece.part != part {
            part += 1;
            reached = 0;
        }
        if piece.part != part || piece.offset > reached {
            return Err(missing(part, reached));
        }
        if piece.offset == reached {
            reached += piece.size;
            chosen.push(piece);
        }
    }
    match part {
        part if part == last => Ok(chosen),
        part => Err(missing(part + 1, 0)),
    }
}

fn missing(part: u32, reached: u64) -> UploadError {
    UploadError::WrongParts(match reached {
        0 => format!("part {part} is missing"),
        bytes => format!("of part {part} only the first {bytes} bytes came"),
    })
}

/// Which part is the last, as the client says or as they came.
pub(super) fn last_part(
    pieces: &[StoredPiece],
    completion: &Completion,
) -> Result<u32, UploadError> {
    if completion.parts.is_empty() {
        return Ok(pieces.last().map_or(0, |piece| piece.part));
    }
    let mut numbers: Vec<u32> = completion.parts.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    for (wanted, number) in (1..).zip(&numbers) {
        if wanted != *number {
            let why = format!("parts must list every part once; {wanted} is not there");
            return Err(UploadError::WrongParts(why));
        }
    }
    for (number, etag) in &completion.parts {
        let Some(etag) = etag else { continue };
        let mut of_part = pieces.iter().filter(|piece| piece.part == *number);
        let same = match (of_part.next(), of_part.next()) {
            (Some(only), None) => plain(etag).eq_ignore_ascii_case(&only.md5),
            // That one is missing is told with the others; of several no ETag was given out.
            _ => true,
        };
        if !same {
            let why = format!("part {number} is not the one with this ETag: send it again");
            return Err(UploadError::WrongParts(why));
        }
    }
    Ok(numbers.last().copied().unwrap_or_default())
}

/// An ETag without its quotes.
fn plain(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

/// Checks the size of the whole against what was said of it.
pub(super) fn check_size(
    size: u64,
    wanted: &Wanted,
    completion: &Completion,
) -> Result<(), UploadError> {
    for said in [wanted.size, completion.size].into_iter().flatten() {
        if said != size {
            let why = format!("the parts have {size} bytes together and not {said}");
            return Err(UploadError::WrongParts(why));
        }
    }
    // Without a part and without a word, nothing came: an empty file has to be asked for.
    if size == 0 && wanted.size.or(completion.size).is_none() {
        return Err(missing(1, 0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(part: u32, offset: u64, size: u64) -> StoredPiece {
        StoredPiece {
            part,
            offset,
            size,
            md5: format!("{part:032x}"),
            storage_key: String::new(),
        }
    }

    fn ends(pieces: Vec<StoredPiece>, last: u32) -> Result<Vec<(u32, u64)>, String> {
        let found = in_order(pieces, last).map_err(|error| error.to_string())?;
        Ok(found.iter().map(|p| (p.part, p.offset)).collect())
    }

    #[test]
    fn parts_follow_one_another_without_a_gap() {
        let parts = || vec![piece(1, 0, 5), piece(2, 0, 5), piece(3, 0, 1)];
        assert_eq!(ends(parts(), 3), Ok(vec![(1, 0), (2, 0), (3, 0)]));
        assert_eq!(ends(parts(), 2), Ok(vec![(1, 0), (2, 0)]));
        assert_eq!(ends(parts(), 4), Err("part 4 is missing".to_owned()));
        let gap = vec![piece(1, 0, 5), piece(3, 0, 5)];
        assert_eq!(ends(gap, 3), Err("part 2 is missing".to_owned()));
        let late = vec![piece(2, 0, 5)];
        assert_eq!(ends(late, 2), Err("part 1 is missing".to_owned()));
        assert_eq!(ends(vec![], 0), Ok(vec![]));
    }

    #[test]
    fn pieces_of_a_part_follow_one_another_and_what_came_twice_counts_once() {
        let pieces = vec![
            piece(1, 0, 8),
            piece(1, 4, 4),
            piece(1, 8, 2),
            piece(2, 0, 3),
        ];
        assert_eq!(ends(pieces, 2), Ok(vec![(1, 0), (1, 8), (2, 0)]));
        let gap = vec![piece(1, 0, 4), piece(1, 8, 4)];
        let told = "of part 1 only the first 4 bytes came".to_owned();
        assert_eq!(ends(gap, 1), Err(told));
        let headless = vec![piece(1, 4, 4)];
        assert_eq!(ends(headless, 1), Err("part 1 is missing".to_owned()));
    }

    #[test]
    fn etags_are_compared_as_clients_write_them() {
        let pieces = [piece(1, 0, 5), piece(2, 0, 5)];
        let last = |parts: &[(u32, Option<&str>)]| {
            let parts = parts.iter().map(|(n, e)| (*n, e.map(str::to_owned)));
            let completion = Completion {
                upload_id: String::new(),
                application: None,
                size: None,
                upload_tags: serde_json::Value::Null,
                parts: parts.collect(),
                policy: None,
            };
            last_part(&pieces, &completion).map_err(|error| error.to_string())
        };
        let one = format!("{:032x}", 1);
        let quoted = format!("\"{:032x}\"", 2);
        assert_eq!(last(&[]), Ok(2));
        assert_eq!(last(&[(2, Some(&quoted)), (1, Some(&one))]), Ok(2));
        assert_eq!(last(&[(1, None)]), Ok(1));
        assert!(last(&[(1, Some(&quoted))]).unwrap_err().contains("ETag"));
        assert!(last(&[(2, None)]).unwrap_err().contains("1 is not there"));
        assert!(last(&[(1, None), (1, None)]).is_err());
    }
}
