//! Picking: what is chosen arrives, whole and once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::{Dropbox, Service, eventually};

#[tokio::test]
async fn a_picked_file_reads_back_identical() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let bytes: Vec<u8> = (0..9_000_001_u32).map(|n| (n % 251) as u8).collect();
    dropbox.add("Photos/harbor.jpg", &bytes);
    dropbox.add("empty.txt", b"");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;

    let listed = person.list("/Photos/", None).await;
    let item = &listed["dropbox"]["contents"][0];
    assert_eq!(item["name"], "harbor.jpg", "{listed}");
    assert_eq!(item["bytes"], bytes.len());

    let (status, picked) = person.pick(item["path"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{picked}\n{}", service.running.read_log());
    let file = &picked["dropbox"];
    assert_eq!(file["filename"], "harbor.jpg");
    assert_eq!(file["mimetype"], "image/jpeg");
    assert_eq!(file["size"], bytes.len());
    assert_eq!(file["client"], "Dropbox");
    assert_eq!(file["status"], "Stored");
    assert_eq!(person.read(file["url"].as_str().unwrap()).await, bytes);

    let (status, picked) = person.pick("/empty.txt").await;
    assert_eq!(status, 200, "{picked}");
    assert!(
        person
            .read(picked["dropbox"]["url"].as_str().unwrap())
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_same_pick_sent_twice_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"a");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let wanted = json!({ "path": "/a.txt", "picker_session_id": "s1" });
    let both = tokio::join!(
        person.pick_with(wanted.clone()),
        person.pick_with(wanted.clone())
    );
    let third = person.pick_with(wanted).await;
    let handles = [both.0, both.1, third].map(|(status, body)| {
        assert_eq!(status, 200, "{body}");
        body["dropbox"]["handle"].clone()
    });
    assert!(
        handles.iter().all(|handle| *handle == handles[0]),
        "{handles:?}"
    );
    let other = json!({ "path": "/a.txt", "picker_session_id": "s2" });
    assert_ne!(
        person.pick_with(other).await.1["dropbox"]["handle"],
        handles[0]
    );
}

#[tokio::test]
async fn a_plain_path_belongs_to_one_file_and_is_free_again_when_that_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"first");
    dropbox.add("b.txt", b"second");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let application = service.application();
    let person = application.person().await;
    let store = json!({ "path": "/docs/plain.txt" });
    let pick = |path: &str| json!({ "path": path, "store": store });

    let (status, first) = person.pick_with(pick("/a.txt")).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["dropbox"]["key"], "docs/plain.txt");
    let (status, refused) = person.pick_with(pick("/b.txt")).await;
    assert_eq!(
        (status, refused["code"].as_str()),
        (409, Some("path-taken")),
        "{refused}"
    );
    let link = first["dropbox"]["url"].as_str().unwrap();
    assert_eq!(person.read(link).await, b"first");

    let handle = first["dropbox"]["handle"].as_str().unwrap();
    let file = format!("{}/api/file/{handle}", service.url);
    let deleted = person
        .http
        .delete(file)
        .basic_auth("app", Some(&application.secret));
    assert_eq!(deleted.send().await.unwrap().status(), 200);
    // The object goes after the commit; until it has gone its place is taken.
    let mut second = json!(null);
    eventually(
        "the path is free again",
        Duration::from_secs(20),
        async || {
            let (status, picked) = person.pick_with(pick("/b.txt")).await;
            second = picked;
            status == 200
        },
    )
    .await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let link = second["dropbox"]["url"].as_str().unwrap();
    assert_eq!(
        person.read(link).await,
        b"second",
        "a late removal must not touch it"
    );
}

#[tokio::test]
async fn a_symlink_shows_what_lies_in_the_dropbox_now() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("live.txt", b"first words");
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let wanted = json!({ "clouds": { "dropbox": { "path": "/live.txt" } } });
    let (status, linked) = person.call("/link/", wanted).await;
    assert_eq!(status, 200, "{linked}");
    let link = linked["dropbox"]["url"].as_str().unwrap();
    assert_eq!(person.read(link).await, b"first words");

    dropbox.add("live.txt", b"second, longer words");
    eventually(
        "the link shows the edit",
        Duration::from_secs(10),
        async || {
            let answer = person.http.get(link).send().await.unwrap();
            answer.bytes().await.unwrap() == b"second, longer words"[..]
        },
    )
    .await;
    let part = person.http.get(link).header("range", "bytes=8-13");
    assert_eq!(
        part.send().await.unwrap().bytes().await.unwrap(),
        b"longer"[..]
    );

    dropbox.add("live.txt", b"third");
    let metadata = format!("{link}/metadata");
    let size = async || {
        let answer = person.http.get(&metadata).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["size"].clone()
    };
    eventually(
        "so does its metadata",
        Duration::from_secs(10),
        async || size().await == 5,
    )
    .await;

    std::fs::remove_file(dropbox.folder.join("live.txt")).unwrap();
    eventually(
        "the link says that it has gone",
        Duration::from_secs(10),
        async || person.http.get(link).send().await.unwrap().status() == 410,
    )
    .await;
}
