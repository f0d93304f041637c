//! The main job, end to end, on each of the two sizes: alone (SQLite, embedded queue, a folder)
//! and outgrown (PostgreSQL, Redis, an S3 server). Picked files read back, the subscriber hears
//! of each, and both signatures are right.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/processes.rs"]
mod processes;
#[path = "support/s3.rs"]
mod s3;
mod support;

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use processes::{Dropbox, Service};
use serde_json::Value;
use sha2::Sha256;
use support::subscriber::{Received, Subscriber};

#[tokio::test]
async fn alone_a_pick_is_stored_told_overwritten_and_deleted() {
    journey(&[]).await;
}

#[tokio::test]
async fn outgrown_a_pick_is_stored_told_overwritten_and_deleted() {
    let redis = support::redis::RedisServer::start();
    let bucket = s3::Bucket::start();
    let database = support::postgres::database();
    let redis_url = redis.url();
    let mut settings = vec![
        ("LONGSHORE_DATABASE_URL", database.as_str()),
        ("LONGSHORE_REDIS_URL", redis_url.as_str()),
        (
            "LONGSHORE_MASTER_KEY",
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        ),
    ];
    settings.extend(bucket.settings());
    journey(&settings).await;
}

async fn journey(settings: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let large: Vec<u8> = (0..40_000_003_u32).map(|n| (n % 253) as u8).collect();
    dropbox.add("large.bin", &large);
    dropbox.add("note.txt", b"a note");
    let service = Service::start(dir.path(), &dropbox.url, settings);
    let application = service.application();
    let subscriber = Subscriber::start().await;
    let secrets = endpoints(&service, &application.apikey, &subscriber.url("/hook"));
    let person = application.person().await;

    let (status, picked) = person.pick("/large.bin").await;
    assert_eq!(status, 200, "{picked}\n{}", service.running.read_log());
    assert!(
        person
            .read(picked["dropbox"]["url"].as_str().unwrap())
            .await
            == large
    );
    let (_, note) = person.pick("/note.txt").await;
    let handle = note["dropbox"]["handle"].as_str().unwrap();
    let link = note["dropbox"]["url"].as_str().unwrap();

    let file = format!("{}/api/file/{handle}", service.url);
    let as_server =
        |request: reqwest::RequestBuilder| request.basic_auth("app", Some(&application.secret));
    let overwritten = as_server(person.http.post(&file).body("another note"))
        .send()
        .await;
    assert_eq!(overwritten.unwrap().status(), 200);
    assert_eq!(person.read(link).await, b"another note");
    let deleted = as_server(person.http.delete(&file)).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    assert_eq!(deleted.text().await.unwrap(), "success");
    assert_eq!(person.http.get(link).send().await.unwrap().status(), 404);

    let told = subscriber.wait_for("/hook", 4).await;
    let mut actions: Vec<String> = Vec::new();
    for delivery in &told {
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let action = body["action"].as_str().unwrap();
        assert!(body["id"].is_i64() && body["timestamp"].is_i64() && body["text"].is_object());
        let secret = secrets.iter().find(|(event, _)| event == action).unwrap();
        check_signatures(delivery, &secret.1, &body);
        actions.push(action.to_owned());
    }
    actions.sort();
    assert_eq!(
        actions,
        ["fp.delete", "fp.overwrite", "fp.upload", "fp.upload"]
    );
}

/// Adds an endpoint for every event; answers each event with its secret.
fn endpoints(service: &Service, apikey: &str, url: &str) -> Vec<(String, String)> {
    let add = [
        "endpoint", "add", "--apikey", apikey, "--url", url, "--event", "all", "--json",
    ];
    let made = service.run(&add);
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    made.as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "event"), text(one, "secret")))
        .collect()
}

/// Computes both signatures anew, as a subscriber would.
fn check_signatures(delivery: &Received, secret: &str, body: &Value) {
    let header = |name: &str| {
        delivery
            .header(name)
            .unwrap_or_else(|| panic!("{name} is missing"))
    };
    let hmac = |key: &[u8], text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text);
        mac.finalize().into_bytes()
    };
    let signed = [header("FS-Timestamp").as_bytes(), b".", &delivery.body].concat();
    let expected = hex::encode(hmac(secret.as_bytes(), &signed));
    assert_eq!(header("FS-Signature"), expected);

    let id = header("webhook-id");
    assert_eq!(id, format!("evt_{}", body["id"]));
    let engine = base64::engine::general_purpose::STANDARD;
    let key = engine
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let stamp = header("webhook-timestamp");
    let signed = [id.as_bytes(), b".", stamp.as_bytes(), b".", &delivery.body].concat();
    let expected = format!("v1,{}", engine.encode(hmac(&key, &signed)));
    assert!(
        header("webhook-signature")
            .split(' ')
            .any(|one| one == expected)
    );
}
