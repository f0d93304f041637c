//! The members of an upload call, read as SDKs write them.

use std::sync::Arc;

use actix_web::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::caller;
use super::super::cloud_request::CloudRequest;
use super::super::problem::Problem;
use super::Edge;
use crate::access::Application;
use crate::files::StoreOptions;
use crate::uploading::PieceRequest;

/// Parts in one list at most; more than any upload has.
const MOST_PARTS: usize = 10_000;

/// Where and how the file is to be stored.
pub(super) fn store(asked: &CloudRequest) -> Result<StoreOptions, Problem> {
    store_options(asked.value("store"))
}

/// The members of a `store` object. What is not known is passed over, `null` is as good as absent.
pub(in crate::http) fn store_options(store: Option<&Value>) -> Result<StoreOptions, Problem> {
    let Some(store) = store else {
        return Ok(StoreOptions::default());
    };
    let Value::Object(members) = store else {
        return Err(Problem::bad_request("store must be an object"));
    };
    if is_true(members.get("base64decode")) {
        return Err(Problem::not_implemented("decoding base64"));
    }
    let mut members = members.clone();
    members.retain(|_, value| !value.is_null());
    // Forms know only texts.
    if let Some(flag) = members.get_mut("disableStorageKey") {
        *flag = is_true(Some(flag)).into();
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::bad_request(format!("store: {error}")))
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => ["true", "1"].contains(&text.as_str()),
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false,
    }
}

/// Whether a member is switched on.
pub(super) fn is_on(asked: &CloudRequest, name: &str) -> Result<bool, Problem> {
    Ok(is_true(asked.value(name)))
}

/// The region that is asked for, which means nothing here, if it is a plain name.
pub(super) fn region(asked: &CloudRequest) -> Result<Option<String>, Problem> {
    let region = match asked.value("store").and_then(|store| store.get("region")) {
        Some(Value::String(region)) => region,
        _ => return Ok(None),
    };
    let is_plain = (1..=64).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    Ok(is_plain.then(|| region.clone()))
}

/// A number of bytes.
pub(super) fn size(asked: &CloudRequest, name: &str) -> Result<Option<u64>, Problem> {
    let number = asked.number(name)?;
    let bytes = number.map(u64::try_from).transpose();
    bytes.map_err(|_| Problem::bad_request(format!("{name} must not be negative")))
}

/// The integrator's tags; `null` where none came. Go sends a list of texts, which name nothing:
/// an empty one is no tags.
pub(in crate::http) fn tags(asked: &CloudRequest) -> Result<Value, Problem> {
    match asked.value("upload_tags") {
        None => Ok(Value::Null),
        Some(Value::Array(list)) if list.is_empty() => Ok(Value::Null),
        Some(Value::Array(list)) => {
            let names = list.iter().map(|tag| match tag {
                Value::String(name) => Ok((name.clone(), Value::from(""))),
                _ => Err(Problem::bad_request("upload_tags must be texts")),
            });
            Ok(Value::Object(names.collect::<Result<Map<_, _>, _>>()?))
        }
        Some(tags) => Ok(tags.clone()),
    }
}

/// A part's number.
pub(super) fn part(asked: &CloudRequest) -> Result<u32, Problem> {
    let number = asked
        .number("part")?
        .and_then(|part| u32::try_from(part).ok());
    number.ok_or_else(|| Problem::bad_request("part must be a number from 1"))
}

/// The upload that is meant, and who asks. SDKs send the API key with every call, but the id alone
/// is authority enough.
pub(super) async fn upload(
    edge: &Edge,
    request: &HttpRequest,
    asked: &CloudRequest,
) -> Result<(String, Option<Arc<Application>>), Problem> {
    let upload_id = asked.text("upload_id")?.unwrap_or_default();
    if upload_id.is_empty() {
        return Err(Problem::bad_request("upload_id is missing"));
    }
    let apikey = asked.text("apikey")?.filter(|apikey| !apikey.is_empty());
    let application = match apikey {
        Some(apikey) => Some(caller::application(edge, request, Some(&apikey)).await?),
        None => None,
    };
    Ok((upload_id, application))
}

