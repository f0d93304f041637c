//! Uploads whose time is over, how many may be open, and how much may lie in them.

use std::time::Duration;

use bytesize::ByteSize;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use longshore::database::DatabaseError;
use serde_json::{Value, json};

use super::sender::{Sender, told};
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

/// A service whose applications may have ten bytes in open uploads.
async fn narrow() -> Service {
    Service::start_with(Options {
        uploading: |settings| settings.max_staged_bytes = ByteSize(10),
        ..Options::default()
    })
    .await
}

/// Sends a part for which there may be no room, and answers how that went.
async fn try_send(sender: &Sender<'_>, part: u32, bytes: &[u8]) -> (u16, Value) {
    let (status, place) = sender.ask(part, bytes.len(), json!({})).await;
    assert_eq!(status, 200, "{place}");
    told(sender.put(&place, bytes.to_vec()).send().await.unwrap()).await
}

#[actix_web::test]
async fn an_application_has_only_so_many_bytes_in_open_uploads() {
    let service = narrow().await;
    let first = Sender::start(&service, json!({})).await;
    let second = Sender::start(&service, json!({ "size": 5 })).await;
    first.send(1, b"123456").await;
    second.send(1, b"1234").await;
    let (status, refused) = try_send(&second, 2, b"5").await;
    assert_eq!(
        (status, &refused["code"]),
        (429, &json!("too-many-uploads"))
    );
    let (_, place) = second.ask(2, 1, json!({})).await;
    let answer = second.put(&place, "5").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "60");
    // What has no room when it is announced is not even begun.
    for unborn in [json!({}), json!({ "size": 1 })] {
        let (status, refused) = Sender::try_start(&service, unborn).await;
        assert_eq!(
            (status, &refused["code"]),
            (429, &json!("too-many-uploads"))
        );
    }
    service.left_with(2).await;
    // A part that comes again takes the place of the one before.
    first.send(1, b"12345").await;
    second.send(2, b"5").await;
    let file = first.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"12345");
    let (status, _) = Sender::try_start(&service, json!({ "size": 6 })).await;
    assert_eq!(status, 429, "one byte more than there is room for");
    Sender::start(&service, json!({ "size": 5 })).await;
    let file = second.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"12345");
    Sender::start(&service, json!({ "size": 10 })).await;
    service.stop().await;
}

#[actix_web::test]
async fn parts_that_come_at_once_do_not_exceed_what_an_application_may_have() {
    let service = narrow().await;
    let senders = join_all((0..8).map(|_| Sender::start(&service, json!({})))).await;
    let sent = senders.iter().map(|sender| try_send(sender, 1, b"123"));
    let answers = join_all(sent).await;
    let taken = answers.iter().filter(|(status, _)| *status == 200).count();
    let refused = answers.iter().filter(|(status, _)| *status == 429).count();
    assert_eq!((taken, refused), (3, 5), "{answers:?}");
    service.left_with(3).await;
    service.stop().await;
}

#[actix_web::test]
async fn what_is_never_completed_makes_room_when_its_time_is_over() {
    let service = narrow().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"1234567").await;
    sender.send(2, b"890").await;
    assert_eq!(Sender::try_start(&service, json!({})).await.0, 429);
    service.hand.advance(Duration::from_secs(24 * 60 * 60 + 60));
    service.left_with(0).await;
    let sender = Sender::start(&service, json!({ "size": 10 })).await;
    sender.send(1, b"1234567890").await;
    sender.completed(json!({})).await;
    service.stop().await;
}

#[actix_web::test]
async fn bytes_in_open_uploads_may_be_without_a_limit() {
    let service = Service::start_with(Options {
        uploading: |settings| settings.max_staged_bytes = ByteSize(0),
        ..Options::default()
    })
    .await;
    let sender = Sender::start(&service, json!({ "size": 3 })).await;
    sender.send(1, b"123").await;
    sender.completed(json!({})).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_count_of_bytes_that_is_wrong_is_put_right_at_the_next_start() {
    let service = narrow().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"1234").await;
    // As when a node of the version before let pieces go and did not count them.
    let counted = service.database.write(|tx| {
        async move {
            let wrong = sqlx::query("UPDATE staged_bytes SET bytes = 10");
            wrong.execute(tx).await?;
            Ok::<_, DatabaseError>(())
        }
        .boxed()
    });
    counted.await.unwrap();
    assert_eq!(Sender::try_start(&service, json!({})).await.0, 429);
    let upload_id = sender.upload_id;
    let service = service.restart().await;
    let mut answer = (0, Value::Null);
    for _ in 0..100 {
        answer = Sender::try_start(&service, json!({ "size": 6 })).await;
        if answer.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(
        Sender::try_start(&service, json!({ "size": 7 })).await.0,
        429
    );
    let sender = Sender {
        service: &service,
        upload_id,
        started: answer.1,
    };
    let file = sender.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"1234");
    service.stop().await;
}
