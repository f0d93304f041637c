//! The ways the simulated Dropbox refuses a call, with the bodies that Dropbox gives.
//!
//! Knows nothing of what is refused; the routes say that in Dropbox's tags.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::call::Reply;

/// A refused call.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// 400 in plain text: the request itself is wrong.
    BadInput(String),
    /// 401 with a tag: the token will not do.
    Token(Value),
    /// 409 with the route's own error.
    Route(Value),
    /// 422: the path root header names a namespace that is not this caller's root.
    PathRoot(Value),
    /// Any other status with a plain text body.
    Plain(u16, String),
}

impl Refusal {
    /// A route's error that is a path of tags: `tags(&["path", "not_found"])`.
    pub fn tags(tags: &[&str]) -> Refusal {
        Refusal::Route(nested(tags))
    }

    /// A token's error without further fields.
    pub fn token(tag: &str) -> Refusal {
        Refusal::Token(json!({ ".tag": tag }))
    }

    /// A fault of the simulation itself, such as a full disk.
    pub fn internal(reason: impl std::fmt::Display) -> Refusal {
        log::error!("sandbox: {reason}");
        Refusal::Plain(500, "Internal Server Error".to_owned())
    }

    /// The route's error inside this refusal, for results that list several outcomes.
    pub fn error(&self) -> Value {
        match self {
            Refusal::Route(error) | Refusal::Token(error) | Refusal::PathRoot(error) => {
                error.clone()
            }
            _ => json!({ ".tag": "other" }),
        }
    }

    /// The same of an argument that lies elsewhere than in the body. The routes do not know where
    /// theirs came from and call every place the body.
    pub fn at(self, place: &str) -> Refusal {
        match self {
            Refusal::BadInput(text) => match text.strip_prefix("request body: ") {
                Some(rest) => Refusal::BadInput(format!("{place}: {rest}")),
                None => Refusal::BadInput(text),
            },
            other => other,
        }
    }

    /// The answer on the wire. Plain texts name the function as Dropbox's do.
    pub fn reply(&self, function: &str) -> Reply {
        match self {
            Refusal::BadInput(text) => Reply::text(
                StatusCode::BAD_REQUEST,
                format!("Error in call to API function \"{function}\": {text}"),
            ),
            Refusal::Token(error) => tagged(StatusCode::UNAUTHORIZED, error),
            Refusal::Route(error) => tagged(StatusCode::CONFLICT, error),
            Refusal::PathRoot(error) => tagged(StatusCode::UNPROCESSABLE_ENTITY, error),
            Refusal::Plain(status, text) => Reply::text(
                StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                text.clone(),
            ),
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Refusal::internal(error)
    }
}

/// `["path", "conflict", "file"]` as Dropbox nests unions.
pub fn nested(tags: &[&str]) -> Value {
    match tags {
        [] => Value::Null,
        [last] => json!({ ".tag": last }),
        [first, rest @ ..] => json!({ ".tag": first, *first: nested(rest) }),
    }
}

fn tagged(status: StatusCode, error: &Value) -> Reply {
    Reply::json_with_status(
        status,
        &json!({ "error_summary": summary(error), "error": error }),
    )
}

/// The tags in a row and a number of dots that varies, so that nobody compares for equality.
fn summary(error: &Value) -> String {
    let mut tags = String::new();
    let mut inner = Some(error);
    while let Some(tag) = inner.and_then(|value| value[".tag"].as_str()) {
        tags.push_str(tag);
        tags.push('/');
        inner = inner.and_then(|value| {
            // Unions put their value under their tag; a structure in the way (such as the
            // reason of a failed upload) has its own member.
            value.get(tag).or_else(|| value.get("reason"))
        });
    }
    let dots = ".".repeat(rand::random_range(0..=3));
    format!("{tags}{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_walks_the_tags() {
        let error = json!({ ".tag": "path", "reason": nested(&["conflict", "file"]) });
        assert_eq!(summary(&error).trim_end_matches('.'), "path/conflict/file/");
    }
}
