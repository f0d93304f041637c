//! A wire between the service and Dropbox on which everything that passes is overheard.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to another address; ends with the runtime of its test.
pub struct Eavesdropper {
    pub url: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Eavesdropper {
    pub async fn before(url: &str) -> Self {
        let target = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::default();
        let ears = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&target).await else {
                    continue;
                };
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(pass(near_in, far_out, Arc::clone(&ears)));
                tokio::spawn(pass(far_in, near_out, Arc::clone(&ears)));
            }
        });
        Self {
            url: format!("http://{address}"),
            heard,
        }
    }

    /// The values that passed under this name, in JSON or in a form.
    pub fn values(&self, name: &str) -> Vec<String> {
        let heard = String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned();
        let marks = [
            format!("\"{name}\":\""),
            format!("\"{name}\": \""),
            format!("{name}="),
        ];
        let mut values: Vec<String> = Vec::new();
        for mark in marks {
            for (at, _) in heard.match_indices(&mark) {
                let rest = &heard[at + mark.len()..];
                let secret = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
                values.push(rest.chars().take_while(|c| secret(*c)).collect());
            }
        }
        values.sort();
        values.dedup();
        values
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        heard.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}
