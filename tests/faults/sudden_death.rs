//! kill -9 at any moment, then start again: what was answered is there, what is there was told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::{eventually, outgrown};
use crate::scene::{Dice, MIB, Scene, bytes, insist, number, try_pick};

/// Rounds of picking, killing and starting again. In a bucket each file is written twice, and
/// `tests/many_nodes` kills nodes that share one 50 times.
fn rounds() -> u64 {
    if outgrown() { 6 } else { 20 }
}

/// Picks in each round.
const PICKS: u64 = 6;
/// The latest moment of a kill, in milliseconds after the picks were sent.
const LATEST: u64 = 900;

/// What a client remembers of its picks: key, path and, once answered, the handle.
#[derive(Default)]
pub struct Memory {
    asked: BTreeMap<String, String>,
    answered: BTreeMap<String, Value>,
}

impl Memory {
    /// Sends picks at once; their answers come while the caller makes trouble.
    pub async fn pick_during(
        &mut self,
        scene: &Scene,
        keys: Vec<(String, String)>,
        trouble: impl Future<Output = ()>,
    ) {
        self.asked.extend(keys.iter().cloned());
        let picks = keys.into_iter().map(|(key, path)| {
            let person = scene.person.clone();
            async move { (try_pick(&person, &path, &key).await, key) }
        });
        let (outcomes, ()) = tokio::join!(futures_util::future::join_all(picks), trouble);
        for (outcome, key) in outcomes {
            match outcome {
                Some((200, body)) => drop(self.answered.insert(key, body)),
                // Gone, or going: the pick is repeated later.
                None | Some((503, _)) => {}
                Some(other) => panic!("{key}: {other:?}\n{}", scene.log()),
            }
        }
    }

    /// Repeats every pick, answered or not, under its key: all end as files, the answered ones as
    /// the same file, and every file has the right bytes.
    pub async fn holds(&self, scene: &Scene, contents: &BTreeMap<String, Vec<u8>>) -> usize {
        for (key, path) in &self.asked {
            let picked = insist(&scene.person, path, key).await;
            if let Some(before) = self.answered.get(key) {
                let handle = &before["dropbox"]["handle"];
                assert_eq!(&picked["dropbox"]["handle"], handle, "{key}: another file");
            }
            scene.reads(&picked, &contents[path]).await;
        }
        self.answered.len()
    }
}

/// Files of several sizes, in the Dropbox and here.
pub fn files(scene: &Scene) -> BTreeMap<String, Vec<u8>> {
    let sizes = [0, 1, 70_000, 4 * MIB + 1, 20 * MIB, 40 * MIB];
    let mut contents = BTreeMap::new();
    for (index, size) in sizes.into_iter().enumerate() {
        let name = format!("file-{index}");
        let content = bytes(index as u64 + 77, size);
        scene.dropbox.add(&name, &content);
        contents.insert(format!("/{name}"), content);
    }
    contents
}

