//! One call as the routes see it, and the answer they give.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    body::SizedStream,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use futures_util::stream::LocalBoxStream;
use serde_json::Value;

use super::{errors::Refusal, paths::View, simulation::Simulation};

/// What most routes give back.
pub type Answer = Result<Value, Refusal>;

/// One authorized call with its argument.
#[derive(Clone)]
pub struct Call {
    /// The sandbox that was called.
    pub simulation: Arc<Simulation>,
    /// The route, as in `files/list_folder`.
    pub function: &'static str,
    /// The argument; null if the route has none.
    pub arg: Value,
    /// Who calls; `None` where no user is needed.
    pub caller: Option<Caller>,
}

/// Who calls, and what they see.
#[derive(Clone)]
pub struct Caller {
    /// The access token, so that it can be revoked.
    pub access_token: String,
    /// The account as the call sees it.
    pub view: View,
}

impl Call {
    /// Who calls. Routes that need a user are only reached with one.
    pub fn caller(&self) -> Result<&Caller, Refusal> {
        self.caller
            .as_ref()
            .ok_or_else(|| Refusal::token("invalid_access_token"))
    }

    /// The account as the caller sees it.
    pub fn view(&self) -> Result<&View, Refusal> {
        Ok(&self.caller()?.view)
    }

    /// The same call with a part of its argument, for routes that do several things at once.
    pub fn with(&self, arg: Value) -> Call {
        Call {
            arg,
            ..self.clone()
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.arg.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong_type(name, "string", other)),
            None => Err(Refusal::BadInput(format!(
                "request body: missing required field '{name}'"
            ))),
        }
    }

    /// A text that may be absent or null.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.arg.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(name).map(Some),
        }
    }

    /// Yes or no; no unless said otherwise.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        self.flag_or(name, false)
    }

    /// Yes or no with a default.
    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.arg.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong_type(name, "boolean", other)),
        }
    }

    /// A number within bounds, or nothing.
    pub fn number(&self, name: &str, low: u64, high: u64) -> Result<Option<u64>, Refusal> {
        let value = match self.arg.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let Some(number) = value.as_i64() else {
            return Err(wrong_type(name, "integer", value));
        };
        match u64::try_from(number) {
            Ok(number) if number < low => {
                Err(bounds(name, &format!("{number} is too small (min {low})")))
            }
            Ok(number) if number > high => {
                Err(bounds(name, &format!("{number} is too large (max {high})")))
            }
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(bounds(name, &format!("{number} is too small (min {low})"))),
        }
    }

    /// The tag of a union, whether written as `{".tag": "x"}` or as `"x"`.
    pub fn tag(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.arg.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(tag)) => Ok(Some(tag)),
            Some(Value::Object(union)) => match union.get(".tag").and_then(Value::as_str) {
                Some(tag) => Ok(Some(tag)),
                None => Err(bounds(name, "missing '.tag' key")),
            },
            Some(other) => Err(wrong_type(name, "union", other)),
        }
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<&Vec<Value>, Refusal> {
        match self.arg.get(name) {
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(wrong_type(name, "list", other)),
            None => Err(Refusal::BadInput(format!(
                "request body: missing required field '{name}'"
            ))),
        }
    }
}

fn bounds(name: &str, what: &str) -> Refusal {
    Refusal::BadInput(format!("request body: {name}: {what}"))
}

fn wrong_type(name: &str, wanted: &str, got: &Value) -> Refusal {
    let kind = match got {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    bounds(name, &format!("expected {wanted}, got {kind}"))
}

/// The bytes of an answer.
pub type Stream = LocalBoxStream<'static, std::io::Result<Bytes>>;

/// An answer before it goes out, so that a fault can still spoil it.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers besides the length.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How many bytes follow.
    pub length: u64,
    /// Where in the file the first of them lies.
    pub offset: u64,
    /// The bytes.
    pub stream: Stream,
}

impl Reply {
    /// An answer of bytes that are at hand.
    pub fn bytes(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Reply {
        let length = bytes.len() as u64;
        Reply {
            status,
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))],
            length,
            offset: 0,
            stream: Box::pin(futures_util::stream::iter([Ok(bytes)])),
        }
    }

    /// Plain text.
    pub fn text(status: StatusCode, text: String) -> Reply {
        Reply::bytes(status, "text/plain; charset=utf-8", text.into())
    }

    /// JSON.
    pub fn json(value: &Value) -> Reply {
        Reply::json_with_status(StatusCode::OK, value)
    }

    /// JSON with another status.
    pub fn json_with_status(status: StatusCode, value: &Value) -> Reply {
        Reply::bytes(status, "application/json", value.to_string().into())
    }

    /// The same with a header more; a value that is no header is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The response that goes out.
    pub fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.append_header(header);
        }
        response.body(SizedStream::new(self.length, self.stream))
    }
}
