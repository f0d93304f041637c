//! The store task in a processing link, of an address and of a stored file.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::sender::{sample, told};
use super::shelf::{Lies, Shelf};
use crate::file_service::{Options, Service};

async fn start() -> Service {
    Service::start_with(Options {
        to_loopback: true,
        ..Options::default()
    })
    .await
}

async fn asked(service: &Service, method: Method, path: &str) -> (u16, Value) {
    told(service.ask(method, path).send().await.unwrap()).await
}

#[track_caller]
fn is(answer: &(u16, Value), status: u16, code: &str) {
    let said = (answer.0, answer.1["code"].as_str());
    assert_eq!(said, (status, Some(code)), "{}", answer.1);
}

#[actix_web::test]
async fn an_address_in_a_link_is_stored_by_get_and_by_post() {
    let bytes = sample(300_000);
    let shelf = Shelf::with(&[
        (
            "/in/a%20b.png",
            Lies::Bytes(bytes.clone(), "Content-Type: image/png\r\n"),
        ),
        ("/q", Lies::Bytes(b"asked".to_vec(), "")),
    ])
    .await;
    let service = start().await;
    let key = service.application.apikey.clone();
    for (method, task) in [
        // As the SDKs for Go, Python and Ruby write it.
        (Method::GET, "store=location:S3,path:\"pics/\""),
        (Method::POST, "store=path:\"pics/\",location:s3"),
        (Method::POST, "store=path:\"pics/\"/store=access:public"),
    ] {
        let path = format!("/{key}/{task}/{}", shelf.url("/in/a%20b.png"));
        let answer = service.ask(method, &path).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let (status, file) = told(answer).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(
            (&file["filename"], &file["type"], &file["size"]),
            (&json!("a b.png"), &json!("image/png"), &json!(300_000))
        );
        assert!(file["key"].as_str().unwrap().starts_with("pics/"), "{file}");
        assert!(file["container"].is_string() && file["url"].is_string());
        assert!(service.bytes_of(&file).await == bytes);
    }
    // An address keeps its query; filestack-js and browsers put it in quotes.
    let path = format!("/{key}/store/%22{}%22", shelf.url("/q?x=1&y=%2F"));
    let (status, file) = asked(&service, Method::POST, &path).await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(service.bytes_of(&file).await, b"asked");
    let heard = shelf.asked().pop().unwrap();
    assert!(heard.starts_with("GET /q?x=1&y=%2F HTTP"), "{heard}");
    assert_eq!(service.actions().await, ["fp.upload"; 4]);
    service.left_with(4).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_link_that_stores_needs_the_same_rights_by_get_as_by_post() {
    let shelf = Shelf::with(&[("/a.txt", Lies::Bytes(b"allowed".to_vec(), ""))]).await;
    let service = start().await;
    service.secure(true).await;
    let (key, url) = (service.application.apikey.clone(), shelf.url("/a.txt"));
    let expiry = service.clock.now().timestamp() + 3600;
    for method in [Method::GET, Method::POST] {
        let bare = format!("/{key}/store/{url}");
        let answer = service.ask(method.clone(), &bare).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        is(&told(answer).await, 403, "policy-required");
        for (policy, task, code) in [
            (json!({ "call": ["read"] }), "store", "not-allowed"),
            (
                json!({ "call": ["pick"] }),
                "store=path:\"in/\"",
                "not-allowed",
            ),
            (json!({ "url": "https://x/.*" }), "store", "not-allowed"),
            (
                json!({ "path": "out/" }),
                "store=path:\"in/\"",
                "not-allowed",
            ),
        ] {
            let mut policy = policy;
            policy["expiry"] = expiry.into();
            let (p, s) = service.policy(&policy.to_string());
            // As the SDK for Ruby writes it.
            let path = format!("/{key}/{task}/security=s:{s},p:{p}/{url}");
            is(&asked(&service, method.clone(), &path).await, 403, code);
        }
        let policy = json!({ "expiry": expiry, "call": ["store"], "path": "in/" });
        let (p, s) = service.policy(&policy.to_string());
        let path = format!("/{key}/store=path:\"in/\"/security=policy:{p},signature:{s}/{url}");
        let (status, file) = asked(&service, method, &path).await;
        assert_eq!(status, 200, "{file}");
    }
    assert_eq!(shelf.asked().len(), 2, "only what is allowed is fetched");
    let without_key = format!("/store/{url}");
    is(
        &asked(&service, Method::POST, &without_key).await,
        400,
        "bad-request",
    );
    is(
        &asked(
            &service,
            Method::GET,
            &format!("/Aunknown0123456789/store/{url}"),
        )
        .await,
        401,
        "unknown-apikey",
    );
    // Whoever only looks stores nothing.
    let path = format!("/{key}/store/{url}");
    let head = service.ask(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), 405);
    service.left_with(2).await;
    service.stop().await;
}

