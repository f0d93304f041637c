//! What files were before.

use std::fs;

use serde_json::{Value, json};

use crate::spawn::{World, world, world_with};

async fn upload(world: &World, path: &str, bytes: &str) -> Value {
    let arg = json!({ "path": path, "mode": "overwrite" });
    let (status, file) = world.send("files/upload", arg, bytes.as_bytes()).await;
    assert_eq!(status, 200, "{file}");
    file
}

async fn content(world: &World, rev: &Value) -> (u16, String) {
    let path = format!("rev:{}", rev.as_str().unwrap());
    let answer = world.download(&path).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn revs(listed: &Value) -> Vec<Value> {
    let entries = listed["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["rev"].clone()).collect()
}

#[tokio::test]
async fn what_the_api_overwrote_is_still_there_by_its_rev() {
    let world = world(&[]).await;
    let first = upload(&world, "/a.txt", "one").await;
    let second = upload(&world, "/a.txt", "two!").await;
    assert_eq!(content(&world, &first["rev"]).await, (200, "one".into()));
    assert_eq!(content(&world, &second["rev"]).await, (200, "two!".into()));
    let path = format!("rev:{}", first["rev"].as_str().unwrap());
    let known = world
        .ok("files/get_metadata", json!({ "path": path }))
        .await;
    assert_eq!(known["content_hash"], first["content_hash"]);
    assert_eq!(known["size"], 3);
    let link = world
        .ok("files/get_temporary_link", json!({ "path": path }))
        .await;
    let link = link["link"].as_str().unwrap();
    let linked = world
        .http
        .get(link)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(linked, "one");
    // Nothing of it is seen in the account.
    let page = world.ok("files/list_folder", json!({ "path": "" })).await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn revisions_are_listed_newest_first_and_page_by_rev() {
    let world = world(&[]).await;
    let mut files = Vec::new();
    for text in ["1", "22", "333"] {
        files.push(upload(&world, "/a.txt", text).await["rev"].clone());
    }
    files.reverse();
    let all = world
        .ok("files/list_revisions", json!({ "path": "/A.TXT" }))
        .await;
    assert_eq!(revs(&all), files);
    assert_eq!(
        (&all["is_deleted"], &all["has_more"]),
        (&json!(false), &json!(false))
    );
    let first = json!({ "path": "/a.txt", "limit": 1 });
    let first = world.ok("files/list_revisions", first).await;
    assert_eq!(
        (revs(&first), &first["has_more"]),
        (files[..1].to_vec(), &json!(true))
    );
    let rest = json!({ "path": "/a.txt", "before_rev": files[0] });
    assert_eq!(
        revs(&world.ok("files/list_revisions", rest).await),
        files[1..]
    );
    let (_, error) = world
        .rpc(
            "files/list_revisions",
            json!({ "path": "/a.txt", "before_rev": "0123456789" }),
        )
        .await;
    assert_eq!(error["error"][".tag"], "invalid_before_rev");
    let to = json!({ "from_path": "/a.txt", "to_path": "/b.txt" });
    let moved = world.ok("files/move_v2", to).await;
    let id = &moved["metadata"]["id"];
    let by_id = world
        .ok("files/list_revisions", json!({ "path": id, "mode": "id" }))
        .await;
    assert_eq!(revs(&by_id), files);
}

#[tokio::test]
async fn what_was_deleted_can_be_restored() {
    let world = world(&[("docs/hand.txt", b"by hand")]).await;
    let first = upload(&world, "/docs/a.txt", "one").await;
    world
        .ok("files/delete_v2", json!({ "path": "/docs" }))
        .await;
    assert!(!world.path("docs").exists());
    let listed = world
        .ok("files/list_revisions", json!({ "path": "/docs/a.txt" }))
        .await;
    assert_eq!(listed["is_deleted"], true);
    assert!(listed["server_deleted"].as_str().unwrap().ends_with('Z'));
    let arg = json!({ "path": "/docs/a.txt", "rev": first["rev"] });
    let restored = world.ok("files/restore", arg.clone()).await;
    assert_eq!(restored["content_hash"], first["content_hash"]);
    assert_ne!(restored["rev"], first["rev"]);
    assert_eq!(fs::read_to_string(world.path("docs/a.txt")).unwrap(), "one");
    // Whoever restores what is there changes nothing.
    let again = json!({ "path": "/docs/a.txt", "rev": restored["rev"] });
    assert_eq!(
        world.ok("files/restore", again).await["rev"],
        restored["rev"]
    );
    let elsewhere = json!({ "path": "/other.txt", "rev": first["rev"] });
    let (_, error) = world.rpc("files/restore", elsewhere).await;
    assert_eq!(error["error"][".tag"], "invalid_revision");
    let nowhere = json!({ "path": "/never.txt" });
    let (_, error) = world.rpc("files/list_revisions", nowhere).await;
    assert_eq!(error["error"]["path"][".tag"], "not_found");
}

#[tokio::test]
async fn what_was_changed_by_hand_is_gone() {
    let world = world(&[]).await;
    let first = upload(&world, "/a.txt", "one").await;
    fs::write(world.path("a.txt"), "by hand").unwrap();
    // Overwritten before any scan has seen the change: those bytes never had this rev.
    upload(&world, "/a.txt", "three").await;
    let (status, _) = content(&world, &first["rev"]).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn a_member_does_not_reach_former_versions_outside_of_their_root() {
    let world = world_with(&[("Ann/mine.txt", b"1")], |options| {
        options.accounts[0].team = true;
    })
    .await;
    let root = json!({ ".tag": "root", "root": "3000000" }).to_string();
    let arg = json!({ "path": "/team.txt", "mode": "overwrite" }).to_string();
    let mut revs = Vec::new();
    for text in ["one", "two"] {
        let call = world
            .http
            .post(format!("{}/2/files/upload", world.url))
            .bearer_auth(&world.token)
            .header("Dropbox-API-Arg", &arg)
            .header("Dropbox-API-Path-Root", &root)
            .header("Content-Type", "application/octet-stream")
            .body(text);
        let answer: Value = call.send().await.unwrap().json().await.unwrap();
        revs.push(answer["rev"].clone());
    }
    assert_eq!(content(&world, &revs[0]).await.0, 409);
    let path = format!("rev:{}", revs[0].as_str().unwrap());
    let at_the_root = world.download(&path).header("Dropbox-API-Path-Root", &root);
    assert_eq!(
        at_the_root.send().await.unwrap().text().await.unwrap(),
        "one"
    );
}
