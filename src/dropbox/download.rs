//! File content on its way to us: downloads, exports, temporary links.
//!
//! The head of the answer is asked for again like any call. The stream behind it is not: whoever
//! reads it knows what has arrived, and resumes with a range.

use std::ops::Range;

use reqwest::{
    Response, StatusCode,
    header::{CONTENT_RANGE, HeaderMap, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Account, Dropbox, DropboxError, FileMetadata, Metadata, Refusal, address,
    call::{Call, Payload, Route, unreadable},
    client::Host,
    content_stream::{ContentStream, Window},
    refusal,
};

const DOWNLOAD: Route = Route::repeatable(Host::Content, "files/download");
const EXPORT: Route = Route::repeatable(Host::Content, "files/export");
const TEMPORARY_LINK: Route = Route::repeatable(Host::Api, "files/get_temporary_link");

/// The header in which content routes describe what they send.
const API_RESULT: &str = "dropbox-api-result";

/// The most that is read and thrown away where a server ignores a range: enough for a small server
/// that knows no ranges, and an end to reading a large file again and again for its last bytes.
const MOST_PASSED_OVER: u64 = 256 << 20;

/// A download that has begun.
#[derive(Debug)]
pub struct Download {
    /// The file that the bytes belong to, as this very answer describes it. Dropbox always does;
    /// a proxy or a double may not.
    pub metadata: Option<FileMetadata>,
    /// The size of the whole file, where the answer tells it.
    pub total: Option<u64>,
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
    /// An answer to a range is taken only if it begins where the range does; from a server that
    /// answers with the whole file, the range is cut out. Dropbox refuses every range of an empty
    /// file: ask for such a file without one.
    pub async fn download(
        &self,
        account: &Account,
        file: &str,
        range: Option<Range<u64>>,
    ) -> Result<Download, DropboxError> {
        self.begin(account, file, range, None).await
    }

    /// Begins a download. That what is sent is another version than `pinned` counts before
    /// anything else that may be wrong with it.
    async fn begin(
        &self,
        account: &Account,
        file: &str,
        range: Option<Range<u64>>,
        pinned: Option<&FileMetadata>,
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
        let described = response.headers().contains_key(API_RESULT);
        let metadata: Option<FileMetadata> =
            described.then(|| api_result(&response)).transpose()?;
        let answered = content_range(response.headers());
        let total = match (&metadata, answered) {
            (Some(metadata), _) => Some(metadata.size),
            (None, Some(part)) => part.total,
            (None, None) => response.content_length(),
        };
        if let Some(pinned) = pinned {
            let other = metadata
                .as_ref()
                .is_some_and(|is| !is.is_same_version(pinned));
            let part_of_other = answered
                .and_then(|part| part.total)
                .is_some_and(|size| size != pinned.size);
            if other || part_of_other || total.is_some_and(|size| size != pinned.size) {
                return Err(DropboxError::Changed);
            }
        }
        let (window, content_range) = cut_out(&response, range.as_ref(), answered, total)?;
        Ok(Download {
            metadata,
            total,
            status: response.status().as_u16(),
            content_range,
            length: window.length,
            stream: ContentStream::new(response, window, self.inner.stall_timeout),
        })
    }

    /// Begins to download exactly the version `pinned`, or the bytes `range` of it.
    ///
    /// [`DropboxError::Changed`], if Dropbox describes another rev, size or hash than `pinned`
    /// has: bytes of two versions must never be put together. That check also makes it safe to
    /// ask by id where the rev is not known (any more). An answer that does not describe the file
    /// is taken if its size fits and either the rev led to it or `pinned` has a hash, by which the
    /// caller judges the whole.
    pub async fn download_pinned(
        &self,
        account: &Account,
        pinned: &FileMetadata,
        range: Option<Range<u64>>,
    ) -> Result<Download, DropboxError> {
        let by_rev = pinned.rev_address();
        let by_rev = self.begin(account, &by_rev, range.clone(), Some(pinned));
        let (begun, is_pinned) = match by_rev.await {
            Err(DropboxError::PathNotFound | DropboxError::BadRequest { .. }) => {
                let by_id = self.begin(account, &pinned.id, range, Some(pinned));
                (by_id.await, false)
            }
            outcome => (outcome, true),
        };
        match begun {
            // Nothing tells which version this is, nor would anything tell at the end.
            Ok(Download { metadata: None, .. }) if !is_pinned && pinned.content_hash.is_none() => {
                Err(DropboxError::Changed)
            }
            // What was asked for lies within `pinned`.
            Err(DropboxError::RangeNotSatisfiable) => Err(DropboxError::Changed),
            outcome => outcome,
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
        let window = Window::whole(response.content_length());
        Ok(Export {
            export: result.export_metadata,
            metadata: result.file_metadata,
            length: window.length,
            stream: ContentStream::new(response, window, self.inner.stall_timeout),
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

impl ContentRange {
    /// Whether this is the range that was asked for, or its beginning.
    fn fits(&self, asked: &Range<u64>) -> bool {
        self.start == asked.start && self.end <= asked.end && self.start < self.end
    }
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

/// Which bytes of the answer are those that were asked for, and what part of the file they are.
/// Bytes put at the wrong place would be a wrong file, found out only at its end.
fn cut_out(
    response: &Response,
    asked: Option<&Range<u64>>,
    answered: Option<ContentRange>,
    size: Option<u64>,
) -> Result<(Window, Option<ContentRange>), DropboxError> {
    let length = response.content_length();
    let fits = |part: u64| length.is_none_or(|length| length == part);
    let part = match (asked, answered, size) {
        (None, None, _) => {
            let whole = Window::whole(length.or(size));
            return Ok((whole, None));
        }
        (Some(asked), Some(answered), _) if answered.fits(asked) => {
            let part = answered.end - answered.start;
            let window = Window::whole(Some(part));
            fits(part).then_some((window, Some(answered)))
        }
        // A server may ignore a range and answer with the whole file.
        (Some(asked), None, Some(size)) if response.status() == StatusCode::OK && fits(size) => {
            let end = asked.end.min(size);
            let window = Window {
                skip: asked.start,
                length: end.checked_sub(asked.start),
                more_follows: end < size,
            };
            let cut = ContentRange {
                start: asked.start,
                end,
                total: Some(size),
            };
            let bearable = asked.start <= MOST_PASSED_OVER && asked.start < size;
            bearable.then_some((window, Some(cut)))
        }
        _ => None,
    };
    part.ok_or_else(|| {
        DropboxError::Unexpected(Refusal {
            status: response.status().as_u16(),
            summary: "the answer carries another range than the one asked for".to_owned(),
            user_message: None,
            request_id: refusal::request_id(response.headers()),
        })
    })
}

/// What content routes say of the content, in a header.
fn api_result<T: DeserializeOwned>(response: &Response) -> Result<T, DropboxError> {
    let status = response.status().as_u16();
    let request_id = || refusal::request_id(response.headers());
    let Some(header) = response.headers().get(API_RESULT) else {
        return Err(DropboxError::Unexpected(Refusal {
            status,
            summary: "the answer lacks the header Dropbox-API-Result".to_owned(),
            user_message: None,
            request_id: request_id(),
        }));
    };
    serde_json::from_slice(header.as_bytes())
        .map_err(|fault| unreadable(status, request_id(), &fault))
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
