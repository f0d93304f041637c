//! Who may do what to a file.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use longshore::access::{NewApplication, sign_policy};
use reqwest::Method;

use crate::file_service::Service;

async fn status(service: &Service, path: &str) -> u16 {
    service.get(path).await.status().as_u16()
}

#[tokio::test]
async fn with_security_on_reading_needs_a_policy_that_allows_it() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    service.secure(true).await;
    let (handle, key) = (file.handle.clone(), service.application.apikey.clone());
    for path in [
        format!("/{handle}"),
        format!("/api/file/{handle}"),
        format!("/{handle}/metadata"),
    ] {
        assert_eq!(status(&service, &path).await, 403, "{path}");
    }
    let [(_, p), (_, s)] = service.allowing(&["read", "stat"]);
    for path in [
        format!("/{handle}?policy={p}&signature={s}"),
        format!("/api/file/{handle}?policy={p}&signature={s}&key={key}"),
        format!("/api/file/{handle}/metadata?policy={p}&signature={s}"),
        format!("/security=policy:{p},signature:{s}/{handle}"),
        format!("/security=p:{p},s:{s}/{handle}/metadata"),
        format!("/{key}/security=policy:{p},signature:{s}/{handle}"),
        format!("/{key}/security=policy%3A{p},signature%3A{s}%2F{handle}"),
    ] {
        assert_eq!(status(&service, &path).await, 200, "{path}");
    }
    let private = service
        .get(&format!("/{handle}?policy={p}&signature={s}"))
        .await;
    assert_eq!(private.headers()["cache-control"], "private, max-age=3600");
    let [(_, p), (_, s)] = service.allowing(&["stat"]);
    assert_eq!(
        status(&service, &format!("/{handle}?policy={p}&signature={s}")).await,
        403
    );
    let head = service
        .ask(Method::HEAD, &format!("/{handle}"))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 403);
    service.stop().await;
}

#[tokio::test]
async fn both_alphabets_are_read_wherever_a_policy_comes() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    service.secure(true).await;
    // The bytes of these characters need both letters in which the alphabets differ.
    let json = r#"{"expiry":99999999999,"x":"?>?>?>>>???~~~~>>>","call":["read"]}"#;
    let standard = STANDARD.encode(json);
    assert!(standard.contains('+') && standard.contains('/'));
    for policy in [standard, URL_SAFE.encode(json)] {
        let signature = sign_policy(&policy, &service.secret);
        let encoded = policy
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        for path in [
            format!("/{}?policy={policy}&signature={signature}", file.handle),
            format!("/{}?policy={encoded}&signature={signature}", file.handle),
            format!(
                "/security=policy:{policy},signature:{signature}/{}",
                file.handle
            ),
            format!(
                "/security=policy:{encoded},signature:{signature}/{}",
                file.handle
            ),
            format!(
                "/security=policy:%22{policy}%22,signature:{signature}/{}",
                file.handle
            ),
        ] {
            assert_eq!(status(&service, &path).await, 200, "{path}");
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_policy_that_is_expired_forged_or_for_another_file_is_refused() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let now = service.clock.now().timestamp();
    let (p, s) = service.policy(&format!(r#"{{"expiry":{}}}"#, now - 1));
    // A policy that comes along counts, even where none is needed.
    for secured in [false, true] {
        service.secure(secured).await;
        let response = service
            .get(&format!("/{}?policy={p}&signature={s}", file.handle))
            .await;
        assert_eq!(response.status(), 403);
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("The signature has expired")
        );
    }
    let (p, s) = service.policy(&format!(r#"{{"expiry":{}}}"#, now + 9));
    let other = format!(
        r#"{{"expiry":{},"handle":"AAAAAAAAAAAAAAAAAAAA"}}"#,
        now + 9
    );
    let (other, other_s) = service.policy(&other);
    for (policy, signature) in [
        (p.as_str(), "00"),
        (p.as_str(), ""),
        ("", s.as_str()),
        ("bm90IGpzb24=", s.as_str()),
        (other.as_str(), other_s.as_str()),
    ] {
        let path = format!("/{}?policy={policy}&signature={signature}", file.handle);
        assert_eq!(status(&service, &path).await, 403, "{path}");
    }
    let path = format!("/{}?policy={p}&signature={s}", file.handle);
    assert_eq!(status(&service, &path).await, 200);
    service.hand.advance(std::time::Duration::from_secs(10));
    assert_eq!(status(&service, &path).await, 403);
    service.stop().await;
}

#[tokio::test]
async fn the_secret_opens_everything_and_a_wrong_one_nothing() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    service.secure(true).await;
    let ask = async |user: &str, secret: &str| {
        let ask = service.ask(Method::GET, &format!("/api/file/{}", file.handle));
        ask.basic_auth(user, Some(secret))
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(ask("app", &service.secret).await, 200);
    assert_eq!(ask("app", "wrong").await, 401);
    assert_eq!(ask("someone", &service.secret).await, 403);
    service.stop().await;
}

#[tokio::test]
async fn a_foreign_application_reaches_nothing() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let new = NewApplication {
        name: "Other".to_owned(),
        ..NewApplication::default()
    };
    let (other, secret) = service
        .applications
        .create(new, &longshore::access::audit::Actor::command_line())
        .await
        .unwrap();
    for path in [
        format!("/{}/{}", other.apikey, file.handle),
        format!("/api/file/{}?key={}", file.handle, other.apikey),
        format!(
            "/api/file/{}/metadata?key=AAAAAAAAAAAAAAAAAAAAAA",
            file.handle
        ),
    ] {
        assert_eq!(status(&service, &path).await, 403, "{path}");
    }
    let policy = URL_SAFE.encode(r#"{"expiry":99999999999}"#);
    let signature = sign_policy(&policy, &secret);
    let path = format!(
        "/api/file/{}?policy={policy}&signature={signature}",
        file.handle
    );
    assert_eq!(status(&service, &path).await, 403);
    let deleted = service.ask(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), 403);
    let by_secret = service.ask(Method::DELETE, &format!("/api/file/{}", file.handle));
    let by_secret = by_secret
        .basic_auth("app", Some(&secret))
        .send()
        .await
        .unwrap();
    assert_eq!(by_secret.status(), 401);
    assert_eq!(status(&service, &format!("/{}", file.handle)).await, 200);
    service.stop().await;
}

#[tokio::test]
async fn changing_a_file_needs_authority_even_without_security() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let path = format!("/api/file/{}", file.handle);
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (
            Method::POST,
            format!("{path}/remove?key={}", service.application.apikey),
        ),
        (Method::POST, path.clone()),
        (Method::PUT, path.clone()),
    ] {
        let response = service
            .ask(method.clone(), &path)
            .body("x")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 403, "{method} {path}");
        let wrong = service
            .ask(method.clone(), &path)
            .query(&service.allowing(&["read"]));
        assert_eq!(
            wrong.body("x").send().await.unwrap().status(),
            403,
            "{method} {path}"
        );
    }
    assert_eq!(service.get(&path).await.text().await.unwrap(), "abc");
    assert!(service.actions().await.is_empty());
    service.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_read_what_they_are_told() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let ask = service.ask(Method::GET, &format!("/api/file/{}", file.handle));
    let response = ask
        .header("origin", "https://shop.test")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let ask = service.ask(Method::OPTIONS, &format!("/api/file/{}", file.handle));
    let ask = ask.header("origin", "https://shop.test");
    let response = ask
        .header("access-control-request-method", "DELETE")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 204);
    service.stop().await;
}
