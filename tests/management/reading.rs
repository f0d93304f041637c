//! What an owner reads: events, files, figures.

use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn an_owner_reads_what_happened_and_what_is_kept() {
    reads(Scene::start().await).await;
}

#[tokio::test]
async fn an_owner_reads_the_same_on_postgresql() {
    reads(Scene::on_postgres().await).await;
}

async fn reads(scene: Scene) {
    let owned = scene.owned("/here").await;
    owned.delivery_is("delivered").await;

    let event = owned
        .api
        .get(&owned.path(&format!("/events/{}", owned.event)))
        .await;
    assert_eq!(event["action"], "fp.upload");
    assert_eq!(event["handle"], owned.handle);
    assert_eq!(event["text"]["filename"], "a.txt");
    let received = scene.subscriber.received("/here");
    let told: serde_json::Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!(told["id"], event["id"]);
    assert_eq!(told["text"], event["text"]);
    for (query, count) in [
        (format!("handle={}", owned.handle), 1),
        ("action=fp.upload".to_owned(), 1),
        ("action=fp.delete".to_owned(), 0),
    ] {
        let listed = owned
            .api
            .get(&owned.path(&format!("/events?{query}")))
            .await;
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{query}");
    }

    let file = owned
        .api
        .get(&owned.path(&format!("/files/{}", owned.handle)))
        .await;
    assert_eq!(file["filename"], "a.txt");
    assert_eq!(file["size"], 10);
    assert_eq!(file["kind"], "stored");
    assert_eq!(file["source_path"], "/a.txt");
    let reader = owned.application.stranger();
    let bytes = reader.read(file["url"].as_str().unwrap());
    assert_eq!(bytes.await, b"some bytes");

    let usage = owned.api.get(&owned.path("/usage")).await;
    let files = json!({ "count": 1, "bytes": 10, "more": false });
    assert_eq!(usage["files"], files);
    assert_eq!(usage["events"], json!({ "fp.upload": 1 }));
    assert_eq!(usage["deliveries"], json!({ "delivered": 1 }));
    let later = usage["until"].as_i64().unwrap() + 1000;
    let path = owned.path(&format!("/usage?since={later}"));
    let later = owned.api.get(&path);
    assert_eq!(later.await["files"]["count"], 0);
}

#[tokio::test]
async fn files_and_deliveries_come_in_pages_that_join() {
    pages_join(Scene::start().await).await;
}

#[tokio::test]
async fn pages_join_on_postgresql() {
    pages_join(Scene::on_postgres().await).await;
}

async fn pages_join(scene: Scene) {
    let owned = scene.owned("/here").await;
    let person = owned.application.person().await;
    for n in 0..4 {
        scene.add(&format!("{n}.txt"));
        let (status, picked) = person.pick(&format!("/{n}.txt")).await;
        assert_eq!(status, 200, "{picked}");
    }
    for (list, name) in [("files", "handle"), ("deliveries", "id"), ("events", "id")] {
        let all = owned.api.get(&owned.path(&format!("/{list}"))).await;
        let all: Vec<_> = all["items"].as_array().unwrap().clone();
        assert_eq!(all.len(), 5, "{list}");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = owned.path(&format!("/{list}?limit=2{cursor}"));
            let page = owned.api.get(&path).await;
            seen.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let names = |rows: &[serde_json::Value]| -> Vec<_> {
            rows.iter().map(|row| row[name].clone()).collect()
        };
        assert_eq!(names(&seen), names(&all), "{list}");
    }
}
