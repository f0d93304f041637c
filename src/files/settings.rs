//! Settings of files.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// In half of it a removal has to begin, and in the other half to come to its end.
const LEAST_REMOVAL_LEASE: Duration = Duration::from_secs(1);

/// What files may be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bytes of a file that comes from a client at most.
    pub max_file_size: ByteSize,
    /// How long a node that removes objects keeps others from them; at least
    /// [`LEAST_REMOVAL_LEASE`].
    #[serde(with = "humantime_serde")]
    pub removal_lease: Duration,
}

impl Settings {
    /// Whether removals are leased for long enough.
    pub(crate) fn has_room_for_removals(&self) -> bool {
        self.removal_lease >= LEAST_REMOVAL_LEASE
    }
}
