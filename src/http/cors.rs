//! Cross-origin calls.
//!
//! The protocol uses no cookies, so its routes may be called from every origin, as Filestack's
//! are; an application that names its allowed origins has them checked where the API key is
//! known (`caller`). The management API and our own pages are not for pages of strangers and get
//! no such headers.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use super::Edge;

/// What a page may read beside the simple headers.
const EXPOSED: &str = "ETag, Content-Length, Content-Range, Content-Disposition, Retry-After, \
     X-File-Name, X-Request-Id";

/// Answers preflights and opens the protocol's routes to every origin.
pub(super) async fn allow<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let ours = is_ours(request.path());
    let crossing = request.headers().contains_key(header::ORIGIN);
    if ours || !crossing {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let asks = request
        .headers()
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && asks {
        let response = preflight(&request);
        return Ok(request.into_response(response).map_into_right_body());
    }
    let mut response = next.call(request).await?;
    open(response.headers_mut());
    Ok(response.map_into_left_body())
}

/// Whether a path is of the management API.
pub(super) fn is_management(path: &str) -> bool {
    is_below("/api/v1", path)
}

/// Whether a path is of the management API or a page of ours.
fn is_ours(path: &str) -> bool {
    is_management(path) || is_below("/portal", path) || is_below("/demo", path)
}

/// A handle may begin like a route of ours, so the whole segment counts.
fn is_below(route: &str, path: &str) -> bool {
    let rest = path.strip_prefix(route);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn preflight(request: &ServiceRequest) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    open(headers);
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    // SDKs send headers of their own and add new ones; none of them grants anything here.
    let wanted = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    if let Some(wanted) = wanted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    let age = request
        .app_data::<web::Data<Edge>>()
        .map(|edge| edge.settings.cors_max_age);
    let age = HeaderValue::from(age.unwrap_or_default().as_secs());
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, age);
    response
}

fn open(headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_handle_that_begins_like_a_page_of_ours_is_open_to_all() {
        assert!(is_ours("/demo") && is_ours("/demo/config") && is_ours("/api/v1/token"));
        assert!(!is_ours("/demoabcdefghij012345") && !is_ours("/api/file/x"));
    }
}
