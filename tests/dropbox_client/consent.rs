//! The OAuth dance: the consent page, codes, refresh tokens, revoking.

use std::{collections::HashMap, time::Duration};

use longshore::dropbox::{AppCredentials, AuthorizeRequest, DropboxError, OAuthError, Secret};
use serde_json::{Value, json};

use crate::{
    World,
    stub::{Fault, Reply},
};

const TOKEN: &str = "/api/oauth2/token";
const REVOKE: &str = "/api/2/auth/token/revoke";
const BACK: &str = "https://example.com/back";

fn app() -> AppCredentials {
    AppCredentials {
        key: "app-key".into(),
        secret: Secret::new("app-secret"),
    }
}

fn granted() -> Value {
    json!({
        "access_token": "sl.access", "token_type": "bearer", "expires_in": 14400,
        "refresh_token": "refresh-me", "scope": "account_info.read files.content.read",
        "uid": "12345", "account_id": "dbid:a", "invented_later": true,
    })
}

/// What becomes of a code that is answered so.
async fn exchanged(reply: Reply) -> OAuthError {
    let world = World::new().await;
    world.stub.on(TOKEN, [reply]);
    let outcome = world
        .dropbox
        .exchange_code(&app(), "code", BACK, "verifier")
        .await;
    outcome.unwrap_err()
}

fn refused(error: &str, description: &str) -> Reply {
    Reply::error(
        400,
        json!({"error": error, "error_description": description}),
    )
}

#[tokio::test]
async fn the_consent_page_is_asked_for_offline_use_with_pkce_and_without_the_secret() {
    let world = World::new().await;
    let request = AuthorizeRequest {
        redirect_uri: "https://example.com/back?a=b&c",
        state: "st&te",
        code_challenge: "challenge",
        scopes: &["account_info.read", "files.metadata.read"],
        force_reapprove: true,
        locale: Some("de"),
    };
    let url = world.dropbox.authorize_url(&app(), &request);
    assert_eq!(url.path(), "/www/oauth2/authorize");
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", "app-key"),
        ("response_type", "code"),
        ("redirect_uri", "https://example.com/back?a=b&c"),
        ("state", "st&te"),
        ("code_challenge", "challenge"),
        ("code_challenge_method", "S256"),
        ("token_access_type", "offline"),
        ("scope", "account_info.read files.metadata.read"),
        ("force_reapprove", "true"),
        ("locale", "de"),
    ];
    assert_eq!(query.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(query[name], value);
    }
}

#[tokio::test]
async fn a_code_becomes_tokens_with_the_secret_in_the_body_only() {
    let world = World::new().await;
    world.stub.on(TOKEN, [Reply::json(granted())]);
    let grant = world
        .dropbox
        .exchange_code(&app(), "c0de", BACK, "verifier")
        .await
        .unwrap();
    assert_eq!(grant.access_token.expose(), "sl.access");
    assert_eq!(grant.refresh_token.expose(), "refresh-me");
    assert_eq!(grant.expires_in, Duration::from_secs(14_400));
    assert_eq!(
        (grant.account_id.as_str(), grant.uid.as_str()),
        ("dbid:a", "12345")
    );
    assert_eq!(grant.scope, ["account_info.read", "files.content.read"]);
    assert!(!format!("{grant:?}").contains("sl.access"));
    let asked = world.stub.only();
    assert_eq!(asked.path, TOKEN);
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let form = asked.form();
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "c0de"),
        ("redirect_uri", BACK),
        ("code_verifier", "verifier"),
        ("client_id", "app-key"),
        ("client_secret", "app-secret"),
    ];
    assert_eq!(form.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(form[name], value);
    }
}

#[tokio::test]
async fn a_public_app_sends_no_secret() {
    let world = World::new().await;
    world.stub.on(TOKEN, [Reply::json(granted())]);
    let public = AppCredentials {
        secret: Secret::default(),
        ..app()
    };
    world
        .dropbox
        .refresh(&public, &Secret::new("refresh-me"))
        .await
        .unwrap();
    assert!(!world.stub.only().form().contains_key("client_secret"));
}

