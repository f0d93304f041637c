//! The older store API: a body, a form or an address under one route.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::sender::{sample, told};
use super::shelf::{Lies, Shelf};
use crate::file_service::{Options, Service};

fn post(service: &Service, provider: &str, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let request = service.ask(Method::POST, &format!("/api/store/{provider}"));
    let key = service.application.apikey.as_str();
    request.query(&[("key", key)]).query(query)
}

async fn sent(request: reqwest::RequestBuilder) -> (u16, Value) {
    told(request.send().await.unwrap()).await
}

#[actix_web::test]
async fn a_body_becomes_a_file() {
    let service = Service::start().await;
    let bytes = sample(2_000_000);
    let query = [("filename", "../a b.png"), ("path", "in/")];
    let request = post(&service, "s3", &query).header("content-type", "image/x-thing");
    let (status, file) = sent(request.body(bytes.clone())).await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(file["filename"], "a b.png");
    assert_eq!(
        (&file["type"], &file["size"]),
        (&json!("image/x-thing"), &json!(2_000_000))
    );
    let handle = file["handle"].as_str().unwrap();
    assert_eq!(file["key"], format!("in/{handle}_a b.png"));
    assert!(service.bytes_of(&file).await == bytes);
    assert_eq!(service.event().await["client"], "Computer");
    // What curl -d sends is no form, a JSON file no address.
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "plain bytes"),
        ("application/json", r#"{"name":"url"}"#),
    ] {
        let request = post(&service, "S3", &[]).header("content-type", kind);
        let (status, file) = sent(request.body(body)).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(service.bytes_of(&file).await, body.as_bytes());
    }
    let long = json!({ "url": "x".repeat(200_000) }).to_string();
    let request = post(&service, "S3", &[]).header("content-type", "application/json");
    let (_, file) = sent(request.body(long.clone())).await;
    assert_eq!(service.bytes_of(&file).await, long.as_bytes());
    service.left_with(4).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_forms_file_becomes_a_file() {
    let service = Service::start().await;
    let part = Part::bytes(b"in a form".to_vec())
        .file_name("form.txt")
        .mime_str("text/x-form")
        .unwrap();
    let form = Form::new().text("note", "x").part("fileUpload", part);
    let (status, file) = sent(post(&service, "gcs", &[]).multipart(form)).await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(
        (&file["filename"], &file["type"]),
        (&json!("form.txt"), &json!("text/x-form"))
    );
    assert_eq!(service.bytes_of(&file).await, b"in a form");
    let empty = post(&service, "s3", &[]).multipart(Form::new().text("a", "b"));
    assert_eq!(sent(empty).await.0, 400);
    service.stop().await;
}

#[actix_web::test]
async fn an_address_is_fetched_in_each_of_its_forms() {
    let shelf = Shelf::with(&[("/a.txt", Lies::Bytes(b"fetched".to_vec(), ""))]).await;
    let service = Service::start_with(Options {
        to_loopback: true,
        ..Options::default()
    })
    .await;
    let url = shelf.url("/a.txt");
    for request in [
        post(&service, "s3", &[]).form(&[("url", &url)]),
        post(&service, "s3", &[]).json(&json!({ "url": url })),
        post(&service, "s3", &[]).multipart(Form::new().text("url", url.clone())),
    ] {
        let (status, file) = sent(request).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(file["filename"], "a.txt");
        assert_eq!(service.bytes_of(&file).await, b"fetched");
        assert_eq!(service.event().await["client"], "URL");
    }
    service.stop().await;
}

#[actix_web::test]
async fn what_may_not_be_stored_is_refused_and_leaves_nothing() {
    let service = Service::start_with(Options {
        max_file_size: 10,
        ..Options::default()
    })
    .await;
    let no_key = service.ask(Method::POST, "/api/store/S3").body("x");
    assert_eq!(sent(no_key).await.0, 400);
    let dropbox = post(&service, "dropbox", &[]).body("x");
    assert_eq!(sent(dropbox).await.1["code"], "bad-request");
    let large = post(&service, "s3", &[]).body("eleven long");
    assert_eq!(sent(large).await.0, 413);
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("eleven long")]);
    let endless = post(&service, "s3", &[]).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(sent(endless).await.0, 413);
    assert_eq!(service.actions().await, [""; 0]);
    service.left_with(0).await;
    service.stop().await;
}

