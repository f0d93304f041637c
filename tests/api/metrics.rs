//! What whoever watches over the service can read of it.

use std::time::Duration;

use serde_json::json;

use crate::free_port;
use crate::processes::{Dropbox, Service, eventually, http};
use crate::subscriber::{Answer, Subscriber};

/// The value of a figure with exactly these labels.
fn value(text: &str, figure: &str) -> Option<f64> {
    let line = text.lines().find(|line| {
        line.strip_prefix(figure)
            .is_some_and(|rest| rest.starts_with(' '))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What must have been counted once the test has done its part.
const WANTED: [(&str, f64); 12] = [
    (r#"longshore_picks_total{outcome="stored"}"#, 1.0),
    (r#"longshore_picks_total{outcome="dropbox"}"#, 1.0),
    ("longshore_copied_bytes_total", 12.0),
    ("longshore_copy_seconds_count", 1.0),
    ("longshore_copies_running", 0.0),
    (
        r#"longshore_dropbox_calls_total{route="files/download",status="200"}"#,
        1.0,
    ),
    (
        r#"longshore_webhook_attempts_total{outcome="accepted"}"#,
        1.0,
    ),
    (
        r#"longshore_webhook_attempts_total{outcome="refused"}"#,
        1.0,
    ),
    (
        r#"longshore_http_requests_total{method="POST",route="/store/",status="200"}"#,
        1.0,
    ),
    ("longshore_queue_up", 1.0),
    ("longshore_deliveries_overdue", 0.0),
    ("longshore_deliveries_oldest_due_seconds", 0.0),
];

/// One endpoint that accepts, and one that refuses.
async fn subscribe(service: &Service, apikey: &str) {
    let subscriber = Subscriber::start().await;
    subscriber.answer("/refusing", Answer::Status(500));
    for path in ["/hook", "/refusing"] {
        let url = subscriber.url(path);
        let endpoint = ["endpoint", "add", "--event", "fp.upload", "--json"];
        let whose = ["--apikey", apikey, "--url", &url];
        service.run(&[&endpoint[..], &whose[..]].concat());
    }
}

#[tokio::test]
async fn what_the_service_does_is_counted_under_names_that_no_client_chooses() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    dropbox.add("a.txt", b"twelve bytes");
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [("LONGSHORE_METRICS_LISTEN", listen.as_str())];
    let service = Service::start(dir.path(), &dropbox.url, &settings);
    let application = service.application();
    subscribe(&service, &application.apikey).await;
    let person = application.person().await;
    let (status, picked) = person.pick("/a.txt").await;
    assert_eq!(status, 200, "{picked}");
    let (status, _) = person.pick("/missing.txt").await;
    assert_eq!(status, 404);
    let body = json!({ "clouds": { "dropbox": { "path": "/strange \u{202e} name" } } });
    person.call("/folder/list", body).await;
    let handle = picked["dropbox"]["handle"].as_str().unwrap();
    person.read(&format!("{}/{handle}", service.url)).await;

    let figures = async || {
        let answer = http().get(format!("http://{listen}/metrics"));
        answer.send().await.unwrap().text().await.unwrap()
    };
    eventually("all is counted", Duration::from_secs(10), async || {
        let text = figures().await;
        WANTED
            .iter()
            .all(|(figure, expected)| value(&text, figure) == Some(*expected))
    })
    .await;
    let text = figures().await;
    for private in [handle, "a.txt", "strange", &application.apikey] {
        assert!(!text.contains(private), "{private} is a label");
    }
    assert!(value(&text, "longshore_database_connections") >= Some(1.0));
    // Not for those who reach the service itself.
    let outside = http().get(format!("{}/metrics", service.url));
    assert_eq!(outside.send().await.unwrap().status(), 404);
}
