//! What the settings say of keys, at every store that wants some.

use bytes::Bytes;
use longshore::storage::{Settings, StorageError, check};

use crate::places::{azure, gcs};
use crate::promises::{key, read, sample, store};
use crate::{azure_server, gcs_server};

/// Nobody listens there: whoever is refused at once has not asked.
const NOBODY: &str = "http://127.0.0.1:1";

fn refused(settings: &Settings) -> String {
    match check(settings) {
        Err(StorageError::Denied { message }) => message,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_store_with_an_endpoint_and_no_keys_is_refused_and_no_cloud_is_asked_for_a_role() {
    let at = |url: &str| Settings {
        url: url.into(),
        s3_endpoint: NOBODY.into(),
        gcs_endpoint: NOBODY.into(),
        azure_endpoint: NOBODY.into(),
        azure_account: "account".into(),
        ..Settings::default()
    };
    assert!(refused(&at("s3://bucket")).contains("storage.s3_access_key"));
    assert!(refused(&at("gs://bucket")).contains("storage.gcs_service_account"));
    assert!(refused(&at("az://bucket")).contains("storage.azure_access_key"));
}

#[test]
fn what_is_missing_is_named() {
    let azure = Settings {
        url: "az://container".into(),
        ..Settings::default()
    };
    assert!(refused(&azure).contains("storage.azure_account"));
    for url in ["gs:///x", "az:///x", "s3:///x"] {
        let settings = Settings {
            url: url.into(),
            ..Settings::default()
        };
        assert!(refused(&settings).contains("bucket"), "{url}");
    }
}

#[test]
fn keys_that_cannot_be_read_are_refused_without_being_repeated() {
    let secret = "hunter2-hunter2";
    for key in [
        secret.to_owned(),
        format!("\"{secret}\""),
        format!("{{\"private_key\":\"{secret}\",\"private_key_id\":\"\",\"client_email\":\"e\"}}"),
    ] {
        let google = Settings {
            url: "gs://bucket".into(),
            gcs_endpoint: NOBODY.into(),
            gcs_service_account_key: key,
            ..Settings::default()
        };
        assert!(!refused(&google).contains("hunter2"));
    }
    let azure = Settings {
        url: "az://container".into(),
        azure_account: "account".into(),
        azure_access_key: secret.into(),
        ..Settings::default()
    };
    assert!(!refused(&azure).contains("hunter2"));
    let with_keys_in_it = Settings {
        azure_endpoint: format!("{NOBODY}/?sig={secret}"),
        ..azure
    };
    assert!(!refused(&with_keys_in_it).contains("hunter2"));
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_the_store_in_words_that_hold_no_secret() {
    let (google, azure) = (gcs().await, azure().await);
    let someone_elses = gcs_server::Server::service_account_key().replace("longshore@", "other@");
    let wrong_google = Settings {
        gcs_service_account_key: someone_elses.clone(),
        ..google.settings.clone()
    };
    let wrong = "d3JvbmcgaHVudGVyMiB3cm9uZyBodW50ZXIyISE=";
    let wrong_azure = Settings {
        azure_access_key: wrong.into(),
        ..azure.settings.clone()
    };
    for (place, settings) in [(&google, wrong_google), (&azure, wrong_azure)] {
        let checked = place.open_again(&settings).await.check(0).await;
        let error = checked.unwrap_err();
        assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
        let said = format!("{error:?} {error} {settings:?}");
        assert!(!said.contains(wrong) && !said.contains("BEGIN PRIVATE KEY"));
    }
}

#[tokio::test]
async fn a_service_accounts_key_may_lie_in_a_file() {
    let place = gcs().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &place.settings.gcs_service_account_key).unwrap();
    let settings = Settings {
        gcs_service_account: file.path().to_str().unwrap().into(),
        gcs_service_account_key: String::new(),
        ..place.settings.clone()
    };
    place.open_again(&settings).await.check(0).await.unwrap();
    let both = Settings {
        gcs_service_account_key: place.settings.gcs_service_account_key.clone(),
        ..settings.clone()
    };
    assert!(refused(&both).contains("only one"));
    let missing = Settings {
        gcs_service_account: "/nowhere/key.json".into(),
        ..settings
    };
    assert!(refused(&missing).contains("service account"));
}

#[tokio::test]
async fn azure_lets_us_in_by_a_shared_access_signature_which_signs_no_addresses() {
    let place = azure().await;
    let server = azure_server::Server::get();
    let settings = Settings {
        azure_access_key: String::new(),
        azure_sas_key: server.shared_access(&place.storage.container()),
        redirect: true,
        ..place.settings.clone()
    };
    let storage = place.open_again(&settings).await;
    storage.check(0).await.unwrap();
    let large = sample(9 * 1024 * 1024);
    for bytes in [Bytes::from_static(b"abc"), large] {
        store(&storage, "f", &bytes).await;
        assert!(read(&storage, "f").await.unwrap() == bytes);
        storage.delete(&key("f")).await.unwrap();
        assert_eq!(storage.size(&key("f")).await, Err(StorageError::NotFound));
    }
    assert_eq!(storage.leftovers().await.unwrap().len(), 0);
    assert_eq!(storage.redirects(), None);
    let signature = settings.azure_sas_key.rsplit_once("sig=").unwrap().1;
    assert!(!format!("{settings:?} {storage:?}").contains(signature));
}

#[tokio::test]
async fn objects_lie_below_the_prefix_that_the_url_names() {
    let place = gcs().await;
    store(&place.storage, "a/b.txt", &Bytes::from_static(b"abc")).await;
    let server = place.google.as_ref().unwrap();
    let names: Vec<_> = server.bucket().objects.keys().cloned().collect();
    assert_eq!(names, ["some/prefix/a/b.txt"]);
}

#[tokio::test]
async fn the_stores_are_named_in_the_protocols_words() {
    let (google, azure) = (gcs().await, azure().await);
    assert_eq!(google.storage.provider(), "gcs");
    assert_eq!(google.storage.container(), gcs_server::BUCKET);
    assert_eq!(azure.storage.provider(), "azure");
    assert!(azure.storage.describe().contains(azure_server::ACCOUNT));
}
