//! Clients that take their time over a body.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hostile::Victim;

const SILENCE: (&str, &str) = ("LONGSHORE_BODY_SILENCE", "1s");
const RATE: (&str, &str) = ("LONGSHORE_BODY_MIN_RATE", "100");
/// Bytes that are announced.
const LENGTH: usize = 4_000;

/// Announces a body and sends one byte of it `every` so often; answers the status and the body
/// of what the server said, and how many bytes it took to say it.
async fn trickle(victim: &Victim, head: &str, every: Duration) -> (u16, Value, usize) {
    let host = victim.service.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!("{head}\r\nHost: {host}\r\nContent-Length: {LENGTH}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut sent = 0;
    let sending = async {
        while sent < LENGTH && writing.write_all(b" ").await.is_ok() {
            sent += 1;
            tokio::time::sleep(every).await;
        }
        std::future::pending::<()>().await;
    };
    let answering = async {
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !answer.ends_with(b"}") {
            match reading.read(&mut buffer).await {
                Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        String::from_utf8(answer).unwrap()
    };
    let text = tokio::select! {
        () = sending => String::new(),
        text = answering => text,
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("no answer in a minute: {head}"),
    };
    let status = text.get(9..12).and_then(|digits| digits.parse().ok());
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body = serde_json::from_str(body).unwrap_or_default();
    (status.unwrap_or(0), body, sent)
}

#[tokio::test]
async fn a_body_that_trickles_is_ended_and_the_client_told_why() {
    let victim = Victim::start(&[SILENCE, RATE]).await;
    let handle = victim.picked().await;
    let token = victim.service.run(&["token", "create", "--json"]);
    let bearer = token["token"].as_str().unwrap();
    let secret = STANDARD.encode(format!("app:{}", victim.application.secret));
    for head in [
        "POST /store/ HTTP/1.1".to_owned(),
        "POST /folder/list HTTP/1.1".to_owned(),
        format!("POST /api/v1/applications HTTP/1.1\r\nAuthorization: Bearer {bearer}"),
        format!("POST /api/file/{handle} HTTP/1.1\r\nAuthorization: Basic {secret}"),
    ] {
        for every in [Duration::from_millis(40), Duration::from_secs(30)] {
            let (status, body, sent) = trickle(&victim, &head, every).await;
            let told = body["code"].as_str().or(body["type"].as_str());
            let told = told.unwrap_or_default();
            assert!(
                status == 408 && told.ends_with("body-too-slow"),
                "{head}: {status} {body}"
            );
            assert!(sent < 1_000, "{sent} bytes were waited for");
        }
    }
    let file = format!("{}/{handle}", victim.service.url);
    assert_eq!(victim.person.read(&file).await, b"abc");
    victim.is_unharmed().await;
}

#[tokio::test]
async fn a_body_that_comes_as_fast_as_asked_may_take_long() {
    let victim = Victim::start(&[SILENCE, RATE]).await;
    let every = Duration::from_millis(1);
    let (status, body, sent) = trickle(&victim, "POST /store/ HTTP/1.1", every).await;
    assert_eq!((status, sent), (400, LENGTH), "{body}");
}
