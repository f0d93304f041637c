//! The same calls as forms, as the SDKs for Java and PHP send them.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::sender::{md5, sample, told};
use crate::file_service::Service;

async fn send(service: &Service, call: &str, fields: &[(&'static str, &str)]) -> (u16, Value) {
    let mut form = Form::new();
    for (name, text) in fields {
        form = form.text(*name, (*text).to_owned());
    }
    // The SDK for PHP puts an empty file beside every call.
    form = form.part("files", Part::bytes(Vec::new()).file_name(""));
    let request = service.ask(Method::POST, &format!("/multipart/{call}"));
    told(request.multipart(form).send().await.unwrap()).await
}

#[actix_web::test]
async fn a_client_that_sends_forms_uploads_a_file() {
    let service = Service::start().await;
    let whole = sample(1_200_000);
    let (apikey, size) = (service.application.apikey.clone(), whole.len().to_string());
    let store = [
        ("apikey", apikey.as_str()),
        ("filename", "größe.txt"),
        ("mimetype", "text/plain"),
        ("size", &size),
        ("store_location", "s3"),
        ("store_region", "eu-west-1"),
        ("store_path", "in/"),
        ("store_container", ""),
        ("store_access", "public"),
    ];
    let (status, started) = send(&service, "start", &store).await;
    assert_eq!(status, 200, "{started}");
    assert_eq!(started["region"], "eu-west-1");
    let text = |name: &str| started[name].as_str().unwrap().to_owned();
    let (uri, upload_id) = (text("uri"), text("upload_id"));
    let known = [
        ("apikey", apikey.as_str()),
        ("uri", &uri),
        ("region", "eu-west-1"),
        ("upload_id", &upload_id),
        ("store_location", "s3"),
    ];
    let mut parts = Vec::new();
    for (number, bytes) in (1..).zip(whole.chunks(500_000)) {
        let number = number.to_string();
        let (length, digest) = (bytes.len().to_string(), md5(bytes));
        let part = [
            ("part", number.as_str()),
            ("size", &length),
            ("md5", &digest),
        ];
        let (status, place) = send(&service, "upload", &[&known[..], &part].concat()).await;
        assert_eq!(status, 200, "{place}");
        let path = place["url"].as_str().unwrap().to_owned();
        let path = path.strip_prefix("http://files.test").unwrap();
        let mut put = service.ask(Method::PUT, path).body(bytes.to_vec());
        for (name, value) in place["headers"].as_object().unwrap() {
            put = put.header(name, value.as_str().unwrap());
        }
        let answer = put.send().await.unwrap();
        let etag = answer.headers()["etag"].to_str().unwrap();
        parts.push(format!("{number}:{etag}"));
    }
    let parts = parts.join(";");
    let end = [
        ("filename", "größe.txt"),
        ("mimetype", "text/plain"),
        ("size", size.as_str()),
        ("parts", &parts),
        ("upload_tags", r#"{"from":"a form"}"#),
    ];
    let (status, file) = send(&service, "complete", &[&known[..], &end].concat()).await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(file["filename"], "größe.txt");
    assert_eq!(file["mimetype"], "text/plain");
    assert_eq!(file["upload_tags"]["from"], "a form");
    assert!(file["key"].as_str().unwrap().starts_with("in/"));
    assert!(service.bytes_of(&file).await == whole);
    service.stop().await;
}

#[actix_web::test]
async fn a_form_of_the_plain_kind_serves_too() {
    let service = Service::start().await;
    let fields = [
        ("apikey", service.application.apikey.as_str()),
        ("filename", "a.txt"),
        ("size", "3"),
        ("multipart", "true"),
    ];
    let request = service.ask(Method::POST, "/multipart/start").form(&fields);
    let (status, started) = told(request.send().await.unwrap()).await;
    assert_eq!(status, 200, "{started}");
    assert_eq!(started["upload_type"], "intelligent_ingestion");
    service.stop().await;
}

#[actix_web::test]
async fn a_form_that_is_broken_or_endless_is_refused() {
    let service = Service::start().await;
    let post = || service.ask(Method::POST, "/multipart/start");
    let broken = post()
        .header("content-type", "multipart/form-data; boundary=x")
        .body("no form at all");
    let (status, _) = told(broken.send().await.unwrap()).await;
    assert_eq!(status, 400);
    let long = Form::new().text("filename", "x".repeat(2_000_000));
    let (status, refused) = told(post().multipart(long).send().await.unwrap()).await;
    assert_eq!(
        (status, refused["code"].as_str()),
        (413, Some("body-too-large"))
    );
    let many = (0..200).fold(Form::new(), |form, n| form.text(format!("f{n}"), "x"));
    assert_eq!(
        told(post().multipart(many).send().await.unwrap()).await.0,
        400
    );
    service.stop().await;
}
