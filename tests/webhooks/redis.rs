//! Redis as it is really run, and what it answers when something is wrong with it: each trouble
//! has a name, loses nothing, and is over when its cause is.

use std::time::{Duration, Instant};

use longshore::webhooks::RedisSettings;
use longshore::webhooks::queue::{DeliveryQueue, Due, Limits, QueueError, Redis, Want};

use crate::support::redis::RedisServer;
use crate::support::redis_shapes::{Certificates, RedisCluster, Watched};
use crate::world::{Ground, World};

const NOW: i64 = 1_800_000_000_000;
const LIMITS: Limits = Limits {
    cap: 8,
    sick_cap: 2,
    lease: Duration::from_secs(30),
    drain_rate: 1000,
    capacity: 100_000,
    capacity_per_endpoint: 5_000,
};
/// What the operator's page says the user needs.
const RIGHTS: &str = "~{test}:* resetchannels -@all +@read +@write +@scripting +@connection +time";

fn queue(settings: &RedisSettings) -> Redis {
    Redis::new(settings, "test", LIMITS).unwrap()
}

fn due(delivery_id: i64) -> Due {
    Due {
        delivery_id,
        endpoint_id: 1,
        at: NOW,
        fresh: true,
    }
}

/// Sends a delivery through the queue.
async fn goes_through(queue: &Redis) -> Result<(), QueueError> {
    queue.check().await?;
    queue.add(&[due(1)]).await?;
    let claim = queue.claim(NOW, Want { most: 1, sick: 1 }).await?;
    assert_eq!(claim.leases.len(), 1);
    let ack = longshore::webhooks::queue::Ack {
        lease: claim.leases[0],
        again_at: None,
        well: None,
    };
    queue.ack(&[ack]).await?;
    Ok(())
}

fn trouble(error: &QueueError) -> &'static str {
    match error {
        QueueError::Unavailable { trouble, .. } => trouble.name(),
        QueueError::Settings { key, .. } => key,
    }
}

