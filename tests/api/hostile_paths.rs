//! Paths, queries, headers and methods of every bad kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::hostile::Victim;
use crate::wire;

/// Everything that answers, with a `{}` where something can be put.
const PLACES: [&str; 12] = [
    "/{}",
    "/file/{}/metadata",
    "/{}/metadata",
    "/api/file/{}",
    "/api/file/{}/metadata",
    "/api/file/{}/remove",
    "/security={}/AAAAAAAAAAAAAAAAAAAA",
    "/{}/AAAAAAAAAAAAAAAAAAAA",
    "/cache={}/AAAAAAAAAAAAAAAAAAAA",
    "/thumbnail/{}",
    "/icons/{}.svg",
    "/folder/{}",
];

/// Pieces of paths; `H` stands for a real handle.
const PIECES: [&str; 53] = [
    "",
    "/",
    "//",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cx",
    "..;/x",
    "%00",
    "H%00",
    "H%00.jpg",
    "%ff%fe",
    "%c0%ae%c0%ae%c0%af",
    "%252e%252e%252f",
    "%",
    "%zz",
    "%E2%80%AEgpj.exe",
    "H+",
    "H+../../x",
    "H+%00",
    "H%2Fmetadata",
    "H%2f..%2f..",
    "H;x=y",
    "H,H",
    "\"H",
    "\"H\"\"",
    "[H",
    "[H,H]",
    "\"https://127.0.0.1/x\"",
    "https://127.0.0.1/x",
    "http:/169.254.169.254/latest/meta-data",
    "src://x/y",
    "b64/e30=/b64://eA==",
    "wf://x",
    "security=policy:,signature:",
    "security=policy",
    "policy:e30=,signature:00",
    "policy:\"e30=\",signature:\"00",
    "policy:%22,signature:%22",
    "p:%00,s:%00",
    "policy:e30%3D%2Csignature:00",
    "policy:a,policy:b,signature:c,signature:d",
    "resize=width:-1",
    "resize=width:99999999999999999999",
    "a=b=c:d:e",
    "x?policy=%ff&signature=%00",
    "H?policy=%ff%fe&signature=%00&key=%00&cache=%00",
    "H?size=-1&width=%00&md5=x&cache=-9",
    "H?dl=true&dl=false&cache=expiry:-1",
    "H?cache=expiry:99999999999999999999999",
    "H?%%%=%%%&&&===",
    "H?filename=../../x&mimetype=%0d%0aX:y",
    "H#fragment",
];

/// What is put there; none of it holds a blank or a line break, which end a request line.
fn pieces(handle: &str) -> Vec<String> {
    let mut pieces = PIECES.map(|piece| piece.replace('H', handle)).to_vec();
    pieces.push("a".repeat(4_000));
    pieces.push("%2e%2e%2f".repeat(2_000));
    pieces.push("/".repeat(5_000));
    pieces.push("security=policy:a/".repeat(1_000));
    pieces.push(format!("{handle}?policy={}", "a".repeat(20_000)));
    pieces
}

#[tokio::test]
async fn paths_and_queries_may_hold_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let url = &victim.service.url;
    for place in PLACES {
        for piece in pieces(&handle) {
            let path = place.replace("{}", &piece);
            for method in ["GET", "POST"] {
                let reply = wire::ask(url, method, &path, &[], b"").await;
                reply.is_fit(&format!("{method} {path}"));
            }
        }
    }
    // The callback answers with a page for people.
    let callback = "/api/client/dropbox/authCallback/open";
    for query in [
        "",
        "?",
        "?code=&state=",
        "?code=%00&state=%00",
        "?code=%ff&state=%ff",
        "?error=%00&error_description=%0d%0aFORGED",
        "?error=access_denied&error_description=<script>alert(1)</script>&state=x",
        "?state=AAAA&code=x&code=y",
    ] {
        let reply = wire::ask(url, "GET", &format!("{callback}{query}"), &[], b"").await;
        assert!(
            (400..500).contains(&reply.status),
            "{query}: {}",
            reply.text()
        );
        assert!(!reply.text().contains("<script>alert"), "{query}");
    }
    for bytes in [10_000, 60_000] {
        let path = format!("/{}", "a".repeat(bytes));
        wire::ask(url, "GET", &path, &[], b"")
            .await
            .is_fit("a long path");
    }
    victim.is_unharmed().await;
}

#[tokio::test]
async fn every_route_answers_every_method() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let file = format!("/api/file/{handle}");
    let paths = [
        "/",
        "/prefetch",
        "/folder/list",
        "/folder/list/",
        "/metadata",
        "/auth/status",
        "/auth/logout",
        "/store/",
        "/store",
        "/link/",
        "/thumbnail/x",
        "/icons/file.svg",
        "/healthz",
        "/readyz",
        "/nothing/here",
        &file,
        &format!("{file}/metadata"),
        &format!("{file}/remove"),
        &format!("/{handle}"),
        &format!("/{handle}/metadata"),
    ];
    for path in paths {
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "FOO",
        ] {
            let reply = wire::ask(&victim.service.url, method, path, &[], b"").await;
            // The one probe that may say no more than its status; the other has no body at all.
            if method == "HEAD" || path == "/healthz" || path == "/readyz" {
                assert!((200..500).contains(&reply.status), "{method} {path}");
                continue;
            }
            reply.is_fit(&format!("{method} {path}"));
        }
    }
    victim.is_unharmed().await;
}

