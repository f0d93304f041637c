//! A client that sends a file in parts, step by step.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::file_service::Service;

/// One upload under way.
pub struct Sender<'a> {
    pub service: &'a Service,
    pub upload_id: String,
    pub started: Value,
}

/// Bytes that differ from place to place, so that a swap would show.
pub fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 + n / 251) as u8).collect()
}

pub fn md5(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}

impl Service {
    /// Sends a call of the upload API.
    pub async fn multipart(&self, call: &str, body: &Value) -> (u16, Value) {
        let path = format!("/multipart/{call}");
        let answer = self.ask(Method::POST, &path).json(body).send().await;
        told(answer.unwrap()).await
    }
}

/// Status and body of an answer; `null` where it is no JSON.
pub async fn told(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

impl<'a> Sender<'a> {
    /// Begins an upload; `more` is laid over the usual call.
    pub async fn start(service: &'a Service, more: Value) -> Self {
        let (status, started) = Self::try_start(service, more).await;
        assert_eq!(status, 200, "{started}");
        Self {
            service,
            upload_id: started["upload_id"].as_str().unwrap().to_owned(),
            started,
        }
    }

    pub async fn try_start(service: &Service, more: Value) -> (u16, Value) {
        let body = json!({
            "apikey": service.application.apikey,
            "filename": "a.bin",
            "mimetype": "application/x-thing",
            "store": { "location": "s3" },
        });
        service.multipart("start", &over(body, more)).await
    }

    /// Asks where a part is sent.
    pub async fn ask(&self, part: u32, size: usize, more: Value) -> (u16, Value) {
        let body = json!({
            "apikey": self.service.application.apikey,
            "upload_id": self.upload_id,
            "uri": self.started["uri"],
            "region": self.started["region"],
            "part": part,
            "size": size,
        });
        self.service.multipart("upload", &over(body, more)).await
    }

    /// A PUT to the address that was given out, with the headers that came with it.
    pub fn put(&self, place: &Value, bytes: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let url = place["url"].as_str().unwrap();
        let path = url.strip_prefix("http://files.test").unwrap();
        let mut request = self.service.ask(Method::PUT, path).body(bytes);
        for (name, value) in place["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        request
    }

    /// Sends one part and answers its ETag.
    pub async fn send(&self, part: u32, bytes: &[u8]) -> String {
        self.send_at(part, bytes, json!({ "md5": md5(bytes) }))
            .await
    }

    pub async fn send_at(&self, part: u32, bytes: &[u8], more: Value) -> String {
        let (status, place) = self.ask(part, bytes.len(), more).await;
        assert_eq!(status, 200, "{place}");
        let answer = self.put(&place, bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers()["etag"].to_str().unwrap().to_owned()
    }

    pub async fn complete(&self, more: Value) -> (u16, Value) {
        let body = json!({
            "apikey": self.service.application.apikey,
            "upload_id": self.upload_id,
            "uri": self.started["uri"],
            "region": self.started["region"],
        });
        self.service.multipart("complete", &over(body, more)).await
    }

    /// Completes and answers the file.
    pub async fn completed(&self, more: Value) -> Value {
        let (status, file) = self.complete(more).await;
        assert_eq!(status, 200, "{file}");
        file
    }
}

/// `body` with the members of `more` in place of its own.
pub fn over(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl Service {
    /// The bytes of a file that was answered.
    pub async fn bytes_of(&self, file: &Value) -> Vec<u8> {
        let handle = file["handle"].as_str().unwrap();
        let answer = self.get(&format!("/{handle}")).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }

    /// Waits until nothing lies in the storage but these many objects.
    pub async fn left_with(&self, objects: usize) {
        for _ in 0..200 {
            self.garbage.collect(1000).await.unwrap();
            if self.objects().len() == objects {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{:?}", self.objects());
    }
}