#[actix_web::test]
async fn where_policies_are_asked_for_a_body_needs_one() {
    let service = Service::start().await;
    service.secure(true).await;
    let bare = post(&service, "s3", &[]).body("x");
    assert_eq!(sent(bare).await.1["code"], "policy-required");
    let reading = service.allowing(&["read"]);
    let bare = post(&service, "s3", &[]).query(&reading).body("x");
    assert_eq!(sent(bare).await.1["code"], "not-allowed");
    assert_eq!(service.actions().await, [""; 0]);
    service.left_with(0).await;
    let storing = service.allowing(&["store"]);
    let allowed = post(&service, "s3", &[]).query(&storing).body("x");
    assert_eq!(sent(allowed).await.0, 200);
    let secret = post(&service, "s3", &[]).basic_auth("app", Some(&service.secret));
    assert_eq!(sent(secret.body("x")).await.0, 200);
    service.stop().await;
}

#[actix_web::test]
async fn a_body_in_base64_is_stored_decoded() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let service = Service::start().await;
    // Large enough to come in many chunks, none of which ends where four letters do.
    let bytes = sample(1_000_001);
    let query = [("base64decode", "true"), ("filename", "a.png")];
    for text in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
        let request = post(&service, "S3", &query).header("content-type", "image/png");
        let (status, file) = sent(request.body(text)).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(
            (&file["size"], &file["type"]),
            (&json!(1_000_001), &json!("image/png"))
        );
        assert!(service.bytes_of(&file).await == bytes);
    }
    let lines: String = STANDARD
        .encode(b"as e-mails have it, in short lines")
        .as_bytes()
        .chunks(7)
        .map(|line| format!("{}\r\n", String::from_utf8_lossy(line)))
        .collect();
    let part = Part::text(lines).file_name("mail.txt");
    let form = Form::new().part("fileUpload", part);
    let (status, file) = sent(post(&service, "S3", &query[..1]).multipart(form)).await;
    assert_eq!(status, 200, "{file}");
    let read = service.bytes_of(&file).await;
    assert_eq!(read, b"as e-mails have it, in short lines");
    let (_, file) = sent(post(&service, "S3", &[("base64decode", "false")]).body("aGk=")).await;
    assert_eq!(service.bytes_of(&file).await, b"aGk=");
    service.left_with(4).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_body_that_is_not_base64_is_refused_and_leaves_nothing() {
    let service = Service::start_with(Options {
        max_file_size: 1_000_000,
        ..Options::default()
    })
    .await;
    let query = [("base64decode", "true")];
    let late = format!("{}!", "QUJD".repeat(200_000));
    for (body, why) in [
        ("QU JD~".to_owned(), "byte 6"),
        ("data:text/plain;base64,QUJD".to_owned(), "byte 5"),
        ("QUJDQ".to_owned(), "too early"),
        (late, "byte 800001"),
    ] {
        let (status, refused) = sent(post(&service, "S3", &query).body(body)).await;
        assert_eq!((status, &refused["code"]), (400, &json!("bad-request")));
        let said = refused["error"].as_str().unwrap();
        assert!(said.contains("not base64") && said.contains(why), "{said}");
    }
    // Limits are those of the file, not of its letters.
    let text = |bytes: usize| "QUJD".repeat(bytes.div_ceil(3));
    let (status, file) = sent(post(&service, "S3", &query).body(text(999_999))).await;
    assert_eq!((status, &file["size"]), (200, &json!(999_999)), "{file}");
    let (status, _) = sent(post(&service, "S3", &query).body(text(1_000_002))).await;
    assert_eq!(status, 413);
    let form = Form::new().text("url", "https://a.test/b");
    let (status, _) = sent(post(&service, "S3", &query).multipart(form)).await;
    assert_eq!(status, 501);
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.left_with(1).await;
    service.stop().await;
}
