//! The public name of a file.

use std::fmt;

use super::FileError;

/// Letters and digits in a handle (the official SDKs test for twenty).
pub const LENGTH: usize = 20;

/// Twenty letters and digits that name one stored file in every URL.
///
/// A `Handle` that exists is well formed: [`Handle::parse`] and [`Handle::generate`] are the
/// only ways in, so no room behind the edge checks again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

impl Handle {
    /// Reads a handle.
    ///
    /// # Errors
    /// [`FileError::BadHandle`] for anything but twenty letters and digits.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let fits = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(FileError::BadHandle)
        }
    }

    /// A new handle: 119 random bits, so none is ever given twice.
    pub fn generate() -> Self {
        Self(crate::access::random_name(LENGTH))
    }

    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twenty_letters_and_digits_are_a_handle() {
        assert!(Handle::parse(Handle::generate().as_str()).is_ok());
        for wrong in [
            "",
            "short",
            "abcdefghijklmnopqrs/",
            "abcdefghijklmnopqrstu",
            "äbcdefghijklmnopqrs",
        ] {
            assert!(Handle::parse(wrong).is_err(), "{wrong}");
        }
    }
}
