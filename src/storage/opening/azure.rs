//! Azure Blob Storage, from `az://container/prefix`.

use super::{Where, bucket_of, client, endpoint_of, objects, prefix_of, retries, role};
use crate::storage::{
    Place, Settings,
    error::StorageError,
    objects::Traits,
    redirect::{AccessSignature, Presigner},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
use std::sync::Arc;
use url::Url;

/// What lets requests be signed.
const KEYS: [Key; 5] = [
    Key::AccessKey,
    Key::SasKey,
    Key::Token,
    Key::ClientSecret,
    Key::FederatedTokenFile,
];

pub(super) fn open(url: &Url, settings: &Settings) -> Result<Place, StorageError> {
    let (container, prefix) = (bucket_of(url)?, prefix_of(url)?);
    // What the settings leave empty comes from the usual AZURE_* variables.
    let mut builder = MicrosoftAzureBuilder::from_env();
    let given = [
        (Key::AccountName, settings.azure_account.as_str()),
        (Key::AccessKey, &settings.azure_access_key),
        (Key::SasKey, &settings.azure_sas_key),
    ];
    for (key, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
        builder = builder.with_config(key, value);
    }
    if !settings.azure_endpoint.is_empty() {
        builder = builder.with_endpoint(endpoint_of("azure", &settings.azure_endpoint)?.to_owned());
    }
    let endpoint = builder.get_config_value(&Key::Endpoint);
    let Some(account) = builder.get_config_value(&Key::AccountName) else {
        let message = "azure: the account is missing; set storage.azure_account";
        return Err(StorageError::denied(message));
    };
    let has_keys = KEYS
        .iter()
        .any(|key| builder.get_config_value(key).is_some());
    let unsigned = builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    let keys = "storage.azure_access_key or storage.azure_sas_key";
    let role = role("azure", endpoint.as_deref(), has_keys || unsigned, keys)?;
    let presigner = presigner(&builder, container);
    let built = builder
        .with_client_options(client(endpoint.as_deref()))
        .with_retry(retries())
        .with_container_name(container)
        .build();
    let store = built.map_err(|error| StorageError::denied(format!("azure: {error}")))?;
    let at = endpoint.as_deref().unwrap_or("Microsoft");
    let place = Where {
        provider: "azure",
        container: container.to_owned(),
        description: format!("azure container {container} of {account} at {at}{role}"),
        prefix,
        // Blocks that no list names go by themselves after a week.
        traits: Traits { aborts: false },
        presigner,
        unfinished: None,
        // `Put Block From URL` wants a signature of the source for which a role has no key.
        copier: None,
    };
    Ok(objects(Arc::new(store), settings, place))
}

/// Who signs addresses: only an access key can, a role or a signature of somebody else's cannot.
fn presigner(builder: &MicrosoftAzureBuilder, container: &str) -> Option<Presigner> {
    let account = builder.get_config_value(&Key::AccountName)?;
    let key = builder.get_config_value(&Key::AccessKey)?;
    let usual = || format!("https://{account}.blob.core.windows.net");
    let endpoint = builder.get_config_value(&Key::Endpoint);
    let mut url = Url::parse(&endpoint.unwrap_or_else(usual)).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().push(container);
    Some(Presigner::Azure(AccessSignature {
        account,
        key: STANDARD.decode(key).ok()?,
        container: url,
        container_name: container.to_owned(),
    }))
}
