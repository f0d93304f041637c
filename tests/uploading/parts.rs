//! Parts on their way: order, repetition, digests, pieces of parts.

use futures_util::future::join_all;
use serde_json::json;

use super::sender::{Sender, md5, sample};
use crate::file_service::Service;

#[actix_web::test]
async fn a_file_sent_in_parts_is_stored_recorded_and_told_of() {
    let service = Service::start().await;
    let whole = sample(2_500_000);
    let sender = Sender::start(&service, json!({ "size": whole.len() })).await;
    assert_eq!(sender.started["region"], "us-east-1");
    assert_eq!(sender.started["location_url"], "http://files.test");
    assert!(sender.started.get("upload_type").is_none());
    let uri = sender.started["uri"].as_str().unwrap();
    assert!(uri.starts_with('/') && uri.ends_with("_a.bin"), "{uri}");
    let mut parts = Vec::new();
    for (number, bytes) in (1..).zip(whole.chunks(1_000_000)) {
        let etag = sender.send(number, bytes).await;
        assert!(etag.starts_with('"') && etag.len() == 34, "{etag}");
        parts.push(json!({ "part_number": number, "etag": etag }));
    }
    let file = sender
        .completed(json!({
            "size": whole.len(), "filename": "a.bin", "parts": parts,
            "upload_tags": { "color": "red" },
        }))
        .await;
    assert_eq!(file["status"], "Stored");
    assert_eq!(file["size"], whole.len());
    assert_eq!(file["filename"], "a.bin");
    assert_eq!(file["mimetype"], "application/x-thing");
    assert_eq!(file["upload_tags"], json!({ "color": "red" }));
    let handle = file["handle"].as_str().unwrap();
    assert_eq!(file["key"], format!("{handle}_a.bin"));
    assert_eq!(file["url"], format!("http://files.test/{handle}"));
    assert!(service.bytes_of(&file).await == whole);
    assert_eq!(service.actions().await, ["fp.upload"]);
    let told = service.event().await;
    assert_eq!(told["client"], "Computer");
    assert_eq!(told["url"], file["url"]);
    assert_eq!(told["upload_tags"]["color"], "red");
    service.left_with(1).await;
    assert!(service.bytes_of(&file).await == whole);
    service.stop().await;
}

#[actix_web::test]
async fn parts_may_come_in_any_order_at_once_and_more_than_once() {
    let service = Service::start().await;
    let whole = sample(700_001);
    let sender = Sender::start(&service, json!({})).await;
    sender.send(3, b"not the last word").await;
    let parts: Vec<_> = (1..).zip(whole.chunks(100_000)).collect();
    let sent = parts
        .iter()
        .rev()
        .map(|(number, bytes)| sender.send(*number, bytes));
    join_all(sent).await;
    let again = parts
        .iter()
        .map(|(number, bytes)| sender.send(*number, bytes));
    join_all(again).await;
    let file = sender.completed(json!({ "size": whole.len() })).await;
    assert!(service.bytes_of(&file).await == whole);
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn the_etag_is_the_digest_and_a_wrong_one_keeps_the_part_out() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({ "size": 5 })).await;
    let (_, place) = sender.ask(1, 5, json!({ "md5": md5(b"hello") })).await;
    assert_eq!(place["headers"]["Content-MD5"], md5(b"hello"));
    let (status, refused) =
        super::sender::told(sender.put(&place, "hullo").send().await.unwrap()).await;
    assert_eq!((status, &refused["code"]), (400, &json!("wrong-digest")));
    let answer = sender.put(&place, "hello").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["etag"],
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
    // Without one announced, the header of the PUT counts.
    let (_, place) = sender.ask(1, 5, json!({})).await;
    let put = sender
        .put(&place, "hullo")
        .header("content-md5", md5(b"hello"));
    assert_eq!(put.send().await.unwrap().status(), 400);
    let file = sender.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"hello");
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn a_browser_may_read_the_etag_and_send_the_headers_that_were_given_out() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    let (_, place) = sender.ask(1, 2, json!({ "md5": md5(b"hi") })).await;
    let put = sender
        .put(&place, "hi")
        .header("origin", "https://page.test");
    let answer = put.send().await.unwrap();
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("ETag"), "{exposed}");
    let path = place["url"].as_str().unwrap();
    let path = path.strip_prefix("http://files.test").unwrap();
    let asked = service
        .ask(reqwest::Method::OPTIONS, path)
        .header("origin", "https://page.test")
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "authorization,content-md5",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 204);
    let allowed = &asked.headers()["access-control-allow-headers"];
    assert_eq!(allowed, "authorization,content-md5");
    let methods = asked.headers()["access-control-allow-methods"].to_str();
    assert!(methods.unwrap().contains("PUT"));
    service.stop().await;
}

#[actix_web::test]
async fn a_part_must_be_as_long_as_announced() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    let (_, place) = sender.ask(1, 5, json!({})).await;
    let streamed = |text: &'static str| {
        reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(text)]))
    };
    for body in [
        "four".into(),
        "sixsix".into(),
        streamed("four"),
        streamed("sixsix"),
    ] {
        let body: reqwest::Body = body;
        let answer = super::sender::told(sender.put(&place, body).send().await.unwrap()).await;
        assert_eq!(answer.0, 400, "{}", answer.1);
        assert_eq!(answer.1["code"], "incomplete-body");
    }
    let (status, refused) = sender.complete(json!({})).await;
    assert_eq!((status, &refused["code"]), (400, &json!("wrong-parts")));
    service.left_with(0).await;
    service.stop().await;
}

#[actix_web::test]
async fn with_intelligent_ingestion_parts_come_in_pieces() {
    let service = Service::start().await;
    let whole = sample(900_000);
    let start = json!({ "size": whole.len(), "fii": true });
    let sender = Sender::start(&service, start).await;
    assert_eq!(sender.started["upload_type"], "intelligent_ingestion");
    let piece = async |part: usize, offset: usize, length: usize| {
        let at = (part - 1) * 500_000 + offset;
        let bytes = &whole[at..at + length];
        let more = json!({ "offset": offset, "fii": true, "md5": md5(bytes) });
        sender
            .send_at(u32::try_from(part).unwrap(), bytes, more)
            .await;
    };
    let commit = async |part: usize| {
        let body = json!({ "apikey": service.application.apikey, "upload_id": sender.upload_id,
            "uri": sender.started["uri"], "part": part, "size": whole.len() });
        service.multipart("commit", &body).await
    };
    piece(1, 0, 400_000).await;
    let (status, refused) = commit(1).await;
    assert_eq!((status, &refused["code"]), (200, &json!(null)));
    // The answer to the second half was lost: it is sent again in quarters, the first twice.
    piece(1, 400_000, 100_000).await;
    piece(1, 400_000, 50_000).await;
    piece(1, 450_000, 50_000).await;
    assert_eq!(commit(1).await.0, 200);
    piece(2, 200_000, 200_000).await;
    let (status, refused) = commit(2).await;
    assert_eq!((status, &refused["code"]), (400, &json!("wrong-parts")));
    piece(2, 0, 200_000).await;
    assert_eq!(commit(2).await, (200, json!({})));
    let file = sender.completed(json!({ "fii": true })).await;
    assert!(service.bytes_of(&file).await == whole);
    assert_eq!(commit(2).await.0, 200);
    service.left_with(1).await;
    service.stop().await;
}
