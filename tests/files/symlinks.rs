//! Files whose bytes are still in the person's Dropbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::file_service::{Options, Service};

const BYTES: &[u8] = b"the bytes that lie in Dropbox";

/// A Dropbox that knows one route: what it answers depends on the rev it is asked for.
struct Double {
    url: String,
    calls: Arc<AtomicUsize>,
}

impl Double {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let call = counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, call));
            }
        });
        Self { url, calls }
    }
}

async fn answer(mut stream: TcpStream, call: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let start = head.split("range: bytes=").nth(1);
    let start = start.and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
    let end = head.split("range: bytes=").nth(1).and_then(|rest| {
        let end = rest.split('-').nth(1)?.split("\r\n").next()?;
        end.trim().parse::<usize>().ok()
    });
    let metadata = json!({
        "id": "id:x", "name": "a.txt", "rev": "r", "size": BYTES.len(),
        "client_modified": "2026-01-01T00:00:00Z", "server_modified": "2026-01-01T00:00:00Z",
    });
    if let Some(refusal) = refusal(&head) {
        stream.write_all(refusal.as_bytes()).await.unwrap();
        return;
    }
    let part = start.unwrap_or(0)..end.map_or(BYTES.len(), |end| end + 1);
    let status = if start.is_some() {
        format!(
            "206 Partial Content\r\nContent-Range: bytes {}-{}/{}",
            part.start,
            part.end - 1,
            BYTES.len()
        )
    } else {
        "200 OK".to_owned()
    };
    let length = part.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nDropbox-API-Result: {metadata}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let sent = if head.contains("rev:cut") && call == 0 {
        &BYTES[part.start..part.start + 5]
    } else {
        &BYTES[part]
    };
    stream.write_all(sent).await.unwrap();
}

/// What Dropbox says where it gives no bytes.
fn refusal(head: &str) -> Option<String> {
    let (status, tag) = if head.contains("rev:gone") {
        (
            "409 Conflict",
            json!({ ".tag": "path", "path": { ".tag": "not_found" } }),
        )
    } else if head.contains("rev:dead") {
        (
            "401 Unauthorized",
            json!({ ".tag": "invalid_access_token" }),
        )
    } else if head.contains("/oauth2/token") {
        let body = r#"{"error":"invalid_grant","error_description":"gone"}"#;
        let length = body.len();
        return Some(format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
    } else {
        return None;
    };
    let body = json!({ "error_summary": "refused", "error": tag }).to_string();
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    ))
}

async fn start() -> (Service, Double) {
    let double = Double::start().await;
    let options = Options {
        dropbox_url: double.url.clone(),
        ..Options::default()
    };
    (Service::start_with(options).await, double)
}

#[tokio::test]
async fn a_linked_file_is_streamed_through_whole_and_in_parts() {
    let (service, _double) = start().await;
    let file = service.link("fine", BYTES.len() as u64).await;
    let path = format!("/{}", file.handle);
    let response = service.get(&path).await;
    assert_eq!(
        response.headers()["content-length"],
        BYTES.len().to_string()
    );
    assert_eq!(response.bytes().await.unwrap(), BYTES);
    let ask = service.ask(Method::GET, &path).header("range", "bytes=4-8");
    let part = ask.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), BYTES[4..9]);
    service.stop().await;
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_was() {
    let (service, double) = start().await;
    let file = service.link("cut", BYTES.len() as u64).await;
    let response = service.get(&format!("/{}", file.handle)).await;
    assert_eq!(response.bytes().await.unwrap(), BYTES);
    assert_eq!(double.calls.load(Ordering::SeqCst), 2);
    service.stop().await;
}

#[tokio::test]
async fn a_source_that_is_gone_closed_or_changed_is_told_apart() {
    let (service, _double) = start().await;
    for (rev, size, status, code) in [
        ("gone", BYTES.len(), 410, "source-gone"),
        ("dead", BYTES.len(), 409, "source-disconnected"),
        ("fine", 7, 409, "source-changed"),
    ] {
        let file = service.link(rev, size as u64).await;
        let response = service.get(&format!("/{}", file.handle)).await;
        assert_eq!(response.status(), status, "{rev}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_linked_files_metadata_asks_dropbox_for_nothing_but_hashes() {
    let (service, double) = start().await;
    let file = service.link("fine", BYTES.len() as u64).await;
    let path = format!("/{}/metadata", file.handle);
    let told = service.json(&path).await;
    assert_eq!(told["size"], BYTES.len());
    assert!(told.get("key").is_none());
    let ask = service.ask(Method::HEAD, &format!("/{}", file.handle));
    assert_eq!(ask.send().await.unwrap().status(), 200);
    assert_eq!(double.calls.load(Ordering::SeqCst), 0);
    // The path in a person's Dropbox is told only to those who show authority.
    let asked = format!("{path}?source_url=true&location=true");
    assert_eq!(
        service.json(&asked).await,
        json!({ "source_url": null, "location": "dropbox" })
    );
    let ask = service
        .ask(Method::GET, &asked)
        .query(&service.allowing(&["stat"]));
    let told: Value = ask.send().await.unwrap().json().await.unwrap();
    assert_eq!(told["source_url"], "/Private/a.txt");
    for _ in 0..2 {
        let told = service.json(&format!("{path}?md5=true")).await;
        assert_eq!(told["md5"].as_str().unwrap().len(), 32);
    }
    assert_eq!(double.calls.load(Ordering::SeqCst), 1);
    service.stop().await;
}

#[tokio::test]
async fn removing_or_overwriting_a_linked_file_leaves_the_persons_own_alone() {
    let (service, double) = start().await;
    let file = service.link("fine", BYTES.len() as u64).await;
    let path = format!("/api/file/{}", file.handle);
    let ask = service
        .ask(Method::POST, &path)
        .query(&service.allowing(&["write"]));
    assert_eq!(ask.body("ours").send().await.unwrap().status(), 200);
    assert_eq!(service.get(&path).await.text().await.unwrap(), "ours");
    let linked = service.link("fine", BYTES.len() as u64).await;
    let ask = service.ask(Method::DELETE, &format!("/api/file/{}", linked.handle));
    let ask = ask.query(&service.allowing(&["remove"]));
    assert_eq!(ask.send().await.unwrap().status(), 200);
    assert_eq!(double.calls.load(Ordering::SeqCst), 0);
    service.stop().await;
}
