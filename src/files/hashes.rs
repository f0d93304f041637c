//! Hashes of a file's bytes, all that are asked for in one pass.

use md5::Md5;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// A hash that the protocol's metadata can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// Its name in the protocol's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn digest(self) -> Box<dyn DynDigest + Send> {
        match self {
            Self::Md5 => Box::new(Md5::default()),
            Self::Sha1 => Box::new(Sha1::default()),
            Self::Sha224 => Box::new(Sha224::default()),
            Self::Sha256 => Box::new(Sha256::default()),
            Self::Sha384 => Box::new(Sha384::default()),
            Self::Sha512 => Box::new(Sha512::default()),
        }
    }
}

/// Several hashes of the same bytes.
pub(super) struct Hashing(Vec<(Algorithm, Box<dyn DynDigest + Send>)>);

impl Hashing {
    pub(super) fn new(algorithms: &[Algorithm]) -> Self {
        let digests = algorithms.iter().map(|one| (*one, one.digest()));
        Self(digests.collect())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for (_, digest) in &mut self.0 {
            digest.update(bytes);
        }
    }

    /// The hashes in hex, by their names.
    pub(super) fn finish(self) -> Map<String, Value> {
        let shown = |(algorithm, digest): (Algorithm, Box<dyn DynDigest + Send>)| {
            let hash = hex::encode(digest.finalize());
            (algorithm.name().to_owned(), Value::String(hash))
        };
        self.0.into_iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_of_nothing_is_the_known_one() {
        let hashes = Hashing::new(&Algorithm::ALL).finish();
        let begins = |name: &str| hashes[name].as_str().unwrap()[..8].to_owned();
        assert_eq!(begins("md5"), "d41d8cd9");
        assert_eq!(begins("sha1"), "da39a3ee");
        assert_eq!(begins("sha224"), "d14a028c");
        assert_eq!(begins("sha256"), "e3b0c442");
        assert_eq!(begins("sha384"), "38b060a7");
        assert_eq!(begins("sha512"), "cf83e135");
    }
}
