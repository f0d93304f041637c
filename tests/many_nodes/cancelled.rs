//! Picks that run on one node and are cancelled through the other.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::processes::{Person, eventually};
use crate::scene::{MIB, bytes};

fn at(person: &Person, url: &str) -> Person {
    let mut person = person.clone();
    url.clone_into(&mut person.application.url);
    person
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_cancelled_through_another_node_and_leaves_nothing() {
    let fleet = Fleet::start(&[("LONGSHORE_PICKING_MAX_COPIES", "1")]).await;
    for name in ["runs", "waits"] {
        fleet.dropbox.add(name, &bytes(701, 40 * MIB));
    }
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": MIB });
    fleet.dropbox.fault(slow).await;
    let [here, there] = [0, 1].map(|node| at(&fleet.person, &fleet.nodes[node].url));
    let picker = |path: &str| json!({ "path": path, "picker_session_id": "p1" });
    let picks = ["/runs", "/waits"].map(|path| {
        let (here, wanted) = (here.clone(), picker(path));
        tokio::spawn(async move { here.pick_with(wanted).await })
    });
    // Whoever repeats a pick through the other node waits there for how it ends.
    let mut repeated = None;
    eventually("one runs, one waits", Duration::from_secs(30), async || {
        let body = json!({ "picker_session_id": "p1" });
        let files: Value = there.call("/progress", body).await.1["files"].clone();
        let files = files.as_array().unwrap();
        if files.len() == 2 && repeated.is_none() {
            let (there, wanted) = (there.clone(), picker("/runs"));
            repeated = Some(tokio::spawn(async move { there.pick_with(wanted).await }));
        }
        files.len() == 2 && files.iter().any(|file| file["copied"] != 0)
    })
    .await;
    let body = json!({ "picker_session_id": "p1" });
    let (status, told) = there.call("/cancel", body).await;
    let states: Vec<_> = told["files"].as_array().unwrap().iter().collect();
    assert_eq!((status, states.len()), (200, 2), "{told}");
    assert!(states.iter().all(|file| file["state"] == "cancelled"));
    for answer in picks.into_iter().chain(repeated) {
        let (status, body) = answer.await.unwrap();
        let code = body["code"].as_str();
        assert_eq!((status, code), (409, Some("cancelled")), "{body}");
    }
    assert_eq!(fleet.agrees().await.files, 0);
    let held = "SELECT COUNT(*) FROM picks WHERE storage_key <> ''";
    let rows = fleet.postgres.rows(held).await;
    assert_eq!(sqlx::Row::get::<i64, _>(&rows[0], 0), 0);
}
