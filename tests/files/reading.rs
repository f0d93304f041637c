//! Reading bytes.

use longshore::database::Dialect;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::file_service::{Options, Service};

const TEN: &[u8] = b"0123456789";

fn value(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

async fn ranged(service: &Service, path: &str, range: &str) -> Response {
    let ask = service.ask(Method::GET, path).header("range", range);
    ask.send().await.unwrap()
}

#[tokio::test]
async fn every_form_of_a_link_answers_the_same_bytes() {
    let service = Service::start().await;
    let file = service.store("a b.txt", "text/plain", TEN).await;
    let (handle, key) = (&file.handle, &service.application.apikey);
    for path in [
        format!("/{handle}"),
        format!("/file/{handle}"),
        format!("/{key}/{handle}"),
        format!("/{handle}+txt"),
        format!("/{key}/cache=false/{handle}"),
        format!("/api/file/{handle}"),
        format!("/api/file/{handle}+txt"),
        format!("/api/file/{handle}?key={key}"),
    ] {
        let response = service.get(&path).await;
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers().clone();
        assert_eq!(value(&headers, "content-length"), "10");
        assert_eq!(value(&headers, "content-type"), "text/plain");
        assert_eq!(
            value(&headers, "content-disposition"),
            "inline; filename=\"a b.txt\""
        );
        assert_eq!(value(&headers, "x-file-name"), "a b.txt");
        assert_eq!(value(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(
            value(&headers, "cross-origin-resource-policy"),
            "cross-origin"
        );
        assert_eq!(value(&headers, "accept-ranges"), "bytes");
        assert!(value(&headers, "content-security-policy").starts_with("sandbox"));
        assert_eq!(response.bytes().await.unwrap(), TEN);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    for path in [
        format!("/{}", file.handle),
        format!("/api/file/{}", file.handle),
    ] {
        let get = service.get(&path).await;
        let head = service.ask(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), 200);
        for name in [
            "content-length",
            "content-type",
            "etag",
            "last-modified",
            "cache-control",
        ] {
            let said = value(head.headers(), name);
            assert!(
                !said.is_empty() && said == value(get.headers(), name),
                "{name}"
            );
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
    service.stop().await;
}

#[tokio::test]
async fn a_range_brings_its_bytes_and_says_which() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    let path = format!("/{}", file.handle);
    for (range, said, bytes) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=5-999", "bytes 5-9/10", "56789"),
    ] {
        let response = ranged(&service, &path, range).await;
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(value(response.headers(), "content-range"), said);
        assert_eq!(response.text().await.unwrap(), bytes);
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
        let response = ranged(&service, &path, range).await;
        assert_eq!(response.status(), 416, "{range}");
        assert_eq!(value(response.headers(), "content-range"), "bytes */10");
    }
    for range in [
        "bytes=3-1",
        "bytes=0-1,4-5",
        "lines=1-2",
        "bytes=a-b",
        "bytes=1-2-3",
        "x",
    ] {
        let response = ranged(&service, &path, range).await;
        assert_eq!(response.status(), 200, "{range}");
        assert_eq!(response.bytes().await.unwrap(), TEN);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_large_file_is_read_whole_and_in_parts() {
    let service = Service::start().await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let file = service
        .store("big.bin", "application/octet-stream", &bytes)
        .await;
    let path = format!("/{}", file.handle);
    assert_eq!(service.get(&path).await.bytes().await.unwrap(), bytes);
    let part = ranged(&service, &path, "bytes=524287-1572865").await;
    assert_eq!(part.bytes().await.unwrap(), bytes[524_287..1_572_866]);
    service.stop().await;
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let service = Service::start().await;
    let file = service.store("empty", "text/plain", b"").await;
    let path = format!("/{}", file.handle);
    let response = service.get(&path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(value(response.headers(), "content-length"), "0");
    assert_eq!(ranged(&service, &path, "bytes=0-").await.status(), 416);
    service.stop().await;
}

#[tokio::test]
async fn a_version_that_is_known_is_not_sent_again() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    let path = format!("/{}", file.handle);
    let first = service.get(&path).await;
    let (etag, modified) = (
        value(first.headers(), "etag"),
        value(first.headers(), "last-modified"),
    );
    let with = async |pairs: &[(header::HeaderName, &str)]| {
        let mut ask = service.ask(Method::GET, &path);
        for (name, value) in pairs {
            ask = ask.header(name, *value);
        }
        ask.send().await.unwrap()
    };
    let known = with(&[(header::IF_NONE_MATCH, &etag)]).await;
    assert_eq!(known.status(), 304);
    assert_eq!(value(known.headers(), "etag"), etag);
    assert_eq!(
        with(&[(header::IF_MODIFIED_SINCE, &modified)])
            .await
            .status(),
        304
    );
    assert_eq!(
        with(&[(header::IF_NONE_MATCH, "\"other\"")]).await.status(),
        200
    );
    assert_eq!(with(&[(header::IF_MATCH, "\"other\"")]).await.status(), 412);
    let range = (header::RANGE, "bytes=0-0");
    assert_eq!(
        with(&[range.clone(), (header::IF_RANGE, &etag)])
            .await
            .status(),
        206
    );
    assert_eq!(
        with(&[range, (header::IF_RANGE, "\"other\"")])
            .await
            .status(),
        200
    );
    service.stop().await;
}

#[tokio::test]
async fn every_kind_of_name_arrives_in_headers_that_hold() {
    let service = Service::start().await;
    let long = format!("{}.txt", "ä".repeat(4000));
    let names = [
        "a\"b\\c.txt",
        "日本語 😀.txt",
        "x\r\nSet-Cookie: a=b",
        "a\u{202e}gpj.exe",
        "../../etc/passwd",
        "nul\0name",
        "100%25.txt",
        " ",
        "a;b=c,d.txt",
        long.as_str(),
    ];
    for name in names {
        // PostgreSQL keeps no NUL; no name that comes from outside has one.
        if name.contains('\0') && service.database.dialect() == Dialect::Postgres {
            continue;
        }
        let file = service.store(name, "text/plain", TEN).await;
        let response = service.get(&format!("/{}?dl=true", file.handle)).await;
        assert_eq!(response.status(), 200, "{name:?}");
        let disposition = value(response.headers(), "content-disposition");
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert!(response.headers().get("set-cookie").is_none());
        assert!(
            disposition.is_ascii() && !disposition.contains('/'),
            "{disposition}"
        );
        assert!(!disposition.contains("%E2%80%AE"), "{disposition}");
        assert!(response.headers().contains_key("x-file-name"));
    }
    let file = service.store("Größe.txt", "text/plain", TEN).await;
    let response = service.get(&format!("/{}", file.handle)).await;
    let said = value(response.headers(), "content-disposition");
    let expected = "inline; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.txt";
    assert_eq!(said, expected);
    assert_eq!(
        value(response.headers(), "x-file-name"),
        "Gr%C3%B6%C3%9Fe.txt"
    );
    service.stop().await;
}

#[tokio::test]
async fn what_can_act_is_saved_and_not_shown() {
    let service = Service::start_with(Options {
        cname: "files.example.test",
        ..Options::default()
    })
    .await;
    for mimetype in ["text/html", "image/svg+xml", "application/xml"] {
        let file = service.store("x", mimetype, b"<script>").await;
        let response = service.get(&format!("/{}", file.handle)).await;
        let said = value(response.headers(), "content-disposition");
        assert_eq!(said, "attachment; filename=\"x\"", "{mimetype}");
        let ask = service.ask(Method::GET, &format!("/{}", file.handle));
        let own = ask
            .header("host", "cdn.files.example.test")
            .send()
            .await
            .unwrap();
        assert_eq!(
            value(own.headers(), "content-disposition"),
            "inline; filename=\"x\""
        );
        assert!(value(own.headers(), "content-security-policy").starts_with("sandbox"));
    }
    let file = service.store("x.js", "text/javascript", b"alert(1)").await;
    let response = service.get(&format!("/{}", file.handle)).await;
    assert_eq!(
        value(response.headers(), "content-type"),
        "text/plain; charset=utf-8"
    );
    let file = service.store("x", "nonsense\r\nx: y", TEN).await;
    let response = service.get(&format!("/{}", file.handle)).await;
    assert_eq!(
        value(response.headers(), "content-type"),
        "application/octet-stream"
    );
    service.stop().await;
}

#[tokio::test]
async fn user_bytes_are_not_compressed_and_say_their_length() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", &[b'a'; 10_000]).await;
    let ask = service.ask(Method::GET, &format!("/{}", file.handle));
    let response = ask.header("accept-encoding", "gzip").send().await.unwrap();
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(value(response.headers(), "content-length"), "10000");
    assert_eq!(response.bytes().await.unwrap().len(), 10_000);
    service.stop().await;
}

#[tokio::test]
async fn caches_are_told_how_long() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    for (path, said) in [
        (format!("/{}", file.handle), "public, max-age=2592000"),
        (
            format!("/cache=expiry:60/{}", file.handle),
            "public, max-age=60",
        ),
        (
            format!("/api/file/{}?cache=expiry:max", file.handle),
            "public, max-age=31536000",
        ),
        (format!("/{}?cache=false", file.handle), "private, no-cache"),
    ] {
        let response = service.get(&path).await;
        assert_eq!(value(response.headers(), "cache-control"), said, "{path}");
    }
    service.stop().await;
}

#[tokio::test]
async fn what_names_no_file_is_refused_in_the_protocols_shape() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    let handle = &file.handle;
    for (path, status) in [
        ("/AAAAAAAAAAAAAAAAAAAA".to_owned(), 404),
        ("/api/file/AAAAAAAAAAAAAAAAAAAA".to_owned(), 404),
        ("/api/file/short".to_owned(), 404),
        ("/api/file/..%2f..%2fetc%2fpasswd".to_owned(), 404),
        ("/api/file/%00".to_owned(), 404),
        (format!("/api/file/{}", "x".repeat(4000)), 404),
        ("/nothing/here".to_owned(), 404),
        ("/".to_owned(), 404),
        ("/%ff%fe".to_owned(), 400),
        (format!("/resize=width:1/{handle}"), 501),
        (format!("/output=format:png/security=p:x,s:y/{handle}"), 501),
        (
            format!("/{}/http://example.test/a.jpg", service.application.apikey),
            501,
        ),
    ] {
        let response = service.get(&path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(
            value(response.headers(), "content-type"),
            "application/json"
        );
        let body: serde_json::Value = response.json().await.unwrap();
        assert!(body["error"].is_string(), "{path}: {body}");
    }
    let named = service.get(&format!("/resize=width:1/{handle}")).await;
    assert!(named.text().await.unwrap().contains("`resize`"));
    service.stop().await;
}

#[tokio::test]
async fn methods_that_a_route_has_not_are_refused() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    for (method, path) in [
        (Method::PATCH, format!("/api/file/{}", file.handle)),
        (Method::GET, format!("/api/file/{}/remove", file.handle)),
        (Method::POST, format!("/{}", file.handle)),
    ] {
        let response = service.ask(method, &path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
    }
    service.stop().await;
}

#[tokio::test]
async fn bytes_that_are_lost_are_a_fault_of_ours_and_no_empty_file() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", TEN).await;
    let path = service.object(&file.storage_key);
    std::fs::write(&path, b"012").unwrap();
    let short = service.get(&format!("/{}", file.handle)).await;
    assert_eq!(short.status(), 500);
    std::fs::remove_file(path).unwrap();
    let response = service.get(&format!("/{}", file.handle)).await;
    assert_eq!(response.status(), 500);
    service.stop().await;
}

#[tokio::test]
async fn strange_request_lines_get_an_answer_and_no_5xx() {
    let service = Service::start().await;
    let address = service.origin.trim_start_matches("http://").to_owned();
    for target in [
        "/a/../../etc/passwd",
        "/%2e%2e/%2e%2e/x",
        "//////",
        "/\"",
        "/[[[[",
        "/security=/x",
        "/security=policy:/security=policy:/x",
        "/%00%0d%0aX: y",
        "/=:,=:,",
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
    }
    service.stop().await;
}
