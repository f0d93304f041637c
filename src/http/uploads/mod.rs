//! `/multipart/…`: files that clients send in parts.
//!
//! Filestack's upload API (filestack-js `src/lib/api/upload/uploaders/s3.ts`): `start` names the
//! upload, `upload` gives out an address and headers for each part, the part is sent there by PUT,
//! `complete` makes the file. With intelligent ingestion a part is sent in pieces, and `commit`
//! ends it. The upload's id is the authority for all that follows the start: SDKs send policies
//! with the start and the completion only.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::picks::{Place, authorize, picked};
use super::problem::{Problem, Refusal};
use super::{Edge, incoming};
use crate::access::{Call, Subject};
use crate::uploading::{Completed, StartRequest, Ticket};

mod asked;
mod body;

pub(super) use asked::{store_options, tags};

/// Where files lie, for clients that want to know; one store is configured, whatever is asked.
const REGION: &str = "us-east-1";

/// Begins an upload.
pub(super) async fn start(
    edge: web::Data<Edge>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = body::read(&edge, &request, payload).await?;
    let application = asked.application(&edge, &request).await?;
    let store = asked::store(&asked)?;
    let container = edge.storage.container();
    let size = asked::size(&asked, "size")?;
    let now = edge.clock.now().timestamp();
    let policy = authorize(
        &application,
        &asked.credentials()?,
        Some(Place::of(&store, &container)),
        now,
    )
    .map_err(refused)?;
    let chunked = asked::is_on(&asked, "fii")? || asked::is_on(&asked, "multipart")?;
    let region = asked::region(&asked)?.unwrap_or_else(|| REGION.to_owned());
    let start = StartRequest {
        application,
        filename: asked.text("filename")?.unwrap_or_default(),
        mimetype: asked.text("mimetype")?.unwrap_or_default(),
        size,
        store,
        upload_tags: asked::tags(&asked)?,
        policy,
    };
    let uploading = edge.uploading.clone();
    let started = edge
        .run(async move { uploading.start(start).await })
        .await?;
    let mut answer = json!({
        "uri": started.place,
        "region": region,
        "upload_id": started.upload_id,
        "location_url": edge.links.upload_host(),
    });
    if chunked {
        answer["upload_type"] = "intelligent_ingestion".into();
    }
    Ok(unkept(answer))
}

/// Gives out where and how one part is sent.
pub(super) async fn upload(
    edge: web::Data<Edge>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = body::read(&edge, &request, payload).await?;
    let piece = asked::piece(&edge, &request, &asked).await?;
    let (part, md5) = (piece.part, asked.text("md5")?.filter(|md5| !md5.is_empty()));
    let uploading = edge.uploading.clone();
    let ticket = edge
        .run(async move { uploading.ticket(piece).await })
        .await?;
    let Ticket {
        authorization,
        name,
    } = ticket;
    let mut headers = Map::new();
    headers.insert("Authorization".to_owned(), authorization.into());
    if let Some(md5) = md5 {
        headers.insert("Content-MD5".to_owned(), md5.into());
    }
    Ok(unkept(json!({
        "url": edge.links.upload(&format!("/multipart/part/{name}/{part}")),
        "headers": headers,
        "location_url": edge.links.upload_host(),
    })))
}

/// Takes one part in.
pub(super) async fn put(
    edge: web::Data<Edge>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
    let authorization = header("authorization").unwrap_or_default().to_owned();
    let length = header(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let said = header("content-md5").map(asked::digest).transpose()?;
    let part = path.1.parse().unwrap_or(0);
    let (feeder, stream) = incoming::pipe();
    let uploading = edge.uploading.clone();
    let work = edge.run(async move {
        uploading
            .receive(&authorization, part, length, said, stream)
            .await
    });
    let md5 = incoming::until(work, feeder.feed(payload)).await?;
    // Exactly 200 and an ETag in quotes, as S3 answers: SDKs look for both.
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, format!("\"{md5}\"")))
        .finish())
}

/// Sees whether a part that was sent in pieces is all there.
pub(super) async fn commit(
    edge: web::Data<Edge>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = body::read(&edge, &request, payload).await?;
    let (upload_id, application) = asked::upload(&edge, &request, &asked).await?;
    let part = asked::part(&asked)?;
    let uploading = edge.uploading.clone();
    edge.run(async move {
        uploading
            .commit(&upload_id, application.as_deref(), part)
            .await
    })
    .await?;
    Ok(unkept(json!({})))
}

/// Makes the file and answers with its handle; 202 where that takes too long to wait for.
pub(super) async fn complete(
    edge: web::Data<Edge>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = body::read(&edge, &request, payload).await?;
    let (upload_id, application) = asked::upload(&edge, &request, &asked).await?;
    let credentials = asked.credentials()?;
    let now = edge.clock.now().timestamp();
    let brought = credentials.policy.is_some() || credentials.signature.is_some();
    let policy = match &application {
        // What it says of place and size is judged by what the upload is.
        Some(application) if brought => application
            .authorize(&credentials, Call::Pick, &Subject::default(), false, now)
            .map_err(|error| refused(error.into()))?,
        _ => None,
    };
    let completion = crate::uploading::Completion {
        upload_id,
        application,
        size: asked::size(&asked, "size")?,
        upload_tags: asked::tags(&asked)?,
        parts: asked::parts(&asked)?,
        policy,
    };
    let uploading = edge.uploading.clone();
    let completed = edge
        .run(async move { uploading.complete(completion).await })
        .await?;
    match completed {
        Completed::Joining => Ok(HttpResponse::Accepted().json(json!({}))),
        Completed::Stored(file) => Ok(unkept(picked(&file, &edge.links))),
    }
}

/// The upload API's own refusal of a policy, with the reason beside it.
fn refused(problem: Problem) -> Problem {
    if problem.status() != StatusCode::FORBIDDEN {
        return problem;
    }
    let reason = problem.message().to_owned();
    Problem::new(problem.status(), problem.code(), "Invalid App policy").because(reason)
}

/// An answer that nobody in between may keep.
fn unkept(answer: Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(answer)
}
