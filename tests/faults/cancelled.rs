//! Picks that are cancelled while they wait or are copied, even if the server dies right after:
//! nothing is stored, nothing is told, nothing is left lying about.

use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::{Person, eventually};
use crate::scene::{MIB, Scene, bytes};

/// A pick of the picker `p1` under a key of its own, which waits for its answer.
fn pick(person: &Person, path: &str) -> tokio::task::JoinHandle<Option<(u16, Value)>> {
    let (person, path) = (person.clone(), path.to_owned());
    tokio::spawn(async move { answer(&person, &path).await })
}

/// The answer to such a pick; none when the server went away meanwhile.
async fn answer(person: &Person, path: &str) -> Option<(u16, Value)> {
    let body = json!({
        "apikey": person.application.apikey,
        "token": person.token,
        "clouds": { "dropbox": { "path": path, "picker_session_id": "p1" } },
    });
    let url = format!("{}/store/", person.application.url);
    let request = person.http.post(url).header("idempotency-key", path);
    let answer = request.json(&body).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

async fn cancel(person: &Person, mut which: Value) -> Vec<Value> {
    which["picker_session_id"] = json!("p1");
    let (status, answer) = person.call("/cancel", which).await;
    assert_eq!(status, 200, "{answer}");
    answer["files"].as_array().unwrap().clone()
}

/// Files `/first` and `/second`, so slow that nothing ends by itself, and one copy at a time.
async fn slow_scene() -> Scene {
    let scene = Scene::start(&[("LONGSHORE_PICKING_MAX_COPIES", "1")]).await;
    for name in ["first", "second"] {
        scene.dropbox.add(name, &bytes(91, 40 * MIB));
    }
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": MIB });
    scene.dropbox.fault(slow).await;
    scene
}

/// Waits until so many picks are under way, and one of them is writing.
async fn under_way(scene: &Scene, count: usize) {
    eventually("a copy writes", Duration::from_secs(20), async || {
        let body = json!({ "picker_session_id": "p1" });
        let files = scene.person.call("/progress", body).await.1["files"].clone();
        let files = files.as_array().unwrap();
        let writes = files.iter().any(|file| file["copied"] != 0);
        files.len() == count && writes && !scene.drafts().is_empty()
    })
    .await;
}

fn assert_cancelled(answer: Option<(u16, Value)>) {
    let (status, body) = answer.expect("an answer");
    assert_eq!(
        (status, body["code"].as_str()),
        (409, Some("cancelled")),
        "{body}"
    );
}

/// Nothing is under way, nothing is stored, nobody was told, and repetitions are refused.
async fn nothing_is_left(scene: &Scene, paths: &[&str]) {
    let tally = scene.agrees().await;
    assert_eq!((tally.files, tally.requests), (0, 0));
    eventually("no draft", Duration::from_secs(20), async || {
        scene.drafts().is_empty()
    })
    .await;
    let held = "SELECT COUNT(*), '' FROM picks WHERE storage_key <> ''";
    assert_eq!(scene.record(held).await[0].0, 0);
    let claimed = "SELECT COUNT(*), '' FROM claims";
    assert_eq!(scene.record(claimed).await[0].0, 0);
    for path in paths {
        assert_cancelled(answer(&scene.person, path).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_and_a_running_pick_are_cancelled() {
    let scene = slow_scene().await;
    let first = pick(&scene.person, "/first");
    under_way(&scene, 1).await;
    let second = pick(&scene.person, "/second");
    under_way(&scene, 2).await;
    let told = cancel(&scene.person, json!({ "path": "/second" })).await;
    assert_eq!(told, [json!({ "path": "/second", "state": "cancelled" })]);
    assert_cancelled(second.await.unwrap());
    assert!(!first.is_finished(), "only the one that was named");
    let told = cancel(&scene.person, json!({ "idempotency_keys": ["/first"] })).await;
    assert_eq!(told[0]["state"], "cancelled", "{told:?}");
    // At once, and not when the copy would have ended.
    let soon = tokio::time::timeout(Duration::from_secs(10), first).await;
    assert_cancelled(soon.expect("the answer comes soon").unwrap());
    nothing_is_left(&scene, &["/first", "/second"]).await;
    // There is room again, and the same file can be picked after all.
    scene.dropbox.clear_faults().await;
    let content = bytes(91, 40 * MIB);
    scene.picks("/first", &content).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_pick_frees_the_plain_path_that_it_had() {
    let scene = slow_scene().await;
    let store = json!({ "path": "docs/plain.bin" });
    let person = scene.person.clone();
    let wanted = json!({ "path": "/first", "picker_session_id": "p1", "store": store });
    let first = tokio::spawn(async move { person.pick_with(wanted).await });
    under_way(&scene, 1).await;
    cancel(&scene.person, json!({})).await;
    assert_cancelled(Some(first.await.unwrap()));
    nothing_is_left(&scene, &[]).await;
    scene.dropbox.clear_faults().await;
    let wanted = json!({ "path": "/second", "store": store });
    let (status, picked) = scene.person.pick_with(wanted).await;
    assert_eq!(status, 200, "{picked}");
    scene.reads(&picked, &bytes(91, 40 * MIB)).await;
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_right_after_a_cancellation_brings_nothing_back() {
    let mut scene = slow_scene().await;
    let first = pick(&scene.person, "/first");
    under_way(&scene, 1).await;
    let second = pick(&scene.person, "/second");
    under_way(&scene, 2).await;
    cancel(&scene.person, json!({})).await;
    scene.service.running.kill();
    drop((first.await, second.await));
    scene.dropbox.clear_faults().await;
    scene.service.restart();
    nothing_is_left(&scene, &["/first", "/second"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_and_a_commit_never_both_win() {
    let scene = Scene::start(&[]).await;
    let content = bytes(92, 300_000);
    for n in 0..24 {
        scene.dropbox.add(&format!("f{n}"), &content);
    }
    let (mut stored, mut cancelled) = (0, 0);
    for n in 0..24_u64 {
        let path = format!("/f{n}");
        let pick = pick(&scene.person, &path);
        tokio::time::sleep(Duration::from_millis(n * 2)).await;
        let told = cancel(&scene.person, json!({ "idempotency_keys": [path] })).await;
        let answer = pick.await.unwrap().expect("an answer");
        if told[0]["state"] == "stored" {
            stored += 1;
            assert_eq!(answer.0, 200, "{answer:?}");
            assert_eq!(answer.1["dropbox"]["handle"], told[0]["handle"]);
        } else {
            cancelled += 1;
            assert_cancelled(Some(answer));
        }
    }
    let tally = scene.agrees().await;
    println!("{stored} stored, {cancelled} cancelled");
    assert_eq!((tally.files, stored + cancelled), (stored, 24));
}