#[actix_web::test]
async fn no_link_of_a_task_leads_into_our_own_network_or_to_what_is_not_done() {
    let service = Service::start().await;
    let key = service.application.apikey.clone();
    for (path, status, code) in [
        ("store/http://127.0.0.1:9/a", 400, "link-refused"),
        ("store/http://169.254.169.254/latest", 400, "link-refused"),
        ("store=path:\"../x\"/https://a.test/b", 400, "bad-request"),
        (
            "store=location:dropbox/https://a.test/b",
            400,
            "bad-request",
        ),
        ("store=path:\"in/https://a.test/b", 400, "bad-request"),
        ("resize=width:5/https://a.test/b", 501, "not-implemented"),
        (
            "resize=width:5/store/https://a.test/b",
            501,
            "not-implemented",
        ),
        ("https://a.test/b", 501, "not-implemented"),
    ] {
        let path = format!("/{key}/{path}");
        is(&asked(&service, Method::GET, &path).await, status, code);
    }
    assert_eq!(service.actions().await, [""; 0]);
    service.stop().await;
}

#[actix_web::test]
async fn a_stored_file_is_stored_once_more() {
    let service = Service::start().await;
    let bytes = sample(3_000_000);
    let first = service.store("a b.png", "image/x-thing", &bytes).await;
    let (key, handle) = (&service.application.apikey, first.handle.as_str());
    let paths = [
        format!("/store=path:\"copies/\"/{handle}"),
        format!("/{key}/store=path:\"plain.bin\"/{handle}"),
        // The file's own name is kept, unless another is asked for.
        format!("/{key}/store=filename:\"c.jpg\",mimetype:\"image/jpeg\"/{handle}"),
    ];
    let mut files = Vec::new();
    for path in &paths {
        let (status, file) = asked(&service, Method::POST, path).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(file["size"], 3_000_000);
        assert_ne!(file["handle"], handle);
        files.push(file);
    }
    assert_eq!(files[0]["filename"], "a b.png");
    assert_eq!(files[0]["type"], "image/x-thing");
    assert!(files[0]["key"].as_str().unwrap().starts_with("copies/"));
    assert_eq!(files[1]["key"], "plain.bin");
    assert_eq!(files[2]["filename"], "c.jpg");
    assert_eq!(files[2]["type"], "image/jpeg");
    is(
        &asked(&service, Method::GET, &paths[1]).await,
        409,
        "path-taken",
    );
    // A file of its own: it stays when the first one goes.
    let gone = service.ask(Method::DELETE, &format!("/api/file/{handle}"));
    let gone = gone.query(&service.allowing(&["remove"]));
    assert_eq!(gone.send().await.unwrap().status(), 200);
    // What was copied for the path that was taken goes with its upload.
    service.hand.advance(Duration::from_secs(25 * 60 * 60));
    service.left_with(3).await;
    for file in &files {
        assert!(service.bytes_of(file).await == bytes);
    }
    is(
        &asked(&service, Method::POST, &paths[0]).await,
        404,
        "not-found",
    );
    let empty = service.store("empty", "text/plain", b"").await;
    let path = format!("/store/{}", empty.handle);
    let (status, file) = asked(&service, Method::POST, &path).await;
    assert_eq!((status, &file["size"]), (200, &json!(0)), "{file}");
    let actions = service.actions().await;
    let stored = actions.iter().filter(|action| *action == "fp.upload");
    assert_eq!(stored.count(), 4, "{actions:?}");
    service.stop().await;
}

