//! Listing, changes, addressing, edits.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::spawn::{world, world_with};

fn names(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn ten_thousand_entries_come_in_pages_each_once() {
    let world = world(&[]).await;
    for number in 0..10_000 {
        fs::write(world.path(&format!("{number:05}.txt")), "x").unwrap();
    }
    let mut page = world.ok("files/list_folder", json!({ "path": "" })).await;
    let mut all: Vec<String> = names(&page).into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 2000);
    while page["has_more"] == true {
        page = world
            .ok(
                "files/list_folder/continue",
                json!({ "cursor": page["cursor"] }),
            )
            .await;
        all.extend(names(&page).into_iter().map(str::to_owned));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 10_000);
}

#[tokio::test]
async fn changes_made_by_hand_are_heard_of() {
    let world = world(&[("a.txt", b"1"), ("folder/b.txt", b"2")]).await;
    let latest = json!({ "path": "", "recursive": true });
    let cursor = world
        .ok("files/list_folder/get_latest_cursor", latest)
        .await["cursor"]
        .clone();
    let poll = world
        .http
        .post(format!("{}/2/files/list_folder/longpoll", world.url));
    let waiting = tokio::spawn(poll.json(&json!({ "cursor": cursor })).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    fs::write(world.path("a.txt"), "longer").unwrap();
    fs::remove_dir_all(world.path("folder")).unwrap();
    let heard: Value = waiting.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(heard["changes"], true);
    let page = world
        .ok("files/list_folder/continue", json!({ "cursor": cursor }))
        .await;
    let mut told: Vec<_> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e[".tag"].clone(), e["path_lower"].clone()))
        .collect();
    told.sort_by_key(|(_, path)| path.to_string());
    // The folder's child is not named: it went with the folder.
    assert_eq!(
        told,
        [
            (json!("file"), json!("/a.txt")),
            (json!("deleted"), json!("/folder"))
        ]
    );
}

