//! A Dropbox that cuts, resets, stalls, trickles, limits, forgets tokens and falls over: the
//! pick succeeds all the same, with the right bytes.

use serde_json::json;

use crate::scene::{MIB, Scene, bytes};

const PART: usize = 32 * MIB;

/// One pick of `size` bytes under these faults, read back.
async fn survives(scene: &Scene, name: &str, size: usize, faults: &[serde_json::Value]) {
    let content = bytes(name.len() as u64 ^ size as u64, size);
    scene.dropbox.add(name, &content);
    for fault in faults {
        scene.dropbox.fault(fault.clone()).await;
    }
    scene.picks(&format!("/{name}"), &content).await;
    scene.dropbox.clear_faults().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_cut_again_and_again_arrives_whole() {
    let scene = Scene::start(&[]).await;
    let cut = |after: usize, times: u64| json!({ "route": "files/download", "kind": "cut", "after_bytes": after, "times": times });
    let reset = |after: usize, times: u64| json!({ "route": "files/download", "kind": "reset", "after_bytes": after, "times": times });
    survives(&scene, "empty", 0, &[cut(0, 2)]).await;
    survives(&scene, "one", 1, &[cut(0, 2), reset(0, 1)]).await;
    survives(
        &scene,
        "under",
        4 * MIB - 1,
        &[cut(1, 3), reset(4 * MIB - 2, 1)],
    )
    .await;
    survives(&scene, "block", 4 * MIB, &[reset(MIB + 1, 3), cut(0, 1)]).await;
    survives(
        &scene,
        "over",
        4 * MIB + 1,
        &[cut(4 * MIB, 2), reset(12_345, 2)],
    )
    .await;
    survives(
        &scene,
        "parts",
        PART + MIB,
        &[cut(3 * MIB + 7, 12), reset(MIB, 4)],
    )
    .await;
    let many = [cut(5 * MIB + 1, 6), reset(7 * MIB, 6), cut(0, 3)];
    survives(&scene, "many", 100 * MIB, &many).await;
    let tally = scene.agrees().await;
    assert_eq!(tally.files, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_stalls_or_trickles_arrives_whole() {
    let scene = Scene::start(&[]).await;
    let stall = |after: usize, times: u64| json!({ "route": "files/download", "kind": "stall", "after_bytes": after, "seconds": 30, "times": times });
    survives(&scene, "one", 1, &[stall(0, 1)]).await;
    survives(&scene, "block", 4 * MIB, &[stall(MIB, 2)]).await;
    survives(&scene, "parts", PART + MIB, &[stall(MIB, 2), stall(0, 1)]).await;
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": MIB });
    survives(&scene, "slow", 2 * MIB, &[slow]).await;
    assert_eq!(scene.agrees().await.files, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limits_are_waited_out() {
    let scene = Scene::start(&[]).await;
    let limited = |route: &str, form: &str| json!({ "route": route, "kind": "rate_limited", "form": form, "retry_after": 1, "times": 2 });
    let faults = ["json", "text"].map(|form| limited("files/download", form));
    let begun = std::time::Instant::now();
    survives(&scene, "content", 4 * MIB + 1, &faults).await;
    assert!(begun.elapsed().as_secs_f64() > 2.0, "it did not wait");
    survives(
        &scene,
        "metadata",
        1,
        &[limited("files/get_metadata", "json")],
    )
    .await;
    survives(
        &scene,
        "parts",
        PART + 1,
        &[limited("files/download", "writes")],
    )
    .await;
    assert_eq!(scene.agrees().await.files, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropbox_that_falls_over_now_and_then_is_asked_again() {
    let scene = Scene::start(&[]).await;
    let fails = |route: &str, code: u16, times: u64| json!({ "route": route, "kind": "status", "code": code, "body": "no", "times": times });
    let both = [
        fails("files/download", 500, 2),
        fails("files/get_metadata", 503, 2),
    ];
    survives(&scene, "small", 100, &both).await;
    let later =
        json!({ "route": "files/download", "kind": "status", "code": 502, "skip": 1, "times": 3 });
    let cut = json!({ "route": "files/download", "kind": "cut", "after_bytes": MIB, "times": 4 });
    survives(&scene, "parts", PART + MIB, &[later, cut]).await;
    assert_eq!(scene.agrees().await.files, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_expire_during_a_copy_are_renewed() {
    let scene = Scene::start(&[]).await;
    let expires = |skip: u64, times: u64| json!({ "route": "files/download", "kind": "expire_token", "skip": skip, "times": times });
    survives(&scene, "first", MIB, &[expires(0, 1)]).await;
    let stumble =
        json!({ "route": "oauth2/token", "kind": "status", "code": 500, "body": "no", "times": 1 });
    survives(&scene, "stumble", MIB, &[expires(0, 1), stumble]).await;
    let cut =
        json!({ "route": "files/download", "kind": "cut", "after_bytes": 3 * MIB, "times": 9 });
    survives(&scene, "parts", 2 * PART + MIB, &[expires(2, 3), cut]).await;
    assert_eq!(scene.agrees().await.files, 3);
}
