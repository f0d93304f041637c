//! Picks that are stored under a name that somebody chose: one path belongs to one file.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/picker_scene.rs"]
#[expect(
    dead_code,
    reason = "the scene is shared with tests that do more in it"
)]
mod scene;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, future};
use longshore::access::{NewApplication, OwnDropboxApp};
use longshore::database::{Database, DatabaseError};
use longshore::sandbox::FaultRule;
use longshore::storage::{Put, Storage, StorageKey};
use serde_json::{Value, json};

use scene::{APP_KEY, APP_SECRET, Plan, Scene, refusal};

/// Large enough to be sent in parts, for which no store has "create only".
const LARGE: usize = 9 * 1024 * 1024;

/// A scene with a connected person, and what lies behind it.
struct Paths {
    scene: Scene,
    token: String,
    database: Database,
    storage: Storage,
    _dropbox: tempfile::TempDir,
}

/// One pick that is to be stored under a plain path.
struct Ask<'a> {
    apikey: &'a str,
    token: &'a str,
    source: &'a str,
    session: &'a str,
    store: Value,
}

impl Paths {
    async fn start(files: &[(&str, Vec<u8>)]) -> Self {
        let dropbox = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dropbox.path().join(name), bytes).unwrap();
        }
        let mut plan = Plan::new(dropbox.path());
        // Nobody takes up what seems to be abandoned but whoever asks for it again.
        plan.settings.picking.lease = Duration::from_secs(60 * 60);
        let scene = plan.start().await;
        let token = scene.connect().await;
        let database = scene.tools().await.database;
        let settings = &scene.settings;
        let storage = Storage::open(&settings.storage, &settings.server.data_dir);
        Self {
            token,
            database,
            storage: storage.await.unwrap(),
            scene,
            _dropbox: dropbox,
        }
    }

    async fn ask(&self, ask: Ask<'_>) -> (u16, Value) {
        let body = json!({
            "apikey": ask.apikey,
            "token": ask.token,
            "clouds": { "dropbox": {
                "path": ask.source,
                "picker_session_id": ask.session,
                "store": ask.store,
            } },
        });
        self.scene.post("/store/", body).await
    }

    /// Picks for the first application, under the path `in/plain.txt`.
    async fn pick(&self, source: &str, session: &str) -> (u16, Value) {
        self.pick_to(source, session, json!({ "path": "in/plain.txt" }))
            .await
    }

    async fn pick_to(&self, source: &str, session: &str, store: Value) -> (u16, Value) {
        let ask = Ask {
            apikey: &self.scene.apikey,
            token: &self.token,
            source,
            session,
            store,
        };
        self.ask(ask).await
    }

    async fn read(&self, picked: &Value) -> Vec<u8> {
        let url = picked["dropbox"]["url"].as_str();
        let url = url.unwrap_or_else(|| panic!("{picked}"));
        let answer = self.scene.get(url).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }

    async fn put(&self, key: &str, bytes: &'static str) {
        let put = Put {
            upload_id: "test",
            max_size: u64::MAX,
            overwrite: true,
        };
        let stream = futures_util::stream::iter([Ok(bytes.into())]);
        let key = StorageKey::parse(key).unwrap();
        self.storage.put(&key, stream, put, ()).await.unwrap();
    }

    async fn size(&self, key: &str) -> Option<u64> {
        self.storage
            .size(&StorageKey::parse(key).unwrap())
            .await
            .ok()
    }

    async fn delete(&self, picked: &Value, query: &str) {
        let handle = picked["dropbox"]["handle"].as_str().unwrap();
        let url = format!("{}/api/file/{handle}{query}", self.scene.base);
        let delete = self.scene.http.delete(url);
        let delete = delete.basic_auth("app", Some(&self.scene.secret));
        assert_eq!(delete.send().await.unwrap().status(), 200);
    }

    async fn run(&self, statements: &'static [&'static str]) {
        let write = self.database.write(move |tx| {
            async move {
                for sql in statements {
                    sqlx::query(*sql).execute(&mut *tx).await?;
                }
                Ok::<_, DatabaseError>(())
            }
            .boxed()
        });
        write.await.unwrap();
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = self.database.read().await.unwrap();
        let row: (i64,) = sqlx::query_as(sql)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        row.0
    }

    async fn claims(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM claims").await
    }

    async fn stop(self) {
        self.database.close().await;
        self.scene.stop().await;
    }
}

fn text(bytes: &str) -> Vec<u8> {
    bytes.as_bytes().to_vec()
}

