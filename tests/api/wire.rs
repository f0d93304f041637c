//! HTTP as it is on the wire: requests that no client library would send, and what every answer
//! of ours must be like.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug, Default)]
pub struct Reply {
    /// 0 when the server closed the connection without a word.
    pub status: u16,
    /// The head's lines after the first, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Holds for every answer of the protocol's routes, whatever was asked: no fault of ours,
    /// and a refusal is told in the protocol's shape.
    pub fn is_fit(&self, asked: &str) {
        let (status, text) = (self.status, self.text());
        let asked: String = asked.chars().take(300).collect();
        let told = format!("{asked:?}: {status} {text}");
        if status < 400 {
            assert!((200..400).contains(&status), "{told}");
            for cloud in self.json().as_object().into_iter().flat_map(|o| o.values()) {
                let code = cloud["error"]["code"].as_str().unwrap_or_default();
                let ours = ["internal", "dropbox-unexpected", "dropbox-unavailable"];
                assert!(!ours.contains(&code), "{told}");
            }
            return;
        }
        let body = self.json();
        // What is not offered yet is the one thing that a request can ask for in vain.
        let not_offered = status == 501 && body["code"] == "not-implemented";
        assert!(status < 500 || not_offered, "{told}");
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{told}"
        );
        for member in ["error", "code", "c", "i"] {
            let text = body[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {member} in {told}");
        }
        assert!(body["t"].is_i64(), "no t in {told}");
        assert!(
            text.len() < 2_500,
            "a refusal does not repeat what came: {told}"
        );
    }
}

/// Sends a request whose path may hold anything but a line break; `headers` are whole lines.
pub async fn ask(url: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
    let host = url.trim_start_matches("http://");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for line in headers {
        write!(head, "{line}\r\n").unwrap();
    }
    if !body.is_empty() || ["POST", "PUT"].contains(&method) {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    send(url, &request).await
}

/// Posts JSON, or what passes for it.
pub async fn post(url: &str, path: &str, body: &[u8]) -> Reply {
    ask(url, "POST", path, &["Content-Type: application/json"], body).await
}

/// Sends these bytes and nothing else.
pub async fn send(url: &str, request: &[u8]) -> Reply {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    // A server that has seen enough may close before it has seen all.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(40), reading).await;
    assert!(read.is_ok(), "no answer within 40 seconds");
    parse(&answer)
}

fn parse(answer: &[u8]) -> Reply {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Reply::default();
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Reply {
        status: status.and_then(|text| text.parse().ok()).unwrap_or(0),
        headers: headers.collect(),
        body: answer[end + 4..].to_vec(),
    }
}