#[tokio::test]
async fn a_refresh_needs_the_secret_and_gives_a_new_access_token() {
    let world = World::new().await;
    let answer = json!({"access_token": "sl.new", "token_type": "bearer", "expires_in": 14400});
    world.stub.on(TOKEN, [Reply::json(answer)]);
    let refreshed = world
        .dropbox
        .refresh(&app(), &Secret::new("refresh-me"))
        .await
        .unwrap();
    assert_eq!(refreshed.access_token.expose(), "sl.new");
    assert_eq!(refreshed.expires_in, Duration::from_secs(14_400));
    let form = world.stub.only().form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "refresh-me");
    assert_eq!(form["client_secret"], "app-secret");
}

#[tokio::test]
async fn a_dead_refresh_token_answers_400_and_means_to_connect_again() {
    let world = World::new().await;
    world.stub.on(
        TOKEN,
        [refused(
            "invalid_grant",
            "refresh token is invalid or revoked",
        )],
    );
    let outcome = world.dropbox.refresh(&app(), &Secret::new("dead")).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, OAuthError::InvalidGrant { .. }),
        "{error:?}"
    );
    assert_eq!(DropboxError::from(error), DropboxError::LinkRevoked);
    world.stub.only();
}

#[tokio::test]
async fn the_developer_is_told_from_the_person_by_the_error() {
    let expired = refused("invalid_grant", "code doesn't exist or has expired");
    assert!(matches!(
        exchanged(expired).await,
        OAuthError::InvalidGrant { .. }
    ));
    let mismatch = refused("invalid_grant", "redirect_uri mismatch");
    assert!(matches!(
        exchanged(mismatch).await,
        OAuthError::RedirectMismatch { .. }
    ));
    let words = "Invalid client_id or client_secret";
    let wrong = [
        refused("invalid_client", words),
        refused(&format!("invalid_client: {words}"), ""),
        Reply::error(
            401,
            json!({"error": "invalid_client", "error_description": words}),
        ),
        refused("invalid_request", words),
    ];
    for reply in wrong {
        let error = exchanged(reply).await;
        assert!(matches!(&error, OAuthError::WrongApp { message } if message.contains(words)));
    }
    let other = exchanged(refused("unsupported_grant_type", "what?")).await;
    assert!(
        matches!(other, OAuthError::Unexpected { status: 400, .. }),
        "{other:?}"
    );
    let text = exchanged(Reply::new(400, "<html>")).await;
    assert!(
        matches!(text, OAuthError::Unexpected { status: 400, .. }),
        "{text:?}"
    );
}

#[tokio::test]
async fn a_grant_without_refresh_token_is_not_taken() {
    let mut online = granted();
    online.as_object_mut().unwrap().remove("refresh_token");
    let error = exchanged(Reply::json(online)).await;
    assert!(
        matches!(error, OAuthError::Unexpected { status: 200, .. }),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("sl.access"));
    assert!(error.to_string().contains("no refresh token"), "{error}");
}

#[tokio::test]
async fn beyond_the_tokens_a_grant_need_not_say_anything() {
    let (world, app, spent) = (World::new().await, app(), Secret::new("refresh-me"));
    let bare = json!({"access_token": "sl.access", "refresh_token": "refresh-me"});
    let odd = json!({
        "access_token": "sl.access", "refresh_token": "refresh-me", "expires_in": "3600",
        "uid": 7, "account_id": null, "scope": null, "team_id": null,
    });
    let endless = json!({
        "access_token": "sl.access", "refresh_token": "refresh-me", "expires_in": 1e300,
    });
    world.stub.on(TOKEN, [bare, odd, endless].map(Reply::json));
    let again = || world.dropbox.exchange_code(&app, "code", BACK, "verifier");
    let grant = again().await.unwrap();
    assert_eq!(grant.expires_in, Duration::from_secs(14_400));
    assert_eq!((grant.account_id.as_str(), grant.scope.len()), ("", 0));
    let grant = again().await.unwrap();
    assert_eq!(grant.expires_in, Duration::from_secs(3600));
    assert_eq!((grant.uid.as_str(), grant.team_id), ("7", None));
    assert!(again().await.unwrap().expires_in < Duration::from_secs(400_000_000));
    world
        .stub
        .on(TOKEN, [Reply::json(json!({"access_token": "sl.next"}))]);
    let refreshed = world.dropbox.refresh(&app, &spent);
    assert_eq!(
        refreshed.await.unwrap().expires_in,
        Duration::from_secs(14_400)
    );
}