/// The picks of a round, each under a key of its own.
pub fn keys(round: u64, picks: u64, contents: &BTreeMap<String, Vec<u8>>) -> Vec<(String, String)> {
    let paths: Vec<&String> = contents.keys().collect();
    let pick = |n: u64| {
        let path = paths[usize::try_from(n).unwrap() % paths.len()];
        (format!("round-{round}-{n}"), path.clone())
    };
    (0..picks).map(pick).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_moment_loses_nothing() {
    let mut scene = Scene::start(&[]).await;
    let contents = files(&scene);
    let mut memory = Memory::default();
    let mut dice = Dice(number("SEED", 20_260_726));
    let rounds = number("KILL_ROUNDS", rounds());
    for round in 0..rounds {
        let pid = scene.service.running.pid().to_string();
        // The first rounds are killed early, where the windows are small.
        let latest = if round % 2 == 0 { LATEST / 6 } else { LATEST };
        let delay = Duration::from_millis(dice.below(latest));
        let kill = async {
            tokio::time::sleep(delay).await;
            let killed = std::process::Command::new("kill")
                .args(["-9", &pid])
                .status();
            assert!(killed.unwrap().success());
        };
        let keys = keys(round, PICKS, &contents);
        memory.pick_during(&scene, keys, kill).await;
        scene.service.running.kill();
        scene.service.restart();
    }
    // What nobody asks for again finishes as well.
    let tally = scene.agrees().await;
    let sql = "SELECT COUNT(*), '' FROM picks WHERE state <> 1";
    assert_eq!(scene.record(sql).await[0].0, 0, "{}", scene.log());
    let answered = memory.holds(&scene, &contents).await;
    let after = scene.agrees().await;
    println!("{rounds} kills: {answered} picks answered before; {tally}, {after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pick_cut_short_is_finished_by_the_next_process_under_the_same_handle() {
    let mut scene = Scene::start(&[]).await;
    let content = bytes(5, 40 * MIB);
    scene.dropbox.add("long", &content);
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 8 * MIB, "times": 2 });
    scene.dropbox.fault(slow).await;
    let person = scene.person.clone();
    let first = tokio::spawn(async move { try_pick(&person, "/long", "key").await });
    eventually("a draft", Duration::from_secs(20), async || {
        !scene.drafts().is_empty()
    })
    .await;
    scene.service.running.kill();
    assert!(first.await.unwrap().is_none());
    scene.dropbox.clear_faults().await;
    scene.service.restart();
    scene.agrees().await;
    let handles = scene.record("SELECT 0, handle FROM picks").await;
    let picked = insist(&scene.person, "/long", "key").await;
    let handle = scene.reads(&picked, &content).await;
    assert_eq!(handles, [(0, handle)]);
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwrite_cut_short_leaves_the_old_bytes_and_no_draft() {
    use std::io::Write as _;

    let mut scene = Scene::start(&[]).await;
    let content = bytes(6, MIB);
    scene.dropbox.add("kept", &content);
    let handle = scene.picks("/kept", &content).await;
    let mut half = std::net::TcpStream::connect(&scene.service.url["http://".len()..]).unwrap();
    let application = &scene.person.application;
    let (apikey, [policy, signature]) = (&application.apikey, may_write(&application.secret));
    write!(
        half,
        "POST /api/file/{handle}?key={apikey}&policy={policy}&signature={signature} HTTP/1.1\r\nhost: x\r\n\
         content-type: application/octet-stream\r\ncontent-length: 20000000\r\n\r\n"
    )
    .unwrap();
    // More than one part of an object store: from the first that is sent on there is a draft.
    half.write_all(&bytes(7, 12 * MIB)).unwrap();
    eventually("a draft", Duration::from_secs(20), async || {
        !scene.drafts().is_empty()
    })
    .await;
    scene.service.running.kill();
    scene.service.restart();
    let url = format!("{}/{handle}", scene.service.url);
    if outgrown() {
        is_given_up_once_it_is_old(&mut scene).await;
    } else {
        // Nobody else can be at work in this folder.
        assert!(scene.drafts().is_empty(), "{:?}", scene.drafts());
    }
    assert!(scene.person.read(&url).await == content);
}

/// In a bucket the draft may be that of another node that is still at work on it. It stays until
/// it is older than any upload may take, and goes then with the parts that were sent.
async fn is_given_up_once_it_is_old(scene: &mut Scene) {
    // Longer than the rounds of all sweeps.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let drafts = Vec::from_iter(scene.drafts());
    let [note] = drafts.as_slice() else {
        panic!("{drafts:?}\n{}", scene.log());
    };
    let folder = scene.service.objects.join(".uploads");
    let text = std::fs::read(folder.join(note)).unwrap();
    let text: Value = serde_json::from_slice(&text).unwrap();
    let upload = text["multipart"].as_str().unwrap().to_owned();
    // The S3 server keeps parts beside its buckets.
    let server = folder.ancestors().nth(3).unwrap().to_owned();
    let sent = move || {
        let entries = std::fs::read_dir(&server).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(&upload)).count()
    };
    assert!(
        sent() > 0,
        "no part of the upload lies where it is looked for"
    );
    scene.service.running.kill();
    // Its name says when it began; the clock is PostgreSQL's and cannot be set.
    let [kind, began, rest] = *note.splitn(3, '-').collect::<Vec<_>>() else {
        panic!("{note}");
    };
    let three_days_before = began.parse::<u64>().unwrap() - 3 * 24 * 60 * 60 * 1000;
    let older = format!("{kind}-{three_days_before}-{rest}");
    std::fs::rename(folder.join(note), folder.join(older)).unwrap();
    scene.service.restart();
    eventually("no draft", Duration::from_secs(20), async || {
        scene.drafts().is_empty()
    })
    .await;
    assert_eq!(sent(), 0, "parts stayed");
}

/// A policy that allows to overwrite, and its signature.
fn may_write(secret: &str) -> [String; 2] {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let policy = json!({ "call": ["write"], "expiry": 4_000_000_000_u64 }).to_string();
    let policy = base64::engine::general_purpose::URL_SAFE.encode(policy);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(policy.as_bytes());
    [policy, hex::encode(mac.finalize().into_bytes())]
}
