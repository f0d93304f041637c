//! Addresses at the store itself, by which a client may fetch an object for a short time.
//!
//! They bear a signature by the store's keys in place of a password. A store that cannot sign, or
//! not what it is to say of the bytes, gives none. Knows nothing of HTTP but the names of a few
//! headers' parameters.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use sha2::Sha256;
use url::Url;

use super::error::StorageError;

/// The version of Azure's protocol whose signatures are made here.
const AZURE_VERSION: &str = "2021-12-02";

/// What the store is to say of the bytes: values of headers.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// `Content-Type`
    pub content_type: &'a str,
    /// `Content-Disposition`
    pub disposition: &'a str,
    /// `Cache-Control`, for stores that can say it.
    pub cache_control: &'a str,
}

/// Who signs addresses.
pub(super) enum Presigner {
    S3(Arc<dyn Signer>),
    Google(Arc<dyn Signer>),
    Azure(AccessSignature),
}

impl Presigner {
    /// An address of the object, good for `lifetime`; none where it cannot be signed.
    pub(super) async fn sign(
        &self,
        path: &Path,
        shown: Shown<'_>,
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<Option<Url>, StorageError> {
        let mut query = vec![
            ("response-content-type", shown.content_type),
            ("response-content-disposition", shown.disposition),
        ];
        let signer = match self {
            Self::S3(signer) => {
                query.push(("response-cache-control", shown.cache_control));
                signer
            }
            Self::Google(_) if !path.as_ref().chars().all(is_plain) => return Ok(None),
            Self::Google(signer) => signer,
            Self::Azure(signature) => return Ok(signature.sign(path, shown, lifetime, now_ms)),
        };
        let options = SignedUrlOptions::default().with_query(query);
        let signed = signer.signed_url_opts(Method::GET, path, lifetime, &options);
        Ok(Some(signed.await?))
    }
}

/// What both ends encode alike in a path: the library signs Google's paths as they are sent.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "-_.~/ ".contains(c)
}

/// Azure's "service SAS" of one blob, which may say what headers the answer bears; the library's
/// own cannot. Made as described in
/// <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>.
pub(super) struct AccessSignature {
    pub(super) account: String,
    /// The access key, decoded.
    pub(super) key: Vec<u8>,
    /// The address of the container.
    pub(super) container: Url,
    pub(super) container_name: String,
}

impl AccessSignature {
    fn sign(&self, path: &Path, shown: Shown<'_>, lifetime: Duration, now_ms: i64) -> Option<Url> {
        let lifetime_ms = i64::try_from(lifetime.as_millis()).ok()?;
        let expiry = DateTime::from_timestamp_millis(now_ms.checked_add(lifetime_ms)?)?;
        let expiry = expiry.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (account, container) = (&self.account, &self.container_name);
        let resource = format!("/blob/{account}/{container}/{path}");
        let protocol = match self.container.scheme() {
            "http" => "https,http",
            _ => "https",
        };
        // In this order; the empty ones are the start, a stored policy, an address, a snapshot,
        // an encryption scope, and the answer's encoding and language.
        let signed = [
            "r",
            "",
            &expiry,
            &resource,
            "",
            "",
            protocol,
            AZURE_VERSION,
            "b",
            "",
            "",
            shown.cache_control,
            shown.disposition,
            "",
            "",
            shown.content_type,
        ]
        .join("\n");
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(signed.as_bytes());
        let signature = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            mac.finalize().into_bytes(),
        );
        let mut url = self.container.clone();
        let segments = path.as_ref().split('/');
        url.path_segments_mut().ok()?.extend(segments);
        url.query_pairs_mut()
            .append_pair("sv", AZURE_VERSION)
            .append_pair("sr", "b")
            .append_pair("sp", "r")
            .append_pair("se", &expiry)
            .append_pair("spr", protocol)
            .append_pair("rscc", shown.cache_control)
            .append_pair("rscd", shown.disposition)
            .append_pair("rsct", shown.content_type)
            .append_pair("sig", &signature);
        Some(url)
    }
}
