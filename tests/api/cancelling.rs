//! What a picker wants no more: how each pick stands is told, and never anybody else's touched.
//! What is cancelled in the middle is in `tests/faults/cancelled.rs`.

use serde_json::{Value, json};

use crate::processes::{Dropbox, Person, Service};

/// Picks of the picker `p1` are cancelled; answers what is said of each.
async fn cancel(person: &Person, which: Value) -> Vec<Value> {
    let mut body = which;
    body["picker_session_id"] = json!("p1");
    let (status, answer) = person.call("/cancel", body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["token"].is_string(), "{answer}");
    answer["files"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_stored_before_stays_and_is_told_with_its_handle() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"first");
    dropbox.add("b.txt", b"second");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let wanted = |path: &str| json!({ "path": path, "picker_session_id": "p1" });
    let (_, first) = person.pick_with(wanted("/a.txt")).await;
    let (_, second) = person.pick_with(wanted("/b.txt")).await;
    let first = &first["dropbox"];

    let told = cancel(&person, json!({ "path": "/a.txt" })).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["state"], "stored");
    assert_eq!(told[0]["path"], "/a.txt");
    assert_eq!(told[0]["handle"], first["handle"]);
    assert_eq!(told[0]["url"], first["url"]);
    assert_eq!(person.read(first["url"].as_str().unwrap()).await, b"first");
    // Latest first.
    let told = cancel(&person, json!({})).await;
    let handles: Vec<_> = told.iter().map(|file| &file["handle"]).collect();
    assert_eq!(handles, [&second["dropbox"]["handle"], &first["handle"]]);
    // A repetition still finds its file.
    let (status, again) = person.pick_with(wanted("/a.txt")).await;
    assert_eq!(
        (status, &again["dropbox"]["handle"]),
        (200, &first["handle"])
    );
}

#[tokio::test]
async fn a_request_that_comes_after_its_cancellation_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"a");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let other = service.application().person().await;
    let pick = async |person: &Person, key: &str| {
        let body = json!({
            "apikey": person.application.apikey,
            "token": person.token,
            "clouds": { "dropbox": { "path": "/a.txt", "picker_session_id": "p1" } },
        });
        let url = format!("{}/store/", service.url);
        let request = person.http.post(url).header("idempotency-key", key);
        let answer = request.json(&body).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };

    let told = cancel(&person, json!({ "idempotency_keys": ["late", "later"] })).await;
    let said: Vec<_> = told
        .iter()
        .map(|file| [file["idempotency_key"].clone(), file["state"].clone()])
        .collect();
    assert_eq!(said, [["late", "cancelled"], ["later", "cancelled"]]);
    for _ in 0..2 {
        let (status, refused) = pick(&person, "late").await;
        assert_eq!(
            (status, refused["code"].as_str()),
            (409, Some("cancelled")),
            "{refused}"
        );
    }
    let stored = std::fs::read_dir(&service.objects).into_iter().flatten();
    let stored = stored.flatten().filter(|entry| entry.path().is_file());
    assert_eq!(stored.count(), 0);
    // The same key is another pick in another session; and another key is one in this.
    assert_eq!(pick(&other, "late").await.0, 200);
    assert_eq!(pick(&person, "new").await.0, 200);
    let told = cancel(&person, json!({ "idempotency_keys": ["new", "late"] })).await;
    assert_eq!(
        [&told[0]["state"], &told[1]["state"]],
        ["stored", "cancelled"]
    );
}

#[tokio::test]
async fn nobody_cancels_what_another_session_or_picker_wants() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("slow.bin", &vec![7; 3_000_000]);
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 1_000_000 });
    dropbox.fault(slow).await;
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let application = service.application();
    let person = application.person().await;
    let stranger = application.person().await;
    let mut nobody = application.stranger();
    let picks = person.clone();
    let pick = tokio::spawn(async move {
        let wanted = json!({ "path": "/slow.bin", "picker_session_id": "p1" });
        picks.pick_with(wanted).await
    });
    crate::processes::eventually(
        "it is copied",
        std::time::Duration::from_secs(20),
        async || {
            let body = json!({ "picker_session_id": "p1" });
            person.call("/progress", body).await.1["files"][0]["state"] == "copying"
        },
    )
    .await;
    assert!(cancel(&stranger, json!({})).await.is_empty());
    assert!(cancel(&nobody, json!({})).await.is_empty());
    nobody.token = Some("made up".to_owned());
    let keys = json!({ "idempotency_keys": ["k"] });
    assert!(cancel(&nobody, keys).await.is_empty());
    let elsewhere = json!({ "picker_session_id": "p2" });
    let (status, answer) = person.call("/cancel", elsewhere).await;
    assert_eq!((status, answer["files"].clone()), (200, json!([])));
    let none = json!({ "idempotency_keys": [] });
    assert!(cancel(&person, none).await.is_empty(), "no key is not all");
    let (status, picked) = pick.await.unwrap();
    assert_eq!(status, 200, "{picked}");
}

#[tokio::test]
async fn who_cancels_without_saying_what_is_told_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().stranger();
    let keys = |count: usize, length: usize| json!(vec!["k".repeat(length); count]);
    for (body, word) in [
        (json!({}), "picker_session_id"),
        (json!({ "idempotency_keys": keys(101, 9) }), "100 keys"),
        (json!({ "idempotency_keys": keys(1, 256) }), "keys"),
        (json!({ "idempotency_keys": [""] }), "keys"),
        (
            json!({ "idempotency_keys": ["a"], "path": "/a" }),
            "cannot both",
        ),
    ] {
        let mut body = body;
        if word != "picker_session_id" {
            body["picker_session_id"] = json!("p1");
        }
        let (status, answer) = person.call("/cancel", body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    let most = json!({ "picker_session_id": "p1", "idempotency_keys": keys(100, 255) });
    assert_eq!(person.call("/cancel", most).await.0, 200);
}
