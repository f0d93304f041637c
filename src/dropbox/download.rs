//! File content on its way to us: downloads, exports, temporary links.
//!
//! The head of the answer is asked for again like any call. The stream behind it is not: whoever
//! reads it knows what has arrived, and resumes with a range.

use std::{
    fmt,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use reqwest::{
    Response,
    header::{CONTENT_RANGE, HeaderMap, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    Account, Dropbox, DropboxError, FileMetadata, Metadata, Refusal, address,
    call::{Call, Payload, Route, unreadable},
    client::Host,
    refusal, wire,
};

const DOWNLOAD: Route = Route::repeatable(Host::Content, "files/download");
const EXPORT: Route = Route::repeatable(Host::Content, "files/export");
const TEMPORARY_LINK: Route = Route::repeatable(Host::Api, "files/get_temporary_link");

/// A download that has begun.
#[derive(Debug)]
pub struct Download {
    /// The file that the bytes belong to, as this very answer describes it.
    pub metadata: FileMetadata,
    /// 200 for the whole file, 206 for a part of it.
    pub status: u16,
    /// Which part of the file follows, if not the whole.
    pub content_range: Option<ContentRange>,
    /// How many bytes follow, where the answer says so.
    pub length: Option<u64>,
    /// The bytes.
    pub stream: ContentStream,
}

/// An export that has begun.
#[derive(Debug)]
pub struct Export {
    /// What is delivered.
    pub export: ExportMetadata,
    /// The document that it was made from.
    pub metadata: FileMetadata,
    /// How many bytes follow, where the answer says so.
    pub length: Option<u64>,
    /// The bytes.
    pub stream: ContentStream,
}

/// What an export delivers. Its size and hash are not those of the document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExportMetadata {
    /// Name with the extension of the format.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Hash of the exported content.
    #[serde(default)]
    pub export_hash: Option<String>,
}

/// A link to the content that works without a token, for four hours.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TemporaryLink {
    /// The file behind it.
    pub metadata: FileMetadata,
    /// The link.
    pub link: String,
}

#[derive(Deserialize)]
struct ExportResult {
    export_metadata: ExportMetadata,
    file_metadata: FileMetadata,
}

impl Dropbox {
    /// Begins to download a file, or the bytes `range` of it, by path, `id:` or `rev:`.
    ///
    /// An answer to a range is taken only if it begins where the range does. Dropbox refuses every
    /// range of an empty file: ask for such a file without one.
    pub async fn download(
        &self,
        account: &Account,
        file: &str,
        range: Option<Range<u64>>,
    ) -> Result<Download, DropboxError> {
        let call = Call {
            route: DOWNLOAD,
            account: Some(account),
            payload: Payload::Download {
                argument: json!({"path": address::for_dropbox(file)}),
                range: range.as_ref().map(range_header).transpose()?,
            },
            answer_within: self.inner.call_timeout,
        };
        let outcome = self.streamed(&call).await;
        let response = self.with_way_out(account, file, outcome).await?;
        let content_range = content_range(response.headers());
        check_range(&response, range.as_ref(), content_range)?;
        Ok(Download {
            metadata: api_result(&response)?,
            status: response.status().as_u16(),
            content_range,
            length: response.content_length(),
            stream: ContentStream::new(response, self.inner.stall_timeout),
        })
    }

    /// Begins to download exactly the version `pinned`, or the bytes `range` of it.
    ///
    /// [`DropboxError::Changed`], if Dropbox describes another rev, size or hash than `pinned`
    /// has: bytes of two versions must never be put together.
    pub async fn download_pinned(
        &self,
        account: &Account,
        pinned: &FileMetadata,
        range: Option<Range<u64>>,
    ) -> Result<Download, DropboxError> {
        let download = self.download(account, &pinned.rev_address(), range).await?;
        if download.metadata.is_same_version(pinned) {
            Ok(download)
        } else {
            Err(DropboxError::Changed)
        }
    }

    /// Begins to export a document that has no bytes of its own, in the given or its usual format.
    pub async fn export(
        &self,
        account: &Account,
        file: &str,
        format: Option<&str>,
    ) -> Result<Export, DropboxError> {
        let mut argument = json!({"path": address::for_dropbox(file)});
        if let Some(format) = format {
            argument["export_format"] = Value::from(format);
        }
        let call = Call {
            route: EXPORT,
            account: Some(account),
            payload: Payload::Download {
                argument,
                range: None,
            },
            answer_within: self.inner.call_timeout,
        };
        let response = self.streamed(&call).await?;
        let result: ExportResult = api_result(&response)?;
        Ok(Export {
            export: result.export_metadata,
            metadata: result.file_metadata,
            length: response.content_length(),
            stream: ContentStream::new(response, self.inner.stall_timeout),
        })
    }

    /// A link to a file's content that works without a token, for four hours.
    pub async fn get_temporary_link(
        &self,
        account: &Account,
        file: &str,
    ) -> Result<TemporaryLink, DropboxError> {
        let argument = json!({"path": address::for_dropbox(file)});
        let outcome = self.rpc(account, TEMPORARY_LINK, argument).await;
        self.with_way_out(account, file, outcome).await
    }

