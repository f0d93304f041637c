//! An HTTP server that says what a test tells it to, byte by byte, and remembers what it was asked.
//!
//! It is not a Dropbox: it has no files and no rules. Its use is to answer as no decent server
//! would: late, half, twice, never.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Bytes,
    pub at: Instant,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The argument in `Dropbox-API-Arg`.
    pub fn argument(&self) -> serde_json::Value {
        serde_json::from_str(self.header("dropbox-api-arg").unwrap()).unwrap()
    }

    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }
}

/// How an answer goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The connection ends before anything is said.
    Silence,
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes of the body.
    StallAfter(usize),
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    delay: Duration,
    fault: Fault,
    ranged: bool,
    framing: Framing,
}

/// How an answer says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    /// By ending the connection, as servers did before HTTP/1.1.
    Closing,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("X-Dropbox-Request-Id".into(), "req-1".into())],
            body: body.into(),
            delay: Duration::ZERO,
            fault: Fault::None,
            ranged: false,
            framing: Framing::Length,
        }
    }

    pub fn json(body: serde_json::Value) -> Self {
        Self::error(200, body)
    }

    pub fn error(status: u16, body: serde_json::Value) -> Self {
        Self::new(status, body.to_string()).header("Content-Type", "application/json")
    }

    /// Content with its description; ranges are honored.
    pub fn content(result: &serde_json::Value, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::new(200, body).header("Dropbox-API-Result", &result.to_string());
        reply.ranged = true;
        reply
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Does not describe what it sends.
    pub fn undescribed(mut self) -> Self {
        self.headers
            .retain(|(name, _)| name != "Dropbox-API-Result");
        self
    }

    pub fn late(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Answers with everything, whatever range was asked for.
    pub fn ignoring_ranges(mut self) -> Self {
        self.ranged = false;
        self
    }

    /// Does not say its length in advance.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Answers in HTTP/1.0: ends where the connection does.
    pub fn closing(mut self) -> Self {
        self.framing = Framing::Closing;
        self
    }

    async fn write(&self, asked: &Request, to: &mut TcpStream) -> std::io::Result<bool> {
        sleep(self.delay).await;
        if self.fault == Fault::Silence {
            return Ok(false);
        }
        let range = asked.header("range").filter(|_| self.ranged).map(|range| {
            let (first, last) = range
                .strip_prefix("bytes=")
                .unwrap()
                .split_once('-')
                .unwrap();
            let last: usize = last.parse().unwrap();
            first.parse().unwrap()..(last + 1).min(self.body.len())
        });
        let (status, body) = match &range {
            Some(range) => (206, self.body.slice(range.clone())),
            None => (self.status, self.body.clone()),
        };
        let mut head = match self.framing {
            Framing::Length => {
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len())
            }
            Framing::Chunked => format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n"),
            Framing::Closing => format!("HTTP/1.0 {status} X\r\n"),
        };
        if let Some(range) = range {
            let total = self.body.len();
            let line = format!(
                "Content-Range: bytes {}-{}/{total}\r\n",
                range.start,
                range.end - 1
            );
            head.push_str(&line);
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        to.write_all(format!("{head}\r\n").as_bytes()).await?;
        match self.fault {
            Fault::CutAfter(bytes) => {
                to.write_all(&body[..bytes]).await?;
                Ok(false)
            }
            Fault::StallAfter(bytes) => {
                to.write_all(&body[..bytes]).await?;
                to.flush().await?;
                sleep(Duration::from_secs(60)).await;
                Ok(false)
            }
            _ if self.framing == Framing::Chunked => {
                write_chunks(&body, to).await?;
                Ok(true)
            }
            _ => {
                to.write_all(&body).await?;
                Ok(self.framing == Framing::Length)
            }
        }
    }
}

async fn write_chunks(body: &[u8], to: &mut TcpStream) -> std::io::Result<()> {
    for piece in body.chunks(1000) {
        let line = format!("{:x}\r\n", piece.len());
        to.write_all(line.as_bytes()).await?;
        to.write_all(piece).await?;
        to.write_all(b"\r\n").await?;
    }
    to.write_all(b"0\r\n\r\n").await
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    seen: Vec<Request>,
}

/// The server. It ends with its test.
pub struct Stub {
    pub url: String,
    script: Arc<Mutex<Script>>,
    listening: JoinHandle<()>,
}

impl Stub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let told = Arc::clone(&script);
        let listening = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that goes away is no matter for the server.
                tokio::spawn(serve(socket, Arc::clone(&told)));
            }
        });
        Self {
            url,
            script,
            listening,
        }
    }

    /// What is answered on that path, one after the other; the last one from then on.
    pub fn on(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut script = self.script.lock().unwrap();
        script
            .replies
            .insert(path.to_owned(), replies.into_iter().collect());
    }

    /// Everything that was asked, in its order.
    pub fn seen(&self) -> Vec<Request> {
        self.script.lock().unwrap().seen.clone()
    }

    /// The one thing that was asked.
    pub fn only(&self) -> Request {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut socket: TcpStream, script: Arc<Mutex<Script>>) -> std::io::Result<()> {
    let mut read = Vec::new();
    while let Some(request) = next_request(&mut socket, &mut read).await? {
        let reply = {
            let mut script = script.lock().unwrap();
            script.seen.push(request.clone());
            let told = script.replies.get_mut(&request.path);
            told.and_then(|told| match told.len() {
                0 | 1 => told.front().cloned(),
                _ => told.pop_front(),
            })
        };
        let reply = reply.unwrap_or_else(|| Reply::new(404, "the test has no answer for this"));
        if !reply.write(&request, &mut socket).await? {
            break;
        }
    }
    Ok(())
}

/// Reads one request; what follows it stays in `read`.
async fn next_request(
    socket: &mut TcpStream,
    read: &mut Vec<u8>,
) -> std::io::Result<Option<Request>> {
    let head_ends = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let at = Instant::now();
    let head = String::from_utf8_lossy(&read[..head_ends]).into_owned();
    let mut lines = head.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while read.len() < head_ends + length {
        if socket.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
    let body = Bytes::copy_from_slice(&read[head_ends..head_ends + length]);
    read.drain(..head_ends + length);
    Ok(Some(Request {
        path,
        headers,
        body,
        at,
    }))
}
