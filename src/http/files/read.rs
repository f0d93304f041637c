//! Serving a file's bytes.

use std::io;
use std::ops::Range;

use actix_web::body::{MessageBody, SizedStream};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HttpDate};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::conditions::{Outcome, Version, other_version};
use super::permit::{Permit, permit};
use super::range::{self, Wanted};
use super::{Asked, naming, redirect, safety};
use crate::access::Call;
use crate::files::{Content, ContentError, FileError, StoredFile};
use crate::http::{Edge, Problem, Refusal};
use crate::storage::StorageError;

/// How long a file may be kept by caches: the protocol's 30 days.
const CACHED_SECONDS: u64 = 30 * 24 * 60 * 60;
/// How long a browser may keep a file that needs a policy.
const CACHED_PRIVATELY_SECONDS: u64 = 60 * 60;
/// The longest that a link may ask for: a year.
const MOST_CACHED_SECONDS: u64 = 31_536_000;
/// Chunks on their way from a store to a slow client.
const CHUNKS_AHEAD: usize = 4;
/// How often a file is found again that was overwritten while it was opened.
const MOST_TRIES: usize = 3;

/// Answers a GET or a HEAD for a file.
pub(super) async fn read(
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
) -> Result<HttpResponse, Refusal> {
    for _ in 0..MOST_TRIES {
        let mut permit = permit(edge, asked, Call::Read, false).await?;
        let (inspector, now) = (edge.inspector.clone(), edge.clock.now_ms());
        let file = permit.file.clone();
        permit.file = edge
            .run(async move { inspector.current(file, now).await })
            .await?;
        if let Some(response) = answer(edge, request, asked, &permit).await? {
            return Ok(response);
        }
    }
    Err(Problem::from(FileError::Changed).into())
}

/// The answer, or none if the file was overwritten meanwhile.
async fn answer(
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
    permit: &Permit,
) -> Result<Option<HttpResponse>, Problem> {
    let file = &permit.file;
    let version = Version::of(file);
    match version.check(request.headers()) {
        Outcome::Proceed => {}
        Outcome::NotModified => {
            let mut response = HttpResponse::NotModified();
            describe_version(&mut response, asked, permit, &version);
            return Ok(Some(response.finish()));
        }
        Outcome::Failed => return Err(other_version()),
    }
    let ranged = *request.method() == Method::GET && version.fits_range(request.headers());
    let header = request.headers().get(header::RANGE).filter(|_| ranged);
    let header = header.and_then(|value| value.to_str().ok());
    let (status, part) = match range::wanted(header, file.size) {
        Wanted::Whole => (StatusCode::OK, 0..file.size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Unsatisfiable => return Ok(Some(unsatisfiable(file.size))),
    };
    if let Some(redirect) = redirect::elsewhere(edge, request, asked, permit).await? {
        return Ok(Some(redirect));
    }
    let mut response = HttpResponse::build(status);
    describe_version(&mut response, asked, permit, &version);
    describe_file(&mut response, edge, request, asked, file);
    if status == StatusCode::PARTIAL_CONTENT {
        let said = format!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
        response.insert_header((header::CONTENT_RANGE, said));
    }
    let length = part.end - part.start;
    if *request.method() == Method::HEAD {
        let nothing = stream::empty::<Result<Bytes, io::Error>>();
        return Ok(Some(response.body(SizedStream::new(length, nothing))));
    }
    let Some(content) = open(edge, file, part).await? else {
        return Ok(None);
    };
    let body = SizedStream::new(length, across(edge, content));
    Ok(Some(response.body(body)))
}

fn unsatisfiable(size: u64) -> HttpResponse {
    let message = "the file has no such range";
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "no-such-range", message);
    let mut response = actix_web::ResponseError::error_response(&Refusal(problem));
    if let Ok(said) = header::HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, said);
    }
    response
}

/// What is said of a version whether its bytes follow or not.
fn describe_version(
    response: &mut HttpResponseBuilder,
    asked: &Asked,
    permit: &Permit,
    version: &Version,
) {
    let secured = permit.application.security_enabled;
    let modified = HttpDate::from(version.modified).to_string();
    response
        .insert_header((header::ETAG, version.etag.clone()))
        .insert_header((header::LAST_MODIFIED, modified))
        .insert_header((
            header::CACHE_CONTROL,
            caching(secured, asked.cache.as_deref()),
        ))
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
}

