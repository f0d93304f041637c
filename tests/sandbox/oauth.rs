//! Consent, codes, tokens.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::spawn::{REDIRECT, World, world, world_with};

const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-taken-0123456789";

async fn ask(world: &World, extra: &[(&str, &str)]) -> Response {
    let mut query = vec![
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("state", "s&t"),
    ];
    for (name, value) in extra {
        query.retain(|(known, _)| known != name);
        query.push((name, value));
    }
    let url = format!("{}/oauth2/authorize", world.url);
    world.http.get(url).query(&query).send().await.unwrap()
}

fn hidden(page: &str, name: &str) -> String {
    let start = page
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap();
    start.split('"').next().unwrap().to_owned()
}

async fn decide(world: &World, page: &str, decision: &str) -> HashMap<String, String> {
    let consent = hidden(page, "consent");
    let account = hidden(page, "account");
    let form = [
        ("consent", consent.as_str()),
        ("account", &account),
        ("decision", decision),
    ];
    let url = format!("{}/oauth2/authorize", world.url);
    let answer = world.http.post(url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let target = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert!(target.as_str().starts_with(REDIRECT));
    target.query_pairs().into_owned().collect()
}

async fn code(world: &World, extra: &[(&str, &str)]) -> String {
    let page = ask(world, extra).await.text().await.unwrap();
    decide(world, &page, "allow").await["code"].clone()
}

async fn exchange(world: &World, code: &str, extra: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("client_id", "app"),
    ];
    for (name, value) in extra {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    world.token(&form).await
}

const SECRET: (&str, &str) = ("client_secret", "app-secret");

#[tokio::test]
async fn a_person_can_allow() {
    let world = world(&[]).await;
    let answer = ask(&world, &[("token_access_type", "offline")]).await;
    assert_eq!(
        answer.headers()["cross-origin-opener-policy"],
        "same-origin"
    );
    let page = answer.text().await.unwrap();
    let given = decide(&world, &page, "allow").await;
    assert_eq!(given["state"], "s&t");
    let (status, tokens) = exchange(&world, &given["code"], &[SECRET]).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(tokens["refresh_token"].is_string() && tokens["account_id"].is_string());
    assert_eq!(tokens["token_type"], "bearer");
    // A code is good for one exchange.
    let (status, body) = exchange(&world, &given["code"], &[SECRET]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_person_can_deny() {
    let world = world(&[]).await;
    let page = ask(&world, &[]).await.text().await.unwrap();
    let given = decide(&world, &page, "deny").await;
    assert_eq!(
        (given["error"].as_str(), given["state"].as_str()),
        ("access_denied", "s&t")
    );
    assert!(given.contains_key("error_description"));
}

#[tokio::test]
async fn a_developers_mistake_is_told_on_a_page_and_never_redirected() {
    let world = world(&[]).await;
    let mistakes = [
        ("client_id", "nobody"),
        ("redirect_uri", "http://localhost:9/callback/"),
        ("response_type", "token"),
        ("scope", "files.everything"),
        ("code_challenge", "short"),
    ];
    for mistake in mistakes {
        let answer = ask(&world, &[mistake]).await;
        assert_eq!(answer.status(), 400, "{mistake:?}");
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
}

#[tokio::test]
async fn a_form_on_another_page_decides_nothing() {
    let world = world(&[]).await;
    let page = ask(&world, &[]).await.text().await.unwrap();
    let form = [
        ("consent", hidden(&page, "consent")),
        ("decision", "allow".to_owned()),
    ];
    let post = world
        .http
        .post(format!("{}/oauth2/authorize", world.url))
        .form(&form);
    let answer = post
        .header("Origin", "http://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn a_code_challenge_must_be_met() {
    let world = world(&[]).await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("token_access_type", "offline"),
    ];
    let wrong = "b".repeat(50);
    for extra in [&[][..], &[("code_verifier", wrong.as_str())], &[SECRET]] {
        let (status, body) = exchange(&world, &code(&world, &pkce).await, extra).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("invalid_grant")),
            "{extra:?}"
        );
    }
    // Without a secret; such a refresh token needs none either.
    let (status, tokens) = exchange(
        &world,
        &code(&world, &pkce).await,
        &[("code_verifier", VERIFIER)],
    )
    .await;
    assert_eq!(status, 200, "{tokens}");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", "app"),
    ];
    assert_eq!(world.token(&form).await.0, 200);
    // One made with the secret does.
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
    ];
    assert_eq!(world.token(&form).await.1["error"], "invalid_client");
}

#[tokio::test]
async fn an_exchange_checks_secret_redirect_and_access_type() {
    let world = world(&[]).await;
    let (status, body) = exchange(
        &world,
        &code(&world, &[]).await,
        &[("client_secret", "wrong")],
    )
    .await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
    let other = ("redirect_uri", "http://localhost:9/other");
    let (status, body) = exchange(&world, &code(&world, &[]).await, &[SECRET, other]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    let (status, tokens) = exchange(&world, &code(&world, &[]).await, &[SECRET]).await;
    assert_eq!(status, 200);
    assert!(
        tokens.get("refresh_token").is_none(),
        "nobody asked for offline access"
    );
}

#[tokio::test]
async fn revoking_ends_the_whole_grant() {
    let world = world(&[]).await;
    let (status, body) = world.rpc("auth/token/revoke", Value::Null).await;
    assert_eq!((status, body), (200, Value::Null));
    assert_eq!(
        world.rpc("users/get_current_account", Value::Null).await.0,
        401
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
        SECRET,
    ];
    let (status, body) = world.token(&form).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn tokens_live_as_long_as_said() {
    let world = world_with(&[], |options| {
        options.access_token_lifetime = std::time::Duration::ZERO
    })
    .await;
    let (status, body) = world.rpc("users/get_current_account", Value::Null).await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (401, &json!("expired_access_token"))
    );
}

#[tokio::test]
async fn the_addresses_of_dropboxs_first_api_still_work() {
    let world = world(&[]).await;
    let page = format!(
        "{}/1/oauth2/authorize?client_id=app&response_type=code",
        world.url
    );
    assert_eq!(world.http.get(page).send().await.unwrap().status(), 200);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    let address = format!("{}/1/oauth2/token", world.url);
    let answer = world.http.post(address).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_script_of_any_page_may_ask_and_read() {
    let world = world(&[("a.txt", b"1")]).await;
    let route = format!("{}/2/files/list_folder", world.url);
    let asked = world
        .http
        .request(reqwest::Method::OPTIONS, route)
        .header("Origin", "http://page.example")
        .header(
            "Access-Control-Request-Headers",
            "authorization,x-of-its-own",
        );
    let allowed = asked.send().await.unwrap();
    assert_eq!(
        allowed.headers()["access-control-allow-headers"],
        "authorization,x-of-its-own"
    );
    let token = format!("{}/oauth2/token", world.url);
    let token = world.http.post(token).form(&[("grant_type", "x")]);
    let link = world
        .ok("files/get_temporary_link", json!({ "path": "/a.txt" }))
        .await;
    let link = world.http.get(link["link"].as_str().unwrap());
    for call in [token, link] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    }
}
