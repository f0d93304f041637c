//! The guarded client, against servers that mean no good.

use std::time::{Duration, Instant};

use bytes::Bytes;
use longshore::outbound::{self, Answer as Got, Outbound, OutboundError, Post};
use reqwest::header::{HeaderName, HeaderValue};

use crate::support::free_port;
use crate::support::subscriber::{Answer, Subscriber};
use crate::world::outbound_to_loopback;

const DEADLINE: Duration = Duration::from_millis(400);

async fn post(outbound: &Outbound, url: &str) -> Result<Got, OutboundError> {
    let signature = HeaderName::from_static("fs-signature");
    let target = outbound.target(url)?;
    let post = Post {
        target,
        headers: vec![(signature, HeaderValue::from_static("ab"))],
        body: Bytes::from_static(b"{}"),
        deadline: DEADLINE,
        answer_limit: 1000,
    };
    outbound.post(post).await
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_refused_when_it_is_looked_up() {
    let subscriber = Subscriber::start().await;
    let guarded = Outbound::new(&outbound::Settings::default()).unwrap();
    let url = subscriber.url("/").replace("127.0.0.1", "localhost");
    assert_eq!(
        post(&guarded, &url).await.unwrap_err(),
        OutboundError::NotAllowed
    );
    // Some systems know this spelling, some do not; none may be led inward by it.
    let url = url.replace("localhost", "localhost.");
    let error = post(&guarded, &url).await.unwrap_err();
    assert!(matches!(
        error,
        OutboundError::NotAllowed | OutboundError::NoSuchHost
    ));
    assert_eq!(subscriber.connections(), 0);
}

#[tokio::test]
async fn an_address_is_refused_unless_its_network_is_open() {
    let subscriber = Subscriber::start().await;
    let guarded = Outbound::new(&outbound::Settings::default()).unwrap();
    let url = subscriber.url("/");
    assert_eq!(
        post(&guarded, &url).await.unwrap_err(),
        OutboundError::NotAllowed
    );
    assert_eq!(
        post(&outbound_to_loopback(), &url).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn names_without_address_and_closed_ports_are_told_apart() {
    let outbound = outbound_to_loopback();
    let nowhere = post(&outbound, "http://nowhere.invalid/")
        .await
        .unwrap_err();
    assert!(matches!(
        nowhere,
        OutboundError::NoSuchHost | OutboundError::TimedOut(_)
    ));
    let closed = format!("http://127.0.0.1:{}/", free_port());
    let refused = OutboundError::Connect("connection refused");
    assert_eq!(post(&outbound, &closed).await.unwrap_err(), refused);
}

#[tokio::test]
async fn one_deadline_covers_head_and_body() {
    let subscriber = Subscriber::start().await;
    subscriber.answer("/hang", Answer::Hang);
    subscriber.answer("/trickle", Answer::Trickle);
    let outbound = outbound_to_loopback();
    for path in ["/hang", "/trickle"] {
        let began = Instant::now();
        let error = post(&outbound, &subscriber.url(path)).await.unwrap_err();
        assert_eq!(error, OutboundError::TimedOut(400), "{path}");
        assert!(began.elapsed() < DEADLINE * 3, "{path}");
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_a_redirect_not_followed() {
    let subscriber = Subscriber::start().await;
    subscriber.answer("/huge", Answer::Huge(1 << 30));
    let there = subscriber.url("/there");
    subscriber.answer("/moved", Answer::With(302, format!("Location: {there}")));
    let outbound = outbound_to_loopback();
    let huge = post(&outbound, &subscriber.url("/huge")).await.unwrap();
    assert_eq!((huge.body.len(), huge.cut), (1000, true));
    let moved = post(&outbound, &subscriber.url("/moved")).await.unwrap();
    assert_eq!(moved.status, 302);
    assert!(subscriber.received("/there").is_empty());
}

#[tokio::test]
async fn connections_are_used_again_and_header_names_have_capitals() {
    let subscriber = Subscriber::start().await;
    let outbound = outbound_to_loopback();
    for _ in 0..5 {
        post(&outbound, &subscriber.url("/")).await.unwrap();
    }
    assert_eq!(subscriber.connections(), 1);
    let received = subscriber.received("/");
    let names: Vec<&str> = received[0]
        .lines
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(
        names.contains(&"Fs-Signature") && names.contains(&"Content-Length"),
        "{names:?}"
    );
}

#[tokio::test]
async fn what_is_not_http_is_an_error_and_no_panic() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-x\r\n").await;
        }
    });
    let error = post(&outbound_to_loopback(), &url).await.unwrap_err();
    assert!(matches!(error, OutboundError::Broken), "{error:?}");
}
