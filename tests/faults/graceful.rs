//! SIGTERM: the service says it is not ready, ends what it can, hands over the rest and leaves
//! with exit code 0; the next process loses nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::processes::eventually;
use crate::scene::{HOOK, MIB, Scene, bytes, insist, try_pick};
use crate::support::subscriber::Answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_a_short_copy_end_after_saying_that_it_is_not_ready() {
    let delay = [("LONGSHORE_SHUTDOWN_DELAY", "1s")];
    let mut scene = Scene::start(&delay).await;
    let content = bytes(8, 20 * MIB);
    scene.dropbox.add("short", &content);
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 8 * MIB });
    scene.dropbox.fault(slow).await;
    let person = scene.person.clone();
    let pick = tokio::spawn(async move { try_pick(&person, "/short", "key").await });
    eventually("a draft", Duration::from_secs(20), async || {
        !scene.drafts().is_empty()
    })
    .await;
    let pid = scene.service.running.pid().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.unwrap().success());
    // Still served, but a load balancer that asks is told to go elsewhere.
    let ready = format!("{}/readyz", scene.service.url);
    let said = eventually("not ready", Duration::from_millis(900), async || {
        let answer = scene.person.http.get(&ready).send().await.unwrap();
        answer.status() == 503
    });
    said.await;
    let (status, answer) = pick.await.unwrap().expect("an answer");
    assert_eq!(status, 200, "{answer}\n{}", scene.log());
    assert_eq!(
        scene.service.running.terminate(),
        Some(0),
        "{}",
        scene.log()
    );
    scene.service.restart();
    scene.reads(&answer, &content).await;
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_hands_a_long_copy_over_within_the_timeout() {
    let settings = [
        ("LONGSHORE_SHUTDOWN_TIMEOUT", "2s"),
        ("LONGSHORE_PICKING_LEASE", "30s"),
    ];
    let mut scene = Scene::start(&settings).await;
    let content = bytes(9, 40 * MIB);
    scene.dropbox.add("long", &content);
    let slow =
        json!({ "route": "files/download", "kind": "slow", "bytes_per_second": MIB, "times": 2 });
    scene.dropbox.fault(slow).await;
    let person = scene.person.clone();
    let pick = tokio::spawn(async move { try_pick(&person, "/long", "key").await });
    eventually("a draft", Duration::from_secs(20), async || {
        !scene.drafts().is_empty()
    })
    .await;
    let begun = Instant::now();
    assert_eq!(
        scene.service.running.terminate(),
        Some(0),
        "{}",
        scene.log()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    // Who waited is told to ask again.
    let (status, answer) = pick.await.unwrap().expect("an answer");
    assert_eq!(
        (status, &answer["code"]),
        (503, &json!("lease-lost")),
        "{answer}"
    );
    scene.dropbox.clear_faults().await;
    scene.service.restart();
    // Handed over: nobody waits for the lease of 30 s to run out.
    let begun = Instant::now();
    scene.agrees().await;
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let picked = insist(&scene.person, "/long", "key").await;
    scene.reads(&picked, &content).await;
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_during_deliveries_loses_none() {
    let mut scene = Scene::start(&[("LONGSHORE_SHUTDOWN_TIMEOUT", "3s")]).await;
    scene.dropbox.add("file", &bytes(10, 1000));
    scene
        .subscriber
        .answer(HOOK, Answer::After(Duration::from_millis(700)));
    for _ in 0..12 {
        scene.picks("/file", &bytes(10, 1000)).await;
    }
    assert_eq!(
        scene.service.running.terminate(),
        Some(0),
        "{}",
        scene.log()
    );
    scene.subscriber.answer(HOOK, Answer::Status(200));
    scene.service.restart();
    let tally = scene.agrees().await;
    assert_eq!(tally.files, 12);
    println!("SIGTERM during deliveries: {tally}");
}
