//! One id per request: in the answer's `X-Request-Id`, in every log line that the request
//! causes, in every error body.
//!
//! Also the one log line per request. Query strings and the security task of a path bear
//! policies and signatures, so neither is logged.

use std::future::Future;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;

/// Bytes of a path's segment that are logged at most: handles and API keys have 20 and 22,
/// secrets and the sealed links to thumbnails more than this.
const LONGEST_NAME: usize = 36;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task works for.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Takes the current id along to another task.
pub(super) fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current().unwrap_or_default();
    CURRENT.scope(id, work)
}

/// Gives every request an id and logs how it ended.
pub(super) async fn give(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = crate::access::random_name(16);
    CURRENT
        .scope(id.clone(), async move {
            let begun = Instant::now();
            let method = request.method().clone();
            let path = loggable(request.path());
            let mut response = next.call(request).await?;
            let status = response.status().as_u16();
            let ms = begun.elapsed().as_millis();
            let quiet = path == "/healthz" || path == "/readyz";
            let level = if quiet {
                log::Level::Debug
            } else {
                log::Level::Info
            };
            log::log!(level, "{method} {path} -> {status} in {ms} ms");
            if let Ok(value) = HeaderValue::from_str(&id) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static("x-request-id"), value);
            }
            Ok(response)
        })
        .await
}

/// The path without what must not be logged, bounded, without control characters.
///
/// A policy may have slashes of its own, stand under a misspelled name, and all of it may be
/// percent-encoded; so where the first task with members begins, everything is hidden from there
/// on but what may be a handle. What is longer than any name of ours may be a secret of any kind.
fn loggable(path: &str) -> String {
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let mut hiding = false;
    let hidden: Vec<&str> = path
        .split('/')
        .take(20)
        .map(|segment| {
            hiding |= segment.contains(['=', ':', ',']) || segment.starts_with("b64");
            match segment {
                bare if bare.len() > LONGEST_NAME => "(long)",
                bare if hiding && bare.contains(|c: char| !c.is_ascii_alphanumeric()) => "(hidden)",
                bare if hiding && bare.len() != 20 => "(hidden)",
                bare => bare,
            }
        })
        .collect();
    let text = hidden.join("/");
    text.chars()
        .take(400)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::loggable;

    #[test]
    fn a_policy_in_the_path_is_not_logged() {
        let path = loggable("/KEY/security=policy:eyJ,signature:abc/HANDLE");
        assert_eq!(path, "/KEY/(hidden)/(hidden)");
        let path = "/KEY/security=policy:e/yJ,signature:abc/abcdefghij0123456789";
        assert_eq!(
            loggable(path),
            "/KEY/(hidden)/(hidden)/abcdefghij0123456789"
        );
        let encoded = "/KEY/security%3Dpolicy:eyJ,signature:abc%2Fabcdefghij0123456789";
        assert_eq!(loggable(encoded), "/KEY/(hidden)/abcdefghij0123456789");
    }

    #[test]
    fn neither_is_one_under_a_wrong_name_or_a_secret_without_one() {
        let path = loggable("/securty=policy:eyJ,signature:abc/abcdefghij0123456789");
        assert_eq!(path, "/(hidden)/abcdefghij0123456789");
        let secret = "a".repeat(43);
        assert_eq!(loggable(&format!("/{secret}/x")), "/(long)/x");
        let callback = "/api/client/dropbox/authCallback/saveas";
        assert_eq!(loggable(callback), callback);
    }

    #[test]
    fn a_path_cannot_forge_log_lines() {
        assert_eq!(loggable("/a\nINFO b"), "/a?INFO b");
    }
}
