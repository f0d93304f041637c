//! A file that is only linked to, stored by its handle: from then on its bytes are ours.

use std::time::Duration;

use serde_json::json;

use crate::processes::{Dropbox, Service, eventually};

#[tokio::test]
async fn a_linked_file_is_stored_by_its_handle_and_stays_when_its_source_goes() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let bytes: Vec<u8> = (0..5_000_001_u32).map(|n| (n % 251) as u8).collect();
    dropbox.add("live.bin", &bytes);
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let wanted = json!({ "clouds": { "dropbox": { "path": "/live.bin" } } });
    let (status, linked) = person.call("/link/", wanted).await;
    assert_eq!(status, 200, "{linked}");
    let handle = linked["dropbox"]["handle"].as_str().unwrap();

    let link = format!(
        "{}/{}/store=path:\"kept/\"/{handle}",
        service.url, person.application.apikey
    );
    let answer = person.http.post(&link).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", service.running.read_log());
    let file: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(file["filename"], "live.bin");
    assert!(file["key"].as_str().unwrap().starts_with("kept/"), "{file}");

    std::fs::remove_file(dropbox.folder.join("live.bin")).unwrap();
    let source = linked["dropbox"]["url"].as_str().unwrap();
    eventually("the source has gone", Duration::from_secs(10), async || {
        person.http.get(source).send().await.unwrap().status() == 410
    })
    .await;
    assert!(person.read(file["url"].as_str().unwrap()).await == bytes);
    let again = person.http.post(&link).send().await.unwrap();
    assert_eq!(again.status(), 410, "there is nothing to store any more");
}
