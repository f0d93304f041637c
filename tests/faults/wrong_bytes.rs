//! Bytes that are not what Dropbox says they are, and files that change under the copy: right
//! bytes or a clear error, and nothing left behind by the error.

use std::time::Duration;

use serde_json::json;

use crate::processes::eventually;
use crate::scene::{HOOK, MIB, Scene, bytes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_spoiled_once_are_fetched_again() {
    let scene = Scene::start(&[]).await;
    for (name, size, at) in [
        ("one", 1, 0),
        ("over", 4 * MIB + 1, 4 * MIB),
        ("parts", 33 * MIB, 32 * MIB + 5),
    ] {
        let content = bytes(size as u64, size);
        scene.dropbox.add(name, &content);
        let rule =
            json!({ "route": "files/download", "kind": "corrupt", "at_byte": at, "times": 1 });
        scene.dropbox.fault(rule).await;
        scene.picks(&format!("/{name}"), &content).await;
    }
    assert_eq!(scene.agrees().await.files, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_spoiled_always_are_refused_and_nothing_stays() {
    let scene = Scene::start(&[]).await;
    for (name, size, at) in [("small", 1000, 999), ("parts", 33 * MIB, 7)] {
        scene.dropbox.add(name, &bytes(size as u64, size));
        let rule = json!({ "route": "files/download", "kind": "corrupt", "at_byte": at });
        scene.dropbox.fault(rule).await;
        let (status, answer) = scene.person.pick(&format!("/{name}")).await;
        assert_eq!(status, 502, "{answer}");
        assert_eq!(answer["code"], "content-hash-mismatch", "{answer}");
        scene.dropbox.clear_faults().await;
    }
    let tally = scene.agrees().await;
    assert_eq!((tally.files, tally.requests), (0, 0));
    assert!(scene.subscriber.received(HOOK).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_edited_during_the_copy_is_never_a_mixture() {
    let scene = Scene::start(&[]).await;
    let (old, new) = (bytes(1, 70 * MIB), bytes(2, 70 * MIB));
    let mut ends = Vec::new();
    // Another file under the same name, and the same file written over.
    for (cut, in_place) in [
        (2 * MIB, false),
        (9 * MIB, true),
        (31 * MIB, false),
        (MIB, true),
    ] {
        scene.dropbox.add("edited", &old);
        // Each part is cut once, so that at least one request comes after the edit.
        let rules = [
            json!({ "route": "files/download", "kind": "cut", "after_bytes": cut, "times": 3 }),
            json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 24 * MIB }),
        ];
        for rule in rules {
            scene.dropbox.fault(rule).await;
        }
        let edit = async {
            eventually("the copy has begun", Duration::from_secs(20), async || {
                !scene.drafts().is_empty()
            })
            .await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if in_place {
                std::fs::write(scene.dropbox.folder.join("edited"), &new).unwrap();
            } else {
                scene.dropbox.add("edited", &new);
            }
        };
        let ((status, answer), ()) = tokio::join!(scene.person.pick("/edited"), edit);
        scene.dropbox.clear_faults().await;
        ends.push(status);
        if status == 200 {
            let url = answer["dropbox"]["url"].as_str().unwrap();
            let read = scene.person.read(url).await;
            // Written over in place, the folder holds for a moment what has been written so far,
            // and the simulated Dropbox may take that for a version. It is one all the same.
            let new_so_far = in_place && new.starts_with(&read);
            assert!(
                read == old || read == new || new_so_far,
                "a mixture came out"
            );
        } else {
            assert_eq!(
                (status, &answer["code"]),
                (409, &json!("dropbox-changed")),
                "{answer}"
            );
        }
    }
    println!("edited during the copy: {ends:?}");
    scene.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_deleted_during_the_copy_is_a_clear_error_or_whole() {
    let scene = Scene::start(&[]).await;
    let old = bytes(3, 70 * MIB);
    scene.dropbox.add("gone", &old);
    let cut =
        json!({ "route": "files/download", "kind": "cut", "after_bytes": 5 * MIB, "times": 3 });
    scene.dropbox.fault(cut).await;
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 24 * MIB });
    scene.dropbox.fault(slow).await;
    let delete = async {
        eventually("the copy has begun", Duration::from_secs(20), async || {
            !scene.drafts().is_empty()
        })
        .await;
        std::fs::remove_file(scene.dropbox.folder.join("gone")).unwrap();
    };
    let ((status, answer), ()) = tokio::join!(scene.person.pick("/gone"), delete);
    if status == 200 {
        scene.reads(&answer, &old).await;
    } else {
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("path-not-found")),
            "{answer}"
        );
    }
    scene.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_revoked_during_the_copy_asks_to_connect_again() {
    let scene = Scene::start(&[]).await;
    scene.dropbox.add("mine", &bytes(4, 40 * MIB));
    let rules = [
        json!({ "route": "files/download", "kind": "cut", "after_bytes": 3 * MIB, "times": 2 }),
        json!({ "route": "files/download", "kind": "revoke_token", "skip": 2, "times": 1 }),
    ];
    for rule in rules {
        scene.dropbox.fault(rule).await;
    }
    let (status, answer) = scene.person.pick("/mine").await;
    assert_eq!(
        (status, &answer["code"]),
        (401, &json!("reconnect")),
        "{answer}"
    );
    let listed = scene.person.list("/", None).await;
    assert!(
        listed["dropbox"]["auth"]["redirect_url"].is_string(),
        "{listed}"
    );
    let tally = scene.agrees().await;
    assert_eq!((tally.files, tally.requests), (0, 0));
    // Connected again, the same file can be picked.
    let mut person = scene.person.clone();
    person.connect().await;
    let (status, answer) = person.pick("/mine").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(scene.agrees().await.files, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_still_being_written_is_what_has_been_written_so_far() {
    use std::io::Write as _;

    let scene = Scene::start(&[]).await;
    let (old, new) = (bytes(21, 3 * MIB), bytes(22, 3 * MIB));
    scene.dropbox.add("growing", &old);
    scene.picks("/growing", &old).await;
    // As `fs::write` does it, but stopped in the middle: the simulated Dropbox knows no better
    // than the folder.
    let mut file = std::fs::File::create(scene.dropbox.folder.join("growing")).unwrap();
    file.write_all(&new[..MIB]).unwrap();
    file.sync_all().unwrap();
    scene.picks("/growing", &new[..MIB]).await;
    file.write_all(&new[MIB..]).unwrap();
    file.sync_all().unwrap();
    scene.picks("/growing", &new).await;
}