/// Waits until the queue says what is wrong with it, or with `None` that nothing is.
async fn says(world: &World, wanted: Option<&str>) {
    let began = Instant::now();
    loop {
        let checked = world.webhooks.check().await;
        let said = checked.as_ref().err().map(trouble);
        if said == wanted {
            return;
        }
        let waited = began.elapsed();
        assert!(
            waited < Duration::from_secs(30),
            "{wanted:?} is {said:?}: {checked:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Something goes wrong and is mended again, while events happen before, in between and after:
/// the queue says what is wrong, says that it is well again, and each event arrives, none twice.
async fn survives(
    mut world: World,
    wanted: &str,
    goes_wrong: impl FnOnce(&mut RedisServer),
    is_mended: impl FnOnce(&mut RedisServer),
) {
    world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(10).await;
    world.settled().await;
    goes_wrong(world.redis.as_mut().unwrap());
    world.happen(10).await;
    says(&world, Some(wanted)).await;
    is_mended(world.redis.as_mut().unwrap());
    world.happen(10).await;
    world.settled().await;
    says(&world, None).await;
    running.stop(Duration::from_secs(5)).await;
    let received = world.subscriber.received("/hook");
    assert_eq!(received.len(), 30, "each once");
}

#[tokio::test]
async fn over_tls_the_certificate_is_checked_against_the_authority_in_the_settings() {
    let certificates = Certificates::make();
    let server = certificates.server(false);
    let mut settings = RedisSettings::at(&format!("rediss://{}/", server.host()));
    let unknown = goes_through(&queue(&settings)).await.unwrap_err();
    assert_eq!(trouble(&unknown), "away");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    settings.ca_file = certificates.path("ca.pem");
    goes_through(&queue(&settings)).await.unwrap();
    let without = RedisSettings::at(&server.url());
    goes_through(&queue(&without)).await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let certificates = Certificates::make();
    let server = certificates.server(true);
    let mut settings = RedisSettings::at(&format!("rediss://{}/", server.host()));
    settings.ca_file = certificates.path("ca.pem");
    goes_through(&queue(&settings)).await.unwrap_err();
    settings.client_cert_file = certificates.path("cert.pem");
    settings.client_key_file = certificates.path("key.pem");
    goes_through(&queue(&settings)).await.unwrap();
}

#[test]
fn files_that_are_missing_or_lead_nowhere_are_named() {
    let named = |settings: &RedisSettings| {
        let error = longshore::webhooks::check_redis(settings).unwrap_err();
        assert!(!error.to_string().contains("pa55word"), "{error}");
        trouble(&error)
    };
    let mut settings = RedisSettings::at("rediss://:pa55word@host");
    settings.ca_file = "/nowhere/ca.pem".into();
    assert_eq!(named(&settings), "redis.ca_file");
    settings.ca_file = "Cargo.toml".into();
    assert_eq!(named(&settings), "redis.ca_file");
    settings.ca_file = "".into();
    settings.client_cert_file = "cert.pem".into();
    assert_eq!(named(&settings), "redis.client_cert_file");
    settings.url = "redis://:pa55word@host".to_owned();
    assert_eq!(named(&settings), "redis.ca_file");
    settings.url = "redis+sentinel://:pa55word@host".to_owned();
    assert_eq!(named(&settings), "redis.url");
}

#[tokio::test]
async fn a_user_needs_few_rights_and_a_wrong_password_is_told_without_it() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "app", "on", ">pa55word", RIGHTS]);
    let at = |who: &str| RedisSettings::at(&format!("redis://{who}@{}/", server.host()));
    goes_through(&queue(&at("app:pa55word"))).await.unwrap();
    let wrong = goes_through(&queue(&at("app:wr0ng"))).await.unwrap_err();
    assert_eq!(trouble(&wrong), "denied");
    assert!(!wrong.to_string().contains("wr0ng"), "{wrong}");
    server.command(&[
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">pa55word",
        "~*",
        "+@read",
    ]);
    let lacking = goes_through(&queue(&at("reader:pa55word")))
        .await
        .unwrap_err();
    assert_eq!(trouble(&lacking), "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_sentinel_loses_nothing() {
    let mut redis = tokio::task::block_in_place(Watched::start);
    let mut settings = RedisSettings::at(&redis.url());
    settings.sentinel_password = Watched::SENTINEL_PASSWORD.to_owned();
    let world = World::on_queue(settings).await;
    world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(10).await;
    world.settled().await;
    redis.master.kill();
    world.happen(10).await;
    world.settled().await;
    says(&world, None).await;
    world.happen(10).await;
    world.settled().await;
    running.stop(Duration::from_secs(5)).await;
    let role = redis.replica.command_as(Watched::PASSWORD, &["ROLE"]);
    assert!(role.contains("master"), "{role}");
    let mut ids: Vec<_> = world
        .subscriber
        .received("/hook")
        .iter()
        .map(|one| one.header("webhook-id").unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_of_a_cluster_that_holds_the_queue_may_die_and_come_back_empty() {
    let mut cluster = tokio::task::block_in_place(RedisCluster::start);
    let world = World::on_queue(RedisSettings::at(&cluster.url())).await;
    world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(10).await;
    world.settled().await;
    let node = cluster.holder("{test}:generation");
    node.kill();
    world.happen(10).await;
    says(&world, Some("away")).await;
    node.start_again();
    world.happen(10).await;
    world.settled().await;
    says(&world, None).await;
    running.stop(Duration::from_secs(5)).await;
    assert_eq!(world.subscriber.received("/hook").len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_takes_nothing_new_and_gives_what_it_has() {
    let world = World::on(Ground::SqliteRedis).await;
    let server = world.redis.as_ref().unwrap();
    let queue = queue(&RedisSettings::at(&server.url()));
    queue.add(&[due(1), due(2)]).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(trouble(&queue.add(&[due(3)]).await.unwrap_err()), "full");
    let leases = queue
        .claim(NOW, Want { most: 8, sick: 8 })
        .await
        .unwrap()
        .leases;
    assert_eq!(leases.len(), 2);
    server.command(&["FLUSHALL"]);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    let wrong = |redis: &mut RedisServer| drop(redis.command(&["CONFIG", "SET", "maxmemory", "1"]));
    let mended =
        |redis: &mut RedisServer| drop(redis.command(&["CONFIG", "SET", "maxmemory", "0"]));
    survives(world, "full", wrong, mended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_became_a_replica_is_left_until_it_takes_writes_again() {
    let other = RedisServer::start();
    let port = other.port().to_string();
    let world = World::on(Ground::SqliteRedis).await;
    let wrong = |redis: &mut RedisServer| drop(redis.command(&["REPLICAOF", "127.0.0.1", &port]));
    let mended = |redis: &mut RedisServer| drop(redis.command(&["REPLICAOF", "NO", "ONE"]));
    survives(world, "read_only", wrong, mended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_loads_its_data_is_waited_for() {
    let world = World::on(Ground::SqliteRedis).await;
    let wrong = |redis: &mut RedisServer| {
        let many = "\"for n = 1, 4000 do redis.call('SET', n, string.rep('x', 2000)) end\"";
        redis.command(&["EVAL", many, "0"]);
        redis.command(&["SAVE"]);
        redis.kill();
        // Microseconds for each key: it would take twenty seconds.
        let slowly = [
            "--key-load-delay",
            "5000",
            "--loading-process-events-interval-bytes",
            "1024",
        ];
        redis.add_args(&slowly);
        redis.start_again();
    };
    let mended = |redis: &mut RedisServer| {
        redis.command(&["CONFIG", "SET", "key-load-delay", "0"]);
    };
    survives(world, "loading", wrong, mended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_changed_in_redis_stops_nothing_for_ever() {
    let world = World::on(Ground::SqliteRedis).await;
    let wrong = |redis: &mut RedisServer| {
        redis.command(&["CONFIG", "SET", "requirepass", "another"]);
        redis.command_as("another", &["CLIENT", "KILL", "TYPE", "normal"]);
    };
    let mended = |redis: &mut RedisServer| {
        redis.command_as("another", &["CONFIG", "SET", "requirepass", "\"\""]);
    };
    survives(world, "denied", wrong, mended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_another_type_under_our_names_are_set_aside() {
    let world = World::on(Ground::SqliteRedis).await;
    let (endpoint, _) = world.endpoint("/hook").await;
    let running = world.webhooks.start();
    world.happen(5).await;
    world.settled().await;
    let server = world.redis.as_ref().unwrap();
    let waiting = format!("{{test}}:q:{endpoint}");
    for key in [
        "{test}:later",
        "{test}:leases",
        "{test}:in-flight",
        waiting.as_str(),
    ] {
        server.command(&["DEL", key]);
        server.command(&["SET", key, "of-somebody-else"]);
        world.happen(5).await;
        world.settled().await;
        let aside = server.command(&["GET", &format!("{key}:aside")]);
        assert!(aside.contains("of-somebody-else"), "{key}: {aside}");
    }
    says(&world, None).await;
    running.stop(Duration::from_secs(5)).await;
    assert_eq!(world.subscriber.received("/hook").len(), 25);
}
