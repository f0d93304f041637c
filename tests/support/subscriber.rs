//! A subscriber: an HTTP server that keeps what it receives and answers as it is told.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a path answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this status and an empty body.
    Status(u16),
    /// With this status and header line.
    With(u16, String),
    /// 200 with this text.
    Text(String),
    /// 200 after a while.
    After(Duration),
    /// Never.
    Hang,
    /// A head at once, then a byte every 20 ms without end.
    Trickle,
    /// 200 with a body of so many bytes.
    Huge(usize),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    /// Header lines in their own spelling.
    pub lines: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    /// A header's value, whatever its spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines.iter();
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Seen {
    answers: HashMap<String, Answer>,
    requests: Vec<Received>,
    connections: usize,
    in_flight: HashMap<String, usize>,
    most_in_flight: HashMap<String, usize>,
}

/// The server; it ends with the runtime of its test.
#[derive(Clone)]
pub struct Subscriber {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Subscriber {
    /// Starts one that answers 200 everywhere.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subscriber = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
        };
        let this = subscriber.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.seen.lock().unwrap().connections += 1;
                let this = this.clone();
                tokio::spawn(async move { this.serve(stream).await });
            }
        });
        subscriber
    }

    /// Its address and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Tells a path how to answer from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.seen
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), answer);
    }

    /// What a path has received.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let seen = self.seen.lock().unwrap();
        let here = seen.requests.iter().filter(|request| request.path == path);
        here.cloned().collect()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Requests that a path had unanswered at one time, at most.
    pub fn most_in_flight(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.most_in_flight.get(path).copied().unwrap_or(0)
    }

    /// Waits until a path has received so many requests.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let received = self.received(path);
            if received.len() >= count {
                return received;
            }
            let waited = began.elapsed();
            assert!(
                waited < Duration::from_secs(20),
                "{path}: {} of {count}",
                received.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut buffer).await {
            let path = request.path.clone();
            let answer = {
                let mut seen = self.seen.lock().unwrap();
                seen.requests.push(request);
                let now = seen.in_flight.entry(path.clone()).or_default();
                *now += 1;
                let now = *now;
                let most = seen.most_in_flight.entry(path.clone()).or_default();
                *most = now.max(*most);
                seen.answers
                    .get(&path)
                    .cloned()
                    .unwrap_or(Answer::Status(200))
            };
            let kept = write_answer(&mut stream, answer).await;
            *self.seen.lock().unwrap().in_flight.entry(path).or_default() -= 1;
            if kept.is_err() {
                break;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let lines: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = lines
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < end + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(Received { path, lines, body })
}

async fn write_answer(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    let whole = |status: u16, line: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{line}\r\n{body}")
    };
    match answer {
        Answer::Status(status) => stream.write_all(whole(status, "", "").as_bytes()).await,
        Answer::With(status, line) => {
            let text = whole(status, &format!("{line}\r\n"), "");
            stream.write_all(text.as_bytes()).await
        }
        Answer::Text(text) => stream.write_all(whole(200, "", &text).as_bytes()).await,
        Answer::After(time) => {
            tokio::time::sleep(time).await;
            stream.write_all(whole(200, "", "").as_bytes()).await
        }
        Answer::Hang => until_closed(stream).await,
        Answer::Trickle => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Answer::Huge(size) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let chunk = vec![b'x'; 64 * 1024];
            let mut left = size;
            while left > 0 {
                let part = left.min(chunk.len());
                stream.write_all(&chunk[..part]).await?;
                left -= part;
            }
            Ok(())
        }
    }
}

async fn until_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {}
    Err(std::io::ErrorKind::UnexpectedEof.into())
}
