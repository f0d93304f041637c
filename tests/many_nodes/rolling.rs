//! A rolling restart: one node after the other is told to stop and started anew, and nobody who
//! lists, picks or reads meanwhile notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::fleet::Fleet;
use crate::processes::Person;
use crate::scene::{MIB, bytes};

/// Times that each node is restarted.
const ROUNDS: usize = 2;

/// Lists, picks and reads until it is told to stop; the first failure ends the test.
async fn use_it(person: Person, content: Vec<u8>, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        let listed = person.list("/", None).await;
        assert_eq!(listed["dropbox"]["contents"][0]["name"], "file", "{listed}");
        let (status, picked) = person
            .call(
                "/store/",
                json!({ "clouds": { "dropbox": { "path": "/file" } } }),
            )
            .await;
        assert_eq!(status, 200, "{picked}");
        let url = picked["dropbox"]["url"].as_str().unwrap();
        assert!(person.read(url).await == content);
        done.fetch_add(3, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request() {
    // As in the compose file, but for the waiting: the proxy asks every second.
    let mut fleet = Fleet::start(&[("LONGSHORE_SHUTDOWN_DELAY", "2500ms")]).await;
    let content = bytes(700, 2 * MIB);
    fleet.dropbox.add("file", &content);
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let people: Vec<_> = (0..3)
        .map(|_| {
            tokio::spawn(use_it(
                fleet.person.clone(),
                content.clone(),
                stop.clone(),
                Arc::clone(&done),
            ))
        })
        .collect();
    for round in 0..ROUNDS * fleet.nodes.len() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let place = round % fleet.nodes.len();
        let node = &mut fleet.nodes[place];
        assert_eq!(node.running.terminate(), Some(0));
        node.restart();
        // The proxy has to find it ready before the other one goes.
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
    assert_eq!(fleet.worker.running.terminate(), Some(0));
    fleet.worker.restart();
    stop.store(true, Ordering::SeqCst);
    for person in people {
        person.await.unwrap();
    }
    let tally = fleet.agrees().await;
    let requests = done.load(Ordering::SeqCst);
    println!("{requests} requests over {} restarts; {tally}", ROUNDS * 2);
    assert!(requests > 20);
}
