//! What stands before the store: it passes connections on, and can be told to refuse everybody
//! for a while.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A front on a port of its own; it ends with the runtime of its test.
pub struct Front {
    pub url: String,
    refusing: watch::Sender<bool>,
}

impl Front {
    /// A front before the server at this address.
    pub async fn start(behind: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = watch::Sender::new(false);
        let front = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            refusing: refusing.clone(),
        };
        let address = behind["http://".len()..].to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, address.clone(), refusing.subscribe()));
            }
        });
        front
    }

    /// Cuts every connection and answers 503 from now on, or passes connections on again.
    pub fn refuse(&self, refusing: bool) {
        self.refusing.send_replace(refusing);
    }
}

async fn serve(mut stream: TcpStream, address: String, mut refusing: watch::Receiver<bool>) {
    if *refusing.borrow() {
        return refuse(stream).await;
    }
    let Ok(mut behind) = TcpStream::connect(address).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut stream, &mut behind) => {}
        _ = refusing.wait_for(|refusing| *refusing) => {}
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
