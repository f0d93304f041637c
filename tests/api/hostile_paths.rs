//! Paths, queries, headers, methods, policies and tokens of every bad kind.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use longshore::access::sign_policy;
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

/// What is put there; none of it holds a blank or a line break, which end a request line.
fn pieces(handle: &str) -> Vec<String> {
    let mut pieces: Vec<String> = [
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
    ]
    .map(|piece| piece.replace('H', handle))
    .into();
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
async fn headers_may_hold_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let url = &victim.service.url;
    let many_ranges = format!("Range: bytes={}", "0-0,".repeat(1_000));
    let long = format!("If-None-Match: \"{}\"", "x".repeat(8_000));
    let basic = |text: &[u8]| format!("Authorization: Basic {}", STANDARD.encode(text));
    let basics = [
        basic(b"app"),
        basic(b"app:"),
        basic(b":"),
        basic(b"app:\xff\xfe\0"),
    ];
    let lines = [
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
        &many_ranges,
        &long,
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
        &basics[0],
        &basics[1],
        &basics[2],
        &basics[3],
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
    let pick = json!({
        "apikey": victim.application.apikey, "token": victim.person.token,
        "clouds": { "dropbox": { "path": "/a.txt" } },
    });
    let pick = pick.to_string();
    for line in lines {
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

#[tokio::test]
async fn a_policy_may_hold_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let url = &victim.service.url;
    let (apikey, secret) = (&victim.application.apikey, &victim.application.secret);
    let members = [
        "expiry",
        "call",
        "handle",
        "url",
        "path",
        "container",
        "minSize",
        "maxSize",
    ];
    let values = [
        "null",
        "true",
        "-1",
        "1e999",
        "1.5",
        "99999999999999999999999",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[[[[]]]]",
        "[null,7,\"read\"]",
        "\"(\"",
        "\"(a+)+$\"",
        "\"a{1000}{1000}\"",
        "\"\\u0000\"",
        "\"(?P<x>.)\\\\k<x>\"",
    ];
    let mut texts: Vec<Vec<u8>> = [&b""[..], b"{", b"null", b"[]", b"7", b"\"x\"", b"\xff\xfe"]
        .map(<[u8]>::to_vec)
        .into();
    texts.push(format!("{}1{}", "[".repeat(3_000), "]".repeat(3_000)).into_bytes());
    for member in members {
        for value in values {
            let expiry = if member == "expiry" {
                ""
            } else {
                "\"expiry\":99999999999,"
            };
            texts.push(format!("{{{expiry}\"{member}\":{value}}}").into_bytes());
        }
    }
    let mut policies: Vec<String> = texts.iter().map(|text| URL_SAFE.encode(text)).collect();
    policies.push("not base64!".to_owned());
    policies.push("ÿ\0".to_owned());
    policies.push("A".repeat(17 * 1024));
    for policy in policies {
        for signature in [
            sign_policy(&policy, secret),
            "00".to_owned(),
            "ÿ".to_owned(),
        ] {
            let body = json!({
                "apikey": apikey, "token": victim.person.token, "policy": policy,
                "signature": signature, "clouds": { "dropbox": { "path": "/a.txt" } },
                "security": { "policy": policy, "signature": signature },
            });
            for route in ["/prefetch", "/metadata", "/store/"] {
                let reply = wire::post(url, route, body.to_string().as_bytes()).await;
                reply.is_fit(&format!("{route} {policy}"));
                assert!(
                    signature.len() == 64 || reply.status >= 400,
                    "{route} {policy}"
                );
            }
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("policy", &policy)
                .append_pair("signature", &signature)
                .finish();
            let encoded = query
                .replace("policy=", "policy:")
                .replace("&signature=", ",signature:");
            for path in [
                format!("/{handle}?{query}"),
                format!("/api/file/{handle}/metadata?exif=true&{query}"),
                format!("/security={encoded}/{handle}"),
            ] {
                let reply = wire::ask(url, "GET", &path, &[], b"").await;
                reply.is_fit(&path);
                assert!(signature.len() == 64 || reply.status >= 400, "{path}");
            }
        }
    }
    victim.is_unharmed().await;
}

#[tokio::test]
async fn a_token_of_nobody_or_of_another_opens_nothing() {
    let victim = Victim::start(&[]).await;
    let url = &victim.service.url;
    let other = victim.service.application();
    let theirs = other.person().await.token.unwrap();
    let own = victim.person.token.clone().unwrap();
    let mut turned = own.clone().into_bytes();
    turned[0] = if turned[0] == b'A' { b'B' } else { b'A' };
    let tokens = [
        String::new(),
        "x".to_owned(),
        "\0".to_owned(),
        "..".to_owned(),
        "é".repeat(10_000),
        "a".repeat(50_000),
        theirs,
        own[..own.len() - 1].to_owned(),
        format!("{own}0"),
        format!("{own}\0"),
        own.to_uppercase(),
        own.split('.').next().unwrap().to_owned(),
        String::from_utf8(turned).unwrap(),
    ];
    for token in tokens {
        let clouds = json!({ "dropbox": { "path": "/a.txt" } });
        let apikey = &victim.application.apikey;
        let body = json!({ "apikey": apikey, "token": token, "clouds": clouds }).to_string();
        for route in ["/folder/list", "/metadata"] {
            let reply = wire::post(url, route, body.as_bytes()).await;
            reply.is_fit(&format!("{route} {token}"));
            let told = reply.json();
            assert!(told["dropbox"]["auth"].is_object(), "{token:.80}: {told}");
            assert_ne!(told["token"], token);
        }
        for route in ["/store/", "/link/"] {
            let reply = wire::post(url, route, body.as_bytes()).await;
            reply.is_fit(&format!("{route} {token}"));
            assert_eq!(reply.status, 401, "{token:.80}: {}", reply.text());
        }
        let reply = wire::post(url, "/auth/logout", body.as_bytes()).await;
        assert_eq!(reply.status, 200, "{token:.80}: {}", reply.text());
    }
    victim.is_unharmed().await;
}

#[tokio::test]
async fn a_key_of_nobody_is_told_as_one() {
    let victim = Victim::start(&[]).await;
    let url = &victim.service.url;
    let own = &victim.application.apikey;
    let long = "A".repeat(40_000);
    for apikey in [
        "Aunknown",
        "\0",
        "' OR 1=1 --",
        "%00",
        &own.to_lowercase(),
        &long,
        "é",
    ] {
        for route in [
            "/prefetch",
            "/folder/list",
            "/metadata",
            "/auth/status",
            "/auth/logout",
            "/store/",
            "/link/",
        ] {
            let body = json!({
                "apikey": apikey, "token": victim.person.token,
                "clouds": { "dropbox": { "path": "/a.txt" } },
            });
            let reply = wire::post(url, route, body.to_string().as_bytes()).await;
            reply.is_fit(&format!("{route} {apikey}"));
            assert_eq!(reply.status, 401, "{route} {apikey:.80}: {}", reply.text());
            assert_eq!(reply.json()["code"], "unknown-apikey");
        }
    }
    victim.is_unharmed().await;
}
