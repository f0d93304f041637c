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
fn loggable(path: &str) -> String {
    let hidden: Vec<&str> = path
        .split('/')
        .map(|segment| match segment.split_once(['=', ':']) {
            Some(("security" | "s" | "b64", _)) => "(hidden)",
            _ if segment.len() > 200 => "(long)",
            _ => segment,
        })
        .take(20)
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
        assert_eq!(path, "/KEY/(hidden)/HANDLE");
    }

    #[test]
    fn a_path_cannot_forge_log_lines() {
        assert_eq!(loggable("/a\nINFO b"), "/a?INFO b");
    }
}
