//! Deleting a file.

use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;

use super::Asked;
use super::conditions::{Version, other_version};
use super::permit::permit;
use crate::access::Call;
use crate::events::Happening;
use crate::files::{Catalog, FileError, Garbage};
use crate::http::{Edge, Problem, Refusal};

/// Objects that are removed right after a change; the rest waits for the background.
const COLLECTED_AT_ONCE: u32 = 20;

/// Deletes the file and tells of it; with `If-Match`, only the version that it names. The
/// person's own file in their Dropbox is never touched.
pub(super) async fn remove(
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
) -> Result<HttpResponse, Refusal> {
    let permit = permit(edge, asked, Call::Remove, true).await?;
    Version::of(&permit.file).demand(request.headers())?;
    let named = request.headers().contains_key(IF_MATCH);
    let version = named.then_some(permit.file.version);
    let skip_storage = asked.is_on("skip_storage");
    let (database, events, now) = (
        edge.database.clone(),
        edge.events.clone(),
        edge.clock.now_ms(),
    );
    let (garbage, handle) = (edge.garbage.clone(), permit.file.handle);
    edge.run(async move {
        let recording = events.clone();
        let event = database
            .write(move |tx| {
                async move {
                    let file = Catalog::delete(tx, &handle, version, skip_storage, now).await?;
                    Ok(recording.record(tx, &Happening::Delete(file)).await?)
                }
                .boxed()
            })
            .await
            .map_err(|error: FileError| match error {
                FileError::Changed => other_version(),
                error => error.into(),
            })?;
        events.committed(&[event]);
        collect_soon(garbage);
        Ok::<_, Problem>(())
    })
    .await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("success"))
}

/// Removes what was let go of, without making anybody wait for it.
pub(super) fn collect_soon(garbage: Garbage) {
    tokio::spawn(async move {
        if let Err(error) = garbage.collect(COLLECTED_AT_ONCE).await {
            log::warn!("the garbage was not collected: {error}");
        }
    });
}
