//! Redis forgets everything, dies and comes back, or is not there at all: picks go on, and every
//! event arrives under one id.

use std::time::Duration;

use crate::scene::{Dice, MIB, Scene, bytes};
use crate::sudden_death::{Memory, files, keys};
use crate::support::redis::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_redis_loses_no_event() {
    let redis = RedisServer::start();
    let scene = Scene::start(&[("LONGSHORE_REDIS_URL", &redis.url())]).await;
    let contents = files(&scene);
    let mut memory = Memory::default();
    let mut dice = Dice(1);
    for round in 0..6 {
        let delay = Duration::from_millis(dice.below(500));
        let flush = async {
            tokio::time::sleep(delay).await;
            assert!(redis.command(&["FLUSHALL"]).starts_with("+OK"));
        };
        memory
            .pick_during(&scene, keys(round, 6, &contents), flush)
            .await;
    }
    let tally = scene.agrees().await;
    assert_eq!(tally.files, 36);
    assert_eq!(
        memory.holds(&scene, &contents).await,
        36,
        "a flush stopped a pick"
    );
    println!("6 flushes: {tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn picks_go_on_while_redis_is_dead_and_deliveries_catch_up() {
    let mut redis = RedisServer::start();
    let scene = Scene::start(&[("LONGSHORE_REDIS_URL", &redis.url())]).await;
    scene.dropbox.add("before", &bytes(1, MIB));
    scene.dropbox.add("while", &bytes(2, MIB));
    scene.picks("/before", &bytes(1, MIB)).await;
    redis.kill();
    for _ in 0..5 {
        scene.picks("/while", &bytes(2, MIB)).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    redis.start_again();
    let tally = scene.agrees().await;
    assert_eq!(tally.files, 6);
    println!("Redis dead for 4 s: {tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_be_absent_at_the_start() {
    let mut redis = RedisServer::start();
    redis.kill();
    let scene = Scene::start(&[("LONGSHORE_REDIS_URL", &redis.url())]).await;
    scene.dropbox.add("early", &bytes(3, MIB));
    scene.picks("/early", &bytes(3, MIB)).await;
    redis.start_again();
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_with_redis_loses_nothing() {
    let mut redis = RedisServer::start();
    let mut scene = Scene::start(&[("LONGSHORE_REDIS_URL", &redis.url())]).await;
    let contents = files(&scene);
    let mut memory = Memory::default();
    let mut dice = Dice(3);
    for round in 0..6 {
        let pid = scene.service.running.pid().to_string();
        let delay = Duration::from_millis(dice.below(700));
        let kill = async {
            tokio::time::sleep(delay).await;
            let killed = std::process::Command::new("kill")
                .args(["-9", &pid])
                .status();
            assert!(killed.unwrap().success());
        };
        memory
            .pick_during(&scene, keys(round, 6, &contents), kill)
            .await;
        scene.service.running.kill();
        if round % 2 == 1 {
            redis.kill();
            redis.start_again();
        }
        scene.service.restart();
    }
    scene.agrees().await;
    memory.holds(&scene, &contents).await;
    let tally = scene.agrees().await;
    println!("6 kills with Redis: {tally}");
}
