//! PostgreSQL is restarted and crashes while people pick: each is answered, or told to ask again in our own
//! words, and nobody has to do anything for it to go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::own_postgres::OwnPostgres;
use crate::processes::{Dropbox, Person, Service, eventually};
use crate::support::subscriber::Subscriber;

const RESTARTS: usize = 4;
const PEOPLE: usize = 6;
const HOOK: &str = "/hook";
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What one person saw: the handle by key, and how often they were told to ask again.
#[derive(Default)]
struct Seen {
    handles: BTreeMap<String, String>,
    told_to_wait: usize,
}

/// Picks under ever new keys until told to stop, and asks again for what was refused.
async fn pick_on(who: usize, person: Person, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        let key = format!("{who}-{count}");
        count += 1;
        loop {
            let (status, retry, body) = pick(&person, &key).await;
            if status == 200 {
                let handle = body["dropbox"]["handle"].as_str().unwrap();
                seen.handles.insert(key, handle.to_owned());
                break;
            }
            assert_eq!(status, 503, "{body}");
            assert!(retry, "503 without Retry-After: {body}");
            for member in ["error", "c", "i", "t"] {
                assert!(body.get(member).is_some(), "another shape: {body}");
            }
            seen.told_to_wait += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    seen
}

async fn pick(person: &Person, key: &str) -> (u16, bool, Value) {
    let body = json!({
        "apikey": person.application.apikey,
        "token": person.token,
        "clouds": { "dropbox": { "path": "/file" } },
    });
    let url = format!("{}/store/", person.application.url);
    let request = person.http.post(url).header("idempotency-key", key);
    let answer = request.json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    let retry = answer.headers().contains_key("retry-after");
    (status, retry, answer.json().await.unwrap())
}

/// What was answered is there, what is there was told, once for each.
async fn agrees(postgres: &OwnPostgres, subscriber: &Subscriber, handles: &BTreeSet<String>) {
    let under_way = "SELECT 1 FROM picks WHERE state = 0 \
         UNION ALL SELECT 1 FROM deliveries WHERE state = 0";
    let quiet = async || postgres.rows(under_way).await.is_empty();
    eventually("nothing is under way", Duration::from_secs(120), quiet).await;
    let files = postgres.rows("SELECT handle FROM files").await;
    let files: BTreeSet<String> = files.iter().map(|row| row.get(0)).collect();
    assert_eq!(&files, handles);
    let owed = postgres.rows("SELECT id FROM events").await;
    let owed: BTreeSet<String> = owed
        .iter()
        .map(|row| format!("evt_{}", row.get::<i64, _>(0)))
        .collect();
    let received = subscriber.received(HOOK);
    let arrived = received
        .iter()
        .map(|request| request.header("webhook-id").unwrap().to_owned());
    assert_eq!(arrived.collect::<BTreeSet<_>>(), owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_restarts_or_crashes_under_load_loses_nothing_and_needs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let dropbox = Dropbox::start(dir.path());
    let postgres = OwnPostgres::start();
    let settings = [
        ("LONGSHORE_DATABASE_URL", postgres.url()),
        ("LONGSHORE_MASTER_KEY", MASTER_KEY.to_owned()),
        ("LONGSHORE_PICKING_LEASE", "2s".to_owned()),
        ("LONGSHORE_WEBHOOK_RECONCILE_INTERVAL", "1s".to_owned()),
    ];
    let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let service = Service::start(dir.path(), &dropbox.url, &settings);
    dropbox.add("file", &vec![7; 100_000]);
    let person = service.application().person().await;
    let subscriber = Subscriber::start().await;
    let url = subscriber.url(HOOK);
    let whose = ["--apikey", &person.application.apikey, "--url", &url];
    let add = ["endpoint", "add", "--event", "fp.upload", "--json"];
    service.run(&[&add[..], &whose[..]].concat());

    let stop = Arc::new(AtomicBool::new(false));
    let people: Vec<_> = (0..PEOPLE)
        .map(|who| tokio::spawn(pick_on(who, person.clone(), stop.clone())))
        .collect();
    for round in 0..RESTARTS {
        tokio::time::sleep(Duration::from_secs(2)).await;
        tokio::task::block_in_place(|| match round % 2 {
            0 => postgres.restart(),
            _ => postgres.crash(),
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::SeqCst);
    let (mut handles, mut told_to_wait) = (BTreeSet::new(), 0);
    let mut answered = 0;
    for seen in people {
        let seen = seen.await.unwrap();
        answered += seen.handles.len();
        told_to_wait += seen.told_to_wait;
        handles.extend(seen.handles.into_values());
    }
    println!("{answered} picks over {RESTARTS} restarts, {told_to_wait} times told to ask again");
    assert_eq!(handles.len(), answered, "two picks share a file");
    assert!(answered > 20);

    agrees(&postgres, &subscriber, &handles).await;
    let ready = person.http.get(format!("{}/readyz", service.url));
    assert_eq!(ready.send().await.unwrap().status(), 200);
}
