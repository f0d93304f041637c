//! Applications made and changed.

use serde_json::json;

use crate::processes::{APP_KEY, APP_SECRET};
use crate::scene::Scene;

#[tokio::test]
async fn an_application_made_over_http_picks_files() {
    let scene = Scene::start().await;
    let api = scene.all();
    let new = json!({
        "name": "  Harbor ",
        "dropbox_app": { "key": APP_KEY, "secret": APP_SECRET },
        "storage_path": "/harbor/in/",
    });
    let (status, made) = api.post("/applications", new).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["name"], "Harbor");
    assert_eq!(made["storage_path"], "harbor/in");
    assert_eq!(made["dropbox_app_key"], APP_KEY);
    let application = crate::processes::Application {
        apikey: made["apikey"].as_str().unwrap().to_owned(),
        secret: made["secret"].as_str().unwrap().to_owned(),
        url: scene.service.url.clone(),
    };
    let (status, picked) = application.person().await.pick("/a.txt").await;
    assert_eq!(status, 200, "{picked}");
    let key = picked["dropbox"]["key"].as_str().unwrap();
    assert!(key.starts_with("harbor/in/"), "{key}");
}

#[tokio::test]
async fn a_change_is_felt_at_once_and_leaves_the_rest_alone() {
    let scene = Scene::start().await;
    let api = scene.all();
    let application = scene.service.application();
    let path = format!("/applications/{}", application.apikey);
    let before = api.get(&path).await;
    let change = json!({ "allowed_origins": ["https://Shop.example"], "security": true });
    let (status, after) = api.patch(&path, change).await;
    assert_eq!(status, 200, "{after}");
    assert_eq!(after["allowed_origins"], json!(["https://shop.example"]));
    assert_eq!(after["security"], true);
    assert_eq!(after["name"], before["name"]);
    assert_eq!(after["dropbox_app_key"], APP_KEY);
    let (status, refused) = application
        .stranger()
        .call("/folder/list", json!({ "clouds": { "dropbox": {} } }))
        .await;
    assert_eq!(status, 401, "{refused}");
    assert_eq!(api.get(&path).await, after);
}

#[tokio::test]
async fn applications_come_in_pages_that_join() {
    let scene = Scene::start().await;
    let api = scene.all();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(json!(scene.service.application().apikey));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/applications?limit=2{cursor}")).await;
        for one in page["items"].as_array().unwrap() {
            seen.push(one["apikey"].clone());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
}
