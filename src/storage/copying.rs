//! Parts of a multipart upload that S3 copies by itself from an object that lies there already.
//!
//! The library has no call for this (S3's
//! [`UploadPartCopy`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html)),
//! but it signs addresses, and this is one: a PUT without a body, whose headers name the source
//! and are signed as well. The keys need to be allowed nothing but to read and to write.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody, HttpResponse};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::error::{StorageError, essence};

/// How long the address of a copy is good.
const LIFETIME: Duration = Duration::from_secs(300);
/// How often a copy is tried that failed for a reason that passes, and how long the first wait is;
/// each further one is twice as long.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024;
/// What is written otherwise in the name of a source.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Has a store copy parts.
pub(super) struct PartCopier {
    signer: Arc<dyn Signer>,
    client: HttpClient,
    bucket: String,
    /// Whether the store said that it has no such call.
    refused: AtomicBool,
}

/// A part, and what it is copied from.
pub(super) struct PartCopy<'a> {
    pub(super) to: &'a Path,
    pub(super) multipart: &'a str,
    /// Counted from 0.
    pub(super) index: usize,
    pub(super) from: &'a Path,
    /// None: all of it.
    pub(super) range: Option<Range<u64>>,
}

/// What a copy is answered with.
#[derive(Deserialize)]
struct Copied {
    #[serde(rename = "ETag")]
    e_tag: String,
}

impl PartCopier {
    pub(super) fn new(signer: Arc<dyn Signer>, client: HttpClient, bucket: &str) -> Self {
        Self {
            signer,
            client,
            bucket: bucket.to_owned(),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether it is worth a try.
    pub(super) fn is_usable(&self) -> bool {
        !self.refused.load(Ordering::Relaxed)
    }

    /// Copies one part.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when the source is not there, [`StorageError::Incomplete`] when
    /// it is shorter than the range or the upload was swept away, [`StorageError::Denied`] when
    /// the store refuses to copy or does not know how.
    pub(super) async fn copy(&self, part: &PartCopy<'_>) -> Result<PartId, StorageError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.try_to_copy(part).await {
                Err(StorageError::Unavailable { .. }) => tokio::time::sleep(wait).await,
                outcome => return outcome,
            }
            wait *= 2;
        }
        self.try_to_copy(part).await
    }

    async fn try_to_copy(&self, part: &PartCopy<'_>) -> Result<PartId, StorageError> {
        // What the library says of a failure may hold the address, and that a signature.
        let silent = |_| StorageError::unavailable("a copy was not answered");
        let request = self.request(part).await?;
        let answer = self.client.execute(request).await.map_err(silent)?;
        let status = answer.status().as_u16();
        let text = text_of(answer).await?;
        if status == 200 {
            // A copy that failed after a while is answered with 200 as well.
            let copied = quick_xml::de::from_str::<Copied>(&text);
            let failed = |_| StorageError::unavailable(format!("a copy: {}", essence(&text)));
            let content_id = copied.map_err(failed)?.e_tag;
            return Ok(PartId { content_id });
        }
        let error = failure(status, &text);
        if status == 501 || status == 405 {
            self.refused.store(true, Ordering::Relaxed);
        }
        Err(error)
    }

    async fn request(&self, part: &PartCopy<'_>) -> Result<HttpRequest, StorageError> {
        let source = utf8_percent_encode(part.from.as_ref(), ENCODED);
        let mut headers = vec![("x-amz-copy-source", format!("{}/{source}", self.bucket))];
        if let Some(range) = &part.range {
            let last = range.end.saturating_sub(1);
            let range = format!("bytes={}-{last}", range.start);
            headers.push(("x-amz-copy-source-range", range));
        }
        let number = (part.index + 1).to_string();
        let query = [
            ("partNumber", number.as_str()),
            ("uploadId", part.multipart),
        ];
        let mut options = SignedUrlOptions::default().with_query(query);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        for (name, value) in headers {
            let bad = |_| StorageError::bad_key("the name does not fit into a header");
            let value = HeaderValue::from_str(&value).map_err(bad)?;
            let name = HeaderName::from_static(name);
            request.headers_mut().insert(name.clone(), value.clone());
            options = options.with_signed_header(name, value);
        }
        let signed = self
            .signer
            .signed_url_opts(Method::PUT, part.to, LIFETIME, &options);
        let address = signed.await?;
        let not_an_address = |_| StorageError::denied("the object has no address");
        *request.uri_mut() = address.as_str().parse().map_err(not_an_address)?;
        Ok(request)
    }
}

/// The beginning of an answer's body.
async fn text_of(answer: HttpResponse) -> Result<String, StorageError> {
    let mut text = Vec::new();
    let mut pieces = answer.into_body().bytes_stream();
    while let Some(piece) = pieces.next().await {
        let broken = |_| StorageError::unavailable("the answer to a copy broke off");
        let piece = piece.map_err(broken)?;
        let room = ANSWER_BYTES - text.len();
        text.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What a refusal means.
fn failure(status: u16, text: &str) -> StorageError {
    let says = |code: &str| text.contains(&format!("<Code>{code}</Code>"));
    match status {
        404 if says("NoSuchUpload") => super::objects::swept(),
        404 if says("NoSuchBucket") => StorageError::denied("the bucket does not exist"),
        404 => StorageError::NotFound,
        416 => StorageError::incomplete("a piece is shorter than it should be"),
        501 => StorageError::denied("the store cannot copy parts"),
        507 => StorageError::Full,
        408 | 429 | 500..600 => {
            StorageError::unavailable(format!("a copy: {status} {}", essence(text)))
        }
        _ => StorageError::denied(format!("a copy: {status} {}", essence(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_gone_is_told_apart_from_an_upload_that_is() {
        let error = |code| format!("<Error><Code>{code}</Code><Key>k</Key></Error>");
        assert_eq!(failure(404, &error("NoSuchKey")), StorageError::NotFound);
        let gone = failure(404, &error("NoSuchUpload"));
        assert!(matches!(gone, StorageError::Incomplete { .. }), "{gone:?}");
        let bucket = failure(404, &error("NoSuchBucket"));
        assert!(matches!(bucket, StorageError::Denied { .. }), "{bucket:?}");
    }

    #[test]
    fn what_passes_is_told_apart_from_a_store_that_refuses() {
        for status in [408, 429, 500, 503] {
            let error = failure(status, "<Error><Code>SlowDown</Code></Error>");
            assert!(
                matches!(error, StorageError::Unavailable { .. }),
                "{status}"
            );
        }
        for status in [400, 403, 405, 501] {
            let error = failure(status, "<Error><Code>NotImplemented</Code></Error>");
            assert!(matches!(error, StorageError::Denied { .. }), "{status}");
        }
    }
}
