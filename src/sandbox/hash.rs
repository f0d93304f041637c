//! Dropbox's content hash, computed once for each version of a file.
//!
//! A hash belongs to an inode in a certain state, so a renamed file keeps its hash and a
//! rewritten one does not. Whoever needs a hash that somebody else is computing waits for it.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest, Sha256};

/// The unit of Dropbox's content hash.
pub const BLOCK: usize = 4 * 1024 * 1024;

/// Which bytes a hash was made of, as far as the file system can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    device: u64,
    /// The inode.
    pub inode: u64,
    /// The length.
    pub size: u64,
    /// When the bytes last changed, in nanoseconds.
    pub modified: i128,
    changed: i128,
}

impl Fingerprint {
    /// Reads the fingerprint of a file's present state.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Fingerprint {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the content is the same, as far as one can tell without reading it.
    pub fn same_content(&self, other: &Fingerprint) -> bool {
        (self.device, self.inode, self.size, self.modified)
            == (other.device, other.inode, other.size, other.modified)
    }
}

type Slot = Arc<Mutex<Option<String>>>;

/// All hashes known so far.
#[derive(Default)]
pub struct Hashes {
    known: Mutex<HashMap<(u64, u64), (Fingerprint, Slot)>>,
}

impl Hashes {
    /// The content hash of the file, computed now if it is not known.
    pub fn of(&self, path: &Path, expected: Fingerprint) -> io::Result<String> {
        if let Some(hash) = self
            .slot(expected)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            return Ok(hash.clone());
        }
        let file = File::open(path)?;
        let fingerprint = Fingerprint::of(&file.metadata()?);
        let slot = self.slot(fingerprint);
        let mut hash = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = hash.as_ref() {
            return Ok(hash.clone());
        }
        let computed = content_hash(&file, fingerprint.size)?;
        *hash = Some(computed.clone());
        Ok(computed)
    }

    /// Notes a hash that was computed while the bytes came in.
    pub fn remember(&self, fingerprint: Fingerprint, hash: &str) {
        let slot = self.slot(fingerprint);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash.to_owned());
    }

    fn slot(&self, fingerprint: Fingerprint) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, slot) = known
            .entry((fingerprint.device, fingerprint.inode))
            .or_insert_with(|| (fingerprint, Slot::default()));
        if *of != fingerprint {
            *of = fingerprint;
            *slot = Slot::default();
        }
        slot.clone()
    }
}

/// Hashes a whole file, on several threads if it is large.
pub fn content_hash(file: &File, size: u64) -> io::Result<String> {
    let blocks = size.div_ceil(BLOCK as u64);
    let threads = match blocks {
        0..16 => 1,
        _ => std::thread::available_parallelism().map_or(1, |n| n.get().min(4)),
    };
    let next = AtomicU64::new(0);
    let hash_some = || -> io::Result<Vec<(u64, [u8; 32])>> {
        let mut buffer = vec![0; BLOCK.min(size as usize)];
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= blocks {
                return Ok(done);
            }
            let start = index * BLOCK as u64;
            let length = (size - start).min(BLOCK as u64) as usize;
            file.read_exact_at(&mut buffer[..length], start)?;
            done.push((index, Sha256::digest(&buffer[..length]).into()));
        }
    };
    let parts: Vec<io::Result<Vec<_>>> = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(hash_some)).collect();
        let own = hash_some();
        helpers
            .into_iter()
            .map(|helper| {
                helper
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a hashing thread panicked")))
            })
            .chain([own])
            .collect()
    });
    let mut all: Vec<(u64, [u8; 32])> = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    all.sort_unstable_by_key(|(index, _)| *index);
    let mut outer = Sha256::new();
    for (_, block) in &all {
        outer.update(block);
    }
    Ok(hex::encode(outer.finalize()))
}

/// The content hash of bytes that arrive piece by piece.
#[derive(Default, Clone)]
pub struct ContentHasher {
    outer: Sha256,
    block: Sha256,
    filled: usize,
}

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let take = bytes.len().min(BLOCK - self.filled);
            self.block.update(&bytes[..take]);
            self.filled += take;
            bytes = &bytes[take..];
            if self.filled == BLOCK {
                self.close_block();
            }
        }
    }

    /// The hash of everything taken so far.
    pub fn finish(mut self) -> String {
        if self.filled > 0 {
            self.close_block();
        }
        hex::encode(self.outer.finalize())
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block).finalize();
        self.outer.update(block);
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn whole_and_piecewise_hashing_agree() {
        let bytes: Vec<u8> = (0..(BLOCK * 2 + 77)).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut hasher = ContentHasher::default();
        for piece in bytes.chunks(1_000_003) {
            hasher.update(piece);
        }
        assert_eq!(
            hasher.finish(),
            content_hash(&file, bytes.len() as u64).unwrap()
        );
    }

    #[test]
    fn nothing_hashes_to_the_hash_of_nothing() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(ContentHasher::default().finish(), nothing);
    }
}
