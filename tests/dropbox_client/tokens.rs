//! Access tokens that expire.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use longshore::dropbox::{AccessTokens, Account, DropboxError, Secret};
use serde_json::json;

use crate::{DOWNLOAD, METADATA, World, file, stub::Reply};

/// Renews `token-0` to `token-1` and so on, and counts.
#[derive(Default)]
struct Counted {
    renewals: AtomicUsize,
    dead: bool,
}

#[async_trait::async_trait]
impl AccessTokens for Counted {
    async fn current(&self) -> Result<Secret, DropboxError> {
        Ok(format!("token-{}", self.renewals.load(Ordering::SeqCst)).into())
    }

    async fn renewed(&self, stale: &Secret) -> Result<Secret, DropboxError> {
        assert_eq!(*stale, self.current().await?);
        self.renewals.fetch_add(1, Ordering::SeqCst);
        if self.dead {
            return Err(DropboxError::LinkRevoked);
        }
        self.current().await
    }
}

fn expired() -> Reply {
    let error = json!({".tag": "expired_access_token"});
    Reply::error(
        401,
        json!({"error_summary": "expired_access_token/..", "error": error}),
    )
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_call_goes_on() {
    let world = World::new().await;
    let tokens = Arc::new(Counted::default());
    world.stub.on(METADATA, [expired(), Reply::json(file(1))]);
    let account = Account::new(tokens.clone());
    world.dropbox.get_metadata(&account, "/a").await.unwrap();
    let seen = world.stub.seen();
    let bearers: Vec<_> = seen
        .iter()
        .map(|asked| asked.header("authorization"))
        .collect();
    assert_eq!(bearers, [Some("Bearer token-0"), Some("Bearer token-1")]);
    assert_eq!(tokens.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_download_renews_its_token_like_any_call() {
    let world = World::new().await;
    world
        .stub
        .on(DOWNLOAD, [expired(), Reply::content(&file(1), "x")]);
    let account = Account::new(Arc::new(Counted::default()));
    world.dropbox.download(&account, "/a", None).await.unwrap();
    assert_eq!(world.stub.seen().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_at_most_once_for_one_call() {
    let world = World::new().await;
    let tokens = Arc::new(Counted::default());
    world.stub.on(METADATA, [expired()]);
    let outcome = world
        .dropbox
        .get_metadata(&Account::new(tokens.clone()), "/a")
        .await;
    assert_eq!(outcome, Err(DropboxError::TokenExpired));
    assert_eq!(tokens.renewals.load(Ordering::SeqCst), 1);
    assert_eq!(world.stub.seen().len(), 2);
}

#[tokio::test]
async fn only_an_expired_token_is_renewed() {
    for tag in [
        "invalid_access_token",
        "missing_scope",
        "user_suspended",
        "other",
    ] {
        let world = World::new().await;
        let tokens = Arc::new(Counted::default());
        let error = json!({"error_summary": "x", "error": {".tag": tag}});
        world.stub.on(METADATA, [Reply::error(401, error)]);
        assert!(
            world
                .dropbox
                .get_metadata(&Account::new(tokens.clone()), "/a")
                .await
                .is_err()
        );
        assert_eq!(tokens.renewals.load(Ordering::SeqCst), 0, "{tag}");
        world.stub.only();
    }
}

#[tokio::test]
async fn a_token_refused_without_a_reason_is_renewed_too() {
    let world = World::new().await;
    let tokens = Arc::new(Counted::default());
    world
        .stub
        .on(METADATA, [Reply::new(401, "no"), Reply::json(file(1))]);
    world
        .dropbox
        .get_metadata(&Account::new(tokens.clone()), "/a")
        .await
        .unwrap();
    assert_eq!(tokens.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_renewal_that_fails_ends_the_call_with_its_reason() {
    let world = World::new().await;
    let tokens = Counted {
        dead: true,
        ..Counted::default()
    };
    world.stub.on(METADATA, [expired()]);
    let outcome = world
        .dropbox
        .get_metadata(&Account::new(Arc::new(tokens)), "/a")
        .await;
    assert_eq!(outcome, Err(DropboxError::LinkRevoked));
    world.stub.only();
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_not_sent() {
    let world = World::new().await;
    let account = Account::with_token(Secret::new("a\r\nb"));
    let outcome = world.dropbox.get_metadata(&account, "/a").await;
    assert_eq!(outcome, Err(DropboxError::LinkRevoked));
    assert!(world.stub.seen().is_empty());
}
