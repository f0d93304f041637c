//! Links: what they say of themselves, what is fetched from them, and where none may lead.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::sender::{sample, told};
use super::shelf::{Lies, Shelf};
use crate::file_service::{Options, Service};

async fn start() -> Service {
    Service::start_with(Options {
        to_loopback: true,
        uploading: |settings| {
            settings.link_silence = Duration::from_millis(500);
            settings.link_redirects = 3;
        },
        ..Options::default()
    })
    .await
}

async fn process(service: &Service, body: Value) -> (u16, Value) {
    let request = service.ask(Method::POST, "/process").json(&body);
    told(request.send().await.unwrap()).await
}

/// The call as the SDKs for JavaScript and Python send it.
fn storing(service: &Service, source: Value) -> Value {
    json!({
        "apikey": service.application.apikey,
        "sources": [source],
        "tasks": [{ "name": "store", "params": { "location": "s3", "path": "links/" } }],
        "upload_tags": { "from": "a link" },
    })
}

#[track_caller]
fn is(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!(
        (answer.0, answer.1["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.1
    );
}

#[actix_web::test]
async fn a_link_is_fetched_stored_and_told_of() {
    let bytes = sample(3_000_000);
    let named = "Content-Type: image/x-thing\r\n\
         Content-Disposition: attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.png\r\n";
    let shelf = Shelf::with(&[
        ("/a", Lies::Bytes(bytes.clone(), named)),
        ("/in/b%20c.txt", Lies::Unmeasured(b"no length".to_vec())),
        ("/from", Lies::Moved("/a".to_owned())),
    ])
    .await;
    let service = start().await;
    let link = json!(shelf.url("/from?secret=1"));
    let (status, file) = process(&service, storing(&service, link)).await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(file["filename"], "größe.png");
    assert_eq!(
        (&file["type"], &file["mimetype"]),
        (&json!("image/x-thing"), &file["type"])
    );
    assert_eq!(
        (&file["size"], &file["status"]),
        (&json!(3_000_000), &json!("Stored"))
    );
    assert!(file["key"].as_str().unwrap().starts_with("links/"));
    assert!(service.bytes_of(&file).await == bytes);
    let event = service.event().await;
    assert_eq!(
        (&event["client"], &event["size"]),
        (&json!("URL"), &json!(3_000_000))
    );
    assert_eq!(event["upload_tags"]["from"], "a link");
    assert!(!event.to_string().contains("secret"));

    let link = json!({ "source": shelf.url("/in/b%20c.txt"), "headers": { "x-mine": "yes" } });
    let (_, file) = process(&service, storing(&service, link)).await;
    assert_eq!(file["filename"], "b c.txt");
    assert_eq!(file["mimetype"], "text/plain");
    assert_eq!(service.bytes_of(&file).await, b"no length");
    let last = shelf.asked().pop().unwrap().to_lowercase();
    assert!(last.contains("x-mine: yes"), "{last}");
    assert_eq!(service.actions().await, ["fp.upload", "fp.upload"]);
    service.left_with(2).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_link_that_breaks_off_falls_silent_or_is_too_large_leaves_nothing() {
    let shelf = Shelf::with(&[
        ("/short", Lies::Short(sample(100_000))),
        ("/silence", Lies::Silence),
        ("/large", Lies::Unmeasured(sample(9 * 1024 * 1024))),
        ("/said", Lies::Bytes(sample(9 * 1024 * 1024), "")),
        ("/busy", Lies::Status(503)),
        (
            "/packed",
            Lies::Bytes(sample(10), "Content-Encoding: gzip\r\n"),
        ),
        ("/round", Lies::Moved("/round".to_owned())),
    ])
    .await;
    let service = start().await;
    for (path, status, code) in [
        ("/short", 400, "incomplete-body"),
        ("/silence", 400, "incomplete-body"),
        ("/large", 413, "file-size"),
        ("/said", 413, "file-size"),
        ("/busy", 502, "link-unreachable"),
        ("/nowhere", 400, "link-refused"),
        ("/packed", 400, "link-refused"),
        ("/round", 400, "link-refused"),
    ] {
        let link = json!(shelf.url(path));
        is(
            &process(&service, storing(&service, link)).await,
            status,
            code,
        );
    }
    let closed = json!(format!("http://127.0.0.1:{}/", 1));
    let unreachable = process(&service, storing(&service, closed)).await;
    is(&unreachable, 502, "link-unreachable");
    assert_eq!(service.actions().await, [""; 0]);
    service.left_with(0).await;
    service.stop().await;
}

#[actix_web::test]
async fn no_link_leads_into_our_own_network() {
    let shelf = Shelf::with(&[("/a", Lies::Bytes(b"x".to_vec(), ""))]).await;
    let closed = Service::start().await;
    for url in [
        shelf.url("/a"),
        shelf.url("/a").replace("127.0.0.1", "localhost"),
        shelf.url("/a").replace("127.0.0.1", "0x7f.1"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@example.test/".to_owned(),
    ] {
        is(
            &process(&closed, storing(&closed, json!(url))).await,
            400,
            "link-refused",
        );
        let body = json!({ "apikey": closed.application.apikey, "url": url });
        let asked = closed.ask(Method::POST, "/metadata").json(&body);
        is(
            &told(asked.send().await.unwrap()).await,
            400,
            "link-refused",
        );
    }
    assert!(shelf.asked().is_empty());
    closed.stop().await;
    // A redirect is judged as the link is, and what was sent along stays with the first host.
    let other = Shelf::with(&[("/a", Lies::Bytes(b"x".to_vec(), ""))]).await;
    let inward = Shelf::with(&[
        ("/in", Lies::Moved("http://169.254.169.254/".to_owned())),
        ("/on", Lies::Moved(other.url("/a"))),
    ])
    .await;
    let service = start().await;
    let link = json!(inward.url("/in"));
    is(
        &process(&service, storing(&service, link)).await,
        400,
        "link-refused",
    );
    let link = json!({ "source": inward.url("/on"), "headers": { "authorization": "mine" } });
    assert_eq!(process(&service, storing(&service, link)).await.0, 200);
    assert!(inward.asked()[1].contains("mine"));
    assert!(!other.asked()[0].contains("mine"));
    service.stop().await;
}

#[actix_web::test]
async fn what_is_not_a_link_to_store_is_refused() {
    let service = start().await;
    let call = |more: Value| {
        let body = storing(&service, json!("https://a.test/"));
        process(&service, super::sender::over(body, more))
    };
    is(&call(json!({ "sources": [] })).await, 400, "bad-request");
    is(
        &call(json!({ "sources": ["a", "b"] })).await,
        400,
        "bad-request",
    );
    is(
        &call(json!({ "apikey": "Aunknown" })).await,
        401,
        "unknown-apikey",
    );
    let handle = json!({ "sources": ["abcdefghij0123456789"] });
    is(&call(handle).await, 404, "not-found");
    let alias = json!({ "sources": ["src://alias/x.jpg"] });
    is(&call(alias).await, 501, "not-implemented");
    let task = json!({ "tasks": [{ "name": "resize", "params": { "width": 5 } }] });
    is(&call(task).await, 501, "not-implemented");
    let path = json!({ "tasks": [{ "name": "store", "params": { "path": "../../x" } }] });
    is(&call(path).await, 400, "bad-request");
    let headers = json!([{ "source": "https://a.test/", "headers": { "a b": "c" } }]);
    is(
        &call(json!({ "sources": headers })).await,
        400,
        "bad-request",
    );
    service.stop().await;
}

#[actix_web::test]
async fn a_policy_says_which_links_may_be_stored() {
    let shelf = Shelf::with(&[("/a.txt", Lies::Bytes(b"allowed".to_vec(), ""))]).await;
    let service = start().await;
    service.secure(true).await;
    let expiry = service.clock.now().timestamp() + 3600;
    let call = async |policy: Value, path: &str| {
        let (policy, signature) = service.policy(&policy.to_string());
        let body = json!({
            "apiKey": service.application.apikey,
            "sources": [shelf.url("/a.txt")],
            "tasks": [
                { "name": "store", "params": { "path": path } },
                { "name": "security", "params": { "policy": policy, "signature": signature } },
            ],
        });
        process(&service, body).await
    };
    let bare = storing(&service, json!(shelf.url("/a.txt")));
    is(&process(&service, bare).await, 403, "policy-required");
    let read = json!({ "expiry": expiry, "call": ["read"] });
    is(&call(read, "").await, 403, "not-allowed");
    let elsewhere = json!({ "expiry": expiry, "url": "https://only\\.test/.*" });
    is(&call(elsewhere, "").await, 403, "not-allowed");
    let small = json!({ "expiry": expiry, "call": "store", "maxSize": 3 });
    is(&call(small, "").await, 413, "file-size");
    let pick = json!({ "expiry": expiry, "call": ["pick"] });
    is(&call(pick.clone(), "in/").await, 403, "not-allowed");
    assert_eq!(call(pick, "").await.0, 200);
    let store = json!({ "expiry": expiry, "call": ["store"], "path": "in/" });
    assert_eq!(call(store, "in/").await.0, 200);
    service.stop().await;
}

#[actix_web::test]
async fn a_repeated_request_under_one_key_is_one_file() {
    let shelf = Shelf::with(&[
        ("/a", Lies::Bytes(sample(200_000), "")),
        ("/b", Lies::Bytes(b"b".to_vec(), "")),
    ])
    .await;
    let service = start().await;
    let call = async |path: &str| {
        let body = storing(&service, json!(shelf.url(path)));
        let request = service.ask(Method::POST, "/process").json(&body);
        told(
            request
                .header("idempotency-key", "k-1")
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let at_once = futures_util::future::join_all((0..4).map(|_| call("/a"))).await;
    assert!(at_once.iter().all(|answer| answer.0 == 200), "{at_once:?}");
    let again = call("/a").await;
    assert!(at_once.iter().all(|answer| answer.1 == again.1));
    is(&call("/b").await, 422, "idempotency-key-reused");
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_link_says_what_it_is_before_it_is_fetched() {
    let shelf = Shelf::with(&[
        (
            "/a.png",
            Lies::Bytes(sample(77), "Content-Type: image/png\r\n"),
        ),
        ("/no-head.pdf", Lies::NoHead(sample(88))),
        ("/unknown.txt", Lies::Unmeasured(sample(99))),
    ])
    .await;
    let service = start().await;
    let look = async |path: &str| {
        let body = json!({ "apikey": service.application.apikey, "url": shelf.url(path) });
        let request = service.ask(Method::POST, "/metadata").json(&body);
        told(request.send().await.unwrap()).await
    };
    for (path, name, mimetype, size) in [
        ("/a.png", "a.png", "image/png", json!(77)),
        ("/no-head.pdf", "no-head.pdf", "application/pdf", json!(88)),
        ("/unknown.txt", "unknown.txt", "text/plain", json!(null)),
    ] {
        let told = json!({ "filename": name, "mimetype": mimetype, "size": size });
        assert_eq!(look(path).await, (200, told));
    }
    is(&look("/nowhere").await, 400, "link-refused");
    let unknown = json!({ "apikey": "Aunknown", "url": shelf.url("/a.png") });
    let request = service.ask(Method::POST, "/metadata").json(&unknown);
    is(
        &told(request.send().await.unwrap()).await,
        401,
        "unknown-apikey",
    );
    service.stop().await;
}
