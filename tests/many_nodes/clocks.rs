//! Nodes whose clocks are minutes apart: leases and schedules go by the database's.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use longshore::clock::Clock;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::processes::{Person, Service, eventually};
use crate::scene::{MIB, bytes, insist, try_pick};
use crate::storm::the_schedule_holds;

/// How far the clocks of nodes and worker are ahead of this machine's, in seconds.
const AHEAD: [i64; 3] = [90, -90, 45];

/// What makes a process believe that it is so many seconds later.
pub fn ahead_by(seconds: i64) -> Vec<(&'static str, String)> {
    if seconds == 0 {
        return Vec::new();
    }
    let installed = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let library = installed
        .flatten()
        .map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library: &PathBuf| library.exists())
        .expect("libfaketime is missing: apt-get install libfaketime");
    vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("{seconds:+}s")),
        // As on a machine whose clock was set wrong: only the time of day is another.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DISABLE_SHM", "1".to_owned()),
    ]
}

/// The person as somebody whom the proxy has led to this node.
fn at(person: &Person, node: &Service) -> Person {
    let mut person = person.clone();
    person.application.url.clone_from(&node.url);
    person
}

/// How far the clock of a node is ahead, in seconds, by the date of its answers.
async fn ahead(node: &Service) -> i64 {
    let url = format!("{}/healthz", node.url);
    let answer = crate::processes::http().get(url).send().await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap();
    let theirs = chrono::DateTime::parse_from_rfc2822(date).unwrap();
    theirs.timestamp() - Clock::system().now().timestamp()
}

async fn refreshes(fleet: &Fleet) -> u64 {
    let url = format!("{}/_sandbox/requests", fleet.dropbox.url);
    let answer = crate::processes::http().get(url).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["counters"]["oauth2/token"].as_u64().unwrap()
}

/// Whoever runs the doctor on such a node is told.
fn the_doctor_tells(node: &Service) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_longshore"))
        .arg("doctor")
        .envs(&node.environment)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let line = said.lines().find(|line| line.contains("clock: "));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(line.starts_with("FAIL"), "{line}");
    assert!(line.contains(" s from the database's"), "{line}");
}

/// A copy that takes many times its lease stays with its node: nobody else takes it up.
async fn a_long_copy_stays_where_it_is(fleet: &Fleet) {
    let content = bytes(901, 6 * MIB);
    fleet.dropbox.add("slow", &content);
    let slow = json!({ "route": "files/download", "path": "/slow", "kind": "slow",
        "bytes_per_second": MIB / 2 });
    fleet.dropbox.fault(slow).await;
    let picks = fleet.nodes.iter().enumerate().map(|(place, node)| {
        let person = at(&fleet.person, node);
        async move { try_pick(&person, "/slow", &format!("slow-{place}")).await }
    });
    for outcome in futures_util::future::join_all(picks).await {
        assert!(matches!(outcome, Some((200, _))), "{outcome:?}");
    }
    fleet.dropbox.clear_faults().await;
    let rows = fleet
        .postgres
        .rows("SELECT attempts FROM picks WHERE attempts > 1")
        .await;
    assert!(rows.is_empty(), "a copy was taken up\n{}", fleet.logs());
}

/// Whoever asks another node than the one that copies is told how far it is, too.
async fn every_node_tells_how_far_a_copy_is(fleet: &Fleet) {
    fleet.dropbox.add("told", &bytes(903, 6 * MIB));
    let slow = json!({ "route": "files/download", "path": "/told", "kind": "slow",
        "bytes_per_second": MIB / 2 });
    fleet.dropbox.fault(slow).await;
    let [person, other] = [0, 1].map(|place| at(&fleet.person, &fleet.nodes[place]));
    let wanted = json!({ "path": "/told", "picker_session_id": "told" });
    let picking = tokio::spawn(async move { person.pick_with(wanted).await });
    eventually(
        "the other node tells",
        Duration::from_secs(15),
        async || {
            let body = json!({ "picker_session_id": "told" });
            let (_, answer) = other.call("/progress", body).await;
            let file = &answer["files"][0];
            file["size"] == 6 * MIB && file["copied"].as_u64() > Some(0)
        },
    )
    .await;
    fleet.dropbox.clear_faults().await;
    let (status, answer) = picking.await.unwrap();
    assert_eq!(status, 200, "{answer}");
}

/// A node dies with a copy: the other takes it up when the lease is over, not minutes later.
async fn a_dead_nodes_copy_is_taken_up(fleet: &mut Fleet, dying: usize) {
    let (name, key) = (format!("dying-{dying}"), format!("dying-key-{dying}"));
    let path = format!("/{name}");
    fleet.dropbox.add(&name, &bytes(902, 12 * MIB));
    let slow = json!({ "route": "files/download", "path": path, "kind": "slow",
        "bytes_per_second": MIB / 2 });
    fleet.dropbox.fault(slow).await;
    let person = at(&fleet.person, &fleet.nodes[dying]);
    let asking = tokio::spawn({
        let (path, key) = (path.clone(), key.clone());
        async move { try_pick(&person, &path, &key).await }
    });
    let under_way = "SELECT id FROM picks WHERE state = 0";
    let begun = async || !fleet.postgres.rows(under_way).await.is_empty();
    eventually("the copy has begun", Duration::from_secs(20), begun).await;
    fleet.nodes[dying].running.kill();
    fleet.dropbox.clear_faults().await;
    assert!(asking.await.unwrap().is_none(), "it was answered");
    let killed = Instant::now();
    let ended = async || fleet.postgres.rows(under_way).await.is_empty();
    eventually("another took it up", Duration::from_secs(45), ended).await;
    println!("taken up and done {:?} after the kill", killed.elapsed());
    let survivor = at(&fleet.person, &fleet.nodes[1 - dying]);
    insist(&survivor, &path, &key).await;
    fleet.nodes[dying].restart();
}

/// Many ask both nodes at the moment when the token has run out: Dropbox is asked once.
async fn a_token_is_renewed_once(fleet: &Fleet) {
    let before = refreshes(fleet).await;
    fleet
        .postgres
        .rows("UPDATE connections SET access_expires_at = 0 RETURNING id")
        .await;
    let lists = (0..6).map(|n| {
        let person = at(&fleet.person, &fleet.nodes[n % 2]);
        async move { person.list("/", None).await }
    });
    for listed in futures_util::future::join_all(lists).await {
        assert!(listed["dropbox"]["contents"].is_array(), "{listed}");
    }
    assert_eq!(refreshes(fleet).await - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_are_minutes_apart_break_neither_leases_nor_retries() {
    let mut fleet = Fleet::start_with_clocks(&[], AHEAD).await;
    for (node, seconds) in fleet.nodes.iter().zip(AHEAD) {
        let off = ahead(node).await - seconds;
        assert!(off.abs() < 10, "a clock is {off} s off");
    }
    tokio::task::block_in_place(|| fleet.nodes.iter().for_each(the_doctor_tells));
    fleet.dropbox.add("file-1", b"small");
    a_long_copy_stays_where_it_is(&fleet).await;
    every_node_tells_how_far_a_copy_is(&fleet).await;
    a_token_is_renewed_once(&fleet).await;
    for dying in 0..2 {
        a_dead_nodes_copy_is_taken_up(&mut fleet, dying).await;
    }
    the_schedule_holds(&fleet).await;
    let tally = fleet.agrees().await;
    println!("{tally}");
}
