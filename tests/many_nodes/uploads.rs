//! One upload over several nodes: its parts go to any of them, and when the one dies that puts
//! them together, another does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::processes::{eventually, http};
use crate::scene::{MIB, bytes};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn by_application(fleet: &Fleet, mut body: Value) -> Value {
    body["apikey"] = json!(fleet.person.application.apikey);
    body
}

/// Sends a call of the upload API to one node.
async fn call(fleet: &Fleet, node: usize, name: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}/multipart/{name}", fleet.nodes[node].url);
    let body = by_application(fleet, body);
    let answer = http().post(url).json(&body).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

/// Asks one node where a part goes, and sends it to another.
async fn send(fleet: &Fleet, id: &Value, number: usize, part: &[u8]) -> Value {
    let (asked, sent) = (number % 2, (number / 2) % 2);
    let body = json!({ "upload_id": id, "part": number, "size": part.len() });
    let (status, place) = call(fleet, asked, "upload", body).await;
    assert_eq!(status, 200, "{place}");
    let url = place["url"].as_str().unwrap();
    let path = &url[url.find("/multipart").unwrap()..];
    let put = http()
        .put(format!("{}{path}", fleet.nodes[sent].url))
        .header(
            "authorization",
            place["headers"]["Authorization"].as_str().unwrap(),
        )
        .body(part.to_vec());
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let etag = answer.headers()["etag"].to_str().unwrap();
    json!({ "part_number": number, "etag": etag })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_over_all_nodes_survives_the_one_that_puts_it_together() {
    let mut fleet = Fleet::start(&[("LONGSHORE_UPLOADING_LEASE", "1s")]).await;
    // Large parts, which the store copies, and small ones between them, which a node writes again.
    let whole = bytes(31, 44 * MIB + 7);
    let sizes = [6, 6, 1, 2, 6, 1, 6, 6, 6].map(|mib| mib * MIB);
    let start = json!({ "filename": "a.bin", "size": whole.len() });
    let (status, started) = call(&fleet, 0, "start", start).await;
    assert_eq!(status, 200, "{started}");
    let id = &started["upload_id"];
    let (mut parts, mut at) = (Vec::new(), 0);
    for (number, size) in (1..).zip(sizes.into_iter().chain([4 * MIB + 7])) {
        let part = &whole[at..at + size];
        parts.push(send(&fleet, id, number, part).await);
        at += size;
    }
    assert_eq!(at, whole.len());
    let end = json!({ "upload_id": id, "size": at, "parts": parts });
    let asked = {
        let request = http()
            .post(format!("{}/multipart/complete", fleet.nodes[0].url))
            .json(&by_application(&fleet, end.clone()));
        tokio::spawn(request.send())
    };
    // By then it has begun an object and left a note of it, and the file is not there yet.
    let (name, joins) = ("the first node puts it together", |key: &String| {
        key.contains("/join-")
    });
    eventually(name, PATIENCE, async || fleet.objects().1.iter().any(joins)).await;
    fleet.nodes[0].running.kill();
    assert_eq!(fleet.begun().len(), 1);
    assert!(asked.await.unwrap().is_err(), "it was done before it died");
    let done = "SELECT COUNT(*) FROM uploads WHERE state = 1";
    assert_eq!(fleet.number(done).await, 0);
    let mut file = Value::Null;
    eventually("the other node completes it", PATIENCE, async || {
        let (status, answer) = call(&fleet, 1, "complete", end.clone()).await;
        assert!(matches!(status.as_u16(), 200 | 202), "{status} {answer}");
        file = answer;
        status == 200
    })
    .await;
    let handle = file["handle"].as_str().unwrap().to_owned();
    let url = format!("{}/{handle}", fleet.nodes[1].url);
    let read = http().get(url).send().await.unwrap().bytes().await.unwrap();
    assert!(read == whole, "other bytes came back");
    // The one that comes back finds nothing to do, and the same file for who asks again.
    fleet.nodes[0].restart();
    let (status, again) = call(&fleet, 0, "complete", end).await;
    assert_eq!(
        (status.as_u16(), again["handle"].as_str()),
        (200, Some(&*handle))
    );
    let tally = fleet.agrees().await;
    assert_eq!(tally.files, 1);
    assert_eq!(
        fleet.begun(),
        Vec::<String>::new(),
        "the store keeps an upload"
    );
    let left = "SELECT (SELECT COUNT(*) FROM upload_pieces) \
         + (SELECT CAST(SUM(bytes) AS BIGINT) FROM staged_bytes)";
    assert_eq!(fleet.number(left).await, 0);
}
