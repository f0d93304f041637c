//! Files on their way to Dropbox, and links to them.

use bytes::Bytes;
use chrono::DateTime;
use longshore::dropbox::{
    Commit, ContentHasher, DropboxError, FinishEntry, FinishOutcome, MAX_UPLOAD, SessionKind,
    WriteMode,
};
use serde_json::{Value, json};

use crate::{
    UPLOAD, World, conflict, file,
    stub::{Fault, Reply},
};

const START: &str = "/content/2/files/upload_session/start";
const APPEND: &str = "/content/2/files/upload_session/append_v2";
const FINISH: &str = "/content/2/files/upload_session/finish";
const FINISH_BATCH: &str = "/api/2/files/upload_session/finish_batch_v2";
const CREATE_LINK: &str = "/api/2/sharing/create_shared_link_with_settings";
const LIST_LINKS: &str = "/api/2/sharing/list_shared_links";

fn stands_at(offset: u64) -> Reply {
    conflict(json!({".tag": "incorrect_offset", "correct_offset": offset}))
}

fn hash_of(bytes: &[u8]) -> String {
    let mut hasher = ContentHasher::new();
    hasher.update(bytes);
    hasher.finish()
}

#[tokio::test]
async fn an_upload_says_where_how_and_with_which_hash() {
    let world = World::new().await;
    world.stub.on(UPLOAD, [Reply::json(file(3))]);
    let commit = Commit {
        path: "/a.txt".into(),
        mode: WriteMode::Update("0123456789".into()),
        autorename: false,
        client_modified: DateTime::from_timestamp(1_431_445_838, 999_000_000),
        mute: true,
    };
    world
        .dropbox
        .upload(&world.account, &commit, Bytes::from_static(b"abc"))
        .await
        .unwrap();
    let asked = world.stub.only();
    let expected = json!({
        "path": "/a.txt", "mode": {".tag": "update", "update": "0123456789"},
        "autorename": false, "mute": true, "client_modified": "2015-05-12T15:50:38Z",
        "content_hash": hash_of(b"abc"),
    });
    assert_eq!(asked.argument(), expected);
    assert_eq!(&asked.body[..], b"abc");
}

#[tokio::test]
async fn an_upload_whose_answer_is_lost_is_sent_again_for_that_changes_nothing() {
    let world = World::new().await;
    let good = Reply::json(file(3));
    world
        .stub
        .on(UPLOAD, [good.clone().fault(Fault::Silence), good]);
    let commit = Commit::add("/a.txt");
    world
        .dropbox
        .upload(&world.account, &commit, Bytes::from_static(b"abc"))
        .await
        .unwrap();
    let seen = world.stub.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn more_than_one_request_carries_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let large = Bytes::from(vec![0; usize::try_from(MAX_UPLOAD).unwrap() + 1]);
    let outcome = world
        .dropbox
        .upload_session_append(&world.account, "s", 0, false, large)
        .await;
    assert!(
        matches!(outcome, Err(DropboxError::BadRequest { .. })),
        "{outcome:?}"
    );
    assert!(world.stub.seen().is_empty());
}

#[tokio::test]
async fn a_full_dropbox_is_told() {
    let world = World::new().await;
    let error =
        json!({".tag": "path", "reason": {".tag": "insufficient_space"}, "upload_session_id": "s"});
    world.stub.on(UPLOAD, [conflict(error)]);
    let outcome = world
        .dropbox
        .upload(&world.account, &Commit::add("/a"), Bytes::new())
        .await;
    assert_eq!(outcome, Err(DropboxError::InsufficientSpace));
}

