//! What stands before a server: it passes connections on, to one of several where there are
//! several, and can be told to refuse everybody for a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::processes::{eventually, http};

/// How often the servers behind are asked whether they are ready.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long a caller waits for a server that takes connections.
const PATIENCE: Duration = Duration::from_secs(20);

struct Behind {
    address: String,
    ready: bool,
}

#[derive(Default)]
struct State {
    behind: Vec<Behind>,
    turn: usize,
}

/// A front on a port of its own; it ends with the runtime of its test.
#[derive(Clone)]
pub struct Front {
    pub url: String,
    state: Arc<Mutex<State>>,
    refusing: watch::Sender<bool>,
}

impl Front {
    /// A front with nobody behind it yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::default(),
            refusing: watch::Sender::new(false),
        };
        let this = front.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move { this.serve(stream).await });
            }
        });
        front
    }

    /// Puts a server behind it that always counts as ready.
    pub fn add(&self, url: &str) {
        self.state.lock().unwrap().behind.push(Behind {
            address: url["http://".len()..].to_owned(),
            ready: true,
        });
    }

    /// Puts a node of ours behind it that is asked by `/readyz` whether it takes requests.
    pub fn add_node(&self, url: &str) {
        self.add(url);
        let (this, ready) = (self.clone(), format!("{url}/readyz"));
        let place = self.state.lock().unwrap().behind.len() - 1;
        let asking = http();
        tokio::spawn(async move {
            loop {
                let answer = asking.get(&ready).timeout(Duration::from_secs(1)).send();
                let yes = answer.await.is_ok_and(|answer| answer.status() == 200);
                this.state.lock().unwrap().behind[place].ready = yes;
                tokio::time::sleep(ASK_EVERY).await;
            }
        });
    }

    /// Waits until the node at this place says that it takes requests.
    pub async fn until_ready(&self, place: usize) {
        eventually("the node is ready", PATIENCE, async || {
            self.state.lock().unwrap().behind[place].ready
        })
        .await;
    }

    /// Cuts every connection and answers 503 from now on, or passes connections on again.
    pub fn refuse(&self, refusing: bool) {
        self.refusing.send_replace(refusing);
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut refusing = self.refusing.subscribe();
        if *refusing.borrow() {
            return refuse(stream).await;
        }
        let Some(mut behind) = self.connect().await else {
            return;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut stream, &mut behind) => {}
            _ = refusing.wait_for(|refusing| *refusing) => {}
        }
    }

    /// A connection to whoever's turn it is and who takes it.
    async fn connect(&self) -> Option<TcpStream> {
        let connected = async {
            loop {
                if let Some(address) = self.next()
                    && let Ok(stream) = TcpStream::connect(address).await
                {
                    return stream;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.ok()
    }

    fn next(&self) -> Option<String> {
        let mut state = self.state.lock().unwrap();
        state.turn += 1;
        let turn = state.turn;
        let ready: Vec<_> = state.behind.iter().filter(|one| one.ready).collect();
        let chosen = ready.get(turn % ready.len().max(1))?;
        Some(chosen.address.clone())
    }
}

/// An S3 server that is overloaded says this.
async fn refuse(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let body = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
    let answer = format!(
        "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    // What was sent meanwhile is read, or the answer would be lost to a reset.
    let drain = async { while stream.read(&mut head).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), drain).await;
}
