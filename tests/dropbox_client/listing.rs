//! Folders, their pages and cursors, and searches.

use longshore::dropbox::{DropboxError, Metadata};
use serde_json::json;

use crate::{CONTINUE, LIST, World, conflict, file, folder, page, stub::Reply};

#[tokio::test]
async fn an_empty_page_is_not_the_last_one() {
    let world = World::new().await;
    world.stub.on(LIST, [page(vec![], true)]);
    world
        .stub
        .on(CONTINUE, [page(vec![], true), page(vec![file(1)], false)]);
    let mut page = world
        .dropbox
        .list_folder(&world.account, "", None, false)
        .await
        .unwrap();
    let mut entries = page.entries.len();
    while page.has_more {
        page = world
            .dropbox
            .list_folder_continue(&world.account, &page.cursor)
            .await
            .unwrap();
        entries += page.entries.len();
    }
    assert_eq!(entries, 1);
    assert_eq!(world.stub.seen()[1].json(), json!({"cursor": "c1"}));
}

#[tokio::test]
async fn kinds_of_entries_that_nobody_knows_do_not_spoil_a_page() {
    let world = World::new().await;
    let strange = json!({".tag": "hologram", "name": "h", "depth": 3});
    let mut odd = file(1);
    odd["sharing_info"] = json!({"read_only": true, "new": {".tag": "x"}});
    let gone = json!({".tag": "deleted", "name": "g", "path_lower": "/g"});
    world
        .stub
        .on(LIST, [page(vec![strange, odd, folder("f"), gone], false)]);
    let page = world
        .dropbox
        .list_folder(&world.account, "", None, false)
        .await
        .unwrap();
    assert_eq!(page.entries[0], Metadata::Other);
    assert!(matches!(&page.entries[1], Metadata::File(file) if file.size == 1));
    assert!(matches!(&page.entries[2], Metadata::Folder(_)));
    // One entry for a whole folder: its children are the reader's to remove.
    let Metadata::Deleted(gone) = &page.entries[3] else {
        panic!("{:?}", page.entries[3]);
    };
    assert_eq!(gone.path_lower.as_deref(), Some("/g"));
}

#[tokio::test]
async fn a_cursor_fails_in_three_ways_with_three_ways_out() {
    let world = World::new().await;
    let malformed = "Error in call to API function \"files/list_folder/continue\": Invalid cursor";
    world.stub.on(
        CONTINUE,
        [
            conflict(json!({".tag": "reset"})),
            conflict(json!({".tag": "path", "path": {".tag": "not_found"}})),
            Reply::new(400, malformed).header("Content-Type", "text/plain"),
        ],
    );
    let go_on = || world.dropbox.list_folder_continue(&world.account, "c");
    assert_eq!(go_on().await, Err(DropboxError::CursorReset));
    assert_eq!(go_on().await, Err(DropboxError::PathNotFound));
    let message = malformed.to_owned();
    assert_eq!(go_on().await, Err(DropboxError::BadRequest { message }));
}

#[tokio::test]
async fn the_latest_cursor_costs_no_listing() {
    let world = World::new().await;
    let path = "/api/2/files/list_folder/get_latest_cursor";
    world.stub.on(path, [Reply::json(json!({"cursor": "now"}))]);
    let cursor = world
        .dropbox
        .get_latest_cursor(&world.account, "/", true)
        .await
        .unwrap();
    assert_eq!(cursor, "now");
    assert_eq!(world.stub.only().json()["path"], "");
}

#[tokio::test]
async fn a_search_unwraps_what_it_finds_and_goes_on() {
    let world = World::new().await;
    let found = json!({"metadata": {".tag": "metadata", "metadata": file(7)}});
    let other = json!({"metadata": {".tag": "other"}, "match_type": {".tag": "filename"}});
    let first = json!({"matches": [found, other], "has_more": true, "cursor": "s1"});
    let last = json!({"matches": [], "has_more": false});
    world
        .stub
        .on("/api/2/files/search_v2", [Reply::json(first)]);
    world
        .stub
        .on("/api/2/files/search/continue_v2", [Reply::json(last)]);
    let page = world
        .dropbox
        .search(&world.account, "a", "/", Some(5))
        .await
        .unwrap();
    assert!(matches!(&page.matches[..], [Metadata::File(file)] if file.size == 7));
    let cursor = page.cursor.unwrap();
    let page = world
        .dropbox
        .search_continue(&world.account, &cursor)
        .await
        .unwrap();
    assert!(!page.has_more);
    let asked = world.stub.seen();
    assert_eq!(asked[0].json()["options"]["path"], "");
    assert_eq!(asked[0].json()["options"]["max_results"], 5);
    assert_eq!(asked[1].json(), json!({"cursor": "s1"}));
}
