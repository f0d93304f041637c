//! `POST /store/` and `POST /link/`: the pick itself; `POST /progress`: how far it is.
//!
//! Filestack's cloud API (filestack-js `src/lib/api/cloud.ts`): one object per cloud goes in,
//! one comes out, with the session's token beside them. We have one cloud; asking for another
//! gets an error in that cloud's place. The answer comes when the file is stored; a client that
//! lost it sends the same request again with the same `Idempotency-Key` (or picker session and
//! path) and gets the same file.

use std::collections::BTreeMap;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Edge;
use super::caller;
use super::cloud_request::CloudRequest;
use super::problem::{Problem, Refusal};
use crate::access::{Call, Credentials, Subject};
use crate::files::{Kind, Links, StoreOptions, StoredFile};
use crate::picking::PickRequest;

/// Characters of an idempotency key at most.
const LONGEST_KEY: usize = 255;

/// What `/store/` and `/link/` take.
#[derive(Deserialize)]
pub(super) struct Body {
    apikey: Option<String>,
    token: Option<String>,
    #[serde(default)]
    clouds: BTreeMap<String, Value>,
    #[serde(default)]
    upload_tags: Value,
    policy: Option<String>,
    signature: Option<String>,
}

/// One cloud's part of it.
#[derive(Deserialize)]
struct Wanted {
    path: String,
    picker_session_id: Option<String>,
    #[serde(default)]
    store: StoreOptions,
}

/// Copies the chosen file and answers with its handle.
pub(super) async fn store(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Body>,
) -> Result<HttpResponse, Refusal> {
    answer(edge, request, body.into_inner(), Kind::Stored).await
}

/// Makes a symlink to the chosen file and answers with its handle.
pub(super) async fn link(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Body>,
) -> Result<HttpResponse, Refusal> {
    answer(edge, request, body.into_inner(), Kind::Symlink).await
}

async fn answer(
    edge: web::Data<Edge>,
    request: HttpRequest,
    mut body: Body,
    kind: Kind,
) -> Result<HttpResponse, Refusal> {
    let Some(dropbox) = body.clouds.remove("dropbox") else {
        let asked = body.clouds.keys().next().cloned().unwrap_or_default();
        let message = match asked.chars().take(40).collect::<String>() {
            none if none.is_empty() => "clouds must name a cloud to pick from".to_owned(),
            other => format!("{other:?} is not served here; only dropbox is"),
        };
        return Err(Problem::bad_request(message).into());
    };
    let wanted: Wanted = serde_json::from_value(dropbox)
        .map_err(|error| Problem::bad_request(format!("clouds.dropbox: {error}")))?;
    let application = caller::application(&edge, &request, body.apikey.as_deref()).await?;
    let credentials = Credentials {
        policy: body.policy,
        signature: body.signature,
        secret: None,
    };
    let now = edge.clock.now().timestamp();
    let container = edge.storage.container();
    let place = match kind {
        Kind::Stored => Some(Place::of(&wanted.store, &container)),
        Kind::Symlink => None,
    };
    let policy = authorize(&application, &credentials, place, now)?;
    let idempotency_key = idempotency_key(&request)?;
    let (connections, picking) = (edge.connections.clone(), edge.picking.clone());
    let (token, file) = edge
        .run(async move {
            let (session, connection) = connections
                .require(&application, body.token.as_deref())
                .await?;
            let pick = PickRequest {
                application,
                session_hash: session.hash,
                connection_id: connection.id,
                path: wanted.path,
                store: wanted.store,
                upload_tags: body.upload_tags,
                idempotency_key,
                picker_session_id: wanted.picker_session_id.filter(|id| !id.is_empty()),
                policy,
            };
            let file = match kind {
                Kind::Stored => picking.pick(pick).await?,
                Kind::Symlink => picking.link(pick).await?,
            };
            Ok::<_, Problem>((session.token, file))
        })
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "dropbox": picked(&file, &edge.links), "token": token })))
}

/// Tells how far the picks are that a picker has under way.
///
/// `{apikey, token, picker_session_id}`. Filestack's protocol has no such route: its pickers
/// wait for the answer to `/store/` alone.
pub(super) async fn progress(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let application = asked.application(&edge, &request).await?;
    asked.may_pick(&application, &edge)?;
    let token = asked.text("token")?;
    let picker = picker_of(&asked)?;
    let (connections, picking) = (edge.connections.clone(), edge.picking.clone());
    let answer = edge
        .run(async move {
            let session = connections.session(&application, token.as_deref()).await?;
            let files = picking.progress(&session.hash, &picker).await?;
            Ok::<_, Problem>(json!({ "files": files, "token": session.token }))
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(answer))
}

/// Which picker asks.
pub(super) fn picker_of(asked: &CloudRequest) -> Result<String, Problem> {
    let picker = asked.text("picker_session_id")?.unwrap_or_default();
    if picker.is_empty() {
        let message = "picker_session_id must say which picker asks";
        return Err(Problem::bad_request(message));
    }
    Ok(picker)
}

/// Where a file is to be stored, for the limits of a policy.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    path: &'a str,
    container: &'a str,
    /// Whether the request names it.
    chosen: bool,
}

impl<'a> Place<'a> {
    /// Where nothing is said, the file goes to the root of the configured container: a policy
    /// that allows other places alone must not be passed by saying nothing.
    pub(super) fn of(store: &'a StoreOptions, configured: &'a str) -> Self {
        Self {
            path: &store.path,
            container: match store.container.as_str() {
                "" => configured,
                named => named,
            },
            chosen: !store.path.is_empty() || !store.container.is_empty(),
        }
    }
}

/// A pick needs `pick`; where it is told where to store, also `store`
/// (filestack.com/docs/security).
pub(super) fn authorize(
    application: &crate::access::Application,
    credentials: &Credentials,
    place: Option<Place<'_>>,
    now: i64,
) -> Result<Option<crate::access::Policy>, Problem> {
    let subject = Subject {
        path: place.map(|place| place.path),
        container: place.map(|place| place.container),
        ..Subject::default()
    };
    let policy = application.authorize(credentials, Call::Pick, &subject, false, now)?;
    if let (Some(policy), Some(Place { chosen: true, .. })) = (&policy, place) {
        policy.allows(Call::Store, &subject)?;
    }
    Ok(policy)
}

pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if !is_key(key) {
        let message = format!("Idempotency-Key has 1 to {LONGEST_KEY} visible characters");
        return Err(Problem::bad_request(message));
    }
    Ok(Some(key.to_owned()))
}

/// Whether a text can be an idempotency key.
pub(super) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_KEY
}

/// A picked file in the protocol's shape: what the Java SDK and the picker's results need.
pub(super) fn picked(file: &StoredFile, links: &Links) -> Value {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    let url = match file.kind {
        Kind::Stored => links.file(&file.handle),
        Kind::Symlink => links.api_file(&file.handle),
    };
    put("url", url.into());
    put("handle", file.handle.as_str().into());
    put("filename", file.filename.as_str().into());
    put("mimetype", file.mimetype.as_str().into());
    put("type", file.mimetype.as_str().into());
    put("size", file.size.into());
    put("client", file.client.as_str().into());
    // What came from a device has none.
    if !file.source_path.is_empty() {
        put("originalPath", file.source_path.as_str().into());
    }
    if file.kind == Kind::Stored {
        put("container", file.container.as_str().into());
        put("key", file.key().into());
        put("status", "Stored".into());
    }
    if file
        .upload_tags
        .as_object()
        .is_some_and(|tags| !tags.is_empty())
    {
        put("upload_tags", file.upload_tags.clone());
    }
    Value::Object(answer)
}
