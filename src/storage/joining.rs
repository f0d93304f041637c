//! One file made of several that are stored already.
//!
//! A folder lets the kernel do it: a single piece gets a second name, several are copied without
//! passing through this process, and on file systems that share blocks without being copied at
//! all. An object store copies a single piece by itself; several are read and written again, a
//! few parts at a time, because the stores have no common call for more.

use super::{Place, Storage, figures, key::StorageKey, upload::Upload};
use crate::storage::error::StorageError;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::ops::Range;

/// Parts that are written at once.
const AT_ONCE: usize = 4;
/// The most bytes that stores copy by themselves in one request (S3's limit).
const MOST_COPIED: u64 = 5 * 1024 * 1024 * 1024;

/// A stored file that becomes a piece of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies.
    pub key: StorageKey,
    /// How many bytes it has.
    pub size: u64,
}

impl Storage {
    /// Makes the file `key` of these pieces, in their order. The pieces stay.
    ///
    /// `upload_id` and `overwrite` are as in [`Storage::begin`]. Nothing becomes visible before all
    /// of it is there; when this answers `Ok`, the bytes survive a power cut.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] or [`StorageError::Incomplete`] when a piece is missing or of
    /// another size.
    pub async fn join(
        &self,
        pieces: &[Piece],
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let joined = match (&self.place, pieces) {
            (Place::Folder(folder), _) => folder.join(pieces, key, upload_id, overwrite).await,
            (Place::Objects(objects), [only]) if (1..=MOST_COPIED).contains(&only.size) => {
                objects.copy(only, key, overwrite).await
            }
            (Place::Objects(_), _) => self.write_again(pieces, key, upload_id, overwrite).await,
        };
        figures::noted("join", joined)
    }

    /// Reads the pieces and writes them as one upload.
    async fn write_again(
        &self,
        pieces: &[Piece],
        key: &StorageKey,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<(), StorageError> {
        let size = pieces.iter().map(|piece| piece.size).sum();
        let upload = self.begin(key, size, upload_id, overwrite).await?;
        let parts = stream::iter(0..upload.parts());
        let written = parts
            .map(|index| self.write_part(&upload, index, pieces))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>();
        match written.await {
            Ok(()) => upload.commit().await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn write_part(
        &self,
        upload: &Upload,
        index: u64,
        pieces: &[Piece],
    ) -> Result<(), StorageError> {
        let mut part = upload.part(index);
        for (piece, range) in within(pieces, &upload.part_range(index)) {
            let mut bytes = self.read(&piece.key, range).await?;
            while let Some(chunk) = bytes.next().await {
                part.write(chunk?).await?;
            }
        }
        part.finish().await
    }
}

/// Which bytes of which pieces make up a range of the whole.
fn within<'a>(pieces: &'a [Piece], range: &Range<u64>) -> Vec<(&'a Piece, Range<u64>)> {
    let (mut found, mut begins) = (Vec::new(), 0);
    for piece in pieces {
        let ends = begins + piece.size;
        let (from, to) = (range.start.max(begins), range.end.min(ends));
        if from < to {
            found.push((piece, from - begins..to - begins));
        }
        begins = ends;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_the_whole_is_found_in_its_pieces() {
        let piece = |name: &str, size| Piece {
            key: StorageKey::parse(name).unwrap(),
            size,
        };
        let pieces = [
            piece("a", 5),
            piece("none", 0),
            piece("b", 3),
            piece("c", 9),
        ];
        let found = |range| -> Vec<(String, Range<u64>)> {
            let found = within(&pieces, &range).into_iter();
            found
                .map(|(piece, range)| (piece.key.to_string(), range))
                .collect()
        };
        let at = |name: &str, range| (name.to_owned(), range);
        assert_eq!(found(0..5), [at("a", 0..5)]);
        assert_eq!(found(4..9), [at("a", 4..5), at("b", 0..3), at("c", 0..1)]);
        assert_eq!(found(16..17), [at("c", 8..9)]);
        assert_eq!(found(5..5), []);
    }
}