#[tokio::test]
async fn a_session_starts_grows_and_ends() {
    let world = World::new().await;
    world
        .stub
        .on(START, [Reply::json(json!({"session_id": "s1"}))]);
    world.stub.on(APPEND, [Reply::json(Value::Null)]);
    world.stub.on(FINISH, [Reply::json(file(6))]);
    let (dropbox, account) = (&world.dropbox, &world.account);
    let start = dropbox.upload_session_start(account, SessionKind::Sequential, Bytes::from("ab"));
    let session = start.await.unwrap();
    let append = dropbox.upload_session_append(account, &session, 2, false, Bytes::from("cd"));
    append.await.unwrap();
    let commit = Commit::add("/a");
    let finish = dropbox.upload_session_finish(account, &session, 4, &commit, Bytes::from("ef"));
    assert_eq!(finish.await.unwrap().size, 6);
    let seen = world.stub.seen();
    assert_eq!(seen[0].argument()["session_type"][".tag"], "sequential");
    // The hash is of this request's bytes, not of the file so far.
    assert_eq!(seen[1].argument()["content_hash"], hash_of(b"cd"));
    assert_eq!(
        seen[1].argument()["cursor"],
        json!({"session_id": "s1", "offset": 2})
    );
    assert_eq!(seen[2].argument()["commit"]["path"], "/a");
    let octets = Some("application/octet-stream");
    assert!(
        seen.iter()
            .all(|asked| asked.header("content-type") == octets)
    );
}

