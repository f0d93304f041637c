//! Notifications that a folder changed.

use std::fs;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::spawn::world_with;

/// Reads one request: head and body.
async fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..length]);
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec())
            .unwrap()
            .to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        if bytes.len() == end + 4 + length {
            return (head, bytes.split_off(end + 4));
        }
    }
}

async fn answer(stream: &mut TcpStream, body: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_change_by_hand_is_challenged_first_and_then_told_with_a_signature() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/hook", listener.local_addr().unwrap());
    let starting = world_with(&[], |options| options.apps[0].webhook_uri = Some(target));
    let world = starting.await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let (head, _) = read(&mut stream).await;
    assert!(head.starts_with("get /hook?challenge="), "{head}");
    answer(&mut stream, "no matter").await;
    fs::write(world.path("new.txt"), "new").unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let (head, body) = read(&mut stream).await;
    answer(&mut stream, "").await;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"app-secret").unwrap();
    mac.update(&body);
    let signature = hex::encode(mac.finalize().into_bytes());
    assert!(
        head.contains(&format!("x-dropbox-signature: {signature}")),
        "{head}"
    );
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert!(
        told["list_folder"]["accounts"][0]
            .as_str()
            .unwrap()
            .starts_with("dbid:")
    );
    assert!(told["delta"]["users"][0].is_u64());
    world.sandbox.stop().await;
}
