//! A server that stands before an S3 server: it hands requests on, answers some itself, and notes
//! what was asked.

use std::sync::{Arc, Mutex};

use longshore::storage::{Settings, Storage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::places::Place;

/// Says with what a request is refused, if it is.
pub type Refuse = fn(head: &str, asked_before: usize) -> Option<&'static str>;

/// The server.
pub struct Middleman {
    pub storage: Storage,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Whether a part is to be copied.
pub fn is_copy(head: &str) -> bool {
    head.contains("partNumber=") && head.contains("\r\nx-amz-copy-source:")
}

/// Whether the parts are to become the object.
pub fn is_completion(head: &str) -> bool {
    head.starts_with("POST ") && head.contains("uploadId=")
}

impl Middleman {
    /// Stands before the S3 server of a place.
    pub async fn before(place: &Place, refuse: Refuse) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            s3_endpoint: format!("http://{}", listener.local_addr().unwrap()),
            ..place.settings.clone()
        };
        let server = place.settings.s3_endpoint.clone();
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, log) = (server.clone(), Arc::clone(&log));
                tokio::spawn(async move { serve(client, &server, &log, refuse).await });
            }
        });
        Self {
            storage: place.open_again(&settings).await,
            asked,
        }
    }

    /// How many requests there were of a kind.
    pub fn asked(&self, of_kind: impl Fn(&str) -> bool) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|head| of_kind(head)).count()
    }
}

/// Serves one request; each has a connection of its own.
async fn serve(mut client: TcpStream, server: &str, log: &Mutex<Vec<String>>, refuse: Refuse) {
    let mut request = Vec::new();
    let head_ends = loop {
        if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&request[..head_ends]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    while request.len() < head_ends + length.unwrap_or(0) {
        if client.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let refused = {
        let mut asked = log.lock().unwrap();
        let before = asked.len();
        asked.push(head.clone());
        refuse(&head, before)
    };
    if let Some(refusal) = refused {
        let (status, code) = refusal.split_once(' ').unwrap();
        let body = format!("<Error><Code>{code}</Code></Error>");
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} No\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        client.write_all(answer.as_bytes()).await.unwrap();
        return;
    }
    let mut upstream = TcpStream::connect(server).await.unwrap();
    // Not among the headers that are signed.
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    upstream.write_all(head.as_bytes()).await.unwrap();
    upstream.write_all(&request[head_ends..]).await.unwrap();
    drop(tokio::io::copy(&mut upstream, &mut client).await);
}
