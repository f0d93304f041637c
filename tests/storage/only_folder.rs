//! What holds for a folder alone: names on the disk, permissions, readers of old bytes.

use crate::{
    places::{files_below, folder, memory},
    promises::{key, read, sample, store},
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use longshore::storage::{Settings, Storage, StorageError};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};
use tempfile::TempDir;

#[tokio::test]
async fn a_file_lies_below_the_root_under_its_own_name_and_is_private() {
    let place = folder().await;
    store(
        &place.storage,
        "Größe/a%2Fb c.txt",
        &Bytes::from_static(b"x"),
    )
    .await;
    let root = place.disk.as_ref().unwrap();
    let file = root.join("Größe/a%2Fb c.txt");
    assert_eq!(place.files_on_disk(), std::slice::from_ref(&file));
    let longest = "x".repeat(255);
    store(&place.storage, &longest, &Bytes::from_static(b"x")).await;
    assert!(root.join(longest).is_file());
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(file.as_path()), 0);
    assert_eq!(mode(file.parent().unwrap()), 0);
    assert_eq!(place.storage.provider(), "internal");
    assert_eq!(place.storage.container(), "files");
}

#[tokio::test]
async fn a_name_cannot_be_a_folders_and_a_files_at_once() {
    let place = folder().await;
    let storage = &place.storage;
    store(storage, "a", &Bytes::from_static(b"x")).await;
    let upload = storage.begin(&key("a/b"), 0, "pick1", false).await.unwrap();
    assert!(matches!(
        upload.commit().await,
        Err(StorageError::BadKey { .. })
    ));
    store(storage, "c/d", &Bytes::from_static(b"x")).await;
    let upload = storage.begin(&key("c"), 0, "pick1", true).await.unwrap();
    assert!(matches!(
        upload.commit().await,
        Err(StorageError::BadKey { .. })
    ));
    assert_eq!(storage.size(&key("c")).await, Err(StorageError::NotFound));
    assert_eq!(storage.size(&key("a/b")).await, Err(StorageError::NotFound));
    storage.delete(&key("c")).await.unwrap();
    storage.delete(&key("a/b")).await.unwrap();
    assert_eq!(read(storage, "c/d").await.unwrap(), "x");
    assert_eq!(storage.leftovers().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_reader_keeps_the_bytes_it_began_with_while_the_file_is_overwritten() {
    let place = folder().await;
    let storage = &place.storage;
    let old = sample(5_000_000);
    store(storage, "f", &old).await;
    let mut reading = storage.read(&key("f"), 0..5_000_000).await.unwrap();
    let mut found = reading.try_next().await.unwrap().unwrap().to_vec();
    storage
        .begin(&key("f"), 0, "pick1", true)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    while let Some(piece) = reading.try_next().await.unwrap() {
        found.extend_from_slice(&piece);
    }
    assert!(found == old);
    assert_eq!(storage.size(&key("f")).await, Ok(0));
}

#[tokio::test]
async fn a_folder_that_is_empty_again_leaves_its_name_to_a_file() {
    let place = folder().await;
    store(&place.storage, "a/b/c", &Bytes::from_static(b"x")).await;
    place.storage.delete(&key("a/b/c")).await.unwrap();
    store(&place.storage, "a", &Bytes::from_static(b"y")).await;
    assert_eq!(read(&place.storage, "a").await.unwrap(), "y");
}

#[tokio::test]
async fn files_come_and_go_in_one_folder_without_losing_each_other() {
    let place = folder().await;
    let storage = &place.storage;
    // Deleting the last file removes the folder, just when another is put into it.
    let coming_and_going = (0..8).map(|task| async move {
        let name = format!("a/b/{task}");
        for _ in 0..15 {
            store(storage, &name, &Bytes::from_static(b"x")).await;
            storage.delete(&key(&name)).await.unwrap();
        }
    });
    futures_util::future::join_all(coming_and_going).await;
    assert_eq!(files_below(place.disk.as_ref().unwrap()).len(), 0);
}

#[tokio::test]
async fn an_upload_dropped_outside_the_runtime_leaves_nothing() {
    let place = folder().await;
    let upload = place
        .storage
        .begin(&key("f"), 3, "pick1", false)
        .await
        .unwrap();
    std::thread::spawn(move || drop(upload)).join().unwrap();
    assert_eq!(place.storage.leftovers().await.unwrap().len(), 0);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_start() {
    let place = memory().await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("files"), "a file in the folder's place").unwrap();
    let urls = [
        "",
        "ftp://x/y",
        "not a url",
        "s3:///prefix",
        "s3://key:word@b/",
    ];
    for url in urls {
        let settings = Settings {
            url: url.into(),
            ..place.settings.clone()
        };
        let opened = Storage::open(&settings, folder.path()).await;
        let error = opened.err();
        assert!(
            matches!(error, Some(StorageError::Denied { .. })),
            "{url}: {error:?}"
        );
        assert!(!format!("{error:?}").contains("word@"));
    }
}

#[tokio::test]
async fn a_file_url_names_the_folder() {
    let folder = TempDir::new().unwrap();
    let url = format!("file://{}/by%20url", folder.path().display());
    let settings = Settings {
        url,
        ..Settings::default()
    };
    let storage = Storage::open(&settings, "/nowhere".as_ref()).await.unwrap();
    store(&storage, "f", &Bytes::from_static(b"x")).await;
    assert!(folder.path().join("by url/f").is_file());
}

#[tokio::test]
async fn keys_in_an_endpoint_and_odd_part_sizes_are_refused_at_start() {
    let folder = TempDir::new().unwrap();
    let s3 = Settings {
        url: "s3://bucket".into(),
        ..Settings::default()
    };
    let keyed = Settings {
        s3_endpoint: "http://key:word@host".into(),
        ..s3.clone()
    };
    let broken = Settings {
        s3_endpoint: "host without scheme".into(),
        ..s3.clone()
    };
    let small = Settings {
        part_size_mib: 5,
        ..s3.clone()
    };
    let large = Settings {
        part_size_mib: 2048,
        ..s3
    };
    for settings in [keyed, broken, small, large] {
        let error = Storage::open(&settings, folder.path()).await.unwrap_err();
        assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("word@"));
    }
}

#[tokio::test]
async fn a_check_holds_for_a_while_and_leaves_nothing_behind() {
    let disk = TempDir::new().unwrap();
    let open = async |check_interval| {
        let settings = Settings {
            check_interval,
            ..Settings::default()
        };
        Storage::open(&settings, disk.path()).await.unwrap()
    };
    let (patient, anew) = (
        open(Duration::from_secs(60)).await,
        open(Duration::ZERO).await,
    );
    patient.check(1).await.unwrap();
    anew.check(1).await.unwrap();
    assert!(anew.leftovers().await.unwrap().is_empty());
    fs::remove_dir(disk.path().join("files/.uploads")).unwrap();
    patient.check(2).await.unwrap();
    let error = anew.check(2).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
}
