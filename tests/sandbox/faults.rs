//! The fault switch.

use std::time::{Duration, Instant};

use longshore::sandbox::{FaultKind, FaultRule};
use serde_json::{Value, json};

use crate::spawn::{read, world};

#[tokio::test]
async fn a_cut_breaks_off_and_the_next_call_is_whole() {
    let world = world(&[("a.bin", &[7; 2_000_000])]).await;
    for kind in ["cut", "reset"] {
        world.fault(json!({ "route": "files/download", "kind": kind, "after_bytes": 900_000, "times": 1 })).await;
        let answer = world.download("/a.bin").send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], "2000000");
        assert!(answer.bytes().await.is_err(), "{kind}");
        let whole = world
            .download("/a.bin")
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(whole.len(), 2_000_000);
    }
}

#[tokio::test]
async fn a_corruption_hits_its_byte_in_whichever_range_holds_it() {
    let world = world(&[("a.bin", &[7; 1000])]).await;
    let rule = FaultRule::new("files/download", FaultKind::Corrupt { at_byte: 600 });
    world.sandbox.faults().add(rule.path("/A.bin").times(1));
    let first = world
        .download("/a.bin")
        .header("Range", "bytes=0-499")
        .send()
        .await
        .unwrap();
    assert!(first.bytes().await.unwrap().iter().all(|byte| *byte == 7));
    let second = world
        .download("/a.bin")
        .header("Range", "bytes=500-999")
        .send()
        .await
        .unwrap();
    let second = second.bytes().await.unwrap();
    assert_eq!(
        (
            second[100],
            second.iter().filter(|byte| **byte != 7).count()
        ),
        (6, 1)
    );
    let again = world
        .download("/a.bin")
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(again.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn a_stalled_or_slow_body_takes_its_time() {
    let world = world(&[("a.bin", &[7; 3000])]).await;
    world.fault(json!({ "route": "*", "path": "/a.bin", "kind": "stall", "after_bytes": 1000, "seconds": 0.4, "times": 1 })).await;
    world.fault(json!({ "route": "*", "path": "/a.bin", "kind": "slow", "bytes_per_second": 6000, "times": 1 })).await;
    for _ in 0..2 {
        let began = Instant::now();
        let bytes = world
            .download("/a.bin")
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(bytes.len(), 3000);
        assert!(began.elapsed() >= Duration::from_millis(390));
    }
}

#[tokio::test]
async fn refusals_come_as_dropbox_words_them() {
    let world = world(&[]).await;
    world.fault(json!({ "route": "files/list_folder", "kind": "rate_limited", "retry_after": 3, "times": 1 })).await;
    world.fault(json!({ "route": "files/list_folder", "kind": "rate_limited", "retry_after": 3, "form": "text", "times": 1 })).await;
    world.fault(json!({ "route": "files/list_folder", "kind": "status", "code": 503, "body": "busy", "skip": 1, "times": 1 })).await;
    let call = || {
        world
            .request("files/list_folder", &json!({ "path": "" }))
            .send()
    };
    let answer = call().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "3");
    assert_eq!(
        read(answer).await.1["error"]["reason"][".tag"],
        "too_many_requests"
    );
    assert!(read(call().await.unwrap()).await.1.is_string());
    let (status, _) = read(call().await.unwrap()).await;
    assert_eq!(status, 200, "the third rule lets one pass");
    assert_eq!(read(call().await.unwrap()).await, (503, json!("busy")));
}

#[tokio::test]
async fn tokens_can_be_made_to_end() {
    let world = world(&[]).await;
    world
        .fault(json!({ "route": "*", "kind": "expire_token", "times": 1 }))
        .await;
    let (status, body) = world.rpc("users/get_current_account", Value::Null).await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (401, &json!("expired_access_token"))
    );
    assert_eq!(
        world.rpc("users/get_current_account", Value::Null).await.0,
        401
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    assert_eq!(world.token(&form).await.0, 200);
}

#[tokio::test]
async fn a_page_can_be_empty_although_more_follows() {
    let world = world(&[("a.txt", b"1")]).await;
    world
        .fault(json!({ "route": "files/list_folder", "kind": "empty_page", "times": 1 }))
        .await;
    let page = world.ok("files/list_folder", json!({ "path": "" })).await;
    assert_eq!(
        (&page["entries"], &page["has_more"]),
        (&json!([]), &json!(true))
    );
    let page = world
        .ok(
            "files/list_folder/continue",
            json!({ "cursor": page["cursor"] }),
        )
        .await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_counts_calls_and_keeps_no_secrets() {
    let world = world(&[("a.txt", b"1")]).await;
    world
        .download("/a.txt")
        .header("Range", "bytes=0-0")
        .send()
        .await
        .unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    world.token(&form).await;
    let log = world
        .http
        .get(format!("{}/_sandbox/requests", world.url))
        .send()
        .await
        .unwrap();
    let text = log.text().await.unwrap();
    for secret in [&world.token, &world.refresh_token, "app-secret"] {
        assert!(!text.contains(secret));
    }
    let log: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(log["counters"]["files/download"], 1);
    let call = &log["requests"][0];
    assert_eq!(
        (&call["path"], &call["range"], &call["status"]),
        (&json!("/a.txt"), &json!("bytes=0-0"), &json!(206))
    );
}
