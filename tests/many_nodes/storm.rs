//! A storm over the whole fleet while people go on picking: every process is killed, every part
//! restarted, frozen or overloaded. What was answered is there, what is there was told, and the
//! schedule holds once the storm is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::Fleet;
use crate::processes::Person;
use crate::scene::{Dice, MIB, bytes, insist, number, try_pick};
use crate::support::subscriber::Answer;

/// Kills of a node or the worker.
const KILLS: u64 = 50;
/// The longest pause between two kills, in milliseconds.
const LONGEST_PAUSE: u64 = 600;
/// How long Redis stands still, and how long the store refuses everybody, in milliseconds.
const STANDSTILL: u64 = 20_000;
/// People who pick all the time.
const PEOPLE: u64 = 4;

/// One pick that somebody asked for: its path and, once answered, the answer.
type Asked = (String, Option<Value>);

/// People who pick one file after the other until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    people: Vec<tokio::task::JoinHandle<Vec<(String, Asked)>>>,
}

impl Crowd {
    fn start(person: &Person, contents: &BTreeMap<String, Vec<u8>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let paths: Vec<String> = contents.keys().cloned().collect();
        let people = (0..PEOPLE)
            .map(|who| {
                let (person, paths, stop) = (person.clone(), paths.clone(), stop.clone());
                tokio::spawn(async move { pick_on(who, person, paths, stop).await })
            })
            .collect();
        Self { stop, people }
    }

    async fn stop(self) -> BTreeMap<String, Asked> {
        self.stop.store(true, Ordering::SeqCst);
        let mut asked = BTreeMap::new();
        for person in self.people {
            asked.extend(person.await.unwrap());
        }
        asked
    }
}

/// Picks under ever new keys; a pick that fails is asked for again, as a client would.
async fn pick_on(
    who: u64,
    person: Person,
    paths: Vec<String>,
    stop: Arc<AtomicBool>,
) -> Vec<(String, Asked)> {
    let mut dice = Dice(who + 400);
    let mut asked = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        let place = usize::try_from(dice.below(paths.len() as u64)).unwrap();
        let (key, path) = (format!("{who}-{count}"), paths[place].clone());
        count += 1;
        let answer = loop {
            match try_pick(&person, &path, &key).await {
                Some((200, body)) => break Some(body),
                // Away, going, or behind something that is: it is asked again.
                None | Some((429 | 502 | 503 | 504, _)) => {}
                Some(other) => panic!("{key} {path}: {other:?}"),
            }
            if stop.load(Ordering::SeqCst) {
                break None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        asked.push((key, (path, answer)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    asked
}

/// Kills a node or the worker and starts it again after a while.
async fn kill_one(fleet: &mut Fleet, dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(dice.below(LONGEST_PAUSE))).await;
    let down = Duration::from_millis(dice.below(300));
    let victim = match dice.below(3) {
        2 => &mut fleet.worker,
        node => &mut fleet.nodes[usize::try_from(node).unwrap()],
    };
    victim.running.kill();
    tokio::time::sleep(down).await;
    victim.restart();
}

/// Everything that is not ours, one after the other.
async fn shake(fleet: &mut Fleet, round: u64, standstill: Duration) {
    match round {
        0 => fleet.redis.kill(),
        1 => fleet.postgres.restart(),
        2 => assert!(fleet.redis.command(&["FLUSHALL"]).starts_with("+OK")),
        3 => {
            fleet.redis.pause(true);
            tokio::time::sleep(standstill).await;
            fleet.redis.pause(false);
        }
        4 => {
            fleet.store.refuse(true);
            tokio::time::sleep(standstill).await;
            fleet.store.refuse(false);
        }
        _ => {}
    }
    if round == 0 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        fleet.redis.start_again();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_over_two_nodes_and_a_worker_loses_nothing() {
    let mut fleet = Fleet::start(&[]).await;
    let mut contents = BTreeMap::new();
    for (index, size) in [0, 1, 70_000, 4 * MIB + 1, 20 * MIB]
        .into_iter()
        .enumerate()
    {
        let content = bytes(index as u64 + 500, size);
        fleet.dropbox.add(&format!("file-{index}"), &content);
        contents.insert(format!("/file-{index}"), content);
    }
    let mut dice = Dice(number("SEED", 20_261_126));
    let kills = number("STORM_KILLS", KILLS);
    let standstill = Duration::from_millis(number("STORM_STANDSTILL", STANDSTILL));
    let begun = Instant::now();
    let crowd = Crowd::start(&fleet.person, &contents);
    for kill in 0..kills {
        kill_one(&mut fleet, &mut dice).await;
        if kill % 10 == 9 {
            shake(&mut fleet, kill / 10, standstill).await;
        }
    }
    let stormed = begun.elapsed();
    let asked = crowd.stop().await;
    let calm = fleet.quiet().await;
    let tally = fleet.agrees().await;
    println!(
        "{kills} kills in {stormed:?}; quiet after {calm:?}; {} picks asked for: {tally}",
        asked.len()
    );
    // Every pick, answered or not, ends as a file; an answered one as the file it was.
    let mut answered = 0;
    for (key, (path, answer)) in &asked {
        let picked = insist(&fleet.person, path, key).await;
        if let Some(before) = answer {
            answered += 1;
            let handle = &before["dropbox"]["handle"];
            assert_eq!(&picked["dropbox"]["handle"], handle, "{key}: another file");
        }
        let url = picked["dropbox"]["url"].as_str().unwrap();
        let read = fleet.person.read(url).await;
        assert!(read == contents[path], "{key}: other bytes came back");
    }
    let tally = fleet.agrees().await;
    assert_eq!(tally.files, asked.len());
    println!("{answered} picks answered in the storm, all of them readable; {tally}");
    the_schedule_holds(&fleet).await;
}

/// An endpoint that fails is tried at the offsets of the settings, within two seconds.
pub async fn the_schedule_holds(fleet: &Fleet) {
    const FAILING: &str = "/failing";
    let offsets: [i64; 5] = [2, 4, 8, 16, 32];
    let files = 8;
    fleet.subscriber.answer(FAILING, Answer::Status(500));
    fleet.subscribe(FAILING, "fp.upload");
    for _ in 0..files {
        let (status, answer) = fleet.person.pick("/file-1").await;
        assert_eq!(status, 200, "{answer}");
    }
    fleet.quiet().await;
    let attempts = fleet.attempts_at(FAILING).await;
    assert_eq!(attempts.len(), files * (offsets.len() + 1));
    let mut latest = 0;
    for (attempt, after) in attempts {
        let due = match attempt {
            1 => 0,
            later => offsets[usize::try_from(later - 2).unwrap()] * 1000,
        };
        let late = after - due;
        assert!((0..2000).contains(&late), "attempt {attempt}: {late} ms");
        latest = latest.max(late);
    }
    println!("{files} failing deliveries: no attempt later than {latest} ms after its time");
}
