//! A service that may have one connection for requests and one for deliveries: nothing holds one
//! connection while it waits for another, or it would wait for itself.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::processes::{Dropbox, Service, http};
use crate::support::postgres;
use crate::support::subscriber::Subscriber;

const HOOK: &str = "/hook";
const PEOPLE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_for_requests_and_one_for_deliveries_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"some bytes");
    let url = tokio::task::block_in_place(postgres::database);
    let settings = [
        ("LONGSHORE_DATABASE_URL", url.as_str()),
        (
            "LONGSHORE_MASTER_KEY",
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        ),
        ("LONGSHORE_DATABASE_MAX_CONNECTIONS", "2"),
        ("LONGSHORE_DATABASE_RESERVED_CONNECTIONS", "1"),
        ("LONGSHORE_DATABASE_ACQUIRE_TIMEOUT", "20s"),
    ];
    let service = Service::start(dir.path(), &dropbox.url, &settings);
    let application = service.application();
    let subscriber = Subscriber::start().await;
    let hook = subscriber.url(HOOK);
    let whose = ["--apikey", &application.apikey, "--url", &hook];
    let add = ["endpoint", "add", "--event", "all", "--json"];
    service.run(&[&add[..], &whose[..]].concat());

    let people = (0..PEOPLE).map(|_| async {
        let person = application.person().await;
        let listed = person.list("/", None).await;
        assert_eq!(listed["dropbox"]["contents"][0]["name"], "a.txt");
        let (status, picked) = person.pick("/a.txt").await;
        assert_eq!(status, 200, "{picked}");
        let handle = picked["dropbox"]["handle"].as_str().unwrap();
        let file = format!("{}/api/file/{handle}", service.url);
        for url in [file.clone(), format!("{file}/metadata?md5=true")] {
            let answer = http().get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{url}");
        }
        let link = json!({ "clouds": { "dropbox": { "path": "/a.txt" } } });
        let (status, linked) = person.call("/link/", link).await;
        assert_eq!(status, 200, "{linked}");
        person
            .read(linked["dropbox"]["url"].as_str().unwrap())
            .await;
        let ready = http().get(format!("{}/readyz", service.url));
        assert_eq!(ready.send().await.unwrap().status(), 200);
        let (status, left) = person.call("/auth/logout", json!({})).await;
        assert!(status < 300, "{status} {left}");
    });
    let all = tokio::time::timeout(Duration::from_secs(60), join_all(people));
    all.await.expect("somebody waits for a connection for ever");
    subscriber.wait_for(HOOK, PEOPLE).await;
}