/// The piece that is about to be sent.
pub(super) async fn piece(
    edge: &Edge,
    request: &HttpRequest,
    asked: &CloudRequest,
) -> Result<PieceRequest, Problem> {
    let (upload_id, application) = upload(edge, request, asked).await?;
    let size = size(asked, "size")?;
    let md5 = asked.text("md5")?.filter(|md5| !md5.is_empty());
    Ok(PieceRequest {
        upload_id,
        application,
        part: part(asked)?,
        offset: self::size(asked, "offset")?.unwrap_or(0),
        size: size.ok_or_else(|| Problem::bad_request("size is missing"))?,
        md5: md5.as_deref().map(digest).transpose()?,
    })
}

/// An MD5 digest in base64, as `Content-MD5` has it.
pub(super) fn digest(text: &str) -> Result<[u8; 16], Problem> {
    let bytes = STANDARD.decode(text.trim()).ok();
    let digest = bytes.and_then(|bytes| bytes.try_into().ok());
    digest.ok_or_else(|| Problem::bad_request("the MD5 digest is not 16 bytes in base64"))
}

/// The parts that make up the file: a list of objects, or the text `1:etag;2:etag`.
pub(super) fn parts(asked: &CloudRequest) -> Result<Vec<(u32, Option<String>)>, Problem> {
    let wrong = || Problem::bad_request("parts must list part_number and etag of each part");
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let etag = |text: &str| Some(text.trim().to_owned()).filter(|etag| !etag.is_empty());
    let parts: Vec<(u32, Option<String>)> = match asked.value("parts") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => {
            let pairs = text.split(';').filter(|pair| !pair.trim().is_empty());
            let read = pairs.map(|pair| {
                let (part, tag) = pair.split_once(':').ok_or_else(wrong)?;
                Ok((number(part)?, etag(tag)))
            });
            read.collect::<Result<_, Problem>>()?
        }
        Some(Value::Array(list)) => {
            let read = list.iter().map(|part| {
                let number = match part.get("part_number") {
                    Some(Value::String(text)) => number(text)?,
                    Some(value) => value
                        .as_u64()
                        .and_then(|n| n.try_into().ok())
                        .ok_or_else(wrong)?,
                    None => return Err(wrong()),
                };
                let tag = part.get("etag").and_then(Value::as_str).and_then(etag);
                Ok((number, tag))
            });
            read.collect::<Result<_, Problem>>()?
        }
        Some(_) => return Err(wrong()),
    };
    if parts.len() > MOST_PARTS {
        return Err(Problem::bad_request("parts lists too many"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(body: Value) -> CloudRequest {
        CloudRequest::read(body).unwrap()
    }

    #[test]
    fn parts_are_read_from_lists_and_from_texts() {
        let two = vec![(1, Some("\"a\"".to_owned())), (2, None)];
        for body in [
            json!({"parts": [{"part_number": 1, "etag": "\"a\""}, {"part_number": "2"}]}),
            json!({"parts": "1:\"a\";2:"}),
            json!({"parts": "1:\"a\"; 2: ;"}),
        ] {
            assert_eq!(parts(&asked(body)).unwrap(), two);
        }
        for nothing in [json!({}), json!({"parts": null}), json!({"parts": []})] {
            assert!(parts(&asked(nothing)).unwrap().is_empty());
        }
        for wrong in [
            json!("1"),
            json!("x:a"),
            json!(5),
            json!([{"etag": "a"}]),
            json!([-1]),
        ] {
            assert!(parts(&asked(json!({ "parts": wrong }))).is_err());
        }
    }

    #[test]
    fn a_store_object_is_read_leniently() {
        let body = json!({"store": {"location": "S3", "path": null, "workflows": [1],
            "disableStorageKey": "true", "region": "eu-west-1"}});
        let read = store(&asked(body.clone())).unwrap();
        assert!(read.disable_storage_key && read.path.is_empty());
        assert_eq!(region(&asked(body)).unwrap().unwrap(), "eu-west-1");
        assert!(store(&asked(json!({"store": {"path": 5}}))).is_err());
        assert!(store(&asked(json!({"store": "x"}))).is_err());
        assert!(store(&asked(json!({"store": {"base64decode": true}}))).is_err());
    }
}
