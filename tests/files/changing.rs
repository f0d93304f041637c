//! Overwriting and removing.

use std::time::Duration;

use longshore::files::{Garbage, Place};
use longshore::storage::{Put, StorageKey};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::file_service::{Options, Service};

async fn overwrite(service: &Service, path: &str, body: impl Into<reqwest::Body>) -> Response {
    let ask = service
        .ask(Method::POST, path)
        .query(&service.allowing(&["write"]));
    ask.body(body).send().await.unwrap()
}

async fn remove(service: &Service, path: &str) -> Response {
    let ask = service.ask(Method::DELETE, path);
    ask.query(&service.allowing(&["remove"]))
        .send()
        .await
        .unwrap()
}

/// Waits until the storage holds so many objects.
async fn objects(service: &Service, count: usize) -> Vec<String> {
    for _ in 0..100 {
        if service.objects().len() == count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let objects = service.objects();
    assert_eq!(objects.len(), count, "{objects:?}");
    objects
}

#[tokio::test]
async fn new_bytes_come_behind_the_same_handle_and_the_old_ones_go() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let etag = service.get(&path).await.headers()["etag"].clone();
    let response = overwrite(&service, &path, "newer").await;
    assert_eq!(response.status(), 200);
    let said: Value = response.json().await.unwrap();
    let expected = json!({
        "url": format!("http://files.test/{}", file.handle), "mimetype": "text/plain",
        "isWriteable": true, "size": 5, "filename": "a.txt",
    });
    assert_eq!(said, expected);
    let read = service.get(&path).await;
    assert_ne!(read.headers()["etag"], etag);
    assert_eq!(read.text().await.unwrap(), "newer");
    assert_eq!(service.actions().await, ["fp.overwrite"]);
    let left = objects(&service, 1).await;
    assert!(
        left[0].starts_with("docs/") && left[0].ends_with("_a.txt"),
        "{left:?}"
    );
    service.stop().await;
}

#[tokio::test]
async fn a_form_and_a_put_overwrite_too_and_bring_name_and_type() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let part = Part::bytes(b"{}".to_vec());
    let part = part
        .file_name("../ö b.json")
        .mime_str("application/json")
        .unwrap();
    let form = Form::new().text("other", "1").part("fileUpload", part);
    let ask = service
        .ask(Method::POST, &path)
        .query(&service.allowing(&["write"]));
    let said: Value = ask
        .multipart(form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&said["filename"], &said["size"]),
        (&json!("ö b.json"), &json!(2))
    );
    assert_eq!(said["mimetype"], "application/json");
    let ask = service.ask(
        Method::PUT,
        &format!("{path}?mimetype=image/png&filename=x.png"),
    );
    let ask = ask.basic_auth("app", Some(&service.secret)).body("123");
    let said: Value = ask.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&said["filename"], &said["mimetype"]),
        (&json!("x.png"), &json!("image/png"))
    );
    assert_eq!(service.get(&path).await.text().await.unwrap(), "123");
    service.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_and_changes_nothing() {
    let service = Service::start_with(Options {
        max_file_size: 1000,
        ..Options::default()
    })
    .await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let long = overwrite(&service, &path, vec![0; 1001]).await;
    assert_eq!(long.status(), 413);
    let chunks = futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![0; 100])));
    let unsaid = overwrite(&service, &path, reqwest::Body::wrap_stream(chunks)).await;
    assert_eq!(unsaid.status(), 413);
    for (query, body, kind, status) in [
        ("?url=http://example.test/a", "", "text/plain", 501),
        (
            "",
            "url=http://example.test/a",
            "application/x-www-form-urlencoded",
            501,
        ),
        ("?mimetype=nonsense", "x", "text/plain", 400),
        ("", "no form", "multipart/form-data; boundary=x", 400),
        ("", "no form", "multipart/form-data", 400),
        (
            "",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
        ),
    ] {
        let ask = service.ask(Method::POST, &format!("{path}{query}"));
        let ask = ask
            .query(&service.allowing(&["write"]))
            .header("content-type", kind);
        let response = ask.body(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{query} {kind}");
    }
    let expiry = service.clock.now().timestamp() + 60;
    let json = json!({ "expiry": expiry, "call": "write", "maxSize": 5, "minSize": 2 });
    let (policy, signature) = service.policy(&json.to_string());
    for (body, status) in [("123456", 413), ("1", 403)] {
        let ask = service.ask(Method::POST, &path);
        let ask = ask.query(&[("policy", &policy), ("signature", &signature)]);
        assert_eq!(ask.body(body).send().await.unwrap().status(), status);
    }
    assert_eq!(service.get(&path).await.text().await.unwrap(), "old");
    assert!(service.actions().await.is_empty());
    objects(&service, 1).await;
    service.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_old_bytes() {
    use tokio::io::AsyncWriteExt;
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let [(_, p), (_, s)] = service.allowing(&["write"]);
    for framing in [
        "Content-Length: 1000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\n",
    ] {
        let address = service.origin.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/file/{}?policy={p}&signature={s} HTTP/1.1\r\nHost: x\r\n{framing}new",
            file.handle
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(stream);
    }
    objects(&service, 1).await;
    let path = format!("/{}", file.handle);
    assert_eq!(service.get(&path).await.text().await.unwrap(), "old");
    assert!(service.actions().await.is_empty());
    service.stop().await;
}

#[tokio::test]
async fn overwrites_at_once_follow_one_another() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let all = (0..12).map(|n| overwrite(&service, &path, format!("body {n}")));
    for response in futures_util::future::join_all(all).await {
        assert_eq!(response.status(), 200);
    }
    let found = service.catalog.find(&file.handle).await.unwrap();
    assert_eq!(found.version, 13);
    assert_eq!(service.actions().await.len(), 12);
    let left = objects(&service, 1).await;
    assert_eq!(left, [found.storage_key]);
    assert!(
        service
            .get(&path)
            .await
            .text()
            .await
            .unwrap()
            .starts_with("body ")
    );
    service.stop().await;
}

