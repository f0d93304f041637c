//! What lies in an object store and belongs to nobody.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use longshore::database::DatabaseError;
use longshore::files::{Handle, OrphanError, Orphans};
use longshore::storage::{Settings, StorageError, StorageKey, check};

use crate::file_service::{Options, Service};
use crate::{gcs_server, s3_server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn on_gcs() -> (Service, gcs_server::Server) {
    let server = gcs_server::Server::start();
    let storage = Settings {
        url: format!("gs://{}/files", gcs_server::BUCKET),
        gcs_endpoint: server.url.clone(),
        gcs_service_account_key: gcs_server::Server::service_account_key(),
        ..Settings::default()
    };
    let options = Options {
        storage: Some(storage),
        ..Options::default()
    };
    (Service::start_with(options).await, server)
}

fn orphans(service: &Service) -> Orphans {
    Orphans::new(
        service.database.clone(),
        service.storage.clone(),
        service.clock.clone(),
    )
}

/// A key of the kind that picks have.
fn key() -> String {
    format!("in/{}_a.txt", Handle::generate())
}

/// Lays objects into the bucket that nobody told the service of.
fn plant(server: &gcs_server::Server, key: &str, age: Duration, service: &Service) {
    let at = service.clock.now() - age;
    let bytes = Bytes::from_static(b"orphan");
    server.bucket().plant(key, bytes, at);
}

fn lies_there(server: &gcs_server::Server, key: &str) -> bool {
    server.bucket().objects.contains_key(key)
}

/// Removes what is due; answers how many objects that were.
async fn collect(service: &Service) -> usize {
    service.garbage.collect(1000).await.unwrap()
}

/// Files of the catalog whose objects have come of age.
async fn old_files(service: &Service, server: &gcs_server::Server, count: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for _ in 0..count {
        let file = service.store("a.txt", "text/plain", b"known").await;
        let key = format!("files/{}", file.storage_key);
        plant(server, &key, 30 * DAY, service);
        keys.push(key);
    }
    keys
}

#[tokio::test]
async fn old_objects_that_no_file_names_are_removed_and_nothing_else() {
    let (service, server) = on_gcs().await;
    let mut stay = old_files(&service, &server, 4).await;
    let orphan = format!("files/{}", key());
    plant(&server, &orphan, 8 * DAY + HOUR, &service);
    let others = [
        (format!("files/{}", key()), 8 * DAY - HOUR),
        // Of others who share the bucket, and of people who chose their own names.
        (key(), 30 * DAY),
        (format!("files2/{}", key()), 30 * DAY),
        ("files/in/report.pdf".to_owned(), 30 * DAY),
        ("files/in/short_a.txt".to_owned(), 30 * DAY),
        ("files/.uploads/abcdefghij0123456789_x".to_owned(), 30 * DAY),
    ];
    for (key, age) in others {
        plant(&server, &key, age, &service);
        stay.push(key);
    }
    let orphans = orphans(&service);
    assert_eq!(orphans.discard_objects().await.unwrap(), 1);
    assert_eq!(orphans.discard_objects().await.unwrap(), 0);
    assert_eq!(collect(&service).await, 1);
    assert!(!lies_there(&server, &orphan));
    for key in stay {
        assert!(lies_there(&server, &key), "{key}");
    }
    service.stop().await;
}

#[tokio::test]
async fn what_another_node_is_about_to_adopt_is_left_alone() {
    let (service, server) = on_gcs().await;
    old_files(&service, &server, 1).await;
    let key = key();
    plant(&server, &format!("files/{key}"), 30 * DAY, &service);
    let reserved = StorageKey::parse(&key).unwrap();
    service.garbage.reserve(&reserved, DAY).await.unwrap();
    let orphans = orphans(&service);
    assert_eq!(orphans.discard_objects().await.unwrap(), 0);
    assert_eq!(collect(&service).await, 0);
    assert!(lies_there(&server, &format!("files/{key}")));
    service.stop().await;
}

#[tokio::test]
async fn bytes_that_were_left_on_purpose_stay() {
    let (service, server) = on_gcs().await;
    old_files(&service, &server, 1).await;
    let file = service.store("a.txt", "text/plain", b"kept").await;
    let key = format!("files/{}", file.storage_key);
    plant(&server, &key, 30 * DAY, &service);
    let path = format!("/api/file/{}?skip_storage=true", file.handle);
    let remove = service
        .ask(reqwest::Method::DELETE, &path)
        .query(&service.allowing(&["remove"]));
    assert_eq!(remove.send().await.unwrap().status(), 200);
    assert_eq!(orphans(&service).discard_objects().await.unwrap(), 0);
    collect(&service).await;
    assert!(lies_there(&server, &key));
    service.stop().await;
}

#[tokio::test]
async fn a_catalog_that_knows_less_than_half_of_the_bucket_removes_nothing() {
    let (service, server) = on_gcs().await;
    old_files(&service, &server, 2).await;
    for _ in 0..3 {
        plant(&server, &format!("files/{}", key()), 30 * DAY, &service);
    }
    let refused = orphans(&service).discard_objects().await;
    let known = matches!(
        refused,
        Err(OrphanError::WrongCatalog {
            known: 2,
            strange: 3
        })
    );
    assert!(known, "{refused:?}");
    assert_eq!(collect(&service).await, 0);
    assert_eq!(server.bucket().objects.len(), 5);
    service.stop().await;
}

#[tokio::test]
async fn a_bucket_of_many_pages_is_looked_through_to_its_end() {
    let (service, server) = on_gcs().await;
    // As many files as fill the first pages, and behind them the orphans.
    let application = service.application.id.0;
    let keys: Vec<_> = (0..1500).map(|n| format!("a/{n:020}_x")).collect();
    for key in &keys {
        plant(&server, &format!("files/{key}"), 30 * DAY, &service);
    }
    let write = service.database.write(move |tx| {
        Box::pin(async move {
            let sql = "INSERT INTO files (handle, application_id, kind, provider, client, \
                 storage_key, filename, mimetype, size, created_at, modified_at) \
                 VALUES ($1, $2, 0, 'gcs', 'Dropbox', $3, 'x', 'text/plain', 6, 0, 0)";
            for (n, key) in keys.into_iter().enumerate() {
                sqlx::query(sql)
                    .bind(format!("{n:020}"))
                    .bind(application)
                    .bind(key)
                    .execute(&mut *tx)
                    .await?;
            }
            Ok::<_, DatabaseError>(())
        })
    });
    write.await.unwrap();
    for n in 0..300 {
        let key = format!("files/b/{n:020}_x");
        plant(&server, &key, 30 * DAY, &service);
    }
    assert_eq!(orphans(&service).discard_objects().await.unwrap(), 300);
    assert_eq!(collect(&service).await, 300);
    assert_eq!(server.bucket().objects.len(), 1500);
    service.stop().await;
}

#[tokio::test]
async fn uploads_that_began_too_long_ago_are_given_up_and_no_others() {
    let (service, server) = on_gcs().await;
    let now = service.clock.now();
    let begin = |key: &str, age| server.bucket().begin_upload(key, now - age);
    let mut dead = Vec::new();
    // More than one page of them.
    for n in 0..700 {
        dead.push(begin(&format!("files/a/{n:020}_x"), 8 * DAY + HOUR));
    }
    dead.push(begin("files/.uploads/abort~0123", 9 * DAY));
    let alive = [
        begin(&format!("files/{}", key()), 8 * DAY - HOUR),
        begin("files/in/report.pdf", 30 * DAY),
        begin(&key(), 30 * DAY),
        begin(&format!("files2/{}", key()), 30 * DAY),
    ];
    let orphans = orphans(&service);
    assert_eq!(orphans.give_up_uploads().await, Ok(dead.len()));
    assert_eq!(orphans.give_up_uploads().await, Ok(0));
    let mut left: Vec<_> = server.bucket().uploads.keys().cloned().collect();
    left.sort();
    assert_eq!(left, alive);
    service.stop().await;
}

#[tokio::test]
async fn an_upload_that_a_node_is_at_work_on_is_completed_all_the_same() {
    let (service, server) = on_gcs().await;
    let key = StorageKey::parse(&key()).unwrap();
    let size = 9 * 1024 * 1024;
    let upload = service.storage.begin(&key, size, "pick1", true).await;
    let upload = upload.unwrap();
    for index in 0..upload.parts() {
        let range = upload.part_range(index);
        let length = usize::try_from(range.end - range.start).unwrap();
        let mut part = upload.part(index);
        part.write(vec![7; length].into()).await.unwrap();
        part.finish().await.unwrap();
    }
    assert_eq!(orphans(&service).give_up_uploads().await, Ok(0));
    upload.commit().await.unwrap();
    assert_eq!(service.storage.size(&key).await, Ok(size));
    drop(server);
    service.stop().await;
}

#[tokio::test]
async fn s3_is_looked_through_and_asked_for_its_uploads_with_a_signature_that_it_takes() {
    let bucket = s3_server::Bucket::start();
    let storage = Settings {
        url: "s3://bucket/files".into(),
        s3_endpoint: bucket.server.url.clone(),
        s3_access_key: s3_server::ACCESS_KEY.into(),
        s3_secret_key: s3_server::SECRET_KEY.into(),
        ..Settings::default()
    };
    let options = Options {
        storage: Some(storage),
        ..Options::default()
    };
    let service = Service::start_with(options).await;
    let root = bucket.folder.path().join("bucket/files");
    let file = service.store("a.txt", "text/plain", b"known").await;
    let orphan = root.join(key());
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "orphan").unwrap();
    let long_ago = std::time::SystemTime::from(service.clock.now()) - 30 * DAY;
    for path in [&orphan, &root.join(&file.storage_key)] {
        age(path, long_ago);
    }
    let orphans = orphans(&service);
    assert_eq!(orphans.discard_objects().await.unwrap(), 1);
    assert_eq!(collect(&service).await, 1);
    assert!(!orphan.exists());
    assert!(root.join(&file.storage_key).exists());
    // This server checks the signature and then says that it has no such list: 501, not 403.
    let listed = orphans.give_up_uploads().await;
    let said = matches!(&listed, Err(StorageError::Denied { message }) if message.contains("501"));
    assert!(said, "{listed:?}");
    service.stop().await;
}

fn age(path: &Path, at: std::time::SystemTime) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(at).unwrap();
}

#[test]
fn nothing_younger_than_the_longest_upload_counts_as_abandoned() {
    let aged = |orphan_age| Settings {
        orphan_age,
        ..Settings::default()
    };
    assert_eq!(check(&aged(8 * DAY)), Ok(()));
    let refused = check(&aged(8 * DAY - Duration::from_secs(1))).unwrap_err();
    assert!(refused.to_string().contains("orphan_age"), "{refused}");
}
