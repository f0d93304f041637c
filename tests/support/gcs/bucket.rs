//! What lies in the double's one bucket, and the calls of the XML API upon it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use actix_web::http::header::{self, HttpDate};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use longshore::clock::Clock;
use sha2::{Digest as _, Sha256};

use super::{parameter, query, refusal};

/// The most names in one page of a list.
const PAGE: usize = 1000;

#[derive(Default)]
pub struct Bucket {
    pub objects: BTreeMap<String, Object>,
    pub uploads: BTreeMap<String, Upload>,
    generation: u64,
}

#[derive(Clone)]
pub struct Object {
    pub bytes: Bytes,
    pub modified: DateTime<Utc>,
    generation: u64,
}

/// A multipart upload that has not ended.
pub struct Upload {
    pub key: String,
    pub begun: DateTime<Utc>,
    pub parts: BTreeMap<u32, Bytes>,
}

impl Bucket {
    /// Lays an object there without anybody asking.
    pub fn plant(&mut self, key: &str, bytes: Bytes, modified: DateTime<Utc>) {
        self.generation += 1;
        let object = Object {
            bytes,
            modified,
            generation: self.generation,
        };
        self.objects.insert(key.to_owned(), object);
    }

    pub fn answer(&mut self, request: &HttpRequest, key: &str, body: Bytes) -> HttpResponse {
        let query = query(request);
        let upload_id = parameter(&query, "uploadId");
        match (request.method(), upload_id) {
            (&Method::GET, _) if key.is_empty() && parameter(&query, "uploads").is_some() => {
                self.list_uploads(&query)
            }
            (&Method::GET, _) if key.is_empty() => self.list(&query),
            (&Method::GET | &Method::HEAD, _) => self.get(request, key, &query),
            (&Method::POST, None) if parameter(&query, "uploads").is_some() => self.begin(key),
            (&Method::PUT, Some(id)) => self.put_part(&id, &query, body),
            (&Method::POST, Some(id)) => self.complete(&id, &body),
            (&Method::DELETE, Some(id)) => match self.uploads.remove(&id) {
                Some(_) => HttpResponse::NoContent().finish(),
                None => refusal(StatusCode::NOT_FOUND, "NoSuchUpload"),
            },
            (&Method::DELETE, None) => match self.objects.remove(key) {
                Some(_) => HttpResponse::NoContent().finish(),
                None => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
            },
            (&Method::PUT, None) => self.put(request, key, body),
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        }
    }

