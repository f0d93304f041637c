//! Files that clients name by an address, and files that come as a whole: `/process` with the store
//! task, `/api/store/…`, and what `/metadata` says of an address.
//!
//! Filestack's store API in its two generations (filestack-js `src/lib/api/store.ts`, the Python
//! and Go SDKs; filepicker.js and curl for the older one). All of it ends as a picked file does.

use std::collections::HashMap;
use std::sync::Arc;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use super::cloud_request::CloudRequest;
use super::picks::{idempotency_key, picked};
use super::problem::{Problem, Refusal};
use super::{Edge, caller, incoming, uploads};
use crate::access::{AccessError, Application, Call, Credentials, Policy, Subject};
use crate::files::{StoreOptions, StoredFile};
use crate::uploading::{LinkRequest, StartRequest};

/// Bytes of a form's texts, or of a body that names an address, at most.
const SHORT: usize = 64 * 1024;

/// Stores what lies under an address (`POST /process`).
pub(super) async fn process(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    // The SDK for Go writes it with a capital.
    let apikey = match asked.text("apikey")? {
        Some(apikey) => Some(apikey),
        None => asked.text("apiKey")?,
    };
    let application = caller::application(&edge, &request, apikey.as_deref()).await?;
    let tasks = Tasks::read(asked.value("tasks"))?;
    let (url, headers) = source(&asked)?;
    let link = Link {
        url,
        headers,
        filename: String::new(),
        mimetype: String::new(),
        store: uploads::store_options(Some(&Value::Object(tasks.store)))?,
        upload_tags: uploads::tags(&asked)?,
        credentials: tasks.credentials,
        application,
    };
    link.fetch(&edge, &request).await
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

/// Stores a body, a file of a form, or what lies under an address (`POST /api/store/{provider}`).
pub(super) async fn store(
    edge: web::Data<Edge>,
    request: HttpRequest,
    provider: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let asked = Query::of(&request);
    let application = caller::application(&edge, &request, asked.get("key")).await?;
    let wanted = Wanted {
        store: asked.store(&provider)?,
        credentials: asked.credentials(&request),
        filename: asked.get("filename").unwrap_or_default().to_owned(),
        mimetype: asked.get("mimetype").unwrap_or_default().to_owned(),
        application,
    };
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    if content_type.starts_with("multipart/") {
        let mut form = Multipart::new(request.headers(), body);
        return match part(&mut form).await? {
            Part::Address(url) => wanted.link(url).fetch(&edge, &request).await,
            Part::File(field) => {
                let name = field.content_disposition().and_then(|d| d.get_filename());
                let name = name.unwrap_or_default().to_owned();
                let mimetype = field.content_type().map(ToString::to_string);
                let mimetype = mimetype.unwrap_or_default();
                wanted.take(&edge, name, mimetype, None, *field).await
            }
        };
    }
    let (first, rest) = beginning(body, &content_type).await?;
    if let Some(url) = address(&first, &content_type) {
        return wanted.link(url).fetch(&edge, &request).await;
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mimetype = match content_type.starts_with("application/x-www-form-urlencoded") {
        // What clients send that know of no type.
        true => String::new(),
        false => content_type,
    };
    let whole = stream::iter([Ok(web::Bytes::from(first))]).chain(rest);
    wanted
        .take(&edge, String::new(), mimetype, length, whole)
        .await
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
            Some(&self.url),
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

/// What a call of the older store API wants.
struct Wanted {
    application: Arc<Application>,
    store: StoreOptions,
    credentials: Credentials,
    filename: String,
    mimetype: String,
}

impl Wanted {
    fn link(self, url: String) -> Link {
        Link {
            application: self.application,
            url,
            headers: Vec::new(),
            filename: self.filename,
            mimetype: self.mimetype,
            store: self.store,
            upload_tags: Value::Null,
            credentials: self.credentials,
        }
    }

    /// Brings a body to the storage.
    async fn take<S, E>(
        self,
        edge: &Edge,
        filename: String,
        mimetype: String,
        length: Option<u64>,
        body: S,
    ) -> Result<HttpResponse, Refusal>
    where
        S: Stream<Item = Result<web::Bytes, E>>,
        E: std::fmt::Display,
    {
        let policy = permit(
            edge,
            &self.application,
            &self.credentials,
            &self.store,
            None,
        )?;
        let or = |asked: String, sent| if asked.is_empty() { sent } else { asked };
        let start = StartRequest {
            application: self.application,
            filename: or(self.filename, filename),
            mimetype: or(self.mimetype, mimetype),
            size: length,
            store: self.store,
            upload_tags: Value::Null,
            policy,
        };
        let (feeder, stream) = incoming::pipe();
        let uploading = edge.uploading.clone();
        let work = edge.run(async move { uploading.take(start, length, stream).await });
        let file = incoming::until(work, feeder.feed(body)).await?;
        Ok(stored(edge, &file))
    }
}

fn stored(edge: &Edge, file: &StoredFile) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(picked(file, &edge.links))
}

/// A file is stored by whoever may `store`, or, where its place is not chosen, may `pick`.
fn permit(
    edge: &Edge,
    application: &Application,
    credentials: &Credentials,
    store: &StoreOptions,
    url: Option<&str>,
) -> Result<Option<Policy>, Problem> {
    let now = edge.clock.now().timestamp();
    let container = store.container(&edge.storage.container());
    let subject = Subject {
        path: Some(&store.path),
        container: Some(&container),
        url,
        ..Subject::default()
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

/// The tasks of a call of `/process`.
struct Tasks {
    store: Map<String, Value>,
    credentials: Credentials,
}

impl Tasks {
    fn read(tasks: Option<&Value>) -> Result<Self, Problem> {
        let mut read = Self {
            store: Map::new(),
            credentials: Credentials::default(),
        };
        let list = tasks.and_then(Value::as_array).map(Vec::as_slice);
        for task in list.unwrap_or_default() {
            let params = task.get("params").and_then(Value::as_object);
            let params = params.cloned().unwrap_or_default();
            match task.get("name").and_then(Value::as_str) {
                // Workflows come as a second task of this name.
                Some("store") => read.store.extend(params),
                Some("security") => {
                    let text = |name: &str| Some(params.get(name)?.as_str()?.to_owned());
                    read.credentials.policy = text("policy").or_else(|| text("p"));
                    read.credentials.signature = text("signature").or_else(|| text("s"));
                }
                Some(other) => {
                    let other: String = other.chars().take(40).collect();
                    return Err(Problem::not_implemented(&format!("the task `{other}`")));
                }
                None => return Err(Problem::bad_request("a task has no name")),
            }
        }
        Ok(read)
    }
}

/// The one address in `sources`, and what to send there.
fn source(asked: &CloudRequest) -> Result<(String, Vec<(String, String)>), Problem> {
    let wrong = || Problem::bad_request("sources must hold one address");
    let sources = asked.value("sources").and_then(Value::as_array);
    let [only] = sources.ok_or_else(wrong)?.as_slice() else {
        return Err(wrong());
    };
    let (url, headers) = match only {
        Value::String(url) => (url, Vec::new()),
        Value::Object(source) => {
            let url = source.get("source").or_else(|| source.get("url"));
            match url {
                Some(Value::String(url)) => (url, self::headers(source.get("headers"))?),
                _ => return Err(wrong()),
            }
        }
        _ => return Err(wrong()),
    };
    match url.contains("://") {
        true => Ok((url.clone(), headers)),
        false => Err(Problem::not_implemented("a source other than an address")),
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

/// The query of the older store API.
struct Query(HashMap<String, String>);

impl Query {
    fn of(request: &HttpRequest) -> Self {
        let mut members = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            members
                .entry(name.into_owned())
                .or_insert(value.into_owned());
        }
        Self(members)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn store(&self, provider: &str) -> Result<StoreOptions, Problem> {
        let mut members = Map::new();
        members.insert("location".to_owned(), provider.into());
        for name in ["path", "container", "access", "base64decode"] {
            if let Some(value) = self.get(name) {
                members.insert(name.to_owned(), value.into());
            }
        }
        uploads::store_options(Some(&Value::Object(members)))
    }

    fn credentials(&self, request: &HttpRequest) -> Credentials {
        Credentials {
            // Base64 holds no space: one that arrives was a plus that nobody encoded.
            policy: self.get("policy").map(|policy| policy.replace(' ', "+")),
            signature: self.get("signature").map(str::to_owned),
            secret: caller::basic_secret(request),
        }
    }
}

/// What a form brings.
enum Part {
    File(Box<Field>),
    Address(String),
}

/// The field with the file (`fileUpload`, or any that has a file's name), or the `url`.
async fn part(form: &mut Multipart) -> Result<Part, Problem> {
    let bad = |error: actix_multipart::MultipartError| {
        Problem::bad_request(format!("the form is not valid: {error}"))
    };
    while let Some(mut field) = form.try_next().await.map_err(bad)? {
        let named = field.content_disposition();
        let has_name = named.is_some_and(|d| d.get_filename().is_some());
        if field.name() == Some("fileUpload") || has_name {
            return Ok(Part::File(Box::new(field)));
        }
        let is_url = field.name() == Some("url");
        let text = field.bytes(SHORT).await;
        let text = text
            .map_err(|_| Problem::bad_request("a field of the form is too long"))?
            .map_err(bad)?;
        if is_url {
            return Ok(Part::Address(String::from_utf8_lossy(&text).into_owned()));
        }
    }
    Err(Problem::bad_request(
        "the form has neither fileUpload nor url",
    ))
}

/// The beginning of a body that may be an address: all of it, where it is short enough for one.
async fn beginning(
    mut body: web::Payload,
    content_type: &str,
) -> Result<(Vec<u8>, web::Payload), Problem> {
    let mut first = Vec::new();
    let may_be = ["application/json", "application/x-www-form-urlencoded"];
    if may_be.iter().any(|kind| content_type.starts_with(kind)) {
        while first.len() <= SHORT {
            match body.next().await {
                Some(Ok(chunk)) => first.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    let message = format!("the body did not arrive: {error}");
                    return Err(Problem::bad_request(message));
                }
                None => break,
            }
        }
    }
    Ok((first, body))
}

/// The address that a short body names, if that is what it does. A JSON file is a file, unless it
/// is an object with a `url`.
fn address(body: &[u8], content_type: &str) -> Option<String> {
    if body.len() > SHORT {
        return None;
    }
    if content_type.starts_with("application/json") {
        let value: Value = serde_json::from_slice(body).ok()?;
        return Some(value.get("url")?.as_str()?.to_owned());
    }
    let mut members = url::form_urlencoded::parse(body);
    let (_, url) = members.find(|(name, _)| name == "url")?;
    Some(url.into_owned()).filter(|url| url.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_body_is_told_from_a_file() {
        let json = "application/json; charset=utf-8";
        let form = "application/x-www-form-urlencoded";
        let url = Some("https://a.test/b?c=d".to_owned());
        assert_eq!(address(br#"{"url":"https://a.test/b?c=d"}"#, json), url);
        let encoded = b"url=https%3A%2F%2Fa.test%2Fb%3Fc%3Dd&x=1";
        assert_eq!(address(encoded, form), url);
        for (body, kind) in [
            (&br#"{"name":"x"}"#[..], json),
            (br#"["url"]"#, json),
            (b"{", json),
            (b"plain bytes", form),
            (b"url=nowhere", form),
        ] {
            assert_eq!(address(body, kind), None);
        }
    }

    #[test]
    fn tasks_are_read_and_those_that_are_not_served_are_named() {
        let tasks = json!([
            {"name": "store", "params": {"path": "in/"}},
            {"name": "security", "params": {"policy": "P", "signature": "S"}},
            {"name": "store", "params": {"workflows": ["x"]}},
        ]);
        let read = Tasks::read(Some(&tasks)).unwrap();
        assert_eq!(read.store["path"], "in/");
        assert_eq!(read.credentials.policy.as_deref(), Some("P"));
        let resize = json!([{"name": "resize", "params": {"width": 1}}]);
        assert!(Tasks::read(Some(&resize)).is_err());
        assert!(Tasks::read(Some(&json!([{}]))).is_err());
    }
}
