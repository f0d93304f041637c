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
    let mut fleet = Fleet::start(&[("LONGSHORE_SHUTDOWN_DELAY", "1s")]).await;
    let content = bytes(700, 2 * MIB);
    fleet.dropbox.add("file", &content);
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let people: Vec<_> = (0..3)
        .map(|_| {
            let mut person = fleet.person.clone();
            // A balancer of this simple kind passes connections on, not requests.
            person.http = reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap();
            tokio::spawn(use_it(
                person,
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
        fleet.balancer.until_ready(place).await;
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
