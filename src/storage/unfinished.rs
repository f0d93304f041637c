//! Multipart uploads that nobody completed or gave up, as the store itself lists them.
//!
//! The library has no call for this list (S3's `ListMultipartUploads`, which Google's XML API has
//! as well), but it signs addresses, and this is one: a page is one GET. What notes under
//! `.uploads/` tell is `objects`' business; here are those whose note a crash prevented.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use futures_util::StreamExt;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use serde::Deserialize;

use super::error::StorageError;

/// How long the address of a page is good.
const LIFETIME: Duration = Duration::from_secs(300);
/// Uploads in one page at most, and bytes of its text.
const PAGE: &str = "500";
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Asks a store for its unfinished uploads.
pub(super) struct Unfinished {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) client: HttpClient,
}

/// One page of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    pub(super) uploads: Vec<Begun>,
}

/// One unfinished upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Begun {
    pub(super) key: String,
    pub(super) upload_id: String,
    initiated: String,
}

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker {
    key: String,
    upload_id: String,
}

impl Page {
    /// Where the next page begins; none after the last.
    pub(super) fn next(&self) -> Option<Marker> {
        // A store that forgets to say where would have us ask for ever.
        (self.is_truncated && !self.next_key_marker.is_empty()).then(|| Marker {
            key: self.next_key_marker.clone(),
            upload_id: self.next_upload_id_marker.clone(),
        })
    }
}

impl Begun {
    /// When it began, in milliseconds since the epoch; none where the store says it in another
    /// way than RFC 3339.
    pub(super) fn at_ms(&self) -> Option<i64> {
        let at = DateTime::parse_from_rfc3339(&self.initiated).ok()?;
        Some(at.timestamp_millis())
    }
}

impl Unfinished {
    /// One page of the uploads of keys that begin with `prefix`.
    ///
    /// # Errors
    /// [`StorageError::Denied`] also where the store does not know the call.
    pub(super) async fn page(
        &self,
        prefix: &str,
        after: Option<&Marker>,
    ) -> Result<Page, StorageError> {
        let mut query = vec![("uploads", ""), ("max-uploads", PAGE), ("prefix", prefix)];
        if let Some(after) = after {
            query.push(("key-marker", &after.key));
            if !after.upload_id.is_empty() {
                query.push(("upload-id-marker", &after.upload_id));
            }
        }
        let options = SignedUrlOptions::default().with_query(query);
        let bucket = Path::default();
        let signed = self
            .signer
            .signed_url_opts(Method::GET, &bucket, LIFETIME, &options);
        let address = signed.await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let not_an_address = |_| StorageError::denied("the bucket has no address");
        *request.uri_mut() = address.as_str().parse().map_err(not_an_address)?;
        // What the library says of a failure may hold the address, and that a signature.
        let silent = |_| StorageError::unavailable("the list of uploads did not come");
        let answer = self.client.execute(request).await.map_err(silent)?;
        let status = answer.status();
        if status.is_server_error() && status.as_u16() != 501 {
            let message = format!("the list of uploads: {status}");
            return Err(StorageError::unavailable(message));
        }
        if !status.is_success() {
            return Err(StorageError::denied(format!(
                "the list of uploads: {status}"
            )));
        }
        let mut text = Vec::new();
        let mut pieces = answer.into_body().bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece: Bytes = piece.map_err(silent)?;
            if text.len() + piece.len() > PAGE_BYTES {
                return Err(StorageError::denied("the list of uploads is too long"));
            }
            text.extend_from_slice(&piece);
        }
        read(&text)
    }
}

fn read(text: &[u8]) -> Result<Page, StorageError> {
    quick_xml::de::from_reader(text)
        .map_err(|_| StorageError::denied("the list of uploads cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_in_amazons_documents_is_understood() {
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
        let text = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Bucket>bucket</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
              <NextKeyMarker>my-movie.m2ts</NextKeyMarker>
              <NextUploadIdMarker>YW55IGlkZWE</NextUploadIdMarker>
              <MaxUploads>3</MaxUploads><IsTruncated>true</IsTruncated>
              <Upload><Key>my-divisor</Key><UploadId>XMgbGlrZSBlbHZpbmc</UploadId>
                <Initiator><ID>arn</ID><DisplayName>user1</DisplayName></Initiator>
                <Owner><ID>75aa57f09aa0</ID><DisplayName>Owner</DisplayName></Owner>
                <StorageClass>STANDARD</StorageClass>
                <Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>
              <Upload><Key>a &amp; b</Key><UploadId>YW55</UploadId>
                <Initiated>nonsense</Initiated></Upload>
            </ListMultipartUploadsResult>"#;
        let page = read(text).unwrap();
        let names: Vec<_> = page
            .uploads
            .iter()
            .map(|upload| upload.key.as_str())
            .collect();
        assert_eq!(names, ["my-divisor", "a & b"]);
        assert_eq!(page.uploads[0].at_ms(), Some(1_289_422_113_000));
        assert_eq!(page.uploads[1].at_ms(), None);
        assert_eq!(page.next().unwrap().upload_id, "YW55IGlkZWE");
    }

    #[test]
    fn an_empty_list_is_the_last_page() {
        let text = b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
            </ListMultipartUploadsResult>";
        let page = read(text).unwrap();
        assert!(page.uploads.is_empty());
        assert_eq!(page.next(), None);
        let endless = b"<R><IsTruncated>true</IsTruncated></R>";
        assert_eq!(read(endless).unwrap().next(), None);
        assert!(read(b"<html").is_err());
    }
}
