//! What can go wrong with an S3 store and not with a folder.

use crate::{
    middleman::{Middleman, is_completion, is_copy},
    places::{Place, SECRET_KEY, memory, s3},
    promises::{assert_nothing_lies_there, key, pieces, read, sample, store},
};
use bytes::Bytes;
use longshore::storage::{Settings, Storage, StorageError};
use std::{
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    thread,
    time::Duration,
};

#[tokio::test]
async fn a_wrong_secret_is_refused_in_words_that_hold_no_secret() {
    let place = s3().await;
    let wrong = "another-secret-that-no-message-may-hold";
    let settings = Settings {
        s3_secret_key: wrong.into(),
        ..place.settings.clone()
    };
    let error = place
        .open_again(&settings)
        .await
        .check(0)
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    assert!(!format!("{error:?} {error} {settings:?}").contains(wrong));
    assert!(!format!("{:?}", place.settings).contains(SECRET_KEY));
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_the_operators_to_mend() {
    let body = "<Error><Code>NoSuchBucket</Code></Error>";
    let checked = against_a_store_that_says("404 Not Found", body)
        .await
        .check(0)
        .await;
    assert!(
        matches!(checked, Err(StorageError::Denied { .. })),
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_store_without_room_is_full_like_a_disk() {
    let body = "<Error><Code>XMinioStorageFull</Code></Error>";
    let storage = against_a_store_that_says("507 Insufficient Storage", body).await;
    let upload = storage.begin(&key("f"), 0, "pick1", true).await.unwrap();
    assert_eq!(upload.commit().await, Err(StorageError::Full));
}

#[tokio::test]
async fn parts_are_written_beside_others_as_far_as_memory_goes() {
    let place = memory().await;
    let settings = Settings {
        upload_memory: bytesize::ByteSize::mib(8),
        ..place.settings.clone()
    };
    let storage = place.open_again(&settings).await;
    let part = usize::try_from(settings.part_size_mib).unwrap() << 20;
    let upload = storage
        .begin(&key("f"), 3 * part as u64, "pick1", true)
        .await
        .unwrap();
    let mut first = upload.part_beside(0).unwrap();
    let second = upload.part_beside(1).unwrap();
    assert!(upload.part_beside(2).is_none());
    first.write(Bytes::from(vec![0; part])).await.unwrap();
    assert!(upload.part_beside(2).is_none(), "it is not sent yet");
    first.finish().await.unwrap();
    let third = upload.part_beside(2).unwrap();
    // Another upload has room for one, whatever this one holds.
    let other = storage
        .begin(&key("g"), 3 * part as u64, "pick2", true)
        .await
        .unwrap();
    let _one = other.part_beside(0).unwrap();
    assert!(other.part_beside(1).is_none());
    // A writer that is dropped without end gives its room back as well.
    drop((second, third));
    assert!(other.part_beside(1).is_some());
}

/// A store before which stands a server with one answer to everything.
async fn against_a_store_that_says(status: &str, body: &str) -> Storage {
    let place = memory().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let length = body.len();
    let address = listener.local_addr().unwrap();
    let headers = format!("content-length: {length}\r\nconnection: close");
    let answer = format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // One read takes the whole of the small requests sent here.
            let _ = stream.read(&mut [0; 65_536]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let settings = Settings {
        url: "s3://bucket".into(),
        s3_endpoint: format!("http://{address}"),
        s3_access_key: "key".into(),
        s3_secret_key: "secret".into(),
        ..Settings::default()
    };
    place.open_again(&settings).await
}

#[tokio::test]
async fn a_store_that_is_down_is_unavailable() {
    let mut place = s3().await;
    store(&place.storage, "f", &Bytes::from_static(b"abc")).await;
    place.server = None;
    let down = place.storage.size(&key("f")).await;
    assert!(
        matches!(down, Err(StorageError::Unavailable { .. })),
        "{down:?}"
    );
}

#[tokio::test]
async fn another_node_reads_what_this_one_stored_below_the_same_prefix_only() {
    let place = s3().await;
    store(&place.storage, "f", &Bytes::from_static(b"abc")).await;
    let other = place.open_again(&place.settings).await;
    assert_eq!(read(&other, "f").await.unwrap(), "abc");
    let elsewhere = Settings {
        url: "s3://bucket/other".into(),
        ..place.settings.clone()
    };
    let elsewhere = place.open_again(&elsewhere).await;
    assert_eq!(elsewhere.size(&key("f")).await, Err(StorageError::NotFound));
}

#[tokio::test]
async fn the_store_is_named_in_the_protocols_words() {
    let place = s3().await;
    assert_eq!(place.storage.provider(), "s3");
    assert_eq!(place.storage.container(), "bucket");
}

/// Joins large pieces and a small one, and answers whether anything went wrong.
async fn join(place: &Place, middleman: &Middleman) {
    let whole = sample(13_000_003);
    let sizes = [6_000_000, 6_000_000, 1_000_003];
    let pieces = pieces(&place.storage, &whole, &sizes).await;
    let (storage, name) = (&middleman.storage, key("whole"));
    storage.join(&pieces, &name, "join", true).await.unwrap();
    assert!(read(&place.storage, "whole").await.unwrap() == whole);
    for name in pieces.iter().map(|piece| &piece.key).chain([&name]) {
        place.storage.delete(name).await.unwrap();
    }
    assert_nothing_lies_there(place).await;
}

fn reads(head: &str) -> bool {
    head.starts_with("GET ")
}

#[tokio::test]
async fn large_pieces_become_parts_without_passing_through_this_process() {
    let place = s3().await;
    let middleman = Middleman::before(&place, |_, _| None).await;
    join(&place, &middleman).await;
    assert_eq!(middleman.asked(is_copy), 2);
    assert_eq!(middleman.asked(reads), 1, "only the small piece is read");
}

#[tokio::test]
async fn a_store_that_cannot_copy_parts_has_them_written_again_and_is_not_asked_twice() {
    let place = s3().await;
    let refuse = |head: &str, _| is_copy(head).then_some("501 NotImplemented");
    let middleman = Middleman::before(&place, refuse).await;
    join(&place, &middleman).await;
    let asked = middleman.asked(is_copy);
    assert!(asked > 0);
    join(&place, &middleman).await;
    assert_eq!(middleman.asked(is_copy), asked);
}

#[tokio::test]
async fn a_store_that_wants_parts_of_one_size_has_them_written_again() {
    let place = s3().await;
    // Of the requests so many came before the first completion; the second is let through.
    let refuse =
        |head: &str, before| (is_completion(head) && before < 8).then_some("400 InvalidPart");
    let middleman = Middleman::before(&place, refuse).await;
    join(&place, &middleman).await;
    assert_eq!(middleman.asked(is_completion), 2);
}

#[tokio::test]
async fn a_copy_that_fails_for_a_moment_is_tried_again() {
    let place = s3().await;
    let refuse = |head: &str, before| (is_copy(head) && before < 4).then_some("503 SlowDown");
    let middleman = Middleman::before(&place, refuse).await;
    join(&place, &middleman).await;
    assert!(middleman.asked(is_copy) > 2);
    assert_eq!(middleman.asked(reads), 1, "only the small piece is read");
}

#[tokio::test]
async fn a_join_that_is_dropped_halfway_is_given_up() {
    let place = s3().await;
    let middleman = Middleman::before(&place, |_, _| None).await;
    let whole = sample(24_000_000);
    let pieces = pieces(&place.storage, &whole, &[6_000_000; 4]).await;
    let name = key("whole");
    let copying = async {
        while middleman.asked(is_copy) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        joined = middleman.storage.join(&pieces, &name, "join", true) => panic!("{joined:?}"),
        () = copying => {}
    }
    // The server keeps a record of each upload that is neither completed nor given up.
    let is_record = |file: &PathBuf| file.to_string_lossy().contains("/.upload-");
    for _ in 0..200 {
        let begun = place.files_on_disk().iter().any(is_record);
        if !begun && place.storage.leftovers().await.unwrap().is_empty() {
            let there = place.storage.size(&name).await;
            assert_eq!(there, Err(StorageError::NotFound));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", place.files_on_disk());
}
