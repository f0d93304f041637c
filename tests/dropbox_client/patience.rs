//! When a call is made again, when not, and how long it waits.

use std::time::{Duration, Instant};

use longshore::dropbox::DropboxError;
use serde_json::json;

use crate::{
    CREATE_FOLDER, METADATA, World, file, folder,
    stub::{Fault, Reply},
};

fn too_many(retry_after: Option<u64>) -> Reply {
    let mut error = json!({"reason": {".tag": "too_many_requests"}});
    if let Some(seconds) = retry_after {
        error["retry_after"] = seconds.into();
    }
    Reply::error(
        429,
        json!({"error_summary": "too_many_requests/..", "error": error}),
    )
}

fn created() -> Reply {
    Reply::json(json!({"metadata": folder("new")}))
}

/// The time between the first question, answered so, and the second, which brings the metadata.
async fn asked_again_after(first: Reply) -> Duration {
    let world = World::new().await;
    world.stub.on(METADATA, [first, Reply::json(file(1))]);
    world
        .dropbox
        .get_metadata(&world.account, "/a")
        .await
        .unwrap();
    let seen = world.stub.seen();
    assert_eq!(seen.len(), 2);
    seen[1].at - seen[0].at
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_header_says_how_long_to_wait_before_the_body_does() {
    let wait = asked_again_after(too_many(Some(300)).header("Retry-After", "1")).await;
    assert!((SECOND..SECOND * 3).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn the_body_says_how_long_to_wait_where_the_header_does_not() {
    let wait = asked_again_after(too_many(Some(1))).await;
    assert!((SECOND..SECOND * 3).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn a_rate_limit_in_plain_text_is_one_too() {
    let text = Reply::new(429, "slow down").header("Content-Type", "text/plain");
    let wait = asked_again_after(text.header("Retry-After", "1")).await;
    assert!((SECOND..SECOND * 3).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn a_rate_limit_that_names_no_wait_is_waited_for_a_second() {
    let wait = asked_again_after(Reply::new(429, "slow down")).await;
    assert!((SECOND..SECOND * 3).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn a_wait_may_be_a_fraction_of_a_second() {
    let refused = Reply::new(429, "slow down").header("Retry-After", "0.3");
    let wait = asked_again_after(refused).await;
    let least = Duration::from_millis(300);
    assert!((least..SECOND).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn a_write_that_was_turned_away_at_the_door_is_made_again() {
    let world = World::new().await;
    let closed = Reply::new(503, "later").header("Retry-After", "0.01");
    world.stub.on(CREATE_FOLDER, [closed, created()]);
    let made = world
        .dropbox
        .create_folder(&world.account, "/new", false)
        .await;
    assert!(made.is_ok(), "{made:?}");
    assert_eq!(world.stub.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_ends_every_connection_is_as_good_as_any() {
    let world = World::new().await;
    let good = Reply::json(file(1)).closing();
    world.stub.on(
        METADATA,
        [good.clone(), Reply::new(408, "").closing(), good],
    );
    for _ in 0..3 {
        let found = world.dropbox.get_metadata(&world.account, "/a").await;
        assert!(found.is_ok(), "{found:?}");
    }
    assert_eq!(world.stub.seen().len(), 4);
}

#[tokio::test]
async fn a_write_refused_for_lock_contention_comes_again_after_the_headers_wait() {
    let world = World::new().await;
    // Its body lacks `retry_after`.
    let contended = json!({
        "error_summary": "too_many_write_operations/..",
        "error": {"reason": {".tag": "too_many_write_operations"}},
    });
    let refused = Reply::error(429, contended).header("Retry-After", "1");
    world.stub.on(CREATE_FOLDER, [refused, created()]);
    world
        .dropbox
        .create_folder(&world.account, "/new", false)
        .await
        .unwrap();
    let seen = world.stub.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= SECOND);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_handed_to_the_caller_at_once() {
    let world = World::new().await;
    world
        .stub
        .on(METADATA, [too_many(None).header("Retry-After", "20")]);
    let began = Instant::now();
    let outcome = world.dropbox.get_metadata(&world.account, "/a").await;
    let retry_after = SECOND * 20;
    assert_eq!(outcome, Err(DropboxError::RateLimited { retry_after }));
    assert!(began.elapsed() < SECOND);
    world.stub.only();
}

#[tokio::test]
async fn a_read_is_made_again_when_dropbox_cannot_serve_it() {
    for status in [500, 502, 503, 504] {
        asked_again_after(Reply::new(status, "<html>oops</html>")).await;
    }
    let wait = asked_again_after(Reply::new(503, "").header("Retry-After", "1")).await;
    assert!(wait >= SECOND, "{wait:?}");
}

#[tokio::test]
async fn a_read_is_made_again_when_the_network_loses_it() {
    asked_again_after(Reply::json(file(1)).fault(Fault::Silence)).await;
    asked_again_after(Reply::json(file(1)).fault(Fault::CutAfter(10))).await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_made_twice() {
    for first in [
        created().fault(Fault::Silence),
        Reply::new(500, "oops"),
        Reply::new(503, "oops"),
        // Whoever waits so long may have begun; only 503 says that nothing was done.
        Reply::new(504, "oops").header("Retry-After", "0.01"),
    ] {
        let world = World::new().await;
        world.stub.on(CREATE_FOLDER, [first, created()]);
        let outcome = world
            .dropbox
            .create_folder(&world.account, "/new", false)
            .await;
        assert!(
            matches!(outcome, Err(DropboxError::Unavailable { .. })),
            "{outcome:?}"
        );
        world.stub.only();
    }
}

#[tokio::test]
async fn a_dropbox_that_stays_away_is_given_up_at_the_deadline() {
    let world = World::with(|settings| {
        settings.call_timeout = Duration::from_millis(200);
        settings.total_deadline = Duration::from_millis(300);
    })
    .await;
    world.stub.on(METADATA, [Reply::new(500, "oops")]);
    let began = Instant::now();
    let outcome = world.dropbox.get_metadata(&world.account, "/a").await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, DropboxError::Unavailable { .. }),
        "{error:?}"
    );
    assert!(error.is_retryable());
    assert!(world.stub.seen().len() > 2);
    assert!(began.elapsed() < SECOND * 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_dropbox_that_says_nothing_is_given_up_too() {
    let world = World::with(|settings| {
        settings.call_timeout = Duration::from_millis(100);
        settings.total_deadline = Duration::from_millis(500);
    })
    .await;
    world
        .stub
        .on(METADATA, [Reply::json(file(1)).late(SECOND * 30)]);
    let began = Instant::now();
    let outcome = world.dropbox.get_metadata(&world.account, "/a").await;
    assert!(
        matches!(outcome, Err(DropboxError::Unavailable { .. })),
        "{outcome:?}"
    );
    let took = began.elapsed();
    assert!(took < SECOND * 2, "{took:?}");
    assert!(world.stub.seen().len() >= 2);
}

#[tokio::test]
async fn an_answer_that_stops_halfway_is_asked_for_again() {
    let world = World::with(|settings| settings.call_timeout = Duration::from_millis(200)).await;
    let half = Reply::json(file(1)).fault(Fault::StallAfter(10));
    world.stub.on(METADATA, [half, Reply::json(file(1))]);
    world
        .dropbox
        .get_metadata(&world.account, "/a")
        .await
        .unwrap();
    assert_eq!(world.stub.seen().len(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_not_asked_twice() {
    for status in [400, 403, 404, 409] {
        let world = World::new().await;
        world.stub.on(METADATA, [Reply::new(status, "no")]);
        assert!(
            world
                .dropbox
                .get_metadata(&world.account, "/a")
                .await
                .is_err()
        );
        world.stub.only();
    }
}