#[actix_web::test]
async fn a_stored_file_is_a_source_of_process_and_one_key_is_one_copy() {
    let service = Service::start().await;
    let first = service.store("a.txt", "text/plain", b"source").await;
    let other = service.store("b.txt", "text/plain", b"other").await;
    let call = async |handle: &str| {
        let body = json!({
            "apikey": service.application.apikey,
            "sources": [handle],
            "tasks": [{ "name": "store", "params": { "path": "again/" } }],
            "upload_tags": { "from": "a file" },
        });
        let request = service.ask(Method::POST, "/process").json(&body);
        told(request.header("idempotency-key", "k").send().await.unwrap()).await
    };
    let at_once = futures_util::future::join_all((0..4).map(|_| call(first.handle.as_str())));
    let at_once = at_once.await;
    assert!(at_once.iter().all(|answer| answer.0 == 200), "{at_once:?}");
    assert!(at_once.iter().all(|answer| *answer == at_once[0]));
    let file = &at_once[0].1;
    assert_eq!(file["upload_tags"]["from"], "a file");
    assert_eq!(service.bytes_of(file).await, b"source");
    is(
        &call(other.handle.as_str()).await,
        422,
        "idempotency-key-reused",
    );
    is(&call("abcdefghij0123456789").await, 404, "not-found");
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.left_with(3).await;
    service.stop().await;
}

#[actix_web::test]
async fn to_store_a_file_once_more_needs_the_right_to_read_it_and_to_store() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"secret").await;
    let other = service.store("b.txt", "text/plain", b"other").await;
    service.secure(true).await;
    let (key, handle) = (service.application.apikey.clone(), file.handle.as_str());
    let expiry = service.clock.now().timestamp() + 3600;
    let call = async |policy: Value| {
        let mut policy = policy;
        policy["expiry"] = expiry.into();
        let (p, s) = service.policy(&policy.to_string());
        let path = format!("/{key}/store=path:\"in/\"/security=p:{p},s:{s}/{handle}");
        asked(&service, Method::POST, &path).await
    };
    let bare = format!("/{key}/store/{handle}");
    is(
        &asked(&service, Method::GET, &bare).await,
        403,
        "policy-required",
    );
    for policy in [
        json!({ "call": ["store"] }),
        json!({ "call": ["read"] }),
        json!({ "call": ["read", "pick"] }),
        json!({ "call": ["read", "store"], "handle": other.handle.as_str() }),
        json!({ "call": ["read", "store"], "path": "out/" }),
    ] {
        is(&call(policy).await, 403, "not-allowed");
    }
    let small = json!({ "call": ["read", "store"], "maxSize": 5 });
    is(&call(small).await, 413, "file-size");
    let exact = json!({ "call": ["read", "store"], "handle": handle, "maxSize": 6 });
    let (status, copy) = call(exact).await;
    assert_eq!(status, 200, "{copy}");
    // The key of another application opens nothing of this one.
    let foreign = format!("/Aunknown0123456789/store/{handle}");
    is(
        &asked(&service, Method::POST, &foreign).await,
        403,
        "foreign-file",
    );
    // A file whose object was lost is no reason to store half of one.
    std::fs::remove_file(service.object(&file.storage_key)).unwrap();
    let lost = json!({ "call": ["read", "store"] });
    is(&call(lost).await, 500, "internal");
    service.hand.advance(Duration::from_secs(25 * 60 * 60));
    service.left_with(2).await;
    service.stop().await;
}
