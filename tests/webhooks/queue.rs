//! What every queue promises, tried on all: embedded, one Redis, a Redis Cluster.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use longshore::webhooks::RedisSettings;
use longshore::webhooks::queue::{
    Ack, DeliveryQueue, Due, Embedded, Lease, Limits, Redis, TURN, Want,
};

use crate::support::redis::RedisServer;
use crate::support::redis_shapes::shared_cluster;

const NOW: i64 = 1_800_000_000_000;
const ALL: Want = Want { most: 64, sick: 64 };

const LIMITS: Limits = Limits {
    cap: 8,
    sick_cap: 2,
    lease: Duration::from_secs(30),
    drain_rate: 1000,
    capacity: 100_000,
    capacity_per_endpoint: 5_000,
};

type Queue = Arc<dyn DeliveryQueue>;

async fn on_all<F: Future<Output = ()>>(limits: Limits, promise: impl Fn(Queue) -> F) {
    promise(Arc::new(Embedded::new(limits))).await;
    let server = RedisServer::start();
    promise(redis(&server, limits)).await;
    let cluster = RedisSettings::at(shared_cluster());
    let prefix = format!("{:016x}", rand::random::<u64>());
    promise(Arc::new(Redis::new(&cluster, &prefix, limits).unwrap())).await;
}

fn redis(server: &RedisServer, limits: Limits) -> Queue {
    let settings = RedisSettings::at(&server.url());
    Arc::new(Redis::new(&settings, "test", limits).unwrap())
}

fn due(endpoint_id: i64, delivery_id: i64, at: i64) -> Due {
    Due {
        delivery_id,
        endpoint_id,
        at,
        fresh: true,
    }
}

fn many(endpoint_id: i64, count: i64) -> Vec<Due> {
    let first = endpoint_id * 1000;
    (first..first + count)
        .map(|id| due(endpoint_id, id, NOW))
        .collect()
}

fn back(lease: Lease, well: Option<bool>) -> Ack {
    Ack {
        lease,
        again_at: None,
        well,
    }
}

async fn claim(queue: &Queue, now: i64) -> Vec<Lease> {
    queue.claim(now, ALL).await.unwrap().leases
}

