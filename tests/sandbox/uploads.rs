//! Uploads of one and of several pieces.

use std::fs;

use serde_json::{Value, json};

use crate::spawn::world;

#[tokio::test]
async fn identical_bytes_keep_the_rev_and_other_bytes_conflict() {
    let world = world(&[]).await;
    let (_, first) = world
        .send("files/upload", json!({ "path": "/a/b.txt" }), b"one")
        .await;
    let (_, again) = world
        .send("files/upload", json!({ "path": "/A/B.txt" }), b"one")
        .await;
    assert_eq!(first["rev"], again["rev"]);
    let (status, body) = world
        .send("files/upload", json!({ "path": "/a/b.txt" }), b"two")
        .await;
    assert_eq!(status, 409);
    assert!(
        body["error_summary"]
            .as_str()
            .unwrap()
            .starts_with("path/conflict/file/")
    );
    let renamed = json!({ "path": "/a/b.txt", "autorename": true });
    assert_eq!(
        world.send("files/upload", renamed, b"two").await.1["name"],
        "b (1).txt"
    );
    let below_a_file = json!({ "path": "/a/b.txt/c.txt" });
    let (_, body) = world.send("files/upload", below_a_file, b"x").await;
    assert_eq!(body["error"]["reason"]["conflict"][".tag"], "file_ancestor");
    assert_eq!(fs::read(world.path("a/b.txt")).unwrap(), b"one");
}

#[tokio::test]
async fn an_update_needs_the_present_rev() {
    let world = world(&[("a.txt", b"one")]).await;
    let rev = world
        .ok("files/get_metadata", json!({ "path": "/a.txt" }))
        .await["rev"]
        .clone();
    let update = json!({ "path": "/a.txt", "mode": { ".tag": "update", "update": rev } });
    assert_eq!(
        world.send("files/upload", update.clone(), b"two").await.0,
        200
    );
    assert_eq!(world.send("files/upload", update, b"three").await.0, 409);
    assert_eq!(fs::read(world.path("a.txt")).unwrap(), b"two");
}

#[tokio::test]
async fn a_wrong_hash_writes_nothing() {
    let world = world(&[]).await;
    let arg = json!({ "path": "/a.txt", "content_hash": "0".repeat(64) });
    let (status, body) = world.send("files/upload", arg, b"one").await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (409, &json!("content_hash_mismatch"))
    );
    assert!(!world.path("a.txt").exists());
}

#[tokio::test]
async fn an_upload_needs_its_content_type_even_when_empty() {
    let world = world(&[]).await;
    let call = |kind: Option<&str>| {
        let call = world
            .http
            .post(format!("{}/2/files/upload", world.url))
            .bearer_auth(&world.token);
        let call = call.header("Dropbox-API-Arg", json!({ "path": "/empty" }).to_string());
        match kind {
            Some(kind) => call.header("Content-Type", kind).send(),
            None => call.send(),
        }
    };
    assert_eq!(call(None).await.unwrap().status(), 400);
    assert_eq!(call(Some("text/plain")).await.unwrap().status(), 400);
    assert_eq!(
        call(Some("application/octet-stream"))
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_session_tells_where_to_go_on() {
    let world = world(&[("taken.txt", b"x")]).await;
    let (_, started) = world
        .send("files/upload_session/start", json!({}), b"0123")
        .await;
    let cursor = |offset: u64| json!({ "session_id": started["session_id"], "offset": offset });
    let append = |offset: u64| json!({ "cursor": cursor(offset) });
    let (status, body) = world
        .send("files/upload_session/append_v2", append(0), b"45")
        .await;
    assert_eq!((status, &body["error"]["correct_offset"]), (409, &json!(4)));
    let (status, body) = world
        .send("files/upload_session/append_v2", append(4), b"45")
        .await;
    assert_eq!((status, body), (200, Value::Null));
    let finish =
        |offset: u64, path: &str| json!({ "cursor": cursor(offset), "commit": { "path": path } });
    let (status, _) = world
        .send(
            "files/upload_session/finish",
            finish(6, "/taken.txt"),
            b"67",
        )
        .await;
    assert_eq!(status, 409);
    // The data of the finish that failed has arrived nevertheless.
    let (_, body) = world
        .send("files/upload_session/finish", finish(6, "/a.txt"), b"67")
        .await;
    assert_eq!(body["error"]["lookup_failed"]["correct_offset"], 8);
    let (status, body) = world
        .send("files/upload_session/finish", finish(8, "/a.txt"), b"")
        .await;
    assert_eq!((status, &body["size"]), (200, &json!(8)));
    assert_eq!(fs::read(world.path("a.txt")).unwrap(), b"01234567");
    let (_, body) = world
        .send("files/upload_session/finish", finish(8, "/b.txt"), b"")
        .await;
    assert_eq!(body["error"]["lookup_failed"][".tag"], "not_found");
}

#[tokio::test]
async fn a_closed_session_takes_no_more() {
    let world = world(&[]).await;
    let (_, started) = world
        .send(
            "files/upload_session/start",
            json!({ "close": true }),
            b"0123",
        )
        .await;
    let append = json!({ "cursor": { "session_id": started["session_id"], "offset": 4 } });
    let (status, body) = world
        .send("files/upload_session/append_v2", append, b"45")
        .await;
    assert_eq!((status, &body["error"][".tag"]), (409, &json!("closed")));
}