    fn put(&mut self, request: &HttpRequest, key: &str, body: Bytes) -> HttpResponse {
        let only_new = request.headers().get("x-goog-if-generation-match");
        if only_new.is_some_and(|value| value == "0") && self.objects.contains_key(key) {
            return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let body = match request.headers().get("x-goog-copy-source") {
            None => body,
            Some(source) => match self.copied(source.to_str().unwrap()) {
                Some(bytes) => bytes,
                None => return refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
            },
        };
        self.plant(key, body, now());
        described(StatusCode::OK, &self.objects[key]).finish()
    }

    /// The bytes of what is to be copied, named by bucket and key.
    fn copied(&self, source: &str) -> Option<Bytes> {
        let source = percent_encoding::percent_decode_str(source).decode_utf8();
        let source = source.unwrap();
        let (_, key) = source.trim_start_matches('/').split_once('/').unwrap();
        Some(self.objects.get(key)?.bytes.clone())
    }

    fn get(&self, request: &HttpRequest, key: &str, query: &[(String, String)]) -> HttpResponse {
        let Some(object) = self.objects.get(key) else {
            return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let size = object.bytes.len();
        let range = request.headers().get(header::RANGE);
        let range = range.and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
        let (status, part) = match range.and_then(|range| range.split_once('-')) {
            None => (StatusCode::OK, 0..size),
            Some((from, to)) => {
                let from: usize = from.parse().unwrap();
                let to = to.parse().map_or(size, |to: usize| (to + 1).min(size));
                if from >= size {
                    return refusal(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
                }
                (StatusCode::PARTIAL_CONTENT, from..to)
            }
        };
        let mut answer = described(status, object);
        if status == StatusCode::PARTIAL_CONTENT {
            let said = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            answer.insert_header((header::CONTENT_RANGE, said));
        }
        for (name, header) in [
            ("response-content-type", "content-type"),
            ("response-content-disposition", "content-disposition"),
        ] {
            if let Some(value) = parameter(query, name) {
                answer.insert_header((header, value));
            }
        }
        answer.body(object.bytes.slice(part))
    }

    fn list(&self, query: &[(String, String)]) -> HttpResponse {
        let prefix = parameter(query, "prefix").unwrap_or_default();
        let after = parameter(query, "continuation-token")
            .or_else(|| parameter(query, "start-after"))
            .unwrap_or_default();
        let page = parameter(query, "max-keys").map_or(PAGE, |most| most.parse().unwrap());
        let found = self.objects.iter();
        let mut found = found.filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let shown: Vec<_> = found.by_ref().take(page).collect();
        let mut body = String::new();
        for (key, object) in &shown {
            let (key, size) = (escaped(key), object.bytes.len());
            let modified = object.modified.to_rfc3339();
            body += &format!(
                "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified>\
                 <ETag>\"{}\"</ETag><Size>{size}</Size></Contents>",
                object.generation
            );
        }
        let more = found.next().is_some();
        if let (true, Some((last, _))) = (more, shown.last()) {
            let token = escaped(last);
            body += &format!("<NextContinuationToken>{token}</NextContinuationToken>");
        }
        let body = format!("<IsTruncated>{more}</IsTruncated>{body}");
        xml(&format!("<ListBucketResult>{body}</ListBucketResult>"))
    }

    fn list_uploads(&self, query: &[(String, String)]) -> HttpResponse {
        let prefix = parameter(query, "prefix").unwrap_or_default();
        let page = parameter(query, "max-uploads").map_or(PAGE, |most| most.parse().unwrap());
        let after = (
            parameter(query, "key-marker").unwrap_or_default(),
            parameter(query, "upload-id-marker").unwrap_or_default(),
        );
        let mut all: Vec<_> = self.uploads.iter().collect();
        all.retain(|(_, upload)| upload.key.starts_with(&prefix));
        all.sort_by_key(|(id, upload)| (upload.key.clone(), (*id).clone()));
        all.retain(|(id, upload)| (upload.key.clone(), (*id).clone()) > after);
        let mut body = format!("<IsTruncated>{}</IsTruncated>", all.len() > page);
        all.truncate(page);
        if let Some((id, upload)) = all.last() {
            let key = escaped(&upload.key);
            body += &format!(
                "<NextKeyMarker>{key}</NextKeyMarker>\
                 <NextUploadIdMarker>{id}</NextUploadIdMarker>"
            );
        }
        for (id, upload) in all {
            let begun = upload.begun.to_rfc3339();
            let key = escaped(&upload.key);
            body += &format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <Initiated>{begun}</Initiated></Upload>"
            );
        }
        xml(&format!(
            "<ListMultipartUploadsResult>{body}</ListMultipartUploadsResult>"
        ))
    }

    /// Begins a multipart upload.
    pub fn begin_upload(&mut self, key: &str, begun: DateTime<Utc>) -> String {
        self.generation += 1;
        let id = format!("upload-{:06}", self.generation);
        let upload = Upload {
            key: key.to_owned(),
            begun,
            parts: BTreeMap::new(),
        };
        self.uploads.insert(id.clone(), upload);
        id
    }

    fn begin(&mut self, key: &str) -> HttpResponse {
        let id = self.begin_upload(key, now());
        xml(&format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
             </InitiateMultipartUploadResult>"
        ))
    }

    fn put_part(&mut self, id: &str, query: &[(String, String)], body: Bytes) -> HttpResponse {
        let number = parameter(query, "partNumber").unwrap().parse().unwrap();
        let Some(upload) = self.uploads.get_mut(id) else {
            return refusal(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        let tag = tag(&body);
        upload.parts.insert(number, body);
        HttpResponse::Ok()
            .insert_header((header::ETAG, tag))
            .finish()
    }

    /// Every part must be named with the tag it was given, and all but the last hold 5 MiB.
    fn complete(&mut self, id: &str, body: &[u8]) -> HttpResponse {
        let Some(upload) = self.uploads.get(id) else {
            return refusal(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        let named = String::from_utf8_lossy(body).replace("&quot;", "\"");
        let whole = upload.parts.values().enumerate().all(|(index, part)| {
            let last = index + 1 == upload.parts.len();
            (last || part.len() >= 5 << 20) && named.contains(&tag(part))
        });
        if !whole || named.matches("<PartNumber>").count() != upload.parts.len() {
            return refusal(StatusCode::BAD_REQUEST, "InvalidPart");
        }
        let upload = self.uploads.remove(id).unwrap();
        let parts: Vec<_> = upload.parts.into_values().collect();
        self.plant(&upload.key, parts.concat().into(), now());
        xml("<CompleteMultipartUploadResult><ETag>\"whole\"</ETag>\
             </CompleteMultipartUploadResult>")
    }
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", &hex::encode(Sha256::digest(bytes))[..32])
}

fn described(status: StatusCode, object: &Object) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header::ETAG, format!("\"{}\"", object.generation)))
        .insert_header(("x-goog-generation", object.generation.to_string()))
        .insert_header((
            header::LAST_MODIFIED,
            HttpDate::from(SystemTime::from(object.modified)).to_string(),
        ))
        .insert_header((header::CONTENT_TYPE, "application/octet-stream"));
    answer
}

fn xml(body: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("x-goog-generation", "1"))
        .content_type("application/xml")
        .body(format!("<?xml version='1.0' encoding='UTF-8'?>{body}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