#[tokio::test]
async fn an_overwrite_meant_for_another_version_is_refused() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let etag = service.get(&path).await.headers()["etag"].clone();
    let ask = async || {
        let ask = service
            .ask(Method::POST, &path)
            .query(&service.allowing(&["write"]));
        ask.header("if-match", &etag)
            .body("new")
            .send()
            .await
            .unwrap()
    };
    assert_eq!(ask().await.status(), 200);
    assert_eq!(ask().await.status(), 412);
    service.stop().await;
}

#[tokio::test]
async fn a_removal_meant_for_another_version_is_refused() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let old = service.get(&path).await.headers()["etag"].clone();
    assert_eq!(overwrite(&service, &path, "new").await.status(), 200);
    let new = service.get(&path).await.headers()["etag"].clone();
    let ask = async |etag| {
        let ask = service.ask(Method::DELETE, &path);
        let ask = ask.query(&service.allowing(&["remove"]));
        ask.header("if-match", etag).send().await.unwrap().status()
    };
    assert_eq!(ask(&old).await, 412);
    assert_eq!(service.get(&path).await.text().await.unwrap(), "new");
    assert_eq!(ask(&new).await, 200);
    assert_eq!(service.get(&path).await.status(), 404);
    assert_eq!(service.actions().await, ["fp.overwrite", "fp.delete"]);
    service.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_recorded_takes_the_change_back() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    service.refuse_events(true).await;
    assert_eq!(overwrite(&service, &path, "new").await.status(), 500);
    assert_eq!(remove(&service, &path).await.status(), 500);
    service.refuse_events(false).await;
    assert_eq!(service.get(&path).await.text().await.unwrap(), "old");
    let left = objects(&service, 1).await;
    assert_eq!(left, [file.storage_key]);
    assert!(service.actions().await.is_empty());
    service.stop().await;
}

#[tokio::test]
async fn a_removed_file_is_gone_with_its_bytes() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}", file.handle);
    let response = remove(&service, &path).await;
    assert_eq!(response.status(), 200);
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(response.text().await.unwrap(), "success");
    assert_eq!(service.actions().await, ["fp.delete"]);
    objects(&service, 0).await;
    for path in [
        path.clone(),
        format!("/{}", file.handle),
        format!("{path}/metadata"),
    ] {
        assert_eq!(service.get(&path).await.status(), 404, "{path}");
    }
    assert_eq!(remove(&service, &path).await.status(), 404);
    assert_eq!(overwrite(&service, &path, "new").await.status(), 404);
    assert_eq!(service.actions().await.len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn removing_may_leave_the_storage_alone_and_may_be_posted() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let path = format!("/api/file/{}/remove?skip_storage=true", file.handle);
    let ask = service
        .ask(Method::POST, &path)
        .query(&service.allowing(&["revoke"]));
    let response = ask.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "success");
    assert_eq!(
        service.get(&format!("/{}", file.handle)).await.status(),
        404
    );
    service.garbage.collect(100).await.unwrap();
    assert_eq!(service.objects(), [file.storage_key]);
    service.stop().await;
}

#[tokio::test]
async fn what_was_left_behind_is_removed_in_time_and_what_a_file_names_never() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"old").await;
    let garbage: &Garbage = &service.garbage;
    // Somebody puts the key of a living file on the list by mistake.
    let living = StorageKey::parse(&file.storage_key).unwrap();
    let mistaken = garbage
        .reserve(&living, Duration::from_secs(1))
        .await
        .unwrap();
    garbage.release(mistaken).await.unwrap();
    // A crash between the storage's commit and the catalog's.
    let orphan = StorageKey::parse("orphan").unwrap();
    let lasts = Duration::from_secs(60);
    garbage.reserve(&orphan, lasts).await.unwrap();
    let put = Put {
        upload_id: "x",
        max_size: 10,
        overwrite: false,
    };
    let bytes = futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"x"))]);
    service.storage.put(&orphan, bytes, put, ()).await.unwrap();
    assert_eq!(garbage.collect(100).await.unwrap(), 0);
    assert_eq!(service.objects().len(), 2);
    service.hand.advance(lasts);
    assert_eq!(garbage.collect(100).await.unwrap(), 1);
    assert_eq!(service.objects(), [file.storage_key]);
    service.stop().await;
}

#[tokio::test]
async fn an_applications_files_are_listed_page_by_page() {
    let service = Service::start().await;
    let mut stored = Vec::new();
    for n in 0..7 {
        stored.push(
            service
                .store(&format!("{n}"), "text/plain", b"x")
                .await
                .handle,
        );
        if n % 3 == 0 {
            service.hand.advance(Duration::from_millis(5));
        }
    }
    remove(&service, &format!("/api/file/{}", stored[2])).await;
    let mut seen = Vec::new();
    let mut after: Option<Place> = None;
    loop {
        let id = service.application.id;
        let page = service.catalog.list(id, after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Place::of(last));
        seen.extend(page.into_iter().map(|file| file.handle));
    }
    assert_eq!(seen.len(), 6);
    assert!(!seen.contains(&stored[2]));
    assert_eq!(seen[5], stored[0]);
    service.stop().await;
}
