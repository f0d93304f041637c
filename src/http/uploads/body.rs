//! The body of an upload call: JSON, or a form of either kind.
//!
//! The JavaScript, Python, Ruby, Go and Swift SDKs send JSON, those for Java and PHP
//! `multipart/form-data` with flat names (`store_path`), PHP with an empty file beside them. What
//! comes out is one and the same.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Map, Value};

use super::super::cloud_request::CloudRequest;
use super::super::problem::Problem;
use super::Edge;

/// Fields of a form at most.
const MOST_FIELDS: usize = 100;

/// Reads a call, whatever its content type says.
pub(super) async fn read(
    edge: &Edge,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<CloudRequest, Problem> {
    let limit = usize::try_from(edge.settings.max_body.as_u64()).unwrap_or(usize::MAX);
    let said = request.headers().get(CONTENT_TYPE);
    let said = said
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let said = said.to_ascii_lowercase();
    if said.starts_with("multipart/form-data") {
        let form = Multipart::new(request.headers(), payload);
        return CloudRequest::read(unflattened(fields(form, limit).await?));
    }
    let bytes = whole(payload, limit).await?;
    if said.starts_with("application/x-www-form-urlencoded") && !bytes.starts_with(b"{") {
        let pairs = url::form_urlencoded::parse(&bytes).into_owned();
        return CloudRequest::read(unflattened(pairs.collect()));
    }
    let value = serde_json::from_slice(&bytes);
    let value = value.map_err(|error| {
        Problem::bad_request(format!("the request body is not valid JSON: {error}"))
    });
    CloudRequest::read(value?)
}

async fn whole(mut payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The texts of a form; files in it are passed over.
async fn fields(mut form: Multipart, limit: usize) -> Result<Vec<(String, String)>, Problem> {
    let (mut found, mut left) = (Vec::new(), limit);
    while let Some(mut field) = form.try_next().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes(left).await;
        let bytes = bytes.map_err(|_| too_large(limit))?.map_err(broken)?;
        left = left.saturating_sub(bytes.len() + name.len());
        let is_file = field
            .content_disposition()
            .is_some_and(|said| said.get_filename().is_some());
        if is_file || name.is_empty() {
            continue;
        }
        if found.len() >= MOST_FIELDS {
            return Err(Problem::bad_request("the form has too many fields"));
        }
        let text = String::from_utf8(bytes.to_vec());
        let text = text.map_err(|_| Problem::bad_request(format!("{name} is not UTF-8")))?;
        found.push((name, text));
    }
    Ok(found)
}

/// Flat names as the objects that they stand for: `store_path` is `store.path`. An empty field is
/// as good as none.
fn unflattened(fields: Vec<(String, String)>) -> Value {
    let (mut body, mut store) = (Map::new(), Map::new());
    for (name, text) in fields {
        if text.is_empty() {
            continue;
        }
        match name.strip_prefix("store_") {
            Some(option) => store.insert(option.to_owned(), text.into()),
            // Objects come as JSON.
            None if ["store", "upload_tags", "security"].contains(&name.as_str()) => {
                let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
                body.insert(name, value)
            }
            None => body.insert(name, text.into()),
        };
    }
    if !store.is_empty() && !body.contains_key("store") {
        body.insert("store".to_owned(), store.into());
    }
    Value::Object(body)
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request(format!("the request body is not valid: {error}"))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        format!("the request body is larger than {limit} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_the_same_as_an_object() {
        let fields = [
            ("apikey", "A1"),
            ("size", "12"),
            ("store_location", "s3"),
            ("store_path", "in/"),
            ("store_access", ""),
            ("upload_tags", r#"{"a":"b"}"#),
            ("parts", "1:a;2:b"),
        ];
        let fields = fields.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(
            unflattened(fields.into()),
            serde_json::json!({
                "apikey": "A1", "size": "12", "upload_tags": {"a": "b"}, "parts": "1:a;2:b",
                "store": {"location": "s3", "path": "in/"},
            })
        );
    }
}