fn per_endpoint(leases: &[Lease]) -> HashMap<i64, usize> {
    leases.iter().fold(HashMap::new(), |mut counts, lease| {
        *counts.entry(lease.endpoint_id).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn what_is_due_is_claimed_once_and_what_is_not_waits_for_its_time() {
    on_all(LIMITS, |queue| async move {
        queue
            .add(&[
                due(1, 10, NOW),
                due(1, 11, NOW + 500),
                due(2, 20, NOW + 900),
            ])
            .await
            .unwrap();
        let first = queue.claim(NOW, ALL).await.unwrap();
        assert_eq!(first.leases.len(), 1);
        assert_eq!(first.leases[0].delivery_id, 10);
        assert_eq!(first.next_at, Some(NOW + 500));
        assert!(claim(&queue, NOW).await.is_empty());
        assert_eq!(claim(&queue, NOW + 500).await[0].delivery_id, 11);
        assert_eq!(claim(&queue, NOW + 1000).await[0].delivery_id, 20);
        assert_eq!(queue.depth().await.unwrap().leased, 3);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_never_has_more_in_flight_than_its_cap() {
    on_all(LIMITS, |queue| async move {
        queue.add(&many(1, 20)).await.unwrap();
        let first = claim(&queue, NOW).await;
        assert_eq!(first.len(), 8);
        assert!(claim(&queue, NOW).await.is_empty());
        let held = queue
            .ack(&[back(first[0], None), back(first[1], None)])
            .await
            .unwrap();
        assert_eq!(held, [true, true]);
        assert_eq!(claim(&queue, NOW).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn endpoints_take_turns_however_much_one_of_them_has() {
    on_all(LIMITS, |queue| async move {
        queue.add(&many(1, 500)).await.unwrap();
        for endpoint in 2..=4 {
            queue.add(&many(endpoint, 5)).await.unwrap();
        }
        let want = Want { most: 16, sick: 16 };
        let leases = queue.claim(NOW, want).await.unwrap().leases;
        assert_eq!(
            per_endpoint(&leases),
            (1..=4).map(|endpoint| (endpoint, TURN)).collect()
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_runs_out_is_returned_and_its_late_holder_is_fenced_off() {
    let limits = Limits {
        lease: Duration::from_millis(50),
        ..LIMITS
    };
    on_all(limits, |queue| async move {
        queue.add(&many(1, 1)).await.unwrap();
        let late = claim(&queue, NOW).await[0];
        assert_eq!(queue.reap(NOW).await.unwrap(), 0);
        tokio::time::sleep(Duration::from_millis(80)).await;
        assert_eq!(queue.reap(NOW).await.unwrap(), 1);
        let again = claim(&queue, NOW).await[0];
        assert_eq!(again.delivery_id, late.delivery_id);
        assert_ne!(again.token, late.token);
        let elsewhere = Ack {
            again_at: Some(NOW + 5),
            ..back(late, None)
        };
        assert_eq!(queue.ack(&[elsewhere]).await.unwrap(), [false]);
        assert_eq!(queue.depth().await.unwrap().leased, 1);
        assert_eq!(queue.ack(&[back(again, None)]).await.unwrap(), [true]);
        assert_eq!(queue.ack(&[back(again, None)]).await.unwrap(), [false]);
        assert!(claim(&queue, NOW + 100).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn adding_twice_or_while_leased_makes_no_second_one() {
    on_all(LIMITS, |queue| async move {
        queue.add(&[due(1, 1, NOW + 100)]).await.unwrap();
        queue
            .add(&[due(1, 1, NOW), due(1, 1, NOW + 50)])
            .await
            .unwrap();
        let leases = claim(&queue, NOW).await;
        assert_eq!(leases.len(), 1, "the earlier time holds");
        queue.add(&[due(1, 1, NOW)]).await.unwrap();
        assert!(claim(&queue, NOW + 1000).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_acknowledgment_may_say_when_it_is_due_again() {
    on_all(LIMITS, |queue| async move {
        queue.add(&many(1, 1)).await.unwrap();
        let lease = claim(&queue, NOW).await[0];
        let again = Ack {
            again_at: Some(NOW + 300),
            ..back(lease, Some(true))
        };
        queue.ack(&[again]).await.unwrap();
        assert_eq!(
            queue.claim(NOW + 299, ALL).await.unwrap().next_at,
            Some(NOW + 300)
        );
        assert_eq!(claim(&queue, NOW + 300).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn sick_endpoints_have_a_smaller_cap_and_only_their_share_until_they_succeed() {
    on_all(LIMITS, |queue| async move {
        queue.add(&many(1, 20)).await.unwrap();
        queue.add(&many(2, 4)).await.unwrap();
        queue.mark_sick(1).await.unwrap();
        let none = Want { most: 16, sick: 0 };
        let well = queue.claim(NOW, none).await.unwrap().leases;
        assert_eq!(per_endpoint(&well), HashMap::from([(2, 4)]));
        let sick = claim(&queue, NOW).await;
        assert_eq!(per_endpoint(&sick), HashMap::from([(1, 2)]));
        assert!(sick.iter().all(|lease| lease.sick));
        queue.ack(&[back(sick[0], Some(false))]).await.unwrap();
        assert_eq!(claim(&queue, NOW).await.len(), 1);
        queue.ack(&[back(sick[1], Some(true))]).await.unwrap();
        let recovered = claim(&queue, NOW).await;
        assert_eq!(recovered.len(), 7, "8 with the one still in flight");
        assert!(recovered.iter().all(|lease| !lease.sick));
    })
    .await;
}

fn late(endpoint_id: i64, count: i64) -> Vec<Due> {
    let late = |one: Due| Due {
        delivery_id: one.delivery_id + 500,
        fresh: false,
        ..one
    };
    many(endpoint_id, count).into_iter().map(late).collect()
}

#[tokio::test]
async fn what_is_fresh_goes_before_a_backlog_which_has_one_place_in_four() {
    on_all(LIMITS, |queue| async move {
        queue.add(&late(1, 40)).await.unwrap();
        queue.add(&many(1, 40)).await.unwrap();
        let of_backlog = |leases: &[Lease]| {
            let late = leases.iter().filter(|lease| lease.delivery_id >= 1500);
            late.count()
        };
        let first = claim(&queue, NOW).await;
        assert_eq!((first.len(), of_backlog(&first)), (8, 2));
        let acks: Vec<Ack> = first.iter().map(|lease| back(*lease, None)).collect();
        queue.ack(&acks).await.unwrap();
        let second = claim(&queue, NOW).await;
        assert_eq!((second.len(), of_backlog(&second)), (8, 2));
        assert_eq!(queue.depth().await.unwrap().waiting, 64);
    })
    .await;
}

#[tokio::test]
async fn a_backlog_is_released_at_its_rate_and_nobody_else_waits_for_it() {
    let limits = Limits {
        cap: 1000,
        drain_rate: 20,
        ..LIMITS
    };
    on_all(limits, |queue| async move {
        queue.add(&late(1, 300)).await.unwrap();
        queue.add(&many(2, 100)).await.unwrap();
        let began = std::time::Instant::now();
        let mut taken = HashMap::new();
        let mut next_at = None;
        for _ in 0..10 {
            let got = queue.claim(NOW, ALL).await.unwrap();
            for (endpoint, count) in per_endpoint(&got.leases) {
                *taken.entry(endpoint).or_insert(0) += count;
            }
            next_at = got.next_at;
        }
        assert_eq!(taken[&2], 100);
        let most = 20 + 20 * (began.elapsed().as_millis() as usize + 100) / 1000;
        assert!((20..=most).contains(&taken[&1]), "{} of {most}", taken[&1]);
        let wait = next_at.unwrap() - NOW;
        assert!((1..=60).contains(&wait), "the next in {wait} ms");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let more = claim(&queue, NOW + 200).await.len();
        assert!(more >= 3, "{more} after 200 ms");
    })
    .await;
}

#[tokio::test]
async fn a_backlog_that_comes_in_pieces_is_released_no_faster() {
    let limits = Limits {
        cap: 1000,
        drain_rate: 20,
        ..LIMITS
    };
    on_all(limits, |queue| async move {
        let began = std::time::Instant::now();
        let mut taken = 0;
        for piece in 0..10 {
            let mut piece: Vec<Due> = late(1, 20 * piece + 20).split_off(20 * piece as usize);
            while !piece.is_empty() {
                queue.add(&piece).await.unwrap();
                let got = claim(&queue, NOW).await;
                if got.is_empty() {
                    break;
                }
                taken += got.len();
                piece.retain(|due| got.iter().all(|it| it.delivery_id != due.delivery_id));
            }
        }
        let most = 20 + 20 * (began.elapsed().as_millis() as usize + 100) / 1000;
        assert!((20..=most).contains(&taken), "{taken} of {most}");
    })
    .await;
}

#[tokio::test]
async fn of_endpoints_with_more_in_the_record_none_is_passed_over() {
    on_all(LIMITS, |queue| async move {
        let mut refilled = HashMap::new();
        queue.spill(&[1, 2, 3]).await.unwrap();
        for _ in 0..90 {
            for endpoint in queue.take_spilled(1).await.unwrap().endpoints {
                *refilled.entry(endpoint).or_insert(0) += 1;
                queue.spill(&[endpoint]).await.unwrap();
            }
        }
        assert_eq!(refilled.len(), 3, "{refilled:?}");
    })
    .await;
}

#[tokio::test]
async fn no_more_wait_for_an_endpoint_than_may_and_the_rest_is_noted() {
    let limits = Limits {
        capacity_per_endpoint: 10,
        ..LIMITS
    };
    on_all(limits, |queue| async move {
        let added = queue.add(&many(1, 25)).await.unwrap();
        assert_eq!((added.looked_at, added.spilled), (25, true));
        let added = queue.add(&late(2, 3)).await.unwrap();
        assert_eq!((added.looked_at, added.spilled), (3, false));
        assert_eq!(queue.depth().await.unwrap().waiting, 13);
        let spilled = queue.take_spilled(8).await.unwrap();
        assert_eq!(
            (spilled.endpoints.len(), spilled.left),
            (0, 1),
            "half is not gone"
        );
        let leases = claim(&queue, NOW).await;
        assert_eq!(per_endpoint(&leases), HashMap::from([(1, 8), (2, 3)]));
        let spilled = queue.take_spilled(8).await.unwrap();
        assert_eq!((spilled.endpoints, spilled.left), (vec![1], 0));
        assert!(queue.take_spilled(8).await.unwrap().endpoints.is_empty());
        queue.spill(&[1]).await.unwrap();
        assert_eq!(queue.take_spilled(8).await.unwrap().endpoints, [1]);
        queue.add(&late(1, 8)).await.unwrap();
        let one = leases.iter().find(|lease| lease.endpoint_id == 1).unwrap();
        let again = Ack {
            again_at: Some(NOW + 5),
            ..back(*one, None)
        };
        queue.ack(&[again]).await.unwrap();
        let waiting = queue.depth().await.unwrap().waiting;
        assert_eq!(waiting, 8, "a backlog leaves a quarter to what is fresh");
        assert_eq!(
            queue.depth().await.unwrap().spilled,
            1,
            "a retry spills too"
        );
        let fresh = due(1, 9999, NOW);
        assert!(!queue.add(&[fresh]).await.unwrap().spilled);
        assert_eq!(queue.depth().await.unwrap().waiting, 9);
        queue.purge(1).await.unwrap();
        let depth = queue.depth().await.unwrap();
        assert_eq!((depth.waiting, depth.spilled), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn no_more_wait_in_all_than_may_and_a_backlog_leaves_room_for_what_is_fresh() {
    let limits = Limits {
        capacity: 20,
        ..LIMITS
    };
    on_all(limits, |queue| async move {
        let added = queue.add(&late(1, 30)).await.unwrap();
        assert_eq!((added.looked_at, added.spilled), (15, false));
        assert!(!queue.take_spilled(1).await.unwrap().room);
        let added = queue.add(&many(2, 30)).await.unwrap();
        assert_eq!((added.looked_at, added.spilled), (5, false));
        let added = queue.add(&late(1, 15)).await.unwrap();
        assert_eq!(added.looked_at, 15, "what waits already needs no room");
        assert_eq!(queue.depth().await.unwrap().waiting, 20);
        claim(&queue, NOW).await;
        assert_eq!(queue.depth().await.unwrap().waiting, 7);
        assert!(queue.take_spilled(1).await.unwrap().room);
    })
    .await;
}

#[tokio::test]
async fn a_purged_endpoint_has_nothing_waiting_and_others_keep_theirs() {
    on_all(LIMITS, |queue| async move {
        queue.add(&many(1, 20)).await.unwrap();
        queue.add(&many(2, 3)).await.unwrap();
        let taken = claim(&queue, NOW).await;
        queue.add(&many(2, 5)).await.unwrap();
        queue.purge(1).await.unwrap();
        let back: Vec<Ack> = taken.iter().map(|lease| back(*lease, None)).collect();
        queue.ack(&back).await.unwrap();
        assert_eq!(
            per_endpoint(&claim(&queue, NOW).await),
            HashMap::from([(2, 2)])
        );
    })
    .await;
}

#[tokio::test]
async fn a_queue_has_no_generation_until_it_was_filled() {
    on_all(LIMITS, |queue| async move {
        assert_eq!(queue.claim(NOW, ALL).await.unwrap().generation, None);
        assert!(queue.begin_filling().await.unwrap());
        queue.filled().await.unwrap();
        assert!(queue.claim(NOW, ALL).await.unwrap().generation.is_some());
    })
    .await;
}

#[tokio::test]
async fn after_a_flush_leases_are_put_back_and_scripts_loaded_anew() {
    let server = RedisServer::start();
    let queue = redis(&server, LIMITS);
    queue.add(&many(1, 8)).await.unwrap();
    let leases = claim(&queue, NOW).await;
    server.command(&["FLUSHALL"]);
    server.command(&["SCRIPT", "FLUSH"]);
    assert!(queue.begin_filling().await.unwrap());
    assert!(!queue.begin_filling().await.unwrap(), "one node fills");
    queue.add(&many(1, 8)).await.unwrap();
    queue.restore(&leases).await.unwrap();
    queue.restore(&leases).await.unwrap();
    assert!(claim(&queue, NOW).await.is_empty());
    assert_eq!(queue.ack(&[back(leases[0], None)]).await.unwrap(), [true]);
    assert_eq!(queue.depth().await.unwrap().leased, 7);
}

#[tokio::test]
async fn every_key_bears_the_tag_and_a_waiting_delivery_is_small() {
    let server = RedisServer::start();
    let queue = redis(&server, LIMITS);
    let used = || -> u64 {
        let info = server.command(&["INFO", "memory"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        line.unwrap().trim().parse().unwrap()
    };
    queue.add(&many(1, 1)).await.unwrap();
    let before = used();
    for endpoint in 1..=50 {
        let due: Vec<Due> = (0..400)
            .map(|n| due(endpoint, 10_000_000 + endpoint * 400 + n, NOW + n))
            .collect();
        queue.add(&due).await.unwrap();
    }
    let each = (used() - before) / 20_000;
    assert!(each < 120, "{each} bytes for each");
    claim(&queue, NOW + 1000).await;
    queue.filled().await.unwrap();
    let keys = server.command(&["KEYS", "*"]);
    let names = keys
        .lines()
        .filter(|line| line.contains(':'))
        .collect::<Vec<_>>();
    assert!(
        names.len() > 50 && names.iter().all(|key| key.starts_with("{test}:")),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_redis_that_is_away_is_told_within_a_second_or_two() {
    let mut server = RedisServer::start();
    let queue = redis(&server, LIMITS);
    queue.add(&many(1, 1)).await.unwrap();
    server.kill();
    let began = std::time::Instant::now();
    assert!(queue.claim(NOW, ALL).await.is_err());
    assert!(queue.claim(NOW, ALL).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(3));
    server.start_again();
    queue.add(&many(1, 1)).await.unwrap();
    assert_eq!(claim(&queue, NOW).await.len(), 1);
}

#[tokio::test]
async fn no_delivery_is_ever_held_twice_or_lost_under_random_use() {
    on_all(LIMITS, |queue| async move {
        let mut seed = 7_u64;
        let mut dice = move |sides: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % sides
        };
        let mut held: HashMap<i64, Lease> = HashMap::new();
        let (mut owed, mut now, mut next) = (0_usize, NOW, 0_i64);
        for _ in 0..400 {
            match dice(4) {
                0 => {
                    let endpoint = i64::try_from(dice(5)).unwrap() + 1;
                    let at = now + i64::try_from(dice(20)).unwrap();
                    next += 1;
                    owed += 1;
                    queue.add(&[due(endpoint, next, at)]).await.unwrap();
                }
                1 => {
                    for lease in claim(&queue, now).await {
                        assert!(held.insert(lease.delivery_id, lease).is_none());
                    }
                    let counts = per_endpoint(&held.values().copied().collect::<Vec<_>>());
                    assert!(counts.values().all(|count| *count <= LIMITS.cap));
                }
                2 => now += i64::try_from(dice(10)).unwrap(),
                _ => {
                    let Some(id) = held.keys().min().copied() else {
                        continue;
                    };
                    let lease = held.remove(&id).unwrap();
                    let again_at = (dice(3) == 0).then_some(now + 5);
                    owed -= usize::from(again_at.is_none());
                    let well = Some(dice(2) == 0);
                    let ack = Ack {
                        lease,
                        again_at,
                        well,
                    };
                    assert_eq!(queue.ack(&[ack]).await.unwrap(), [true]);
                }
            }
        }
        let mut done = 0;
        let mut rest: Vec<Lease> = held.into_values().collect();
        while !rest.is_empty() {
            done += rest.len();
            let acks: Vec<Ack> = rest.iter().map(|lease| back(*lease, Some(true))).collect();
            queue.ack(&acks).await.unwrap();
            rest = claim(&queue, now + 1000).await;
        }
        assert_eq!(done, owed);
    })
    .await;
}
