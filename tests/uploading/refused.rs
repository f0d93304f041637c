//! What is refused, and in which words.

use serde_json::{Value, json};

use super::sender::{Sender, told};
use crate::file_service::{Options, Service};

#[track_caller]
fn is(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!(
        (answer.0, answer.1["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.1
    );
}

#[actix_web::test]
async fn a_start_that_cannot_be_meant_is_refused() {
    let service = Service::start().await;
    for wrong in [
        json!({ "size": -1 }),
        json!({ "size": "many" }),
        json!({ "store": "s3" }),
        json!({ "store": { "location": "dropbox" } }),
        json!({ "store": { "path": "../../etc/passwd" } }),
        json!({ "store": { "access": "secret" } }),
        json!({ "store": { "filename": "a/b" } }),
        json!({ "upload_tags": { "a": 5 } }),
        json!({ "upload_tags": { "a": "x".repeat(257) } }),
    ] {
        is(
            &Sender::try_start(&service, wrong).await,
            400,
            "bad-request",
        );
    }
    let unknown = json!({ "apikey": "Aunknown" });
    is(
        &Sender::try_start(&service, unknown).await,
        401,
        "unknown-apikey",
    );
    let decode = json!({ "store": { "base64decode": true } });
    is(
        &Sender::try_start(&service, decode).await,
        501,
        "not-implemented",
    );
    let large = json!({ "size": 8 * 1024 * 1024 + 1 });
    is(&Sender::try_start(&service, large).await, 413, "file-size");
    let known = json!({ "size": 8 * 1024 * 1024, "store": { "workflows": ["x"], "what": 1 } });
    assert_eq!(Sender::try_start(&service, known).await.0, 200);
    service.stop().await;
}

#[actix_web::test]
async fn a_hostile_file_name_becomes_a_plain_one() {
    let service = Service::start().await;
    let name = json!({ "filename": "../../../etc/pass\u{0}wd" });
    let sender = Sender::start(&service, name).await;
    sender.send(1, b"x").await;
    let file = sender.completed(json!({})).await;
    assert_eq!(file["filename"], "passwd");
    service.stop().await;
}

#[actix_web::test]
async fn an_upload_takes_no_more_than_was_announced_or_is_allowed() {
    let options = Options {
        max_file_size: 10,
        ..Options::default()
    };
    let service = Service::start_with(options).await;
    let sender = Sender::start(&service, json!({ "size": 6 })).await;
    is(&sender.ask(1, 7, json!({})).await, 413, "file-size");
    is(
        &sender.ask(1, 4, json!({ "offset": 3 })).await,
        413,
        "file-size",
    );
    for wrong in [0, 10_001] {
        is(&sender.ask(wrong, 1, json!({})).await, 400, "bad-request");
    }
    let no_digest = json!({ "md5": "AAAA" });
    is(&sender.ask(1, 1, no_digest).await, 400, "bad-request");
    // Without a size, what is stored counts.
    let sender = Sender::start(&service, json!({})).await;
    sender.send(1, b"123456").await;
    let (_, place) = sender.ask(2, 5, json!({})).await;
    let answer = told(sender.put(&place, "12345").send().await.unwrap()).await;
    is(&answer, 413, "file-size");
    sender.send(2, b"1234").await;
    sender.send(1, b"abcdef").await;
    let file = sender.completed(json!({})).await;
    assert_eq!(service.bytes_of(&file).await, b"abcdef1234");
    service.left_with(1).await;
    service.stop().await;
}

#[actix_web::test]
async fn only_the_bearer_of_the_id_and_of_the_leave_may_send() {
    let service = Service::start().await;
    let sender = Sender::start(&service, json!({})).await;
    let other = json!({ "upload_id": "x".repeat(43) });
    is(
        &sender.ask(1, 1, other.clone()).await,
        404,
        "upload-not-found",
    );
    is(&sender.complete(other).await, 404, "upload-not-found");
    is(
        &sender.ask(1, 1, json!({ "upload_id": "" })).await,
        400,
        "bad-request",
    );
    let (_, place) = sender.ask(1, 1, json!({ "apikey": null })).await;
    assert_eq!(place["location_url"], "http://files.test");
    for headers in [
        json!({}),
        json!({ "Authorization": "Upload AAAA" }),
        json!({ "Authorization": "Basic YXBwOnNlY3JldA==" }),
    ] {
        let bare = json!({ "url": place["url"], "headers": headers });
        let answer = told(sender.put(&bare, "x").send().await.unwrap()).await;
        is(&answer, 403, "part-not-authorized");
    }
    // The leave is for one part.
    let url = place["url"].as_str().unwrap();
    let moved = format!("{}/2", url.rsplit_once('/').unwrap().0);
    let moved = json!({ "url": moved, "headers": place["headers"] });
    let answer = told(sender.put(&moved, "x").send().await.unwrap()).await;
    is(&answer, 403, "part-not-authorized");
    assert!(!url.contains(&sender.upload_id));
    service.stop().await;
}

#[actix_web::test]
async fn a_policy_is_asked_for_at_the_start_and_holds_until_the_end() {
    let service = Service::start().await;
    service.secure(true).await;
    let none = Sender::try_start(&service, json!({})).await;
    is(&none, 403, "policy-required");
    assert_eq!(none.1["error"], "Invalid App policy");
    let expiry = service.clock.now().timestamp() + 3600;
    let signed = |policy: Value, more: Value| {
        let mut policy = policy;
        policy["expiry"] = expiry.into();
        let (policy, signature) = service.policy(&policy.to_string());
        super::sender::over(json!({ "policy": policy, "signature": signature }), more)
    };
    let cannot = signed(json!({ "call": ["read"] }), json!({}));
    is(
        &Sender::try_start(&service, cannot).await,
        403,
        "not-allowed",
    );
    let large = signed(
        json!({ "call": ["pick"], "maxSize": 4 }),
        json!({ "size": 5 }),
    );
    is(&Sender::try_start(&service, large).await, 413, "file-size");
    let place = json!({ "store": { "path": "/in/" } });
    let elsewhere = json!({ "call": ["pick", "store"], "path": "/out/.*" });
    let elsewhere = signed(elsewhere, place.clone());
    is(
        &Sender::try_start(&service, elsewhere).await,
        403,
        "not-allowed",
    );
    let no_store = signed(json!({ "call": ["pick"] }), place);
    is(
        &Sender::try_start(&service, no_store).await,
        403,
        "not-allowed",
    );

    // No size was announced: what came is judged at the end, with no policy needed for that.
    let small = signed(
        json!({ "call": ["pick"], "maxSize": 4, "minSize": 2 }),
        json!({}),
    );
    let sender = Sender::start(&service, small).await;
    is(&sender.ask(1, 5, json!({})).await, 413, "file-size");
    sender.send(1, b"1").await;
    is(&sender.complete(json!({})).await, 400, "file-size");
    sender.send(2, b"23").await;
    let strict = signed(json!({ "call": ["pick"], "maxSize": 2 }), json!({}));
    is(&sender.complete(strict).await, 403, "not-allowed");
    let forged = json!({ "policy": "e30=", "signature": "00" });
    is(&sender.complete(forged).await, 403, "invalid-policy");
    let file = sender.completed(json!({})).await;
    assert_eq!(file["size"], 3);
    service.stop().await;
}