#[tokio::test]
async fn whatever_answers_to_get_answers_to_head() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let apikey = &victim.application.apikey;
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/icons/file.svg",
        &format!("/prefetch?apikey={apikey}"),
        &format!("/{handle}"),
        &format!("/{handle}/metadata"),
        &format!("/api/file/{handle}"),
    ] {
        let got = wire::ask(&victim.service.url, "GET", path, &[], b"").await;
        let head = wire::ask(&victim.service.url, "HEAD", path, &[], b"").await;
        assert_eq!((got.status, head.status), (200, 200), "{path}");
        let kind = "content-type";
        assert_eq!(got.header(kind), head.header(kind), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

/// Header lines that servers have stumbled over.
const LINES: [&str; 37] = [
    "Range: bytes=",
    "Range: bytes=-",
    "Range: bytes=-0",
    "Range: bytes=5-2",
    "Range: bytes=a-b",
    "Range: bytes=--1",
    "Range: bytes=0-99999999999999999999999",
    "Range: bytes=99999999999999999999-",
    "Range: bytes=18446744073709551615-18446744073709551616",
    "Range: lines=1-2",
    "Range: bytes=0-0, 1-1, 2-2",
    "Range: ÿ",
    "If-Range: \"",
    "If-None-Match: W/",
    "If-None-Match: *, *",
    "If-Modified-Since: yesterday",
    "If-Modified-Since: Thu, 01 Jan 99999 00:00:00 GMT",
    "If-Match: \"x",
    "Authorization: Basic",
    "Authorization: Basic !!!!",
    "Authorization: Bearer x",
    "Authorization: ÿ",
    "Origin: ÿ",
    "Origin: null\tx",
    "Accept: ÿ/ÿ;q=-1",
    "Accept-Encoding: gzip;q=9e999, ÿ",
    "Cookie: =;=;=",
    "Content-Type: ÿ",
    "Content-Type: application/json; charset=\"",
    "Content-Type: multipart/form-data; boundary=",
    "Content-Encoding: gzip",
    "Content-Encoding: nothing",
    "X-Forwarded-For: ',,,'",
    "Idempotency-Key: ÿ",
    "Idempotency-Key: ",
    "Upgrade: h2c",
    "Expect: 200-maybe",
];

fn header_lines() -> Vec<String> {
    let mut lines = LINES.map(str::to_owned).to_vec();
    lines.push(format!("Range: bytes={}", "0-0,".repeat(1_000)));
    lines.push(format!("If-None-Match: \"{}\"", "x".repeat(8_000)));
    for text in [&b"app"[..], b"app:", b":", b"app:\xff\xfe\0"] {
        lines.push(format!("Authorization: Basic {}", STANDARD.encode(text)));
    }
    lines
}

#[tokio::test]
async fn headers_may_hold_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let url = &victim.service.url;
    let pick = json!({
        "apikey": victim.application.apikey, "token": victim.person.token,
        "clouds": { "dropbox": { "path": "/a.txt" } },
    });
    let pick = pick.to_string();
    for line in header_lines() {
        let line = line.as_str();
        for path in [format!("/{handle}"), format!("/api/file/{handle}/metadata")] {
            let reply = wire::ask(url, "GET", &path, &[line], b"").await;
            // A preflight's word for a range that is not there has a status of its own.
            reply.is_fit(&format!("GET {path} {line}"));
        }
        let reply = wire::ask(url, "POST", "/store/", &[line], pick.as_bytes()).await;
        reply.is_fit(&format!("POST /store/ {line}"));
        let reply = wire::ask(url, "POST", &format!("/api/file/{handle}"), &[line], b"x").await;
        reply.is_fit(&format!("POST /api/file {line}"));
    }
    assert_eq!(victim.person.read(&format!("{url}/{handle}")).await, b"abc");
    victim.is_unharmed().await;
}

#[tokio::test]
async fn what_is_not_even_http_is_turned_away() {
    let victim = Victim::start(&[]).await;
    let url = &victim.service.url;
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let request = |line: &str, rest: &str| format!("{line}\r\nHost: x\r\n{rest}\r\n");
    for bytes in [
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        request("GET / HTTP/1.1", &many).into_bytes(),
        request("POST /store/ HTTP/1.1", "Content-Length: -1\r\n").into_bytes(),
        request("POST /store/ HTTP/1.1", "Content-Length: x\r\n").into_bytes(),
        request(
            "POST /store/ HTTP/1.1",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
        )
        .into_bytes(),
        request(
            "POST /store/ HTTP/1.1",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        )
        .into_bytes(),
        request("POST /store/ HTTP/1.1", "Transfer-Encoding: x\r\n").into_bytes(),
        long.into_bytes(),
    ] {
        let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let closing = wire::send(url, &bytes);
        // One that is not answered is waiting for more; it is closed in its time.
        let Ok(reply) = tokio::time::timeout(std::time::Duration::from_secs(3), closing).await
        else {
            continue;
        };
        assert!(
            reply.status == 0 || (400..500).contains(&reply.status),
            "{begin}: {reply:?}"
        );
    }
    victim.is_unharmed().await;
}