#[tokio::test]
async fn a_code_that_was_refused_for_haste_is_sent_again() {
    for first in [
        Reply::new(503, "").header("Retry-After", "0.01"),
        Reply::new(429, "slow down").header("Retry-After", "0.01"),
    ] {
        let world = World::new().await;
        world.stub.on(TOKEN, [first, Reply::json(granted())]);
        let outcome = world
            .dropbox
            .exchange_code(&app(), "code", BACK, "verifier")
            .await;
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(world.stub.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_code_is_not_sent_twice_when_its_answer_is_lost() {
    for first in [
        Reply::json(granted()).fault(Fault::Silence),
        Reply::new(500, "oops"),
        Reply::new(503, "oops"),
        Reply::new(502, "oops").header("Retry-After", "0.01"),
    ] {
        let world = World::new().await;
        world.stub.on(TOKEN, [first, Reply::json(granted())]);
        let outcome = world
            .dropbox
            .exchange_code(&app(), "code", BACK, "verifier")
            .await;
        assert!(
            matches!(outcome, Err(OAuthError::Unavailable { .. })),
            "{outcome:?}"
        );
        world.stub.only();
    }
}

#[tokio::test]
async fn a_refresh_is_asked_for_again_until_dropbox_answers() {
    let world = World::new().await;
    let good = Reply::json(granted());
    let lost = good.clone().fault(Fault::Silence);
    world.stub.on(TOKEN, [Reply::new(503, ""), lost, good]);
    world
        .dropbox
        .refresh(&app(), &Secret::new("refresh-me"))
        .await
        .unwrap();
    assert_eq!(world.stub.seen().len(), 3);
}

#[tokio::test]
async fn a_rate_limit_beyond_the_deadline_is_handed_on() {
    let error = exchanged(Reply::new(429, "slow down").header("Retry-After", "20")).await;
    let retry_after = Some(Duration::from_secs(20));
    assert!(
        matches!(&error, OAuthError::Unavailable { retry_after: asked, .. } if *asked == retry_after)
    );
    assert_eq!(DropboxError::from(error).retry_after(), retry_after);
}

#[tokio::test]
async fn a_link_that_dropbox_knows_no_more_counts_as_revoked() {
    let world = World::new().await;
    let error =
        |tag: &str| Reply::error(401, json!({"error_summary": tag, "error": {".tag": tag}}));
    let (unknown, expired) = (error("invalid_access_token"), error("expired_access_token"));
    world.stub.on(
        REVOKE,
        [
            Reply::new(200, "null"),
            Reply::new(200, ""),
            unknown,
            expired,
        ],
    );
    let token = Secret::new("sl.access");
    for _ in 0..3 {
        assert_eq!(world.dropbox.revoke(&token).await, Ok(()));
    }
    // Its refresh token lives on, so this is no success.
    assert_eq!(
        world.dropbox.revoke(&token).await,
        Err(DropboxError::TokenExpired)
    );
    let asked = &world.stub.seen()[0];
    assert_eq!(asked.header("authorization"), Some("Bearer sl.access"));
    assert_eq!(asked.header("content-type"), None);
    assert!(asked.body.is_empty());
}
