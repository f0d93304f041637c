//! A server from which links are fetched, some of which mean no good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What lies under a path.
#[derive(Clone)]
pub enum Lies {
    /// These bytes, with these header lines.
    Bytes(Vec<u8>, &'static str),
    /// The same, without saying how many.
    Unmeasured(Vec<u8>),
    /// Another place.
    Moved(String),
    /// These bytes, said to be one more.
    Short(Vec<u8>),
    /// The beginning of something, and then silence.
    Silence,
    /// Bytes for whoever asks by GET alone.
    NoHead(Vec<u8>),
    /// A refusal.
    Status(u16),
}

/// The server.
pub struct Shelf {
    pub origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Shelf {
    pub async fn with(lies: &[(&'static str, Lies)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let lies: Arc<HashMap<_, _>> = Arc::new(lies.iter().cloned().collect());
        let asked = Arc::new(Mutex::default());
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (lies, log) = (Arc::clone(&lies), Arc::clone(&log));
                tokio::spawn(async move { answer(stream, &lies, &log).await });
            }
        });
        Self { origin, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The heads of all requests.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    stream: TcpStream,
    lies: &HashMap<&'static str, Lies>,
    log: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    log.lock().unwrap().push(head.clone());
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    let is_head = method == "HEAD";
    let sized = |bytes: &[u8], more: usize, lines: &str| {
        let length = bytes.len() + more;
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{lines}\r\n")
    };
    let bare = |status: &str| {
        let start = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        (start, Vec::new())
    };
    let (start, body) = match lies.get(path) {
        Some(Lies::Bytes(bytes, lines)) => (sized(bytes, 0, lines), bytes.clone()),
        Some(Lies::Short(bytes)) => (sized(bytes, 1, ""), bytes.clone()),
        Some(Lies::Unmeasured(bytes)) => (
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
            bytes.clone(),
        ),
        Some(Lies::Moved(place)) => bare(&format!("302 Found\r\nLocation: {place}")),
        Some(Lies::NoHead(_)) if is_head => bare("405 No"),
        Some(Lies::NoHead(bytes)) if head.to_lowercase().contains("range: bytes=0-0") => (
            format!(
                "HTTP/1.1 206 Part\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/{}\r\n\r\n",
                bytes.len()
            ),
            bytes[..1].to_vec(),
        ),
        Some(Lies::NoHead(bytes)) => (sized(bytes, 0, ""), bytes.clone()),
        Some(Lies::Status(status)) => bare(&format!("{status} No")),
        Some(Lies::Silence) => {
            let start = sized(&[0; 100], 0, "");
            stream.write_all(start.as_bytes()).await.ok()?;
            stream.write_all(b"some").await.ok()?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            return None;
        }
        None => bare("404 No"),
    };
    stream.write_all(start.as_bytes()).await.ok()?;
    if !is_head {
        stream.write_all(&body).await.ok()?;
    }
    stream.shutdown().await.ok()
}
