//! Google Cloud Storage, from `gs://bucket/prefix`.

use super::{Where, bucket_of, client, endpoint_of, objects, own_client, prefix_of, retries, role};
use crate::storage::{
    Place, Settings, error::StorageError, objects::Traits, redirect::Presigner,
    unfinished::Unfinished,
};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
use std::sync::Arc;
use url::Url;

/// What lets requests be signed.
const KEYS: [Key; 4] = [
    Key::ServiceAccount,
    Key::ServiceAccountKey,
    Key::ApplicationCredentials,
    Key::BearerToken,
];

pub(super) fn open(url: &Url, settings: &Settings) -> Result<Place, StorageError> {
    let (bucket, prefix) = (bucket_of(url)?, prefix_of(url)?);
    let (file, key) = (
        &settings.gcs_service_account,
        &settings.gcs_service_account_key,
    );
    // What the settings leave empty comes from the usual GOOGLE_* variables.
    let mut builder = match (file.as_str(), key.as_str()) {
        ("", "") => GoogleCloudStorageBuilder::from_env(),
        (file, "") => GoogleCloudStorageBuilder::new().with_service_account_path(file),
        ("", key) => GoogleCloudStorageBuilder::new().with_service_account_key(key),
        _ => {
            let message = "gcs: only one of gcs_service_account and gcs_service_account_key fits";
            return Err(StorageError::denied(message));
        }
    };
    if !settings.gcs_endpoint.is_empty() {
        builder = builder.with_base_url(endpoint_of("gcs", &settings.gcs_endpoint)?);
    }
    let endpoint = builder.get_config_value(&Key::BaseUrl);
    let has_keys = KEYS
        .iter()
        .any(|key| builder.get_config_value(key).is_some());
    let unsigned = builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    let keys = "storage.gcs_service_account or storage.gcs_service_account_key";
    let role = role("gcs", endpoint.as_deref(), has_keys || unsigned, keys)?;
    let built = builder
        .with_client_options(client(endpoint.as_deref()))
        .with_retry(retries())
        .with_bucket_name(bucket)
        .build();
    // What the library says of a key that it cannot read may quote it.
    let store = built.map_err(|_| {
        StorageError::denied("gcs: the key of the service account cannot be read or used")
    })?;
    let store = Arc::new(store);
    let unfinished = match unsigned {
        true => None,
        false => Some(Unfinished {
            signer: Arc::clone(&store) as _,
            client: own_client(endpoint.as_deref())?,
        }),
    };
    let at = endpoint.as_deref().unwrap_or("Google");
    let place = Where {
        provider: "gcs",
        container: bucket.to_owned(),
        description: format!("gcs bucket {bucket} at {at}{role}"),
        prefix,
        traits: Traits::default(),
        unfinished,
        // Its multipart uploads take no copies.
        copier: None,
        presigner: (!unsigned).then(|| Presigner::Google(Arc::clone(&store) as _)),
    };
    Ok(objects(store, settings, place))
}
