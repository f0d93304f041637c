//! Policies, tokens and keys of every bad kind.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use longshore::access::sign_policy;
use serde_json::json;

use crate::hostile::Victim;
use crate::processes::{Dropbox, Service};
use crate::wire::{self, Reply};

/// Policies that are none, or whose members are not what they should be.
fn policies() -> Vec<String> {
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
    policies
}

/// Asks for this and that under a policy.
async fn under(victim: &Victim, handle: &str, policy: &str, signature: &str) -> Vec<Reply> {
    let url = &victim.service.url;
    let body = json!({
        "apikey": victim.application.apikey, "token": victim.person.token, "policy": policy,
        "signature": signature, "clouds": { "dropbox": { "path": "/a.txt" } },
        "security": { "policy": policy, "signature": signature },
    });
    let body = body.to_string();
    let mut replies = Vec::new();
    for route in ["/prefetch", "/metadata", "/store/"] {
        replies.push(wire::post(url, route, body.as_bytes()).await);
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("policy", policy)
        .append_pair("signature", signature)
        .finish();
    let task = query
        .replace("policy=", "policy:")
        .replace("&signature=", ",signature:");
    for path in [
        format!("/{handle}?{query}"),
        format!("/api/file/{handle}/metadata?exif=true&{query}"),
        format!("/security={task}/{handle}"),
    ] {
        replies.push(wire::ask(url, "GET", &path, &[], b"").await);
    }
    replies
}

#[tokio::test]
async fn a_policy_may_hold_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let secret = &victim.application.secret;
    for policy in policies() {
        for signature in [
            sign_policy(&policy, secret),
            "00".to_owned(),
            "ÿ".to_owned(),
        ] {
            let right = signature.len() == 64;
            for reply in under(&victim, &handle, &policy, &signature).await {
                reply.is_fit(&policy);
                assert!(right || reply.status >= 400, "{policy}");
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
        // How the application of the first number might be called inside.
        "#1",
        "1",
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

#[tokio::test]
async fn a_token_that_ran_out_is_told_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let short = [("LONGSHORE_CONNECTIONS_SESSION_LIFETIME", "1s")];
    let service = Service::start(dir.path(), &dropbox.url, &short);
    let mut stranger = service.application().stranger();
    let token = stranger.list("/", None).await["token"].clone();
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    stranger.token = token.as_str().map(str::to_owned);
    let listed = stranger.list("/", None).await;
    assert_eq!(
        listed["dropbox"]["auth"]["reason"], "session-expired",
        "{listed}"
    );
    assert_ne!(listed["token"], token);
    let (status, refused) = stranger.pick("/a.txt").await;
    assert_eq!(
        (status, refused["code"].as_str()),
        (401, Some("invalid-session"))
    );
}
