//! Settings of files.

use bytesize::ByteSize;
use serde::Deserialize;

/// What files may be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bytes of a file that comes from a client at most.
    pub max_file_size: ByteSize,
}
