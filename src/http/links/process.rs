//! `POST /process`: tasks and sources in one JSON object.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::{StoreTask, headers};
use crate::access::Credentials;
use crate::files::Handle;
use crate::http::cloud_request::CloudRequest;
use crate::http::problem::{Problem, Refusal};
use crate::http::tasks::shown;
use crate::http::{Edge, uploads};

/// Stores what lies under an address, or a stored file once more (`POST /process`).
pub(in crate::http) async fn process(
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
    let tasks = Tasks::read(asked.value("tasks"))?;
    let task = StoreTask {
        apikey,
        store: tasks.store,
        upload_tags: uploads::tags(&asked)?,
        credentials: tasks.credentials,
    };
    match source(&asked)? {
        Source::Address(url, headers) => task.of_address(&edge, &request, url, headers).await,
        Source::Handle(handle) => task.of_handle(&edge, &request, handle).await,
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
                    let task = format!("the task `{}`", shown(other));
                    return Err(Problem::not_implemented(&task));
                }
                None => return Err(Problem::bad_request("a task has no name")),
            }
        }
        Ok(read)
    }
}

/// What is to be stored.
enum Source {
    /// An address, and what to send there.
    Address(String, Vec<(String, String)>),
    Handle(Handle),
}

/// The one source in `sources`: the protocol answers one file, so it documents one source.
fn source(asked: &CloudRequest) -> Result<Source, Problem> {
    let wrong = || Problem::bad_request("sources must hold one address or handle");
    let sources = asked.value("sources").and_then(Value::as_array);
    let only = match sources.ok_or_else(wrong)?.as_slice() {
        [only] => only,
        [] => return Err(wrong()),
        several => {
            let count = several.len();
            let message = format!("sources holds {count}, and one is stored in one call");
            return Err(Problem::bad_request(message));
        }
    };
    let (source, headers) = match only {
        Value::String(source) => (source, Vec::new()),
        Value::Object(source) => {
            let named = source.get("source").or_else(|| source.get("url"));
            match named {
                Some(Value::String(named)) => (named, headers(source.get("headers"))?),
                _ => return Err(wrong()),
            }
        }
        _ => return Err(wrong()),
    };
    if source.starts_with("src://") || source.starts_with("wf://") {
        let what = "a source other than an address or a handle";
        return Err(Problem::not_implemented(what));
    }
    if source.contains("://") {
        return Ok(Source::Address(source.clone(), headers));
    }
    let handle = Handle::parse(source)
        .map_err(|_| Problem::bad_request("sources holds neither an address nor a handle"))?;
    Ok(Source::Handle(handle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let refused = Tasks::read(Some(&resize)).map(|_| ()).unwrap_err();
        assert_eq!(refused.status(), 501);
        assert!(refused.message().contains("`resize`"));
        assert!(Tasks::read(Some(&json!([{}]))).is_err());
    }

    #[test]
    fn one_source_is_stored_and_the_others_are_refused_with_reasons() {
        let read =
            |sources: Value| source(&CloudRequest::read(json!({ "sources": sources })).unwrap());
        assert!(matches!(
            read(json!(["abcdefghij0123456789"])),
            Ok(Source::Handle(_))
        ));
        let with = json!([{ "source": "https://a.test/b", "headers": { "x": "y" } }]);
        assert!(matches!(read(with), Ok(Source::Address(_, headers)) if headers.len() == 1));
        for (sources, status, why) in [
            (json!([]), 400, "one address or handle"),
            (json!("https://a.test/b"), 400, "one address or handle"),
            (json!([5]), 400, "one address or handle"),
            (
                json!(["https://a.test/b", "https://a.test/c"]),
                400,
                "holds 2",
            ),
            (json!(["src://alias/x.jpg"]), 501, "a source other"),
            (json!(["x"]), 400, "neither"),
        ] {
            let refused = read(sources).map(|_| ()).unwrap_err();
            assert_eq!(refused.status(), status);
            assert!(refused.message().contains(why), "{refused}");
        }
    }
}
