//! `POST /api/store/{provider}`: a body, a file of a form, or what lies under an address.
//!
//! The older store API (filepicker.js, curl).

use std::collections::HashMap;
use std::sync::Arc;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};

use super::{Link, permit, stored};
use crate::access::{Application, Credentials, Subject};
use crate::files::StoreOptions;
use crate::http::problem::{Problem, Refusal};
use crate::http::{Edge, base64_body, caller, incoming, uploads};
use crate::uploading::StartRequest;

/// Bytes of a form's texts, or of a body that names an address, at most.
const SHORT: usize = 64 * 1024;

/// Stores a body, a file of a form, or what lies under an address (`POST /api/store/{provider}`).
pub(in crate::http) async fn store(
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
        base64: asked.is_on("base64decode"),
        application,
    };
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    if content_type.starts_with("multipart/") {
        let mut form = Multipart::new(request.headers(), body);
        return match part(&mut form).await? {
            Part::Address(url) => wanted.link(url)?.fetch(&edge, &request).await,
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
        return wanted.link(url)?.fetch(&edge, &request).await;
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

/// What a call of the older store API wants.
struct Wanted {
    application: Arc<Application>,
    store: StoreOptions,
    credentials: Credentials,
    filename: String,
    mimetype: String,
    /// Whether the body stands for the file in base64.
    base64: bool,
}

impl Wanted {
    fn link(self, url: String) -> Result<Link, Problem> {
        if self.base64 {
            let what = "decoding base64 of what lies under an address";
            return Err(Problem::not_implemented(what));
        }
        Ok(Link {
            application: self.application,
            url,
            headers: Vec::new(),
            filename: self.filename,
            mimetype: self.mimetype,
            store: self.store,
            upload_tags: Value::Null,
            credentials: self.credentials,
        })
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
            Subject::default(),
        )?;
        let or = |asked: String, sent| if asked.is_empty() { sent } else { asked };
        // How many bytes the letters stand for is known at their end.
        let length = length.filter(|_| !self.base64);
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
        if !self.base64 {
            let file = incoming::until(work, feeder.feed(body)).await?;
            return Ok(stored(edge, &file));
        }
        let fault = base64_body::Fault::default();
        let body = base64_body::decoded(body, fault.clone());
        match (incoming::until(work, feeder.feed(body)).await, fault.get()) {
            (Ok(file), _) => Ok(stored(edge, &file)),
            (Err(_), Some(fault)) => Err(Problem::bad_request(fault.as_str()).into()),
            (Err(problem), None) => Err(problem.into()),
        }
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

    fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "True" | "1"))
    }

    fn store(&self, provider: &str) -> Result<StoreOptions, Problem> {
        let mut members = Map::new();
        members.insert("location".to_owned(), provider.into());
        for name in ["path", "container", "access"] {
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
}
