//! Completions: repeated, at once, in vain, on another node, after a crash.

use futures_util::future::join_all;
use serde_json::json;

use super::sender::{Sender, sample};
use crate::file_service::Service;

#[actix_web::test]
async fn a_repeated_completion_answers_the_same_file() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"once").await;
    let file = sender.completed(json!({})).await;
    assert_eq!(sender.completed(json!({ "size": 4 })).await, file);
    assert_eq!(service.actions().await, ["fp.upload"]);
    // A part that comes too late changes nothing.
    let (status, refused) = sender.ask(1, 4, json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("upload-closed")));
    service.stop().await;
}

#[actix_web::test]
async fn of_completions_at_once_one_makes_the_file() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    for part in 1..=3 {
        sender.send(part, &sample(200_000)).await;
    }
    let files = join_all((0..8).map(|_| sender.completed(json!({})))).await;
    assert!(files.iter().all(|file| *file == files[0]), "{files:?}");
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_completion_with_a_part_missing_can_be_mended() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({ "size": 6 })).await;
    let first = sender.send(1, b"abc").await;
    let missing = sender.complete(json!({})).await;
    assert_eq!(
        (missing.0, &missing.1["code"]),
        (400, &json!("wrong-parts"))
    );
    let third = sender.send(3, b"def").await;
    let gap = sender.complete(json!({})).await;
    assert_eq!(gap.1["error"], "part 2 is missing");
    let second = sender.send(2, b"def").await;
    let too_long = sender.complete(json!({})).await;
    let said = "the parts have 9 bytes together and not 6";
    assert_eq!(too_long.1["error"], said);
    // The list says which parts make up the file.
    let wrong = json!([{ "part_number": 1, "etag": second }, { "part_number": 2, "etag": second }]);
    let refused = sender.complete(json!({ "parts": wrong })).await;
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (400, &json!("wrong-parts"))
    );
    assert_eq!(second, third);
    let parts = json!([{ "part_number": 2, "etag": second }, { "part_number": 1, "etag": first }]);
    let file = sender.completed(json!({ "parts": parts })).await;
    assert_eq!(service.bytes_of(&file).await, b"abcdef");
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn an_empty_file_is_taken_where_it_is_asked_for() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({ "size": 0 })).await;
    let file = sender.completed(json!({ "size": 0 })).await;
    assert_eq!(
        (&file["size"], service.bytes_of(&file).await),
        (&json!(0), vec![])
    );
    let sender = Sender::start(&service, json!({ "size": "0" })).await;
    sender.send(1, b"").await;
    sender.completed(json!({})).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_failed_record_is_taken_up_and_loses_nothing() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"kept ").await;
    sender.send(2, b"safe").await;
    service.refuse_events(true).await;
    assert_eq!(sender.complete(json!({})).await.0, 500);
    assert_eq!(service.actions().await, [""; 0]);
    service.refuse_events(false).await;
    // The lease of the one that failed has to run out.
    service.hand.advance(std::time::Duration::from_secs(60));
    let file = sender.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"kept safe");
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn nobody_need_ask_again_for_a_completion_that_was_cut_short() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"kept").await;
    service.refuse_events(true).await;
    assert_eq!(sender.complete(json!({})).await.0, 500);
    service.refuse_events(false).await;
    service.hand.advance(std::time::Duration::from_secs(60));
    for _ in 0..300 {
        if !service.actions().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(service.actions().await, ["fp.upload"]);
    service.stop().await;
}

#[actix_web::test]
async fn a_plain_path_is_one_files_alone() {
    let service = Service::start().await;
    let store = json!({ "store": { "path": "/plain/a.bin" } });
    let first = Sender::start(&service, store.clone()).await;
    let second = Sender::start(&service, store).await;
    first.send(1, b"first").await;
    second.send(1, b"second").await;
    let file = first.completed(json!({})).await;
    assert_eq!(file["key"], "plain/a.bin");
    let (status, refused) = second.complete(json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("path-taken")));
    assert_eq!(service.bytes_of(&file).await, b"first");
    // The upload stays open until its time is over.
    service.left_with(2).await;
    assert_eq!(service.bytes_of(&file).await, b"first");
    service.stop().await;
}

#[actix_web::test]
async fn a_file_that_was_deleted_is_not_answered_again() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"short-lived").await;
    let file = sender.completed(json!({})).await;
    let handle = file["handle"].as_str().unwrap();
    let gone = service
        .ask(reqwest::Method::DELETE, &format!("/api/file/{handle}"))
        .query(&service.allowing(&["remove"]));
    assert_eq!(gone.send().await.unwrap().status(), 200);
    let (status, refused) = sender.complete(json!({})).await;
    assert_eq!((status, &refused["code"]), (410, &json!("deleted")));
    service.stop().await;
}
