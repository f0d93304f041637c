//! Answers that are not a success, and the way out that each one names.

use longshore::dropbox::DropboxError;
use serde_json::{Value, json};

use crate::{CREATE_FOLDER, METADATA, World, conflict, stub::Reply};

/// What becomes of this answer.
async fn met_with(reply: Reply) -> DropboxError {
    let world = World::new().await;
    world.stub.on(METADATA, [reply]);
    let outcome = world.dropbox.get_metadata(&world.account, "/a").await;
    outcome.unwrap_err()
}

fn unauthorized(error: Value) -> Reply {
    Reply::error(401, json!({"error_summary": "x/..", "error": error}))
}

#[tokio::test]
async fn the_dots_of_a_summary_do_not_matter() {
    for dots in ["", ".", "..", "...", "/", "/..."] {
        let summary = format!("path/not_found/{dots}");
        let whole = json!({
            "error_summary": summary,
            "error": {".tag": "path", "path": {".tag": "not_found"}},
        });
        assert_eq!(
            met_with(Reply::error(409, whole)).await,
            DropboxError::PathNotFound
        );
        let bare = json!({"error_summary": summary});
        assert_eq!(
            met_with(Reply::error(409, bare)).await,
            DropboxError::PathNotFound
        );
    }
}

#[tokio::test]
async fn the_tags_lead_to_the_way_out() {
    let path = |tag: &str| conflict(json!({".tag": "path", "path": {".tag": tag}}));
    let cases = [
        ("not_found", DropboxError::PathNotFound),
        ("not_file", DropboxError::NotAFile),
        ("not_folder", DropboxError::NotAFolder),
        ("restricted_content", DropboxError::RestrictedContent),
        ("insufficient_space", DropboxError::InsufficientSpace),
        (
            "team_folder_insufficient_space",
            DropboxError::InsufficientSpace,
        ),
        (
            "upload_traffic_limit_reached",
            DropboxError::InsufficientSpace,
        ),
    ];
    for (tag, error) in cases {
        assert_eq!(met_with(path(tag)).await, error, "{tag}");
    }
    assert!(matches!(
        met_with(path("malformed_path")).await,
        DropboxError::BadRequest { .. }
    ));
    for tag in [
        "no_write_permission",
        "access_restricted",
        "encrypted_content",
    ] {
        let error = met_with(path(tag)).await;
        assert!(matches!(error, DropboxError::NoPermission(_)), "{error:?}");
    }
}

#[tokio::test]
async fn an_unknown_tag_keeps_what_dropbox_said() {
    let world = World::new().await;
    let body = json!({
        "error_summary": "path/on_fire/..",
        "error": {".tag": "path", "path": {".tag": "on_fire", "degrees": 451}},
        "user_message": {"text": "Your folder is burning.", "locale": "en"},
    });
    world.stub.on(METADATA, [Reply::error(409, body)]);
    let error = world
        .dropbox
        .get_metadata(&world.account, "/a")
        .await
        .unwrap_err();
    let DropboxError::Unexpected(refusal) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.status, 409);
    assert_eq!(refusal.summary, "path/on_fire/..");
    assert_eq!(
        refusal.user_message.as_deref(),
        Some("Your folder is burning.")
    );
    assert_eq!(refusal.request_id.as_deref(), Some("req-1"));
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("req-1"));
}

#[tokio::test]
async fn a_known_tag_below_an_unknown_one_is_found() {
    let error = json!({".tag": "novel", "novel": {".tag": "path", "path": {".tag": "not_found"}}});
    assert_eq!(met_with(conflict(error)).await, DropboxError::PathNotFound);
    // A member without content may be written as its bare name.
    let bare = json!({".tag": "path", "path": "not_found"});
    assert_eq!(met_with(conflict(bare)).await, DropboxError::PathNotFound);
    let reason =
        json!({".tag": "path", "reason": {".tag": "conflict", "conflict": {".tag": "file"}}});
    assert!(matches!(
        met_with(conflict(reason)).await,
        DropboxError::Conflict(_)
    ));
}

