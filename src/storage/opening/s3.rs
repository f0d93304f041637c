//! S3 and what speaks like it, from `s3://bucket/prefix`.

use super::{Where, bucket_of, client, endpoint_of, objects, own_client, prefix_of, retries, role};
use crate::storage::{
    Place, Settings, copying::PartCopier, error::StorageError, objects::Traits,
    redirect::Presigner, unfinished::Unfinished,
};
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
    let copies = copies_parts(&builder);
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
        false => Some(Unfinished {
            signer: Arc::clone(&store) as _,
            client: own_client(endpoint.as_deref())?,
        }),
    };
    let copier = match copies && !unsigned {
        true => Some(PartCopier::new(
            Arc::clone(&store) as _,
            own_client(endpoint.as_deref())?,
            bucket,
        )),
        false => None,
    };
    let at = endpoint.as_deref().unwrap_or("the default endpoint");
    let place = Where {
        provider: "s3",
        container: bucket.to_owned(),
        description: format!("s3 bucket {bucket} at {at}{role}"),
        prefix,
        traits: Traits::default(),
        unfinished,
        copier,
        presigner: (!unsigned).then(|| Presigner::S3(Arc::clone(&store) as _)),
    };
    Ok(objects(store, settings, place))
}

/// Whether the store can be told to copy parts. It cannot where each request has to bring along a
/// key of ours or a session, or each part a checksum: these are the library's to make.
fn copies_parts(builder: &AmazonS3Builder) -> bool {
    let value = |name: &str| {
        let key: Option<Key> = name.parse().ok();
        key.and_then(|key| builder.get_config_value(&key))
    };
    let sealed = value("aws_server_side_encryption").as_deref() == Some("sse-c");
    let express = value("aws_s3_express").as_deref() == Some("true");
    !sealed && !express && value("aws_checksum_algorithm").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::aws::Checksum;

    #[test]
    fn parts_are_not_copied_where_each_request_has_to_bring_something_along() {
        assert!(copies_parts(&AmazonS3Builder::new()));
        let kms = AmazonS3Builder::new().with_sse_kms_encryption("key");
        assert!(copies_parts(&kms));
        for builder in [
            AmazonS3Builder::new().with_ssec_encryption("c2VjcmV0"),
            AmazonS3Builder::new().with_checksum_algorithm(Checksum::SHA256),
            AmazonS3Builder::new().with_config(Key::S3Express, "true"),
        ] {
            assert!(!copies_parts(&builder));
        }
    }
}