fn is_taken(answer: &(u16, Value)) -> bool {
    answer.0 == 409 && answer.1["code"] == "path-taken"
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_picks_of_one_path_at_once_one_is_stored_whoever_asks() {
    let names = ["0.bin", "1.bin", "2.bin", "3.bin", "4.bin", "5.bin"];
    let files: Vec<_> = (0u8..6)
        .zip(names)
        .map(|(n, name)| (name, vec![n; LARGE]))
        .collect();
    let paths = Arc::new(Paths::start(&files).await);
    // Another application, whose folder is the container that the first one names.
    let other = NewApplication {
        name: "other".to_owned(),
        storage_path: "in".to_owned(),
        dropbox_app: Some(OwnDropboxApp {
            key: APP_KEY.to_owned(),
            secret: APP_SECRET.to_owned(),
        }),
        ..NewApplication::default()
    };
    let (other, _) = paths.scene.application(other).await;
    let other_token = connect(&paths.scene, &other).await;
    let asking = (0..6).map(|n| {
        let (paths, other, token) = (Arc::clone(&paths), other.clone(), other_token.clone());
        async move {
            let (apikey, token, store) = match n % 2 {
                0 => (
                    &paths.scene.apikey,
                    &paths.token,
                    json!({ "container": "in", "path": "plain.bin" }),
                ),
                _ => (&other, &token, json!({ "path": "plain.bin" })),
            };
            let (source, session) = (format!("/{n}.bin"), format!("s{n}"));
            let ask = Ask {
                apikey,
                token,
                source: &source,
                session: &session,
                store,
            };
            (n, paths.ask(ask).await)
        }
    });
    let answers = future::join_all(asking).await;
    let (stored, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(_, answer)| answer.0 == 200);
    assert_eq!(stored.len(), 1, "{answers:?}");
    assert!(
        refused.iter().all(|(_, answer)| is_taken(answer)),
        "{refused:?}"
    );
    let (n, (_, picked)) = stored[0];
    assert!(paths.read(picked).await == vec![u8::try_from(*n).unwrap(); LARGE]);
    assert_eq!(paths.claims().await, 1);
    let paths = Arc::into_inner(paths).unwrap();
    paths.stop().await;
}

/// Connects the person for another application.
async fn connect(scene: &Scene, apikey: &str) -> String {
    let body = json!({ "apikey": apikey, "clouds": { "dropbox": { "path": "/" } } });
    let (_, answer) = scene.post("/folder/list", body).await;
    let link = answer["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
    let back = scene.decide(link, "allow").await;
    assert_eq!(scene.get(&back).await.status(), 200);
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_free_again_with_its_file() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second, longer"))]).await;
    let (status, first) = paths.pick("/a", "s1").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["dropbox"]["key"], "in/plain.txt");
    assert!(is_taken(&paths.pick("/b", "s2").await));
    assert_eq!(paths.read(&first).await, b"first");

    paths.delete(&first, "").await;
    assert_eq!(paths.claims().await, 0);
    // Its object may be on its way out just now.
    let mut second = paths.pick("/b", "s3").await;
    for n in 0..100 {
        if second.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        second = paths.pick("/b", &format!("t{n}")).await;
    }
    assert_eq!(paths.read(&second.1).await, b"second, longer");
    assert_eq!(paths.claims().await, 1);
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_overwritten_leaves_its_path() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let (_, first) = paths.pick("/a", "s1").await;
    let handle = first["dropbox"]["handle"].as_str().unwrap();
    let url = format!("{}/api/file/{handle}", paths.scene.base);
    let write = paths.scene.http.post(url).body("other bytes");
    let write = write.basic_auth("app", Some(&paths.scene.secret));
    assert_eq!(write.send().await.unwrap().status(), 200);
    let mut second = paths.pick("/b", "s2").await;
    for n in 0..100 {
        if second.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        second = paths.pick("/b", &format!("t{n}")).await;
    }
    assert_eq!(paths.read(&second.1).await, b"second");
    assert_eq!(paths.read(&first).await, b"other bytes");
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_put_there_is_neither_replaced_nor_removed() {
    let paths = Paths::start(&[("a", text("ours"))]).await;
    paths.put("in/plain.txt", "theirs!").await;
    assert!(is_taken(&paths.pick("/a", "s1").await));
    // Nor by whoever asks again, nor by the collector.
    assert!(is_taken(&paths.pick("/a", "s1").await));
    assert_eq!(paths.claims().await, 0);
    assert_eq!(paths.count("SELECT COUNT(*) FROM garbage").await, 0);
    assert_eq!(paths.size("in/plain.txt").await, Some(7));
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_a_deleted_file_left_on_purpose_keep_its_path() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let (_, first) = paths.pick("/a", "s1").await;
    paths.delete(&first, "?skip_storage=true").await;
    assert!(is_taken(&paths.pick("/b", "s2").await));
    assert_eq!(paths.size("in/plain.txt").await, Some(5));
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pick_that_fails_frees_its_path() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let gone = json!({ "error_summary": "path/restricted_content/..",
        "error": { ".tag": "path", "path": { ".tag": "restricted_content" } } });
    paths
        .scene
        .fault(FaultRule::new("files/download", refusal(409, gone)).times(1));
    let (status, failed) = paths.pick("/a", "s1").await;
    assert_ne!(status, 200, "{failed}");
    assert!(!is_taken(&(status, failed)));
    assert_eq!(paths.claims().await, 0);
    let (status, second) = paths.pick("/b", "s2").await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(paths.read(&second).await, b"second");
    paths.stop().await;
}

/// Makes of a finished pick one whose node died after it had written half of the object.
const DIED: &[&str] = &[
    "DELETE FROM files",
    "UPDATE picks SET state = 0, lease_owner = 'gone', lease_until = 0, \
     storage_key = '/in/plain.txt'",
    "INSERT INTO garbage (storage_key, not_before) VALUES ('in/plain.txt', 99999999999999)",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_path_claimed_by_a_node_that_died_is_finished_by_another_and_nobody_slips_in() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let (_, first) = paths.pick("/a", "s1").await;
    paths.run(DIED).await;
    paths.put("in/plain.txt", "fi").await;
    assert!(is_taken(&paths.pick("/b", "s2").await));
    let (status, again) = paths.pick("/a", "s1").await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["dropbox"]["handle"], first["dropbox"]["handle"]);
    assert_eq!(paths.read(&again).await, b"first");
    assert_eq!(paths.claims().await, 1);
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_before_it_looked_has_no_right_to_what_lies_there() {
    let paths = Paths::start(&[("a", text("first"))]).await;
    paths.pick("/a", "s1").await;
    paths.run(DIED).await;
    paths.run(&["UPDATE claims SET vacant = 0"]).await;
    paths.put("in/plain.txt", "theirs!").await;
    assert!(is_taken(&paths.pick("/a", "s1").await));
    assert_eq!(paths.size("in/plain.txt").await, Some(7));
    assert_eq!(paths.claims().await, 0);
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_pick_is_writing_under_cannot_be_named() {
    let paths = Paths::start(&[("a", text("first"))]).await;
    paths
        .run(&["INSERT INTO garbage (storage_key, not_before) \
              VALUES ('in/abcdefghij0123456789_x', 99999999999999)"])
        .await;
    let store = json!({ "path": "in/abcdefghij0123456789_x" });
    assert!(is_taken(&paths.pick_to("/a", "s1", store).await));
    assert_eq!(paths.count("SELECT COUNT(*) FROM garbage").await, 1);
    assert_eq!(paths.claims().await, 0);
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_from_before_there_were_claims_keeps_its_path() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let (_, first) = paths.pick("/a", "s1").await;
    paths.run(&["DELETE FROM claims"]).await;
    assert!(is_taken(&paths.pick("/b", "s2").await));
    assert_eq!(paths.read(&first).await, b"first");
    paths.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_a_folder_before_the_applications_own() {
    let paths = Paths::start(&[("a", text("first")), ("b", text("second"))]).await;
    let plain = json!({ "container": "box", "path": "x.txt" });
    let (status, first) = paths.pick_to("/a", "s1", plain).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["dropbox"]["container"], "box");
    assert_eq!(first["dropbox"]["key"], "x.txt");
    assert_eq!(paths.size("box/x.txt").await, Some(5));

    let other = NewApplication {
        name: "other".to_owned(),
        storage_path: "mine".to_owned(),
        dropbox_app: Some(OwnDropboxApp {
            key: APP_KEY.to_owned(),
            secret: APP_SECRET.to_owned(),
        }),
        ..NewApplication::default()
    };
    let (other, _) = paths.scene.application(other).await;
    let token = connect(&paths.scene, &other).await;
    let ask = Ask {
        apikey: &other,
        token: &token,
        source: "/b",
        session: "s2",
        store: json!({ "container": "box", "path": "x.txt" }),
    };
    let (status, second) = paths.ask(ask).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(second["dropbox"]["key"], "mine/x.txt");
    assert_eq!(paths.size("box/mine/x.txt").await, Some(6));
    assert_eq!(paths.read(&first).await, b"first");
    paths.stop().await;
}
