//! Where the bytes lie, as the operator says it.
//!
//! Knows the shapes of storage URLs and nothing of how bytes are moved.

use serde::Deserialize;
use std::{fmt, time::Duration};

/// The storage's settings; the reference is `src/config/defaults.toml`.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `file:///…`, `s3://bucket/prefix` or `memory:`; empty means the folder `files` in the
    /// data folder.
    pub url: String,
    /// Base URL of an S3-compatible store; empty means Amazon's (or `AWS_ENDPOINT_URL`).
    pub s3_endpoint: String,
    /// Region of the bucket; empty means `AWS_REGION`, or else `us-east-1`.
    pub s3_region: String,
    /// Access key; empty means `AWS_ACCESS_KEY_ID`, or the machine's role.
    pub s3_access_key: String,
    /// Secret of the access key; empty means `AWS_SECRET_ACCESS_KEY`, or the machine's role.
    pub s3_secret_key: String,
    /// Whether the bucket stands in the path and not in the host name; most stores that are not
    /// Amazon's want it.
    pub s3_path_style: bool,
    /// Size of the parts sent to an object store, in MiB (a multiple of 4 from 8 to 1024). One
    /// part per range in flight is held in memory. Files that would need more than 10,000 parts get
    /// larger ones by themselves.
    pub part_size_mib: u64,
    /// How long the answer of a check holds.
    #[serde(with = "humantime_serde")]
    pub check_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            s3_endpoint: String::new(),
            s3_region: String::new(),
            s3_access_key: String::new(),
            s3_secret_key: String::new(),
            s3_path_style: true,
            part_size_mib: 8,
            check_interval: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &str| if secret.is_empty() { "" } else { "(set)" };
        out.debug_struct("Settings")
            .field("url", &self.url)
            .field("s3_endpoint", &self.s3_endpoint)
            .field("s3_region", &self.s3_region)
            .field("s3_access_key", &hidden(&self.s3_access_key))
            .field("s3_secret_key", &hidden(&self.s3_secret_key))
            .field("s3_path_style", &self.s3_path_style)
            .field("part_size_mib", &self.part_size_mib)
            .field("check_interval", &self.check_interval)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_shown_for_debugging_hide_the_keys() {
        let settings = Settings {
            s3_access_key: "AKIAVISIBLE".into(),
            s3_secret_key: "hunter2".into(),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("AKIAVISIBLE") && !shown.contains("hunter2"));
        assert!(shown.contains("(set)"));
    }
}