    /// Tells how a file can be had that cannot be downloaded. If that cannot be learned, the
    /// failure stays as it is.
    async fn with_way_out<T>(
        &self,
        account: &Account,
        file: &str,
        outcome: Result<T, DropboxError>,
    ) -> Result<T, DropboxError> {
        let Err(DropboxError::NotDownloadable { .. }) = &outcome else {
            return outcome;
        };
        let export = match self.get_metadata(account, file).await {
            Ok(Metadata::File(file)) => file.export_info,
            _ => None,
        };
        Err(DropboxError::NotDownloadable { export })
    }
}

/// The part of a file that an answer carries: `bytes 0-9/100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
    /// The size of the whole file, where it is said.
    pub total: Option<u64>,
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some(ContentRange {
        start: first.parse().ok()?,
        end: last.parse::<u64>().ok()?.checked_add(1)?,
        total: total.parse().ok(),
    })
}

fn range_header(range: &Range<u64>) -> Result<HeaderValue, DropboxError> {
    if range.is_empty() {
        return Err(DropboxError::RangeNotSatisfiable);
    }
    HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1))
        .map_err(|_| DropboxError::RangeNotSatisfiable)
}

/// Whether the answer carries what was asked for: bytes put at the wrong place would be a wrong
/// file, found out only at its end.
fn check_range(
    response: &Response,
    asked: Option<&Range<u64>>,
    answered: Option<ContentRange>,
) -> Result<(), DropboxError> {
    let length = response.content_length();
    let fits = match (asked, answered) {
        (None, None) => true,
        (Some(asked), Some(answered)) => {
            answered.start == asked.start
                && answered.end <= asked.end
                && length.is_none_or(|length| Some(length) == answered.end.checked_sub(asked.start))
        }
        // A server may ignore a range that is the whole file.
        (Some(asked), None) => asked.start == 0 && length == Some(asked.end),
        (None, Some(_)) => false,
    };
    if fits {
        return Ok(());
    }
    Err(DropboxError::Unexpected(Refusal {
        status: response.status().as_u16(),
        summary: "the answer carries another range than the one asked for".to_owned(),
        user_message: None,
        request_id: refusal::request_id(response.headers()),
    }))
}

/// What content routes say of the content, in a header.
fn api_result<T: DeserializeOwned>(response: &Response) -> Result<T, DropboxError> {
    let header = response.headers().get("dropbox-api-result");
    let text = header.map_or(&b""[..], HeaderValue::as_bytes);
    serde_json::from_slice(text).map_err(|fault| {
        let request_id = refusal::request_id(response.headers());
        unreadable(response.status().as_u16(), request_id, &fault)
    })
}

/// The bytes of a download.
///
/// It ends with an error, if nothing comes for the stall timeout ([`DropboxError::Stalled`]) or if
/// it ends before its time ([`DropboxError::Cut`]); what came before is good, and a range gets the
/// rest.
pub struct ContentStream {
    inner: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    expected: Option<u64>,
    received: u64,
    stall_timeout: Duration,
    alarm: Pin<Box<Sleep>>,
    waiting: bool,
    ended: bool,
}

impl ContentStream {
    fn new(response: Response, stall_timeout: Duration) -> Self {
        Self {
            expected: response.content_length(),
            inner: Box::pin(response.bytes_stream()),
            received: 0,
            stall_timeout,
            alarm: Box::pin(sleep(stall_timeout)),
            waiting: false,
            ended: false,
        }
    }

    /// How many bytes have come so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Waits for bytes, but not longer than the stall timeout.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, DropboxError>> {
        if let Poll::Ready(chunk) = self.inner.as_mut().poll_next(cx) {
            self.waiting = false;
            return Poll::Ready(chunk.transpose().map_err(|fault| DropboxError::Cut {
                cause: wire::words(fault),
            }));
        }
        // The alarm is set only when there is something to wait for: a fast download never
        // touches the timer.
        if !self.waiting {
            self.waiting = true;
            let at = Instant::now() + self.stall_timeout;
            self.alarm.as_mut().reset(at);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(Err(DropboxError::Stalled {
            silence: self.stall_timeout,
        }))
    }
}

impl Stream for ContentStream {
    type Item = Result<Bytes, DropboxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(self.poll_inner(cx)) {
            Ok(Some(chunk)) => {
                self.received += chunk.len() as u64;
                Poll::Ready(Some(Ok(chunk)))
            }
            Ok(None) => {
                self.ended = true;
                let missing = self.expected.unwrap_or(0).saturating_sub(self.received);
                Poll::Ready((missing > 0).then(|| {
                    Err(DropboxError::Cut {
                        cause: format!("{missing} bytes are missing"),
                    })
                }))
            }
            Err(error) => {
                self.ended = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl fmt::Debug for ContentStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ContentStream")
            .field("expected", &self.expected)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str) -> Option<ContentRange> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
        content_range(&headers)
    }

    #[test]
    fn a_content_range_is_read() {
        let range = parsed("bytes 5-9/100").unwrap();
        assert_eq!((range.start, range.end, range.total), (5, 10, Some(100)));
        assert_eq!(parsed("bytes 5-9/*").unwrap().total, None);
        assert_eq!(parsed("bytes */100"), None);
        assert_eq!(parsed("bytes 5-18446744073709551615/*"), None);
    }

    #[test]
    fn an_empty_range_is_not_asked_for() {
        assert_eq!(
            range_header(&(3..3)),
            Err(DropboxError::RangeNotSatisfiable)
        );
        assert_eq!(range_header(&(3..5)).unwrap(), "bytes=3-4");
    }
}
