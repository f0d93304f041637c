//! What the owner of an endpoint can do.

use std::time::Duration;

use longshore::access::audit::Actor;
use longshore::events::ACTIONS;
use longshore::webhooks::{DeliveryState, EndpointState, Filter, WebhookError};

use crate::support::subscriber::Answer;
use crate::world::{World, on_every_ground};

on_every_ground! {
    async fn all_makes_one_endpoint_for_each_kind_of_event(world: World) {
        let url = world.subscriber.url("/all");
        let made = world.webhooks.create_endpoint(world.application, &url, "all", "", &Actor::command_line()).await.unwrap();
        let events: Vec<_> = made.iter().map(|one| one.event.as_str()).collect();
        assert_eq!(events, ACTIONS);
        assert!(made.iter().all(|one| one.secret == made[0].secret && one.url == url));
        let listed = world.webhooks.endpoints(world.application).await.unwrap();
        assert_eq!(listed.len(), ACTIONS.len());
        world.happen(1).await;
        assert_eq!(world.deliveries().await.len(), 1);
    }

    async fn an_endpoint_that_cannot_be_is_refused_with_a_reason(world: World) {
        let refused = async |url: &str, event: &str| {
            let made = world.webhooks.create_endpoint(world.application, url, event, "", &Actor::command_line()).await;
            match made.unwrap_err() {
                WebhookError::Invalid(why) => why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused("http://10.1.2.3/", "all").await, "address not allowed");
        assert_eq!(refused("http://169.254.169.254/latest", "all").await, "address not allowed");
        assert!(refused("ftp://example.com/", "all").await.contains("https://"));
        assert!(refused("https://example.com/", "fp.nothing").await.contains("fp.upload"));
        assert!(world.webhooks.endpoints(world.application).await.unwrap().is_empty());
    }

    async fn endpoints_and_deliveries_of_others_are_not_found(world: World) {
        let (id, _) = world.endpoint("/hook").await;
        world.happen(1).await;
        let delivery = world.only_delivery().await;
        let other = longshore::access::ApplicationId(world.application.0 + 1);
        let w = &world.webhooks;
        assert!(matches!(w.endpoint(other, id).await, Err(WebhookError::NotFound)));
        assert!(matches!(w.delete_endpoint(other, id, &Actor::command_line()).await, Err(WebhookError::NotFound)));
        assert!(matches!(w.rotate_secret(other, id, &Actor::command_line()).await, Err(WebhookError::NotFound)));
        assert!(matches!(w.delivery(other, delivery.id).await, Err(WebhookError::NotFound)));
        assert!(matches!(w.resend(other, delivery.id, &Actor::command_line()).await, Err(WebhookError::NotFound)));
        assert!(w.deliveries(other, Filter::default()).await.unwrap().is_empty());
    }

    async fn a_disabled_endpoint_holds_what_it_is_owed_until_it_is_on_again(world: World) {
        let (id, _) = world.endpoint("/hook").await;
        world.happen(3).await;
        world.webhooks.disable_endpoint(world.application, id, &Actor::command_line()).await.unwrap();
        world.deliver().await;
        assert!(world.subscriber.received("/hook").is_empty());
        let all = world.deliveries().await;
        assert!(all.iter().all(|one| one.state == DeliveryState::Held));
        assert!(matches!(
            world.webhooks.resend(world.application, all[0].id, &Actor::command_line()).await,
            Err(WebhookError::EndpointOff)
        ));
        world.webhooks.enable_endpoint(world.application, id, &Actor::command_line()).await.unwrap();
        world.deliver().await;
        assert_eq!(world.subscriber.received("/hook").len(), 3);
    }

    async fn a_deleted_endpoints_deliveries_are_cancelled_and_stay_readable(world: World) {
        let (id, _) = world.endpoint("/hook").await;
        world.happen(2).await;
        world.webhooks.delete_endpoint(world.application, id, &Actor::command_line()).await.unwrap();
        world.deliver().await;
        assert!(world.subscriber.received("/hook").is_empty());
        let all = world.deliveries().await;
        assert!(all.iter().all(|one| one.state == DeliveryState::Cancelled));
        assert!(world.webhooks.endpoints(world.application).await.unwrap().is_empty());
    }

    async fn a_delivery_is_sent_again_by_hand_and_stands_as_before_if_that_fails(world: World) {
        world.endpoint("/hook").await;
        world.happen(1).await;
        world.deliver().await;
        let id = world.only_delivery().await.id;
        world.subscriber.answer("/hook", Answer::Status(500));
        world.webhooks.resend(world.application, id, &Actor::command_line()).await.unwrap();
        world.deliver().await;
        let delivery = world.only_delivery().await;
        assert_eq!(delivery.state, DeliveryState::Delivered);
        assert_eq!((delivery.attempts, delivery.manual), (2, 1));
        let attempts = world.webhooks.attempts(world.application, id).await.unwrap();
        assert_eq!(attempts.iter().map(|one| one.manual).collect::<Vec<_>>(), [false, true]);
        world.hand.advance(Duration::from_secs(100 * 3600));
        world.deliver().await;
        assert_eq!(world.subscriber.received("/hook").len(), 2, "the schedule does not begin anew");
    }

    async fn sending_by_hand_does_not_shorten_the_schedule(world: World) {
        world.endpoint("/hook").await;
        world.subscriber.answer("/hook", Answer::Status(500));
        world.happen(1).await;
        world.deliver().await;
        let before = world.only_delivery().await;
        for _ in 0..3 {
            world.webhooks.resend(world.application, before.id, &Actor::command_line()).await.unwrap();
            world.deliver().await;
        }
        let after = world.only_delivery().await;
        assert_eq!((after.state, after.attempts, after.manual), (DeliveryState::Pending, 4, 3));
        assert_eq!(after.next_at, before.next_at);
        for hours in [1, 2, 12] {
            world.hand.advance(Duration::from_secs(hours * 3600));
            world.deliver().await;
        }
        let end = world.only_delivery().await;
        assert_eq!((end.state, end.attempts), (DeliveryState::Exhausted, 7));
    }

    async fn everything_that_failed_since_a_time_is_sent_again(world: World) {
        let (id, _) = world.endpoint("/hook").await;
        world.subscriber.answer("/hook", Answer::Status(500));
        let exhaust = async |count| {
            world.happen(count).await;
            for hours in [0, 1, 2, 13] {
                world.hand.advance(Duration::from_secs(hours * 3600));
                world.deliver().await;
            }
        };
        exhaust(2).await;
        world.hand.advance(Duration::from_secs(1));
        let since = world.clock.now_ms();
        exhaust(10).await;
        assert!(world.deliveries().await.iter().all(|one| one.state == DeliveryState::Exhausted));
        world.subscriber.answer("/hook", Answer::Status(200));
        let again = world.webhooks.resend_failed(world.application, id, since, &Actor::command_line()).await.unwrap();
        assert_eq!(again, 10);
        world.deliver().await;
        let filter = |state| Filter { state: Some(state), limit: 100, ..Filter::default() };
        let count = async |state| {
            world.webhooks.deliveries(world.application, filter(state)).await.unwrap().len()
        };
        assert_eq!(count(DeliveryState::Delivered).await, 10);
        assert_eq!(count(DeliveryState::Exhausted).await, 2);
    }

    async fn deliveries_are_listed_page_by_page_newest_first(world: World) {
        let (id, _) = world.endpoint("/hook").await;
        world.happen(7).await;
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let filter = Filter { endpoint_id: Some(id), before, limit: 3, ..Filter::default() };
            let page = world.webhooks.deliveries(world.application, filter).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.iter().map(|one| one.id));
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    }

    async fn an_endpoint_that_fails_for_days_is_switched_off(world: World) {
        let (id, _) = world.endpoint("/dead").await;
        world.subscriber.answer("/dead", Answer::Status(500));
        for _ in 0..7 {
            world.happen(4).await;
            world.deliver().await;
            world.hand.advance(Duration::from_secs(24 * 3600));
        }
        world.deliver().await;
        let endpoint = world.webhooks.endpoint(world.application, id).await.unwrap();
        assert_eq!(endpoint.state, EndpointState::DisabledByUs);
        assert_eq!(endpoint.disabled_reason, "it has only failed for 5 days");
        let notices = notices(&world).await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(notices[0]["endpoint"], id);
        assert_eq!(notices[0]["reason"], endpoint.disabled_reason);
    }

    async fn an_answer_of_410_leaves_a_notice_that_is_told_to_no_endpoint(world: World) {
        let (id, _) = world.endpoint("/gone").await;
        world.subscriber.answer("/gone", Answer::Status(410));
        world.happen(3).await;
        world.deliver().await;
        let notices = notices(&world).await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(notices[0]["endpoint"], id);
        assert_eq!(notices[0]["state"], "disabled_by_us");
        assert_eq!(notices[0]["url"], world.subscriber.url("/gone"));
        assert_eq!(world.deliveries().await.len(), 3);
    }

    async fn the_health_of_many_endpoints_is_told_apart_in_one_batch(world: World) {
        let mut ids = Vec::new();
        for n in 0..12 {
            let path = format!("/{n}");
            ids.push(world.endpoint(&path).await.0);
            let answer = [Answer::Status(200), Answer::Status(500), Answer::Status(410)];
            world.subscriber.answer(&path, answer[n % 3].clone());
        }
        world.happen(2).await;
        world.deliver().await;
        for (n, id) in ids.into_iter().enumerate() {
            let endpoint = world.webhooks.endpoint(world.application, id).await.unwrap();
            let well = endpoint.last_success_at.is_some();
            let told = (endpoint.state, well, endpoint.failures, endpoint.failing_since.is_some());
            let expected = match n % 3 {
                0 => (EndpointState::Enabled, true, 0, false),
                1 => (EndpointState::Enabled, false, 2, true),
                _ => (EndpointState::DisabledByUs, false, 0, false),
            };
            assert_eq!(told, expected, "{n}");
        }
    }
}

/// What the log of events tells the owner of endpoints that we switched off.
async fn notices(world: &World) -> Vec<serde_json::Value> {
    let filter = longshore::events::Filter {
        action: Some(longshore::events::ENDPOINT_NOTICE.to_owned()),
        limit: 10,
        ..longshore::events::Filter::default()
    };
    let log = longshore::events::Log::new(world.database.clone());
    let found = log.list(world.application, filter).await.unwrap();
    found
        .iter()
        .map(|event| serde_json::from_str(&event.text).unwrap())
        .collect()
}
