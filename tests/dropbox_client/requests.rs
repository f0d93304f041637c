//! What is sent: hosts, headers, content types.

use std::time::Duration;

use bytes::Bytes;
use longshore::dropbox::{Commit, DropboxError, FinishEntry, ThumbnailOutcome, ThumbnailSize};
use serde_json::json;

use crate::{
    CREATE_FOLDER, DOWNLOAD, LIST, METADATA, UPLOAD, World, file, folder, page, stub::Reply,
};

#[tokio::test]
async fn the_root_is_sent_as_an_empty_string() {
    let world = World::new().await;
    world.stub.on(LIST, [page(vec![], false)]);
    for root in ["/", ""] {
        world
            .dropbox
            .list_folder(&world.account, root, None, false)
            .await
            .unwrap();
    }
    assert!(
        world
            .stub
            .seen()
            .iter()
            .all(|asked| asked.json()["path"] == "")
    );
}

#[tokio::test]
async fn a_call_bears_its_token_and_json() {
    let world = World::new().await;
    world.stub.on(LIST, [page(vec![], false)]);
    world
        .dropbox
        .list_folder(&world.account, "/a", Some(9), true)
        .await
        .unwrap();
    let asked = world.stub.only();
    assert_eq!(asked.header("authorization"), Some("Bearer the-token"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.json()["limit"], 9);
    assert_eq!(asked.json()["recursive"], true);
    assert_eq!(asked.header("dropbox-api-path-root"), None);
    assert_eq!(asked.header("dropbox-api-select-user"), None);
}

#[tokio::test]
async fn a_call_without_argument_has_no_body_and_no_content_type() {
    let world = World::new().await;
    let path = "/api/2/users/get_space_usage";
    let usage = json!({"used": 5, "allocation": {".tag": "individual", "allocated": 9}});
    world.stub.on(path, [Reply::json(usage)]);
    let usage = world.dropbox.get_space_usage(&world.account).await.unwrap();
    assert_eq!((usage.used, usage.allocated), (5, Some(9)));
    let asked = world.stub.only();
    assert_eq!(asked.header("content-type"), None);
    assert_eq!(asked.header("content-length"), Some("0"));
    assert!(asked.body.is_empty());
}

#[tokio::test]
async fn a_download_has_no_content_type_and_its_argument_in_a_header() {
    let world = World::new().await;
    world.stub.on(DOWNLOAD, [Reply::content(&file(3), "abc")]);
    world
        .dropbox
        .download(&world.account, "id:a", None)
        .await
        .unwrap();
    let asked = world.stub.only();
    assert_eq!(asked.header("content-type"), None);
    assert_eq!(asked.argument(), json!({"path": "id:a"}));
    assert!(asked.body.is_empty());
}

#[tokio::test]
async fn an_upload_is_an_octet_stream_even_without_bytes() {
    let world = World::new().await;
    world.stub.on(UPLOAD, [Reply::json(file(0))]);
    let commit = Commit::add("/empty");
    world
        .dropbox
        .upload(&world.account, &commit, Bytes::new())
        .await
        .unwrap();
    let asked = world.stub.only();
    assert_eq!(
        asked.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(asked.header("content-length"), Some("0"));
    assert_eq!(asked.argument()["path"], "/empty");
}

#[tokio::test]
async fn a_path_with_an_emoji_reaches_dropbox_unharmed() {
    let world = World::new().await;
    world.stub.on(UPLOAD, [Reply::json(file(3))]);
    let commit = Commit::add("/\u{7f}ü😀.txt");
    world
        .dropbox
        .upload(&world.account, &commit, Bytes::from_static(b"abc"))
        .await
        .unwrap();
    let asked = world.stub.only();
    let header = asked.header("dropbox-api-arg").unwrap();
    assert!(
        header.contains(r"/\u007f\u00fc\ud83d\ude00.txt"),
        "{header}"
    );
    assert_eq!(asked.argument()["path"], "/\u{7f}ü😀.txt");
}

#[tokio::test]
async fn every_route_goes_to_its_own_host() {
    let world = World::new().await;
    let (dropbox, account) = (&world.dropbox, &world.account);
    // What is answered does not matter here.
    let _ = dropbox
        .get_thumbnail_batch(account, &["id:a"], ThumbnailSize::W64h64)
        .await;
    let _ = dropbox.get_temporary_link(account, "id:a").await;
    let _ = dropbox.longpoll("c", Duration::from_secs(30)).await;
    let entry = FinishEntry {
        session_id: "s".into(),
        offset: 1,
        commit: Commit::add("/a"),
    };
    let _ = dropbox.upload_session_finish_batch(account, &[entry]).await;
    let _ = dropbox.export(account, "id:a", None).await;
    let _ = dropbox.get_current_account(account).await;
    let seen = world.stub.seen();
    let paths: Vec<&str> = seen.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/content/2/files/get_thumbnail_batch",
            "/api/2/files/get_temporary_link",
            "/notify/2/files/list_folder/longpoll",
            "/api/2/files/upload_session/finish_batch_v2",
            "/content/2/files/export",
            "/api/2/users/get_current_account",
        ]
    );
}

