//! What can go wrong with an S3 store and not with a folder.

use crate::{
    places::{SECRET_KEY, s3},
    promises::{key, read, store},
};
use bytes::Bytes;
use longshore::storage::{Settings, StorageError};

#[tokio::test]
async fn a_wrong_secret_is_refused_in_words_that_hold_no_secret() {
    let place = s3().await;
    let wrong = "another-secret-that-no-message-may-hold";
    let settings = Settings {
        s3_secret_key: wrong.into(),
        ..place.settings.clone()
    };
    let error = place.open_again(&settings).await.check().await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    assert!(!format!("{error:?} {error} {settings:?}").contains(wrong));
    assert!(!format!("{:?}", place.settings).contains(SECRET_KEY));
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_the_operators_to_mend() {
    let place = s3().await;
    let settings = Settings {
        url: "s3://no-such-bucket".into(),
        ..place.settings.clone()
    };
    let storage = place.open_again(&settings).await;
    assert!(matches!(
        storage.check().await,
        Err(StorageError::Denied { .. })
    ));
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
