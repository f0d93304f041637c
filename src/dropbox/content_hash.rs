//! Dropbox's content hash: SHA-256 over the SHA-256 of each block of 4 MiB.
//!
//! Since a block's hash depends on that block alone, blocks that arrive out of order, over several
//! connections, can be hashed as they come and combined at the end.

use sha2::{Digest, Sha256};

/// The size of a block; the last one may be smaller.
pub const BLOCK: u64 = 4 << 20;

const BLOCK_BYTES: usize = BLOCK as usize;

/// The hash of one block.
pub type BlockHash = [u8; 32];

/// Hashes one whole block.
pub fn hash_block(block: &[u8]) -> BlockHash {
    Sha256::digest(block).into()
}

/// Hashes one block as its bytes come. The caller keeps to the block's bounds.
#[derive(Clone, Default)]
pub struct BlockHasher(Sha256);

impl BlockHasher {
    /// Begins a block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the block.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The block's hash.
    pub fn finish(self) -> BlockHash {
        self.0.finalize().into()
    }
}

/// The content hash of the file whose blocks have these hashes, in the file's order. A file
/// without bytes has no blocks.
pub fn combine(blocks: impl IntoIterator<Item = BlockHash>) -> String {
    let mut whole = Sha256::new();
    for block in blocks {
        whole.update(block);
    }
    hex::encode(whole.finalize())
}

/// Computes the content hash of bytes that come in order.
#[derive(Clone, Default)]
pub struct ContentHasher {
    whole: Sha256,
    block: BlockHasher,
    in_block: usize,
}

impl ContentHasher {
    /// Begins a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.in_block;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.update(now);
            self.in_block += now.len();
            bytes = later;
            if self.in_block == BLOCK_BYTES {
                self.close_block();
            }
        }
    }

    /// The content hash, in hexadecimal digits.
    pub fn finish(mut self) -> String {
        if self.in_block > 0 {
            self.close_block();
        }
        hex::encode(self.whole.finalize())
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.whole.update(block.finish());
        self.in_block = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn in_order(bytes: &[u8], step: usize) -> String {
        let mut hasher = ContentHasher::new();
        bytes.chunks(step).for_each(|chunk| hasher.update(chunk));
        hasher.finish()
    }

    #[test]
    fn an_empty_file_has_no_blocks() {
        assert_eq!(ContentHasher::new().finish(), EMPTY);
        assert_eq!(combine([]), EMPTY);
    }

    #[test]
    fn a_small_file_is_one_block_hashed_twice() {
        // Computed with sha256sum: of "abc", then of the 32 bytes of that.
        let known = "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358";
        assert_eq!(in_order(b"abc", 1), known);
        assert_eq!(combine([hash_block(b"abc")]), known);
    }

    #[test]
    fn blocks_hashed_apart_give_the_hash_of_the_whole() {
        for size in [
            BLOCK_BYTES - 1,
            BLOCK_BYTES,
            BLOCK_BYTES + 1,
            2 * BLOCK_BYTES,
        ] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let apart = combine(bytes.chunks(BLOCK_BYTES).map(hash_block));
            assert_eq!(in_order(&bytes, 65_537), apart, "{size}");
            assert_eq!(in_order(&bytes, size), apart, "{size}");
        }
    }

    #[test]
    fn a_block_hashed_in_pieces_is_the_block_hashed_at_once() {
        let mut pieces = BlockHasher::new();
        pieces.update(b"ab");
        pieces.update(b"c");
        assert_eq!(pieces.finish(), hash_block(b"abc"));
    }
}
