//! How far picks are, as a picker asks while it waits for them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::{Dropbox, Person, Service, eventually};

const MIB: usize = 1024 * 1024;

async fn asked(person: &Person, picker: &str) -> Vec<Value> {
    let body = json!({ "picker_session_id": picker });
    let (status, answer) = person.call("/progress", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["files"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_picker_is_told_how_far_its_copies_are_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    for name in ["first.bin", "second.bin"] {
        dropbox.add(name, &vec![7; 3 * MIB]);
    }
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": MIB });
    dropbox.fault(slow).await;
    // One copy at a time, so that the other waits for its turn.
    let one = [("LONGSHORE_PICKING_MAX_COPIES", "1")];
    let service = Service::start(dir.path(), &dropbox.url, &one);
    let person = service.application().person().await;
    let stranger = service.application().person().await;
    assert!(asked(&person, "p1").await.is_empty(), "nothing was picked");

    let picks = ["/first.bin", "/second.bin"].map(|path| {
        let person = person.clone();
        tokio::spawn(async move {
            let wanted = json!({ "path": path, "picker_session_id": "p1" });
            person.pick_with(wanted).await
        })
    });
    let (mut seen, mut waited) = (Vec::new(), false);
    eventually("a copy is half done", Duration::from_secs(20), async || {
        let files = asked(&person, "p1").await;
        waited |= files.iter().any(|file| {
            let untold = file.get("size").is_none();
            file["state"] == "waiting" && file["copied"] == 0 && untold
        });
        let copying = files.iter().find(|file| file["state"] == "copying");
        let Some(copying) = copying else {
            return false;
        };
        assert_eq!(copying["size"], 3 * MIB, "{copying}");
        assert!(["/first.bin", "/second.bin"].contains(&copying["path"].as_str().unwrap()));
        seen.push(copying["copied"].as_u64().unwrap());
        seen.last()
            .is_some_and(|copied| *copied > 3 * MIB as u64 / 2)
    })
    .await;
    assert!(waited, "the other one did not wait");
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.first() < seen.last(), "{seen:?}");
    assert!(asked(&person, "p2").await.is_empty(), "another picker");
    assert!(asked(&stranger, "p1").await.is_empty(), "another person");
    dropbox.clear_faults().await;
    for pick in picks {
        let (status, answer) = pick.await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    assert!(asked(&person, "p1").await.is_empty(), "all have ended");
}

#[tokio::test]
async fn who_asks_without_saying_which_picker_is_told_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().stranger();
    for body in [json!({}), json!({ "picker_session_id": "" })] {
        let (status, answer) = person.call("/progress", body).await;
        assert_eq!(status, 400, "{answer}");
        let said = answer["error"].as_str().unwrap_or_default();
        assert!(said.contains("picker_session_id"), "{answer}");
    }
}
