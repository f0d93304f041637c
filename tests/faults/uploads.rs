//! Uploads in parts while the server dies: a client that goes on where it was ends up with its file.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::processes::{http, outgrown};
use crate::scene::{Dice, MIB, Scene, bytes, number};

/// Rounds of uploading, killing and starting again.
fn rounds() -> u64 {
    if outgrown() { 4 } else { 10 }
}

/// The latest moment of a kill, in milliseconds after the upload began.
const LATEST: u64 = 500;
/// How long a client goes on asking.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that repeats each step until it is answered, as SDKs do.
struct Client {
    origin: String,
    apikey: String,
}

impl Client {
    /// Sends one request until it is answered with 200; a refusal is the end.
    async fn insist(&self, method: Method, path: &str, request: &Request<'_>) -> (Value, String) {
        let begun = std::time::Instant::now();
        loop {
            let url = format!("{}{path}", self.origin);
            let sent = http().request(method.clone(), url);
            let sent = match request {
                Request::Call(body) => sent.json(body),
                Request::Part(place, part) => {
                    let authorization = place["headers"]["Authorization"].as_str().unwrap();
                    sent.header("authorization", authorization)
                        .body(part.to_vec())
                }
            };
            if let Ok(answer) = sent.send().await {
                let status = answer.status();
                let etag = answer.headers().get("etag");
                let etag = etag.map(|etag| etag.to_str().unwrap().to_owned());
                let body = answer.text().await.unwrap_or_default();
                match status.as_u16() {
                    200 => {
                        let body = serde_json::from_str(&body).unwrap_or_default();
                        return (body, etag.unwrap_or_default());
                    }
                    202 | 500.. => {}
                    refused => panic!("{path}: {refused} {body}"),
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{path} is not answered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn call(&self, name: &str, body: Value) -> Value {
        let path = format!("/multipart/{name}");
        let request = Request::Call(body);
        self.insist(Method::POST, &path, &request).await.0
    }

    /// Uploads a file in parts and answers what it became.
    async fn upload(&self, whole: &[u8], part_size: usize) -> Value {
        let (apikey, size) = (&self.apikey, whole.len());
        let start = json!({ "apikey": apikey, "filename": "a.bin", "size": size });
        let started = self.call("start", start).await;
        let id = &started["upload_id"];
        let mut parts = Vec::new();
        for (number, part) in (1..).zip(whole.chunks(part_size)) {
            let body = json!({ "apikey": apikey, "upload_id": id, "part": number,
                "size": part.len() });
            let place = self.call("upload", body).await;
            let url = place["url"].as_str().unwrap();
            let path = &url[url.find("/multipart").unwrap()..];
            let request = Request::Part(&place, part);
            let (_, etag) = self.insist(Method::PUT, path, &request).await;
            parts.push(json!({ "part_number": number, "etag": etag }));
        }
        let body = json!({ "apikey": apikey, "upload_id": id, "size": size, "parts": parts });
        self.call("complete", body).await
    }
}

enum Request<'a> {
    Call(Value),
    Part(&'a Value, &'a [u8]),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_whenever_the_server_dies() {
    let mut scene = Scene::start(&[("LONGSHORE_UPLOADING_LEASE", "1s")]).await;
    let client = Client {
        origin: scene.service.url.clone(),
        apikey: scene.person.application.apikey.clone(),
    };
    let whole = bytes(9, 12 * MIB + 5);
    let mut dice = Dice(number("SEED", 20_261_126));
    let rounds = number("KILL_ROUNDS", rounds());
    let mut handles = std::collections::BTreeSet::new();
    for round in 0..rounds {
        // A store copies the large ones by itself, and has the small ones written again.
        let part_size = [2 * MIB, 6 * MIB][usize::try_from(round % 2).unwrap()];
        let delay = Duration::from_millis(dice.below(LATEST));
        let kill = async {
            tokio::time::sleep(delay).await;
            scene.service.running.kill();
            scene.service.restart();
        };
        let (file, ()) = tokio::join!(client.upload(&whole, part_size), kill);
        let read = scene.person.read(file["url"].as_str().unwrap()).await;
        assert!(read == whole, "{file}");
        handles.insert(file["handle"].as_str().unwrap().to_owned());
    }
    // One file and one event for each, whatever was sent again.
    let count = i64::try_from(rounds).unwrap();
    assert_eq!(handles.len() as u64, rounds);
    for sql in [
        "SELECT COUNT(*), '' FROM files",
        "SELECT COUNT(*), '' FROM events",
        "SELECT COUNT(*), '' FROM uploads WHERE state = 1",
    ] {
        assert_eq!(scene.record(sql).await[0].0, count, "{sql}");
    }
    let left = "SELECT COUNT(*), '' FROM upload_pieces";
    assert_eq!(scene.record(left).await[0].0, 0);
}
