//! From an event to a signed request, and what follows its answer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use longshore::access::audit::Actor;
use longshore::events;
use longshore::webhooks::DeliveryState;
use sha2::Sha256;

use crate::support::subscriber::{Answer, Received};
use crate::world::{World, on_every_ground};

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// `FS-Signature` as the protocol's page computes it.
fn filestack(secret: &str, request: &Received) -> String {
    let timestamp = request.header("FS-Timestamp").unwrap();
    let text = [timestamp.as_bytes(), b".", &request.body].concat();
    hex::encode(hmac(secret.as_bytes(), &text))
}

/// An entry of `webhook-signature` as the standard computes it.
fn standard(secret: &str, request: &Received) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let id = request.header("webhook-id").unwrap();
    let timestamp = request.header("webhook-timestamp").unwrap();
    let head = format!("{id}.{timestamp}.");
    let text = [head.as_bytes(), &request.body].concat();
    format!("v1,{}", STANDARD.encode(hmac(&key, &text)))
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

on_every_ground! {
    async fn an_event_is_told_with_both_signatures(world: World) {
        let (id, secret) = world.endpoint("/hook").await;
        let event = world.happen(1).await.remove(0);
        world.deliver().await;
        let received = world.subscriber.received("/hook");
        assert_eq!(received.len(), 1);
        let request = &received[0];
        assert_eq!(request.body, events::body(&event).as_bytes());
        assert_eq!(request.header("FS-Signature").unwrap(), filestack(&secret, request));
        assert_eq!(request.header("webhook-signature").unwrap(), standard(&secret, request));
        assert_eq!(request.header("webhook-id").unwrap(), format!("evt_{}", event.id));
        assert_eq!(request.header("FS-Timestamp"), request.header("webhook-timestamp"));
        assert_eq!(request.header("content-type").unwrap(), "application/json");
        assert_eq!(request.header("user-agent").unwrap(), "longshore-webhooks/1");
        assert_eq!(request.header("FS-Attempt").unwrap(), "1");
        assert_eq!(request.header("FS-Signature-Secondary"), None);
        let delivery = world.only_delivery().await;
        assert_eq!(request.header("FS-Delivery").unwrap(), format!("dlv_{}", delivery.id));
        assert_eq!(delivery.state, DeliveryState::Delivered);
        assert_eq!((delivery.attempts, delivery.last_status), (1, Some(200)));
        let endpoint = world.webhooks.endpoint(world.application, id).await.unwrap();
        assert!(endpoint.last_success_at.is_some());
        world.deliver().await;
        assert_eq!(world.subscriber.received("/hook").len(), 1);
    }

    async fn retries_are_due_after_5_minutes_1_hour_and_12_hours_from_the_first(world: World) {
        world.endpoint("/down").await;
        world.subscriber.answer("/down", Answer::Status(500));
        world.happen(1).await;
        let tried = async || {
            world.deliver().await;
            world.subscriber.received("/down").len()
        };
        assert_eq!(tried().await, 1);
        world.hand.advance(5 * MINUTE - Duration::from_secs(1));
        assert_eq!(tried().await, 1, "never early");
        world.hand.advance(Duration::from_secs(16));
        assert_eq!(tried().await, 2);
        world.hand.advance(55 * MINUTE - Duration::from_secs(16));
        assert_eq!(tried().await, 2, "never early");
        world.hand.advance(Duration::from_secs(62));
        assert_eq!(tried().await, 3);
        world.hand.advance(11 * HOUR - Duration::from_secs(70));
        assert_eq!(tried().await, 3, "never early");
        world.hand.advance(6 * MINUTE);
        assert_eq!(tried().await, 4);
        let delivery = world.only_delivery().await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Exhausted, 4));
        assert_eq!(delivery.last_error, "answered 500");
        world.hand.advance(100 * HOUR);
        assert_eq!(tried().await, 4);
        let requests = world.subscriber.received("/down");
        let ids: Vec<_> = requests.iter().map(|request| request.header("webhook-id")).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one id in all attempts");
        assert_eq!(requests[3].header("FS-Attempt").unwrap(), "4");
        let attempts = world.webhooks.attempts(world.application, delivery.id).await.unwrap();
        assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    async fn a_retry_that_succeeds_ends_it(world: World) {
        world.endpoint("/flaky").await;
        world.subscriber.answer("/flaky", Answer::Status(404));
        world.happen(1).await;
        world.deliver().await;
        assert_eq!(world.only_delivery().await.state, DeliveryState::Pending);
        world.subscriber.answer("/flaky", Answer::Status(204));
        world.hand.advance(6 * MINUTE);
        world.deliver().await;
        let delivery = world.only_delivery().await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 2));
        let requests = world.subscriber.received("/flaky");
        assert_ne!(requests[0].header("FS-Timestamp"), requests[1].header("FS-Timestamp"));
    }

    async fn while_a_secret_is_rotated_both_are_valid(world: World) {
        let (id, old) = world.endpoint("/hook").await;
        let fresh = world.webhooks.rotate_secret(world.application, id, &Actor::command_line()).await.unwrap();
        assert_ne!(old, fresh);
        world.webhooks.rotate_secret(world.application, id, &Actor::command_line()).await.expect_err("a third secret");
        let last = async || {
            world.happen(1).await;
            world.deliver().await;
            world.subscriber.received("/hook").pop().unwrap()
        };
        let check = |request: &Received, first: &str, second: Option<&str>| {
            assert_eq!(request.header("FS-Signature").unwrap(), filestack(first, request));
            let beside = second.map(|second| filestack(second, request));
            assert_eq!(request.header("FS-Signature-Secondary"), beside.as_deref());
            let all: Vec<_> = [Some(first), second].into_iter().flatten()
                .map(|secret| standard(secret, request)).collect();
            assert_eq!(request.header("webhook-signature").unwrap(), all.join(" "));
        };
        check(&last().await, &old, Some(&fresh));
        world.webhooks.promote_secret(world.application, id, None, &Actor::command_line()).await.unwrap();
        check(&last().await, &fresh, Some(&old));
        world.hand.advance(25 * HOUR);
        check(&last().await, &fresh, None);
        let third = world.webhooks.rotate_secret(world.application, id, &Actor::command_line()).await.unwrap();
        world.hand.advance(25 * HOUR);
        check(&last().await, &third, Some(&fresh));
        world.hand.advance(24 * HOUR);
        check(&last().await, &third, None);
        let fourth = world.webhooks.rotate_secret(world.application, id, &Actor::command_line()).await.unwrap();
        let at_once = Some(Duration::ZERO);
        world.webhooks.promote_secret(world.application, id, at_once, &Actor::command_line()).await.unwrap();
        check(&last().await, &fourth, None);
    }

    async fn gone_switches_the_endpoint_off_and_holds_what_it_is_owed(world: World) {
        let (id, _) = world.endpoint("/gone").await;
        world.subscriber.answer("/gone", Answer::Status(500));
        world.happen(3).await;
        world.deliver().await;
        world.subscriber.answer("/gone", Answer::Status(410));
        world.happen(1).await;
        world.deliver().await;
        let endpoint = world.webhooks.endpoint(world.application, id).await.unwrap();
        assert_eq!(endpoint.state, longshore::webhooks::EndpointState::DisabledByUs);
        assert!(endpoint.disabled_reason.contains("410"));
        let all = world.deliveries().await;
        assert!(all.iter().all(|one| one.state == DeliveryState::Held), "{all:?}");
        world.happen(1).await;
        assert_eq!(world.deliveries().await.len(), 4, "an endpoint that is off is owed nothing new");
        world.hand.advance(HOUR);
        world.deliver().await;
        assert_eq!(world.subscriber.received("/gone").len(), 4);
        world.subscriber.answer("/gone", Answer::Status(200));
        world.webhooks.enable_endpoint(world.application, id, &Actor::command_line()).await.unwrap();
        world.deliver().await;
        let all = world.deliveries().await;
        assert!(all.iter().all(|one| one.state == DeliveryState::Delivered), "{all:?}");
    }

    async fn retry_after_postpones_but_never_hastens(world: World) {
        world.endpoint("/busy").await;
        world.subscriber.answer("/busy", Answer::With(503, "Retry-After: 1200".to_owned()));
        world.happen(1).await;
        world.deliver().await;
        let delivery = world.only_delivery().await;
        let wait = delivery.next_at.unwrap() - delivery.first_at.unwrap();
        assert!((1_200_000..1_205_000).contains(&wait), "{wait}");
    }

    async fn a_redirect_is_a_failure_and_not_followed(world: World) {
        world.endpoint("/moved").await;
        let line = format!("Location: {}", world.subscriber.url("/secret"));
        world.subscriber.answer("/moved", Answer::With(307, line));
        world.happen(1).await;
        world.deliver().await;
        assert!(world.subscriber.received("/secret").is_empty());
        let delivery = world.only_delivery().await;
        assert_eq!(delivery.state, DeliveryState::Pending);
        assert_eq!(delivery.last_error, "answered 307; redirects are not followed");
    }

    async fn of_a_huge_answer_little_is_read_and_less_kept(world: World) {
        world.endpoint("/huge").await;
        world.subscriber.answer("/huge", Answer::Huge(1 << 30));
        world.happen(1).await;
        let began = std::time::Instant::now();
        world.deliver().await;
        assert!(began.elapsed() < Duration::from_secs(2));
        let delivery = world.only_delivery().await;
        assert_eq!(delivery.state, DeliveryState::Delivered);
        let attempts = world.webhooks.attempts(world.application, delivery.id).await.unwrap();
        assert_eq!(attempts[0].response_body.len(), 4096);
    }

    async fn an_answer_of_the_size_that_is_read_keeps_its_connection_and_a_long_one_does_not(world: World) {
        world.endpoint("/answers").await;
        let connections_after = async |size: usize| {
            world.subscriber.answer("/answers", Answer::Text("x".repeat(size)));
            let before = world.subscriber.connections();
            for _ in 0..3 {
                world.happen(1).await;
                world.deliver().await;
            }
            world.subscriber.connections() - before
        };
        assert_eq!(connections_after(16 * 1024).await, 1);
        assert_eq!(connections_after(1 << 20).await, 2, "the first is still open");
        assert!(world.deliveries().await.iter().all(|one| one.state == DeliveryState::Delivered));
    }

    async fn an_answer_that_no_database_could_keep_is_kept_in_part(world: World) {
        world.endpoint("/odd").await;
        world.subscriber.answer("/odd", Answer::Text("a\0b".to_owned()));
        world.happen(1).await;
        world.deliver().await;
        let delivery = world.only_delivery().await;
        let attempts = world.webhooks.attempts(world.application, delivery.id).await.unwrap();
        assert_eq!(attempts[0].response_body, "a\u{fffd}b");
    }

    async fn hundreds_of_events_are_told_once_each_within_the_cap(world: World) {
        world.endpoint("/a").await;
        world.endpoint("/b").await;
        world.subscriber.answer("/b", Answer::After(Duration::from_millis(5)));
        let running = world.webhooks.start();
        world.happen(150).await;
        world.settled().await;
        running.stop(Duration::from_secs(5)).await;
        for path in ["/a", "/b"] {
            let received = world.subscriber.received(path);
            let mut ids: Vec<_> =
                received.iter().map(|one| one.header("webhook-id").unwrap().to_owned()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!((received.len(), ids.len()), (150, 150), "{path}");
            assert!(world.subscriber.most_in_flight(path) <= 4, "{path}");
        }
        assert!(world.subscriber.connections() <= 40, "connections are used again");
        assert!(world.deliveries().await.iter().all(|one| one.attempts == 1));
    }

    async fn a_hanging_and_a_trickling_endpoint_do_not_delay_a_neighbor(world: World) {
        for path in ["/hang", "/trickle", "/good"] {
            world.endpoint(path).await;
        }
        world.subscriber.answer("/hang", Answer::Hang);
        world.subscriber.answer("/trickle", Answer::Trickle);
        let running = world.webhooks.start();
        world.happen(40).await;
        let began = std::time::Instant::now();
        let received = world.subscriber.wait_for("/good", 40).await;
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        assert_eq!(received.len(), 40);
        for path in ["/hang", "/trickle"] {
            assert!(world.subscriber.most_in_flight(path) <= 4, "{path}");
        }
        // The bad ones are told so in the end.
        let began = std::time::Instant::now();
        loop {
            let all = world.deliveries().await;
            if all.iter().any(|one| one.last_error == "no complete answer within 2000 ms") {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.stop(Duration::from_secs(5)).await;
    }

    async fn a_transaction_that_is_taken_back_owes_nothing(world: World) {
        use futures_util::FutureExt;
        world.endpoint("/hook").await;
        let (events, application) = (world.events.clone(), world.application);
        let failed: Result<(), _> = world.database.write(move |tx| async move {
            let what = longshore::events::Happening::Dialog(application, serde_json::json!({}));
            events.record(tx, &what).await?;
            Err(longshore::database::DatabaseError::Fault("no".to_owned()))
        }.boxed()).await;
        failed.unwrap_err();
        world.deliver().await;
        assert!(world.deliveries().await.is_empty());
        assert!(world.subscriber.received("/hook").is_empty());
    }
}
