//! Uploads whose time is over, and how many may be open.

use std::time::Duration;

use serde_json::json;

use super::sender::Sender;
use crate::file_service::{Options, Service};

#[actix_web::test]
async fn an_upload_that_is_never_completed_goes_with_all_its_parts() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"left").await;
    sender.send(2, b"behind").await;
    let (_, place) = sender.ask(3, 1, json!({})).await;
    let done = Sender::start(&service, json!({})).await;
    done.send(1, b"kept").await;
    let file = done.completed(json!({})).await;
    service.left_with(3).await;
    service.hand.advance(Duration::from_secs(24 * 60 * 60 - 60));
    sender.send(3, b"!").await;
    service.left_with(4).await;
    service.hand.advance(Duration::from_secs(120));
    let put = sender.put(&place, "x").send().await.unwrap();
    assert_eq!(put.status(), 403);
    assert_eq!(sender.ask(3, 1, json!({})).await.0, 404);
    assert_eq!(sender.complete(json!({})).await.0, 404);
    service.left_with(1).await;
    assert_eq!(service.bytes_of(&file).await, b"kept");
    let mut connection = service.database.read().await.unwrap();
    let left: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM upload_pieces")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(left.0, 0);
    drop(connection);
    service.stop().await;
}

#[actix_web::test]
async fn an_application_has_only_so_many_uploads_open() {
    let service = Service::start_with(Options {
        uploading: |settings| settings.max_open = 2,
        ..Options::default()
    })
    .await;
    let first = Sender::start(&service, json!({})).await;
    Sender::start(&service, json!({})).await;
    let (status, refused) = Sender::try_start(&service, json!({})).await;
    assert_eq!(
        (status, &refused["code"]),
        (429, &json!("too-many-uploads"))
    );
    first.send(1, b"x").await;
    first.completed(json!({})).await;
    Sender::start(&service, json!({})).await;
    service.stop().await;
}

#[actix_web::test]
async fn an_upload_has_only_so_many_parts() {
    let service = Service::start_with(Options {
        uploading: |settings| settings.max_pieces = 2,
        ..Options::default()
    })
    .await;
    let sender = Sender::start(&service, json!({})).await;
    for part in [1, 2, 1, 2] {
        sender.send(part, b"x").await;
    }
    let (_, place) = sender.ask(3, 1, json!({})).await;
    let answer = sender.put(&place, "x").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let file = sender.completed(json!({})).await;
    assert_eq!(file["size"], 2);
    service.left_with(1).await;
    service.stop().await;
}
