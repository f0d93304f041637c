//! Endpoints and deliveries, from an owner's side.

use std::time::Duration;

use serde_json::json;

use crate::processes::eventually;
use crate::scene::Scene;
use crate::support::subscriber::Answer;

#[tokio::test]
async fn what_a_subscriber_did_not_take_is_seen_and_sent_again() {
    is_sent_again(Scene::start().await).await;
}

#[tokio::test]
async fn what_a_subscriber_did_not_take_is_sent_again_on_postgresql() {
    is_sent_again(Scene::on_postgres().await).await;
}

async fn is_sent_again(scene: Scene) {
    scene.subscriber.answer("/here", Answer::Status(500));
    let owned = scene.owned("/here").await;
    owned.delivery_is("exhausted").await;
    let delivery = owned.delivery().await;
    assert_eq!(delivery["attempts"], 2);
    assert_eq!(delivery["last_status"], 500);
    let log = delivery["attempt_log"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!(log[1]["number"], 2);
    assert_eq!(log[1]["status"], 500);
    let exhausted = owned.path(&format!(
        "/deliveries?state=exhausted&endpoint={}",
        owned.endpoint
    ));
    let listed = owned.api.get(&exhausted).await;
    assert_eq!(listed["items"][0]["id"], owned.delivery);

    scene.subscriber.answer("/here", Answer::Status(204));
    let resend = owned.path(&format!("/deliveries/{}/resend", owned.delivery));
    let (status, asked) = owned.api.send("POST", &resend, None).await;
    assert_eq!(status, 202, "{asked}");
    owned.delivery_is("delivered").await;
    assert_eq!(owned.delivery().await["manual"], 1);
    let listed = owned.api.get(&exhausted).await;
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn all_failures_since_a_time_are_sent_again() {
    let scene = Scene::start().await;
    scene.subscriber.answer("/here", Answer::Status(500));
    let owned = scene.owned("/here").await;
    owned.delivery_is("exhausted").await;
    scene.subscriber.answer("/here", Answer::Status(200));
    let again = owned.path(&format!("/endpoints/{}/resend-failed", owned.endpoint));
    let later = json!({ "since": 9_000_000_000_000_i64 });
    assert_eq!(
        owned.api.post(&again, later).await,
        (202, json!({ "resent": 0 }))
    );
    let (status, resent) = owned.api.post(&again, json!({ "since": 0 })).await;
    assert_eq!((status, resent), (202, json!({ "resent": 1 })));
    owned.delivery_is("delivered").await;
}

#[tokio::test]
async fn an_endpoint_is_switched_off_and_on_and_deleted() {
    let scene = Scene::start().await;
    let owned = scene.owned("/here").await;
    owned.delivery_is("delivered").await;
    let path = owned.path(&format!("/endpoints/{}", owned.endpoint));
    let (status, off) = owned.api.patch(&path, json!({ "enabled": false })).await;
    assert_eq!((status, &off["state"]), (200, &json!("disabled")));
    let resend = owned.path(&format!("/deliveries/{}/resend", owned.delivery));
    let (status, refused) = owned.api.send("POST", &resend, None).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(refused["type"], "/problems/endpoint-off");
    let (_, on) = owned.api.patch(&path, json!({ "enabled": true })).await;
    assert_eq!(on["state"], "enabled");
    assert_eq!(owned.api.send("DELETE", &path, None).await.0, 204);
    assert_eq!(owned.api.send("GET", &path, None).await.0, 404);
    assert_eq!(owned.api.send("DELETE", &path, None).await.0, 404);
    let left = owned.api.get(&owned.path("/endpoints")).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 5);
    assert_eq!(owned.delivery().await["state"], "delivered");
}

#[tokio::test]
async fn a_secret_is_rotated_in_two_steps() {
    let scene = Scene::start().await;
    let owned = scene.owned("/here").await;
    let path = owned.path(&format!("/endpoints/{}", owned.endpoint));
    let promote = format!("{path}/promote-secret");
    let rotate = format!("{path}/rotate-secret");
    let (status, none) = owned.api.send("POST", &promote, None).await;
    assert_eq!(
        (status, &none["type"]),
        (409, &json!("/problems/no-rotation"))
    );
    let (status, rotated) = owned.api.send("POST", &rotate, None).await;
    assert_eq!(status, 201, "{rotated}");
    assert_eq!(rotated["rotation"], "pending");
    assert_ne!(rotated["secret"], owned.endpoint_secret);
    let (status, open) = owned.api.send("POST", &rotate, None).await;
    assert_eq!(
        (status, &open["type"]),
        (409, &json!("/problems/rotation-open"))
    );
    // While two secrets are alive, both sign.
    let resend = owned.path(&format!("/deliveries/{}/resend", owned.delivery));
    assert_eq!(owned.api.send("POST", &resend, None).await.0, 202);
    let received = scene.subscriber.wait_for("/here", 2).await;
    let both = received[1].header("webhook-signature").unwrap();
    assert_eq!(both.split(' ').count(), 2, "{both}");
    let (status, promoted) = owned
        .api
        .post(&promote, json!({ "overlap_seconds": 0 }))
        .await;
    assert_eq!((status, &promoted["rotation"]), (200, &json!("none")));
    assert!(promoted.get("secret").is_none());
    eventually("one signature", Duration::from_secs(5), async || {
        owned.api.send("POST", &resend, None).await;
        let received = scene.subscriber.received("/here");
        let last = received
            .last()
            .unwrap()
            .header("webhook-signature")
            .unwrap();
        last.split(' ').count() == 1
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_of_in_the_log_of_events() {
    let scene = Scene::start().await;
    scene.subscriber.answer("/here", Answer::Status(410));
    let owned = scene.owned("/here").await;
    owned.delivery_is("held").await;
    let notices = owned.path("/events?action=fp.endpoint");
    let notices = owned.api.get(&notices).await;
    assert_eq!(notices["items"].as_array().unwrap().len(), 1, "{notices}");
    let told = &notices["items"][0]["text"];
    assert_eq!(told["endpoint"], owned.endpoint);
    assert_eq!(told["reason"], "it answered 410 Gone");
}
