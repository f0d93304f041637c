//! Files that clients name by an address or a handle, and files that come as a whole.
//!
//! Filestack's store API in its generations: `/process` with the store task (`process.rs`; the
//! SDKs for JavaScript, Python and Go), the same task in a processing link (read by `files`; Java,
//! Python, Ruby and Go), `/api/store/…` (`whole.rs`; filepicker.js and curl); and what `/metadata`
//! says of an address. All of it ends as a picked file does.

mod process;
mod whole;

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::cloud_request::CloudRequest;
use super::picks::{idempotency_key, picked};
use super::problem::{Problem, Refusal};
use super::{Edge, caller, files, uploads};
use crate::access::{AccessError, Application, Call, Credentials, Policy, Subject};
use crate::files::{Handle, StoreOptions, StoredFile};
use crate::uploading::{DuplicateRequest, LinkRequest};

pub(super) use process::process;
pub(super) use whole::store;

/// The store task, wherever it came from.
pub(super) struct StoreTask {
    /// Who asks, by the key that was sent.
    pub apikey: Option<String>,
    pub store: Map<String, Value>,
    pub upload_tags: Value,
    pub credentials: Credentials,
}

impl StoreTask {
    /// Stores what lies under an address.
    pub(super) async fn of_address(
        self,
        edge: &Edge,
        request: &HttpRequest,
        url: String,
        headers: Vec<(String, String)>,
    ) -> Result<HttpResponse, Refusal> {
        let application = caller::application(edge, request, self.apikey.as_deref()).await?;
        let link = Link {
            url,
            headers,
            filename: String::new(),
            mimetype: String::new(),
            store: uploads::store_options(Some(&Value::Object(self.store)))?,
            upload_tags: self.upload_tags,
            credentials: self.credentials,
            application,
        };
        link.fetch(edge, request).await
    }

    /// Stores a stored file once more, as a file of its own.
    pub(super) async fn of_handle(
        self,
        edge: &Edge,
        request: &HttpRequest,
        handle: Handle,
    ) -> Result<HttpResponse, Refusal> {
        let store = uploads::store_options(Some(&Value::Object(self.store)))?;
        let read = files::readable(edge, request, handle, self.apikey, &self.credentials);
        let (file, application) = read.await?;
        let about = Subject {
            handle: Some(file.handle.as_str()),
            ..Subject::default()
        };
        let policy = permit(edge, &application, &self.credentials, &store, about)?;
        let duplicate = DuplicateRequest {
            application,
            file,
            store,
            upload_tags: self.upload_tags,
            idempotency_key: idempotency_key(request)?,
            policy,
        };
        let (uploading, contents) = (edge.uploading.clone(), edge.contents.clone());
        let file = edge
            .run(async move { uploading.duplicate(duplicate, &contents).await })
            .await?;
        Ok(stored(edge, &file))
    }
}

/// What lies under an address, for a picker that shows it (`POST /metadata` with `url`).
pub(super) async fn metadata(
    edge: &Edge,
    request: &HttpRequest,
    asked: &CloudRequest,
) -> Result<HttpResponse, Refusal> {
    let application = asked.application(edge, request).await?;
    asked.may_pick(&application, edge)?;
    let url = asked.text("url")?.unwrap_or_default();
    let headers = headers(asked.value("headers"))?;
    let uploading = edge.uploading.clone();
    let facts = edge
        .run(async move { uploading.look_at(&url, &headers).await })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({
            "filename": facts.filename,
            "mimetype": facts.mimetype,
            "size": facts.size,
        })))
}

/// A link, and who may have it fetched.
struct Link {
    application: Arc<Application>,
    url: String,
    headers: Vec<(String, String)>,
    filename: String,
    mimetype: String,
    store: StoreOptions,
    upload_tags: Value,
    credentials: Credentials,
}

impl Link {
    async fn fetch(self, edge: &Edge, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
        let policy = permit(
            edge,
            &self.application,
            &self.credentials,
            &self.store,
            Subject {
                url: Some(&self.url),
                ..Subject::default()
            },
        )?;
        let link = LinkRequest {
            application: self.application,
            url: self.url,
            headers: self.headers,
            filename: self.filename,
            mimetype: self.mimetype,
            store: self.store,
            upload_tags: self.upload_tags,
            idempotency_key: idempotency_key(request)?,
            policy,
        };
        let uploading = edge.uploading.clone();
        let file = edge.run(async move { uploading.fetch(link).await }).await?;
        Ok(stored(edge, &file))
    }
}

fn stored(edge: &Edge, file: &StoredFile) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(picked(file, &edge.links))
}

/// A file is stored by whoever may `store`, or, where its place is not chosen, may `pick`; `about`
/// is what it comes from.
fn permit(
    edge: &Edge,
    application: &Application,
    credentials: &Credentials,
    store: &StoreOptions,
    about: Subject<'_>,
) -> Result<Option<Policy>, Problem> {
    let now = edge.clock.now().timestamp();
    let container = store.container(&edge.storage.container());
    let subject = Subject {
        path: Some(&store.path),
        container: Some(&container),
        ..about
    };
    let chosen = !store.path.is_empty() || !store.container.is_empty();
    let may = |call| application.authorize(credentials, call, &subject, false, now);
    match may(Call::Store) {
        Err(refused @ AccessError::NotAllowed(_)) if !chosen => {
            may(Call::Pick).map_err(|_| refused.into())
        }
        outcome => Ok(outcome?),
    }
}

/// Header lines as an object of texts.
fn headers(value: Option<&Value>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || Problem::bad_request("headers must be an object of texts");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(lines)) => {
            let lines = lines.iter();
            let texts = lines.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            texts.collect::<Option<_>>().ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}