#[tokio::test]
async fn a_long_poll_bears_no_token_and_outlives_the_timeout_of_calls() {
    let world = World::with(|settings| settings.call_timeout = Duration::from_millis(100)).await;
    let answer = Reply::json(json!({"changes": true, "backoff": 60}));
    let path = "/notify/2/files/list_folder/longpoll";
    world
        .stub
        .on(path, [answer.late(Duration::from_millis(300))]);
    let changes = world
        .dropbox
        .longpoll("c", Duration::from_secs(1))
        .await
        .unwrap();
    assert!(changes.changes);
    assert_eq!(changes.wait(), Duration::from_secs(60));
    let asked = world.stub.only();
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.json(), json!({"cursor": "c", "timeout": 30}));
}

#[tokio::test]
async fn a_team_space_and_a_team_member_are_named_in_headers() {
    let world = World::new().await;
    world.stub.on(
        CREATE_FOLDER,
        [Reply::json(json!({"metadata": folder("new")}))],
    );
    let account = world.account.clone().path_root("77").select_user("dbmid:m");
    world
        .dropbox
        .create_folder(&account, "/new", false)
        .await
        .unwrap();
    let asked = world.stub.only();
    let root = asked.header("dropbox-api-path-root").unwrap();
    assert_eq!(root, r#"{".tag":"root","root":"77"}"#);
    assert_eq!(asked.header("dropbox-api-select-user"), Some("dbmid:m"));
}

#[tokio::test]
async fn the_root_of_a_team_space_is_told_by_the_current_account() {
    let world = World::new().await;
    let account = |root: &str| {
        Reply::json(json!({
            "account_id": "dbid:a", "email": "a@example.com", "name": {"display_name": "A"},
            "root_info": {".tag": "team", "root_namespace_id": root, "home_namespace_id": "2"},
            "account_type": {".tag": "business"}, "unheard_of": 1,
        }))
    };
    world.stub.on(
        "/api/2/users/get_current_account",
        [account("1"), account("2")],
    );
    let member = world
        .dropbox
        .get_current_account(&world.account)
        .await
        .unwrap();
    assert_eq!(member.team_root(), Some("1"));
    let single = world
        .dropbox
        .get_current_account(&world.account)
        .await
        .unwrap();
    assert_eq!(single.team_root(), None);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let world = World::new().await;
    let elsewhere = Reply::new(307, "").header("Location", "https://elsewhere.example/?token=x");
    world.stub.on(METADATA, [elsewhere]);
    let outcome = world.dropbox.get_metadata(&world.account, "/a").await;
    assert!(
        matches!(&outcome, Err(DropboxError::Unexpected(told)) if told.summary == "redirected to elsewhere.example"),
        "{outcome:?}"
    );
    world.stub.only();
}

#[tokio::test]
async fn thumbnails_come_in_the_order_of_their_files() {
    let world = World::new().await;
    let batch = json!({"entries": [
        {".tag": "failure", "failure": {".tag": "unsupported_extension"}},
        {".tag": "success", "metadata": file(3), "thumbnail": "/9j/"},
        {".tag": "success", "metadata": file(3), "thumbnail": "not base64!"},
        {".tag": "from_the_future"},
    ]});
    world
        .stub
        .on("/content/2/files/get_thumbnail_batch", [Reply::json(batch)]);
    let files = ["id:a", "id:b", "id:c", "id:d"];
    let size = ThumbnailSize::W128h128;
    let made = world
        .dropbox
        .get_thumbnail_batch(&world.account, &files, size)
        .await
        .unwrap();
    let pictures: Vec<bool> = made
        .iter()
        .map(|outcome| matches!(outcome, ThumbnailOutcome::Made(made) if made.jpeg[..] == [0xff, 0xd8, 0xff]))
        .collect();
    assert_eq!(pictures, [false, true, false, false]);
    let asked = world.stub.only();
    assert_eq!(asked.json()["entries"][1]["path"], "id:b");
    assert_eq!(asked.json()["entries"][1]["size"], "w128h128");
}

#[tokio::test]
async fn more_than_25_thumbnails_are_refused_before_anything_is_sent() {
    let world = World::new().await;
    let files = vec!["id:a"; 26];
    let size = ThumbnailSize::W64h64;
    let outcome = world
        .dropbox
        .get_thumbnail_batch(&world.account, &files, size)
        .await;
    assert!(matches!(outcome, Err(DropboxError::BadRequest { .. })));
    assert!(world.stub.seen().is_empty());
}

#[tokio::test]
async fn calls_can_be_spawned() {
    fn spawnable<T: Send>(future: T) -> T {
        future
    }
    let world = World::new().await;
    let (dropbox, account) = (&world.dropbox, &world.account);
    let commit = Commit::add("/a");
    let files = ["id:a"];
    // Never awaited: that they compile is the proof.
    drop(spawnable(dropbox.list_folder(account, "", None, false)));
    drop(spawnable(dropbox.download(account, "id:a", Some(0..1))));
    drop(spawnable(dropbox.export(account, "id:a", None)));
    drop(spawnable(dropbox.get_thumbnail_batch(
        account,
        &files,
        ThumbnailSize::W64h64,
    )));
    drop(spawnable(dropbox.upload(account, &commit, Bytes::new())));
    drop(spawnable(dropbox.upload_session_finish(
        account,
        "s",
        0,
        &commit,
        Bytes::new(),
    )));
    drop(spawnable(dropbox.create_shared_link(account, "/a")));
    drop(spawnable(dropbox.longpoll("c", Duration::from_secs(30))));
}