#[tokio::test]
async fn a_missing_scope_has_two_forms_and_two_ways_out() {
    let app_lacks_it = "Error in call to API function \"files/get_metadata\": Your app (ID: 1) is \
        not permitted to access this endpoint because it does not have the required scope \
        'files.metadata.read'.";
    let message = app_lacks_it.to_owned();
    let reply = Reply::new(400, app_lacks_it).header("Content-Type", "text/plain");
    assert_eq!(
        met_with(reply).await,
        DropboxError::AppMisconfigured { message }
    );
    let token_lacks_it = json!({".tag": "missing_scope", "required_scope": "files.metadata.read"});
    let scope = "files.metadata.read".to_owned();
    let error = met_with(unauthorized(token_lacks_it.clone())).await;
    let expected = DropboxError::MissingScope { scope };
    assert_eq!(error, expected);
    // Some say so with the status that HTTP has for it.
    let body = json!({"error_summary": "missing_scope/.", "error": token_lacks_it});
    assert_eq!(met_with(Reply::error(403, body)).await, expected);
}

#[tokio::test]
async fn a_token_that_is_invalid_means_to_connect_again() {
    let error = met_with(unauthorized(json!({".tag": "invalid_access_token"}))).await;
    assert_eq!(error, DropboxError::LinkRevoked);
    let malformed =
        "Error in call to API function \"x\": The given OAuth 2 access token is malformed.";
    assert_eq!(
        met_with(Reply::new(400, malformed)).await,
        DropboxError::LinkRevoked
    );
}

#[tokio::test]
async fn an_unknown_refusal_of_the_token_does_not_end_the_connection() {
    let error = met_with(unauthorized(json!({".tag": "bad_hair_day"}))).await;
    assert!(matches!(error, DropboxError::Unexpected(_)), "{error:?}");
    // Nor does one that gives no reason: the refresh will tell.
    let error = met_with(Reply::new(401, "no")).await;
    assert_eq!(error, DropboxError::TokenExpired);
}

#[tokio::test]
async fn accounts_that_may_not_are_told_so() {
    let suspended = unauthorized(json!({".tag": "user_suspended"}));
    assert!(matches!(
        met_with(suspended).await,
        DropboxError::NoPermission(_)
    ));
    let error = json!({"error_summary": "x", "error": {".tag": "team_access_denied"}});
    assert!(matches!(
        met_with(Reply::error(403, error)).await,
        DropboxError::NoPermission(_)
    ));
}

#[tokio::test]
async fn a_root_that_has_moved_names_the_new_one() {
    let error = json!({
        "error_summary": "invalid_root/..",
        "error": {".tag": "invalid_root", "invalid_root": {
            ".tag": "team", "root_namespace_id": "9", "home_namespace_id": "2"}},
    });
    let root_namespace_id = Some("9".to_owned());
    let expected = DropboxError::PathRootChanged { root_namespace_id };
    assert_eq!(met_with(Reply::error(422, error)).await, expected);
    let barred = json!({"error_summary": "no_permission/", "error": {".tag": "no_permission"}});
    let error = met_with(Reply::error(422, barred)).await;
    assert!(matches!(error, DropboxError::NoPermission(_)), "{error:?}");
}

#[tokio::test]
async fn something_in_the_way_is_a_conflict() {
    let world = World::new().await;
    let error =
        json!({".tag": "path", "path": {".tag": "conflict", "conflict": {".tag": "folder"}}});
    world.stub.on(CREATE_FOLDER, [conflict(error)]);
    let outcome = world
        .dropbox
        .create_folder(&world.account, "/a", false)
        .await;
    assert!(
        matches!(outcome, Err(DropboxError::Conflict(_))),
        "{outcome:?}"
    );
    world.stub.only();
}

#[tokio::test]
async fn nonsense_in_a_success_is_an_error_that_repeats_none_of_it() {
    let world = World::new().await;
    world.stub.on(
        METADATA,
        [Reply::new(200, r#"{".tag":"file","name":"/private/path"}"#)],
    );
    let error = world
        .dropbox
        .get_metadata(&world.account, "/a")
        .await
        .unwrap_err();
    assert!(matches!(error, DropboxError::Unexpected(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("private"));
}

#[tokio::test]
async fn no_error_carries_the_token_or_the_url() {
    let world = World::with(|settings| {
        settings.total_deadline = std::time::Duration::from_millis(50);
        // Nobody listens there.
        settings.api_url = "http://127.0.0.1:1/secret-path".parse().unwrap();
    })
    .await;
    let error = world
        .dropbox
        .get_metadata(&world.account, "/a")
        .await
        .unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(matches!(error, DropboxError::Unavailable { .. }), "{said}");
    assert!(
        !said.contains("the-token") && !said.contains("secret-path"),
        "{said}"
    );
}
