//! The argument of a call, from wherever its route has it, as strictly as Dropbox reads it.

use std::collections::HashMap;

use actix_web::{HttpRequest, http::header::CONTENT_TYPE, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;

use super::{
    dispatch::header,
    errors::Refusal,
    routes::{Route, Work},
};

/// The longest argument of an RPC route.
const LONGEST_ARGUMENT: usize = 4 * 1024 * 1024;

/// The argument's place in calls that carry content, as Dropbox's texts name it.
pub const IN_HEADER: &str = "HTTP header \"Dropbox-API-Arg\"";
/// The same where it is part of the address.
pub const IN_URL: &str = "URL parameter \"arg\"";

/// Reads the body of an RPC call.
pub async fn read_body(mut payload: web::Payload) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error| Refusal::BadInput(format!("request body: {error}")))?;
        if whole.len() + piece.len() > LONGEST_ARGUMENT {
            return Err(Refusal::BadInput("request body: too large".to_owned()));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The argument from where the route's style has it. Content types are as strict as Dropbox's.
pub fn argument(
    request: &HttpRequest,
    route: &Route,
    query: &HashMap<String, String>,
    body: &Bytes,
) -> Result<Value, Refusal> {
    let content_type = header(request, CONTENT_TYPE.as_str()).unwrap_or_default();
    let cors_hack = "text/plain; charset=dropbox-cors-hack";
    let expecting = |wanted: &str| {
        Refusal::BadInput(format!(
            "Bad HTTP \"Content-Type\" header: \"{content_type}\".  Expecting one of {wanted}."
        ))
    };
    match route.work {
        Work::Rpc(_) | Work::Longpoll => {
            let json_types = [
                "application/json",
                "application/json; charset=utf-8",
                cors_hack,
            ];
            let fits = json_types.contains(&content_type.to_ascii_lowercase().as_str());
            if route.fields.is_empty() && body.is_empty() && (content_type.is_empty() || fits) {
                return Ok(Value::Null);
            }
            if !fits {
                return Err(expecting(
                    "\"application/json\", \"application/json; charset=utf-8\", \"text/plain; charset=dropbox-cors-hack\"",
                ));
            }
            decode(body, "request body")
        }
        Work::Upload(_) => {
            let fits = content_type.eq_ignore_ascii_case("application/octet-stream")
                || content_type == cors_hack;
            if !fits {
                return Err(expecting(
                    "\"application/octet-stream\", \"text/plain; charset=dropbox-cors-hack\"",
                ));
            }
            header_argument(request, query)
        }
        Work::Content(_) => {
            let types = ["", "application/octet-stream", "text/plain"];
            let plain = content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            if !types.contains(&plain.as_str()) {
                return Err(expecting(
                    "\"\", \"text/plain; charset=utf-8\", \"application/octet-stream\", \"application/octet-stream; charset=utf-8\", \"text/plain; charset=dropbox-cors-hack\"",
                ));
            }
            header_argument(request, query)
        }
    }
}

fn header_argument(
    request: &HttpRequest,
    query: &HashMap<String, String>,
) -> Result<Value, Refusal> {
    let header = request.headers().get("dropbox-api-arg");
    let (bytes, place) = match (header, query.get("arg")) {
        (Some(_), Some(_)) => {
            return Err(Refusal::BadInput(
                "You cannot provide both HTTP header \"Dropbox-API-Arg\" and URL parameter \"arg\".".to_owned(),
            ));
        }
        (Some(header), None) => (header.as_bytes(), IN_HEADER),
        (None, Some(text)) => (text.as_bytes(), IN_URL),
        (None, None) => {
            return Err(Refusal::BadInput(
                "Must provide HTTP header \"Dropbox-API-Arg\" or URL parameter \"arg\".".to_owned(),
            ));
        }
    };
    if header.is_some() && bytes.iter().any(|byte| !(0x20..0x7f).contains(byte)) {
        return Err(Refusal::BadInput(
            "HTTP header \"Dropbox-API-Arg\": characters outside of printable ASCII must be escaped as \\uXXXX".to_owned(),
        ));
    }
    decode(bytes, place)
}

fn decode(bytes: &[u8], place: &str) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|_| Refusal::BadInput(format!("{place}: could not decode input as JSON")))
}

/// Dropbox refuses members it does not know.
pub fn known_fields(route: &Route, arg: &Value) -> Result<(), Refusal> {
    let fields = match arg {
        Value::Null if route.fields.is_empty() => return Ok(()),
        Value::Object(fields) if !route.fields.is_empty() => fields,
        _ if route.fields.is_empty() => {
            return Err(Refusal::BadInput(
                "request body: expected null, got something else".to_owned(),
            ));
        }
        _ => {
            return Err(Refusal::BadInput(
                "request body: expected object".to_owned(),
            ));
        }
    };
    match fields
        .keys()
        .find(|name| *name != ".tag" && !route.fields.contains(&name.as_str()))
    {
        Some(unknown) => Err(Refusal::BadInput(format!(
            "request body: unknown field '{unknown}'"
        ))),
        None => Ok(()),
    }
}