#[tokio::test]
async fn a_folder_that_went_and_came_again_is_heard_to_go() {
    let world = world(&[("folder/old.txt", b"1")]).await;
    let latest = json!({ "path": "", "recursive": true });
    let cursor = world
        .ok("files/list_folder/get_latest_cursor", latest)
        .await["cursor"]
        .clone();
    world
        .ok("files/delete_v2", json!({ "path": "/folder" }))
        .await;
    world
        .ok("files/create_folder_v2", json!({ "path": "/folder" }))
        .await;
    let page = world
        .ok("files/list_folder/continue", json!({ "cursor": cursor }))
        .await;
    let tags: Vec<_> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e[".tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["deleted", "folder"]);
}

#[tokio::test]
async fn a_cursor_of_a_folder_that_is_gone_says_so() {
    let world = world(&[("folder/a.txt", b"1")]).await;
    let cursor = world
        .ok("files/list_folder", json!({ "path": "/folder" }))
        .await["cursor"]
        .clone();
    world
        .ok("files/delete_v2", json!({ "path": "/folder" }))
        .await;
    let (status, body) = world
        .rpc("files/list_folder/continue", json!({ "cursor": cursor }))
        .await;
    assert_eq!(
        (status, &body["error"]["path"][".tag"]),
        (409, &json!("not_found"))
    );
    let (status, body) = world
        .rpc("files/list_folder/continue", json!({ "cursor": "rubbish" }))
        .await;
    assert!(status == 400 && body.is_string(), "{body}");
}

#[tokio::test]
async fn a_cursor_of_an_earlier_run_is_reset() {
    let first = world(&[]).await;
    let cursor = first.ok("files/list_folder", json!({ "path": "" })).await["cursor"].clone();
    let second = world(&[]).await;
    let (status, body) = second
        .rpc("files/list_folder/continue", json!({ "cursor": cursor }))
        .await;
    assert_eq!((status, &body["error"][".tag"]), (409, &json!("reset")));
}

#[tokio::test]
async fn ids_follow_a_move_and_revs_follow_the_content() {
    let world = world(&[("Docs/a.txt", b"one")]).await;
    let before = world
        .ok("files/get_metadata", json!({ "path": "/DOCS/A.TXT" }))
        .await;
    assert_eq!(before["path_display"], "/Docs/a.txt");
    world
        .ok(
            "files/move_v2",
            json!({ "from_path": "/docs", "to_path": "/Papers" }),
        )
        .await;
    let moved = world
        .ok("files/get_metadata", json!({ "path": before["id"] }))
        .await;
    assert_eq!(
        (&moved["path_display"], &moved["rev"]),
        (&json!("/Papers/a.txt"), &before["rev"])
    );
    fs::write(world.path("Papers/a.txt"), "another").unwrap();
    let after = world
        .ok("files/get_metadata", json!({ "path": "/papers/a.txt" }))
        .await;
    assert_eq!(after["id"], before["id"]);
    assert_ne!(after["rev"], before["rev"]);
    let rev = format!("rev:{}", before["rev"].as_str().unwrap());
    assert_eq!(
        world
            .rpc("files/get_metadata", json!({ "path": rev }))
            .await
            .0,
        409
    );
}

#[tokio::test]
async fn nothing_reaches_outside_of_the_folder() {
    let world = world(&[("a.txt", b"1")]).await;
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("secret.txt"), "secret").unwrap();
    std::os::unix::fs::symlink(secret.path(), world.path("link")).unwrap();
    std::os::unix::fs::symlink(secret.path().join("secret.txt"), world.path("link.txt")).unwrap();
    let page = world
        .ok(
            "files/list_folder",
            json!({ "path": "", "recursive": true }),
        )
        .await;
    assert_eq!(names(&page), ["a.txt"]);
    for path in [
        "/link.txt",
        "/link/secret.txt",
        "/../a.txt",
        "/x/../../a.txt",
    ] {
        let (status, _) = world
            .rpc("files/get_metadata", json!({ "path": path }))
            .await;
        assert_eq!(status, 409, "{path}");
        assert_eq!(
            world.download(path).send().await.unwrap().status(),
            409,
            "{path}"
        );
    }
    for path in ["/link/new.txt", "/../new.txt", "/link.txt"] {
        let (status, _) = world
            .send(
                "files/upload",
                json!({ "path": path, "mode": "overwrite" }),
                b"x",
            )
            .await;
        assert_ne!(status, 200, "{path}");
    }
    assert_eq!(fs::read_dir(secret.path()).unwrap().count(), 1);
    assert_eq!(
        fs::read(secret.path().join("secret.txt")).unwrap(),
        b"secret"
    );
}

#[tokio::test]
async fn a_team_member_sees_their_folder_and_the_teams_space_with_a_path_root() {
    let files: &[(&str, &[u8])] = &[("Ann/mine.txt", b"1"), ("Team/ours.txt", b"2")];
    let world = world_with(files, |options| options.accounts[0].team = true).await;
    let account = world.ok("users/get_current_account", Value::Null).await;
    let root = account["root_info"]["root_namespace_id"].as_str().unwrap();
    assert_ne!(account["root_info"]["home_namespace_id"], root);
    let page = world.ok("files/list_folder", json!({ "path": "" })).await;
    assert_eq!(names(&page), ["mine.txt"]);
    assert_eq!(page["entries"][0]["path_lower"], "/mine.txt");
    let header = json!({ ".tag": "root", "root": root }).to_string();
    let call = world.request("files/list_folder", &json!({ "path": "" }));
    let page: Value = call
        .header("Dropbox-API-Path-Root", header)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(names(&page), ["Ann", "Team"]);
    let wrong = json!({ ".tag": "root", "root": "1" }).to_string();
    let call = world.request("files/list_folder", &json!({ "path": "" }));
    let answer = call
        .header("Dropbox-API-Path-Root", wrong)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 422);
    let by_namespace = format!("ns:{root}/Team/ours.txt");
    world
        .ok("files/get_metadata", json!({ "path": by_namespace }))
        .await;
    let call = world.request("files/list_folder", &json!({ "path": "" }));
    let answer = call
        .header("Dropbox-API-Select-User", "dbmid:x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
}
