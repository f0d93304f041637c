//! The file API and the links to files: read, look at, overwrite, remove.
//!
//! A file is reached as `/api/file/HANDLE` and, in the grammar of processing links, as
//! `/[APIKEY/][security=policy:P,signature:S/]HANDLE`; both end in the same handlers. What a
//! request names is gathered in [`Asked`], who may do it is decided in `permit`, and everything
//! that is served of a stranger's bytes passes `safety`.

mod conditions;
mod metadata;
mod naming;
mod overwrite;
mod path;
mod permit;
mod range;
mod read;
mod redirect;
mod remove;
mod safety;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::links::StoreTask;
use super::{Edge, Problem, Refusal, caller, no_such_method};
use crate::access::{Application, Call, Credentials};
use crate::files::{FileError, Handle, StoredFile};

pub(super) use read::without_identity;

/// What a request names and what it brought along.
struct Asked {
    handle: Handle,
    apikey: Option<String>,
    credentials: Credentials,
    /// The query's members; the first of a name counts.
    query: HashMap<String, String>,
    /// The value of a `cache` task or member.
    cache: Option<String>,
}

impl Asked {
    /// Gathers what the query and the headers of a request say about `handle`.
    fn new(request: &HttpRequest, handle: Handle) -> Self {
        let mut query = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            query.entry(name.into_owned()).or_insert(value.into_owned());
        }
        // Base64 holds no space: one that arrives was a plus that nobody encoded.
        let unspaced = |text: &String| text.replace(' ', "+");
        let credentials = Credentials {
            policy: query.get("policy").map(unspaced).filter(|p| !p.is_empty()),
            signature: query.get("signature").cloned().filter(|s| !s.is_empty()),
            secret: caller::basic_secret(request),
        };
        Self {
            handle,
            apikey: query.get("key").cloned().filter(|key| !key.is_empty()),
            credentials,
            cache: query.get("cache").cloned(),
            query,
        }
    }

    /// Whether a member of the query is switched on.
    fn is_on(&self, name: &str) -> bool {
        let value = self.query.get(name).map(String::as_str);
        matches!(value, Some("" | "1" | "true" | "True" | "TRUE"))
    }
}

/// The file API.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/api/file/{handle}")
                .route(web::get().to(read_by_handle))
                .route(web::head().to(read_by_handle))
                .route(web::post().to(overwrite_by_handle))
                .route(web::put().to(overwrite_by_handle))
                .route(web::delete().to(remove_by_handle))
                .default_service(web::to(no_such_method)),
        )
        .service(
            web::resource("/api/file/{handle}/metadata")
                .route(web::get().to(metadata_by_handle))
                .route(web::head().to(metadata_by_handle))
                .route(web::post().to(metadata_by_handle))
                .default_service(web::to(no_such_method)),
        )
        .service(
            web::resource("/api/file/{handle}/remove")
                .route(web::post().to(remove_by_handle))
                .default_service(web::to(no_such_method)),
        );
}

/// The links to files. They may look like anything, so these routes come after all others.
pub(super) fn links(config: &mut ServiceConfig) {
    config
        .route("/{link:.*}", web::get().to(by_link))
        .route("/{link:.*}", web::head().to(by_link))
        .route("/{link:.*}", web::post().to(by_link));
}

async fn read_by_handle(edge: Data<Edge>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let asked = by_handle(&request)?;
    read::read(&edge, &request, &asked).await
}

async fn metadata_by_handle(
    edge: Data<Edge>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    metadata::tell(&edge, &by_handle(&request)?).await
}

async fn remove_by_handle(edge: Data<Edge>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let asked = by_handle(&request)?;
    remove::remove(&edge, &request, &asked).await
}

async fn overwrite_by_handle(
    edge: Data<Edge>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = by_handle(&request)?;
    overwrite::overwrite(&edge, &request, &asked, body).await
}

async fn by_link(edge: Data<Edge>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let Some(link) = path::parse(request.uri().path(), request.query_string())? else {
        return Err(Problem::not_found("there is no such route").into());
    };
    let handle = match link.source {
        path::Source::Handle(handle) => handle,
        path::Source::Address(ref address) => {
            let address = address.clone();
            return store_address(&edge, &request, link, address).await;
        }
    };
    let mut asked = Asked::new(&request, handle);
    asked.apikey = link.apikey.or(asked.apikey);
    asked.cache = link.cache.or(asked.cache);
    if link.policy.is_some() || link.signature.is_some() {
        asked.credentials.policy = link.policy;
        asked.credentials.signature = link.signature;
    }
    match link.what {
        path::What::Metadata => metadata::tell(&edge, &asked).await,
        // What changes something is nothing to look at.
        path::What::Store(_) if *request.method() == Method::HEAD => no_such_method().await,
        path::What::Store(store) => {
            let task = StoreTask {
                apikey: asked.apikey,
                store,
                upload_tags: serde_json::Value::Null,
                credentials: asked.credentials,
            };
            task.of_handle(&edge, &request, asked.handle).await
        }
        path::What::Bytes if *request.method() == Method::POST => no_such_method().await,
        path::What::Bytes => read::read(&edge, &request, &asked).await,
    }
}

/// Stores what lies under an address. The query is the address's own, so authority comes in the
/// path or as the application's secret.
async fn store_address(
    edge: &Edge,
    request: &HttpRequest,
    link: path::Link,
    address: String,
) -> Result<HttpResponse, Refusal> {
    let path::What::Store(store) = link.what else {
        return Err(path::elsewhere().into());
    };
    if *request.method() == Method::HEAD {
        return no_such_method().await;
    }
    let task = StoreTask {
        apikey: link.apikey,
        store,
        upload_tags: serde_json::Value::Null,
        credentials: Credentials {
            policy: link.policy,
            signature: link.signature,
            secret: caller::basic_secret(request),
        },
    };
    task.of_address(edge, request, address, Vec::new()).await
}

/// A file that is to be read with these credentials, as it is now, and its application.
///
/// # Errors
/// As for reading its bytes.
pub(super) async fn readable(
    edge: &Edge,
    request: &HttpRequest,
    handle: Handle,
    apikey: Option<String>,
    credentials: &Credentials,
) -> Result<(StoredFile, Arc<Application>), Problem> {
    let asked = Asked {
        handle,
        apikey,
        credentials: credentials.clone(),
        query: HashMap::new(),
        cache: None,
    };
    let permit = permit::permit(edge, &asked, Call::Read, false).await?;
    caller::check_origin(request, &permit.application, edge.links.public())?;
    let (inspector, now) = (edge.inspector.clone(), edge.clock.now_ms());
    let file = permit.file;
    let file = edge
        .run(async move { inspector.current(file, now).await })
        .await?;
    Ok((file, permit.application))
}

fn by_handle(request: &HttpRequest) -> Result<Asked, Problem> {
    let segment = request.match_info().get("handle").unwrap_or_default();
    let handle = handle_in(segment).map_err(Problem::from)?;
    Ok(Asked::new(request, handle))
}

/// The handle of `HANDLE` or `HANDLE+jpg`, as the JS SDK writes it.
fn handle_in(text: &str) -> Result<Handle, FileError> {
    let (handle, _) = text.split_once('+').unwrap_or((text, ""));
    Handle::parse(handle)
}