#[tokio::test]
async fn a_concurrent_session_starts_without_bytes() {
    let world = World::new().await;
    world
        .stub
        .on(START, [Reply::json(json!({"session_id": "s1"}))]);
    let (dropbox, account, kind) = (&world.dropbox, &world.account, SessionKind::Concurrent);
    let outcome = dropbox
        .upload_session_start(account, kind, Bytes::from("a"))
        .await;
    assert!(
        matches!(outcome, Err(DropboxError::BadRequest { .. })),
        "{outcome:?}"
    );
    dropbox
        .upload_session_start(account, kind, Bytes::new())
        .await
        .unwrap();
    assert_eq!(
        world.stub.only().argument()["session_type"][".tag"],
        "concurrent"
    );
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_has_arrived() {
    let world = World::new().await;
    let lost = Reply::json(Value::Null).fault(Fault::Silence);
    world.stub.on(APPEND, [lost, stands_at(4)]);
    let (dropbox, account) = (&world.dropbox, &world.account);
    let append = dropbox.upload_session_append(account, "s", 2, false, Bytes::from("cd"));
    assert_eq!(append.await, Ok(()));
    assert_eq!(world.stub.seen().len(), 2);
}

#[tokio::test]
async fn an_append_at_the_wrong_place_names_the_right_one() {
    let world = World::new().await;
    world.stub.on(APPEND, [stands_at(1)]);
    let (dropbox, account) = (&world.dropbox, &world.account);
    let append = dropbox.upload_session_append(account, "s", 2, false, Bytes::from("cd"));
    assert_eq!(
        append.await,
        Err(DropboxError::IncorrectOffset { correct_offset: 1 })
    );
}

#[tokio::test]
async fn a_finish_whose_bytes_have_arrived_is_repeated_without_them() {
    let world = World::new().await;
    let wrong = json!({
        ".tag": "lookup_failed",
        "lookup_failed": {".tag": "incorrect_offset", "correct_offset": 6},
    });
    let lost = Reply::json(file(6)).fault(Fault::Silence);
    world
        .stub
        .on(FINISH, [lost, conflict(wrong), Reply::json(file(6))]);
    let (dropbox, account, commit) = (&world.dropbox, &world.account, Commit::add("/a"));
    let finish = dropbox.upload_session_finish(account, "s", 4, &commit, Bytes::from("ef"));
    assert_eq!(finish.await.unwrap().size, 6);
    let last = world.stub.seen().pop().unwrap();
    assert!(last.body.is_empty());
    assert_eq!(last.argument()["cursor"]["offset"], 6);
    assert_eq!(
        last.header("content-type"),
        Some("application/octet-stream")
    );
}

#[tokio::test]
async fn a_finish_whose_commit_fails_can_be_made_again_without_its_bytes() {
    let world = World::new().await;
    let taken = json!({".tag": "path", "path": {".tag": "conflict", "conflict": {".tag": "file"}}});
    world
        .stub
        .on(FINISH, [conflict(taken), Reply::json(file(6))]);
    let (dropbox, account) = (&world.dropbox, &world.account);
    let first = Commit::add("/a");
    let outcome = dropbox
        .upload_session_finish(account, "s", 4, &first, Bytes::from("ef"))
        .await;
    assert!(
        matches!(outcome, Err(DropboxError::Conflict(_))),
        "{outcome:?}"
    );
    let second = Commit::add("/b");
    dropbox
        .upload_session_finish(account, "s", 6, &second, Bytes::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_that_is_gone_is_begun_anew() {
    for tag in ["not_found", "closed"] {
        let world = World::new().await;
        world.stub.on(APPEND, [conflict(json!({".tag": tag}))]);
        let (dropbox, account) = (&world.dropbox, &world.account);
        let append = dropbox.upload_session_append(account, "s", 0, false, Bytes::from("a"));
        assert_eq!(append.await, Err(DropboxError::UploadSessionGone));
    }
}

#[tokio::test]
async fn a_batch_is_finished_with_an_outcome_for_each_file() {
    let world = World::new().await;
    let failure =
        json!({".tag": "failure", "failure": {".tag": "path", "path": {".tag": "conflict"}}});
    let mut written = file(6);
    written[".tag"] = json!("success");
    let entries = json!({"entries": [written, failure]});
    world.stub.on(FINISH_BATCH, [Reply::json(entries)]);
    let entry = FinishEntry {
        session_id: "s".into(),
        offset: 6,
        commit: Commit::add("/a"),
    };
    let both = [entry.clone(), entry];
    let outcomes = world
        .dropbox
        .upload_session_finish_batch(&world.account, &both)
        .await
        .unwrap();
    assert!(matches!(&outcomes[0], FinishOutcome::Written(file) if file.size == 6));
    assert!(matches!(&outcomes[1], FinishOutcome::Failed(why) if why.summary.contains("conflict")));
}

#[tokio::test]
async fn a_shared_link_is_made_or_the_existing_one_is_told() {
    let world = World::new().await;
    let link = json!({".tag": "file", "url": "https://db.tt/1", "name": "a", "new_field": {}});
    let exists = conflict(json!({".tag": "shared_link_already_exists"}));
    world
        .stub
        .on(CREATE_LINK, [Reply::json(link.clone()), exists]);
    world.stub.on(
        LIST_LINKS,
        [Reply::json(json!({"links": [link], "has_more": false}))],
    );
    for _ in 0..2 {
        let link = world
            .dropbox
            .create_shared_link(&world.account, "/a")
            .await
            .unwrap();
        assert_eq!(link.url, "https://db.tt/1");
    }
    let asked = world.stub.seen().pop().unwrap();
    assert_eq!(asked.json(), json!({"path": "/a", "direct_only": true}));
}

#[tokio::test]
async fn a_shared_link_that_is_named_but_not_listed_is_told_too() {
    let world = World::new().await;
    let named = conflict(json!({
        ".tag": "shared_link_already_exists",
        "shared_link_already_exists": {
            ".tag": "metadata", "metadata": {".tag": "file", "url": "https://db.tt/2"}},
    }));
    let bare = conflict(json!({".tag": "shared_link_already_exists"}));
    world.stub.on(CREATE_LINK, [named, bare]);
    let empty = json!({"links": [], "has_more": false});
    world.stub.on(LIST_LINKS, [Reply::json(empty)]);
    let again = || world.dropbox.create_shared_link(&world.account, "/a");
    assert_eq!(again().await.unwrap().url, "https://db.tt/2");
    let unknown = again().await;
    assert_eq!(unknown, Err(DropboxError::SharedLinkExists { url: None }));
}