fn describe_file(
    response: &mut HttpResponseBuilder,
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
    file: &StoredFile,
) {
    let manner = safety::manner(&file.mimetype, safety::is_own_host(edge, request));
    let disposition = disposition(asked, file, &manner);
    if let Some(policy) = manner.policy {
        response.insert_header((header::CONTENT_SECURITY_POLICY, policy));
    }
    response
        .insert_header((header::CONTENT_TYPE, manner.content_type))
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .insert_header(("X-File-Name", naming::x_file_name(&file.filename)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        // A person's file is sent as it is: compressing it would cost its length and its ranges.
        .insert_header((header::CONTENT_ENCODING, "identity"));
}

pub(super) fn disposition(asked: &Asked, file: &StoredFile, manner: &safety::Manner) -> String {
    naming::disposition(&file.filename, manner.attachment || asked.is_on("dl"))
}

/// `Cache-Control`, from what the link says: `false`, `expiry:N`, `expiry:max`.
pub(super) fn caching(secured: bool, cache: Option<&str>) -> String {
    caching_for(secured, cache, MOST_CACHED_SECONDS)
}

/// The same, but for no longer than `most` seconds.
pub(super) fn caching_for(secured: bool, cache: Option<&str>, most: u64) -> String {
    let scope = if secured { "private" } else { "public" };
    let cache = cache.unwrap_or_default();
    if cache == "false" {
        return "private, no-cache".to_owned();
    }
    let expiry = cache
        .split_once(':')
        .filter(|(name, _)| matches!(*name, "expiry" | "e"))
        .and_then(|(_, value)| match value {
            "max" => Some(MOST_CACHED_SECONDS),
            number => number.parse::<u64>().ok(),
        });
    let default = if secured {
        CACHED_PRIVATELY_SECONDS
    } else {
        CACHED_SECONDS
    };
    let seconds = expiry.unwrap_or(default).min(MOST_CACHED_SECONDS).min(most);
    format!("{scope}, max-age={seconds}")
}

/// Opens the bytes; none if the file was overwritten and its old object removed meanwhile.
async fn open(
    edge: &Edge,
    file: &StoredFile,
    part: Range<u64>,
) -> Result<Option<Content>, Problem> {
    let (contents, catalog, file) = (edge.contents.clone(), edge.catalog.clone(), file.clone());
    edge.run(async move {
        match contents.open(&file, part).await {
            Ok(content) => Ok(Some(content)),
            Err(ContentError::Storage(StorageError::NotFound)) => {
                let now = catalog.find(&file.handle).await?;
                if now.version == file.version {
                    log::error!("the bytes of {} are not in the storage", file.handle);
                    return Err(Problem::internal());
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// Brings bytes to the worker that answers.
///
/// Those of a local file are read on the worker's own blocking threads: no other runtime takes
/// part, and nothing is handed over but the chunks. Others stay on the runtime of their
/// connection, a few chunks ahead of the client.
fn across(edge: &Edge, content: Content) -> BoxStream<'static, io::Result<Bytes>> {
    let mut stream = content.stream.map_err(|error| {
        log::warn!("a file was not read to its end: {error}");
        io::Error::other("the file could not be read to its end")
    });
    if content.local {
        return stream.boxed();
    }
    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
    edge.outbound.spawn(async move {
        while let Some(chunk) = stream.next().await {
            // The client has gone: dropping the stream ends the download.
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
    });
    stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed()
}

/// Takes `Content-Encoding: identity` off again, which told the compression to keep away and
/// should not be sent (RFC 9110, section 8.4.1).
pub(in crate::http) async fn without_identity<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "identity")
    {
        headers.remove(header::CONTENT_ENCODING);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::caching;

    #[test]
    fn a_link_says_how_long_its_file_may_be_kept() {
        assert_eq!(caching(false, None), "public, max-age=2592000");
        assert_eq!(caching(true, None), "private, max-age=3600");
        assert_eq!(caching(false, Some("expiry:60")), "public, max-age=60");
        assert_eq!(
            caching(false, Some("expiry:max")),
            "public, max-age=31536000"
        );
        assert_eq!(
            caching(true, Some("expiry:99999999")),
            "private, max-age=31536000"
        );
        assert_eq!(caching(false, Some("false")), "private, no-cache");
        assert_eq!(caching(false, Some("expiry:-1")), "public, max-age=2592000");
    }
}
