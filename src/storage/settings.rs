//! Where the bytes lie, as the operator says it.
//!
//! Knows the shapes of storage URLs and nothing of how bytes are moved.

use bytesize::ByteSize;
use serde::Deserialize;
use std::{fmt, time::Duration};

/// The storage's settings; the reference is `src/config/defaults.toml`.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `file:///…`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or
    /// `memory:`; empty means the folder `files` in the data folder.
    pub url: String,
    /// Base URL of an S3-compatible store; empty means Amazon's (or `AWS_ENDPOINT_URL`).
    pub s3_endpoint: String,
    /// Region of the bucket; empty means `AWS_REGION`, or else `us-east-1`.
    pub s3_region: String,
    /// Access key; empty means `AWS_ACCESS_KEY_ID`, or, at Amazon's own endpoint, the machine's
    /// role.
    pub s3_access_key: String,
    /// Secret of the access key; empty means `AWS_SECRET_ACCESS_KEY`, or the machine's role.
    pub s3_secret_key: String,
    /// Whether the bucket stands in the path and not in the host name; most stores that are not
    /// Amazon's want it.
    pub s3_path_style: bool,
    /// Base URL of Google Cloud Storage; empty means Google's.
    pub gcs_endpoint: String,
    /// Path of a service account's key file (JSON); empty means `GOOGLE_SERVICE_ACCOUNT`,
    /// `GOOGLE_APPLICATION_CREDENTIALS`, or the machine's role.
    pub gcs_service_account: String,
    /// The key itself (JSON), in place of a file.
    pub gcs_service_account_key: String,
    /// Name of the storage account; empty means `AZURE_STORAGE_ACCOUNT_NAME`.
    pub azure_account: String,
    /// Access key of the account (base64); empty means `AZURE_STORAGE_ACCOUNT_KEY`, or the
    /// machine's role.
    pub azure_access_key: String,
    /// A shared access signature in place of the key.
    pub azure_sas_key: String,
    /// Base URL of the account; empty means `https://ACCOUNT.blob.core.windows.net`.
    pub azure_endpoint: String,
    /// Size of the parts sent to an object store, in MiB (a multiple of 4 from 8 to 1024). One
    /// part per range in flight is held in memory. Files that would need more than 10,000 parts get
    /// larger ones by themselves.
    pub part_size_mib: u64,
    /// How much of the parts on their way to an object store this node holds in memory, beside
    /// the one part that each copy may always hold; all copies share it evenly.
    pub upload_memory: ByteSize,
    /// Whether readers of pictures, sound and video are sent to the store, where it can sign
    /// addresses.
    pub redirect: bool,
    /// How long such an address is good, from a second to a week.
    #[serde(with = "humantime_serde")]
    pub redirect_lifetime: Duration,
    /// How old an object or an upload is that nothing can be waiting for any more; at least 8
    /// days.
    #[serde(with = "humantime_serde")]
    pub orphan_age: Duration,
    /// Whether old objects with keys like ours are removed that the catalog does not know.
    pub orphan_sweep: bool,
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
            gcs_endpoint: String::new(),
            gcs_service_account: String::new(),
            gcs_service_account_key: String::new(),
            azure_account: String::new(),
            azure_access_key: String::new(),
            azure_sas_key: String::new(),
            azure_endpoint: String::new(),
            part_size_mib: 8,
            upload_memory: ByteSize::mib(32),
            redirect: false,
            redirect_lifetime: Duration::from_secs(5 * 60),
            orphan_age: Duration::from_secs(8 * 24 * 60 * 60),
            orphan_sweep: false,
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
            .field("gcs_endpoint", &self.gcs_endpoint)
            .field("gcs_service_account", &self.gcs_service_account)
            .field(
                "gcs_service_account_key",
                &hidden(&self.gcs_service_account_key),
            )
            .field("azure_account", &self.azure_account)
            .field("azure_access_key", &hidden(&self.azure_access_key))
            .field("azure_sas_key", &hidden(&self.azure_sas_key))
            .field("azure_endpoint", &self.azure_endpoint)
            .field("part_size_mib", &self.part_size_mib)
            .field("upload_memory", &self.upload_memory)
            .field("redirect", &self.redirect)
            .field("redirect_lifetime", &self.redirect_lifetime)
            .field("orphan_age", &self.orphan_age)
            .field("orphan_sweep", &self.orphan_sweep)
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
            gcs_service_account_key: "hunter3".into(),
            azure_access_key: "hunter4".into(),
            azure_sas_key: "hunter5".into(),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("AKIAVISIBLE") && !shown.contains("hunter"));
        assert!(shown.contains("(set)"));
    }
}
