//! Sending a reader to the store itself, where the settings want it.
//!
//! Everything is decided here first, as for an answer of our own: who may read, which version, what
//! it is served as. Then the answer is 302 to an address that the store has signed for a short
//! time. What the store could not say or check as we do stays with us: other types than pictures,
//! sound and video (`safety`), requests with conditions (the store knows other tags and other
//! times), HEAD, and symlinks, whose bytes are not in the store.

use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};

use super::permit::Permit;
use super::{Asked, read, safety};
use crate::files::Kind;
use crate::http::{Edge, Problem};
use crate::storage::{Shown, StorageError, StorageKey};

/// Whoever makes one of these compares with our `ETag` and `Last-Modified`.
const CONDITIONS: [header::HeaderName; 5] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// The answer that sends the reader to the store; none where we serve the bytes ourselves.
pub(super) async fn elsewhere(
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
    permit: &Permit,
) -> Result<Option<HttpResponse>, Problem> {
    let Some(lifetime) = edge.storage.redirects() else {
        return Ok(None);
    };
    let file = &permit.file;
    let headers = request.headers();
    let conditional = CONDITIONS.iter().any(|name| headers.contains_key(name));
    if *request.method() != Method::GET || conditional || file.kind != Kind::Stored {
        return Ok(None);
    }
    let manner = safety::manner(&file.mimetype, safety::is_own_host(edge, request));
    if !safety::may_leave(&manner.content_type) {
        return Ok(None);
    }
    // The address opens the file to whoever has it, so it ends with the policy that opened it.
    let now = edge.clock.now();
    let policy = permit.policy.as_ref();
    let left = policy.map_or(u64::MAX, |policy| policy.seconds_left(now.timestamp()));
    let seconds = lifetime.as_secs().min(left);
    if seconds == 0 {
        return Ok(None);
    }
    let secured = permit.application.security_enabled;
    let cache = asked.cache.as_deref();
    let signed = {
        let (storage, key) = (edge.storage.clone(), file.storage_key.clone());
        let disposition = read::disposition(asked, file, &manner);
        let caching = read::caching(secured, cache);
        let (lifetime, now_ms) = (Duration::from_secs(seconds), now.timestamp_millis());
        edge.run(async move {
            let shown = Shown {
                content_type: &manner.content_type,
                disposition: &disposition,
                cache_control: &caching,
            };
            let key = StorageKey::parse(&key)?;
            match storage.address(&key, shown, lifetime, now_ms).await {
                Ok(signed) => Ok::<_, StorageError>(signed),
                Err(error) => {
                    log::warn!("no address at the storage, so the bytes come from here: {error}");
                    Ok(None)
                }
            }
        })
        .await?
    };
    let Some(address) = signed else {
        return Ok(None);
    };
    // Half of the time, so that whoever follows a remembered answer still comes in time.
    let caching = read::caching_for(secured, cache, seconds / 2);
    let response = HttpResponse::Found()
        .insert_header((header::LOCATION, address))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .finish();
    Ok(Some(response))
}
