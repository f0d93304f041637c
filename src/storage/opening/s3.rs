//! S3 and what speaks like it, from `s3://bucket/prefix`.

use super::{Where, bucket_of, client, endpoint_of, objects, prefix_of, retries, role, unfinished};
use crate::storage::{Place, Settings, error::StorageError, objects::Traits, redirect::Presigner};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use std::sync::Arc;
use url::Url;

/// What lets requests be signed, or says that they need not be.
const KEYS: [Key; 5] = [
    Key::AccessKeyId,
    Key::SecretAccessKey,
    Key::WebIdentityTokenFile,
    Key::ContainerCredentialsRelativeUri,
    Key::ContainerCredentialsFullUri,
];

pub(super) fn open(url: &Url, settings: &Settings) -> Result<Place, StorageError> {
    let (bucket, prefix) = (bucket_of(url)?, prefix_of(url)?);
    // What the settings leave empty comes from the usual AWS_* variables.
    let mut builder = AmazonS3Builder::from_env();
    if !settings.s3_endpoint.is_empty() {
        builder = builder.with_endpoint(endpoint_of("s3", &settings.s3_endpoint)?);
    }
    if !settings.s3_region.is_empty() {
        builder = builder.with_region(&settings.s3_region);
    }
    if !settings.s3_access_key.is_empty() {
        builder = builder.with_access_key_id(&settings.s3_access_key);
    }
    if !settings.s3_secret_key.is_empty() {
        builder = builder.with_secret_access_key(&settings.s3_secret_key);
    }
    let endpoint = builder.get_config_value(&Key::Endpoint);
    let has_keys = KEYS
        .iter()
        .any(|key| builder.get_config_value(key).is_some());
    let unsigned = builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    let keys = "storage.s3_access_key and storage.s3_secret_key";
    let role = role("s3", endpoint.as_deref(), has_keys || unsigned, keys)?;
    let built = builder
        .with_client_options(client(endpoint.as_deref()))
        .with_retry(retries())
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!settings.s3_path_style)
        .build();
    let store = built.map_err(|error| StorageError::denied(format!("s3: {error}")))?;
    let store = Arc::new(store);
    let unfinished = match unsigned {
        true => None,
        false => Some(unfinished(Arc::clone(&store) as _, endpoint.as_deref())?),
    };
    let at = endpoint.as_deref().unwrap_or("the default endpoint");
    let place = Where {
        provider: "s3",
        container: bucket.to_owned(),
        description: format!("s3 bucket {bucket} at {at}{role}"),
        prefix,
        traits: Traits::default(),
        unfinished,
        presigner: (!unsigned).then(|| Presigner::S3(Arc::clone(&store) as _)),
    };
    Ok(objects(store, settings, place))
}
