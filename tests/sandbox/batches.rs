//! Calls that do one thing to many entries.

use serde_json::{Value, json};

use crate::spawn::{World, world};

/// What a batch of several comes to: its answer is a job, and the job is done.
async fn outcomes(world: &World, route: &str, check: &str, arg: Value) -> Vec<Value> {
    let launched = world.ok(route, arg).await;
    assert_eq!(launched[".tag"], "async_job_id", "{launched}");
    let job = json!({ "async_job_id": launched["async_job_id"] });
    let done = world.ok(check, job.clone()).await;
    assert_eq!(done[".tag"], "complete", "{done}");
    // Another kind of question does not know this job.
    let (status, error) = world.rpc("files/save_url/check_job_status", job).await;
    assert_eq!(
        (status, &error["error"][".tag"]),
        (409, &json!("invalid_async_job_id"))
    );
    done["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn folders_are_made_together_and_each_has_its_own_outcome() {
    let world = world(&[("taken", b"1")]).await;
    let made = outcomes(
        &world,
        "files/create_folder_batch",
        "files/create_folder_batch/check",
        json!({ "paths": ["/new", "/taken", "/taken/below"] }),
    )
    .await;
    assert_eq!(made[0][".tag"], "success");
    assert_eq!(made[0]["metadata"]["path_display"], "/new");
    assert_eq!(made[1]["failure"]["path"]["conflict"][".tag"], "file");
    assert_eq!(
        made[2]["failure"]["path"]["conflict"][".tag"],
        "file_ancestor"
    );
    assert!(world.path("new").is_dir());
    let one = json!({ "paths": ["/taken"], "autorename": true });
    let one = world.ok("files/create_folder_batch", one).await;
    assert_eq!(one[".tag"], "complete");
    assert_eq!(one["entries"][0]["metadata"]["name"], "taken (1)");
    let forced = json!({ "paths": ["/x"], "force_async": true });
    let forced = world.ok("files/create_folder_batch", forced).await;
    assert_eq!(forced[".tag"], "async_job_id");
}

#[tokio::test]
async fn entries_are_copied_moved_and_deleted_together() {
    let world = world(&[("a.txt", b"a"), ("b.txt", b"b")]).await;
    let pair = |from: &str, to: &str| json!({ "from_path": from, "to_path": to });
    let copied = outcomes(
        &world,
        "files/copy_batch_v2",
        "files/copy_batch/check_v2",
        json!({ "entries": [pair("/a.txt", "/c/a.txt"), pair("/gone", "/c/gone")] }),
    )
    .await;
    assert_eq!(copied[0]["success"][".tag"], "file");
    assert_eq!(copied[0]["success"]["path_lower"], "/c/a.txt");
    let error = &copied[1]["failure"]["relocation_error"];
    assert_eq!(error["from_lookup"][".tag"], "not_found");
    let moved = outcomes(
        &world,
        "files/move_batch_v2",
        "files/move_batch/check_v2",
        json!({ "entries": [pair("/a.txt", "/b.txt"), pair("/b.txt", "/d.txt")], "autorename": true }),
    )
    .await;
    assert_eq!(moved[0]["success"]["name"], "b (1).txt");
    assert_eq!(moved[1]["success"]["name"], "d.txt");
    let deleted = outcomes(
        &world,
        "files/delete_batch",
        "files/delete_batch/check",
        json!({ "entries": [{ "path": "/c" }, { "path": "/nowhere" }, { "path": "/d.txt" }] }),
    )
    .await;
    assert_eq!(deleted[0]["metadata"][".tag"], "folder");
    assert_eq!(deleted[1]["failure"]["path_lookup"][".tag"], "not_found");
    assert!(!world.path("c").exists() && !world.path("d.txt").exists());
}

#[tokio::test]
async fn more_than_a_thousand_entries_are_too_many() {
    let world = world(&[]).await;
    let entries = |count: usize| vec![json!({ "path": "/x" }); count];
    let (status, text) = world
        .rpc("files/delete_batch", json!({ "entries": entries(1001) }))
        .await;
    assert_eq!(status, 400, "{text}");
    world
        .ok("files/delete_batch", json!({ "entries": entries(1000) }))
        .await;
    let paths = vec!["/x"; 1001];
    let (_, error) = world
        .rpc("files/create_folder_batch", json!({ "paths": paths }))
        .await;
    assert_eq!(error["error"][".tag"], "too_many_files");
}
