//! From settings to a storage: reads the URL, builds the client.
//!
//! Nothing here asks the network: a store that is down at start is noticed by
//! [`Storage::check`], and may come up later.

use super::{Place, Settings, Storage, error::StorageError, folder::Folder, objects::Objects};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    memory::InMemory,
    multipart::MultipartStore,
};
use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use url::Url;

/// How long a store may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a store may be silent. The whole of a request has no limit: a part may be large and
/// the line slow.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How often and how long a request is tried again. Whoever copies a file tries again as well,
/// with more patience; a person who waits for an answer should not wait for minutes.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// What part sizes may be set; the least is what S3 takes, rounded up to whole Dropbox blocks.
const PART_SIZES_MIB: RangeInclusive<u64> = 8..=1024;

impl Storage {
    /// Opens the storage that the settings name; `data_dir` is where the default folder lies.
    pub async fn open(settings: &Settings, data_dir: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            place: Place::open(settings, data_dir).await?,
            checked: Arc::default(),
            check_interval: settings.check_interval,
        })
    }
}

/// Whether the settings name a storage that could be opened; makes nothing and asks nobody.
///
/// # Errors
/// [`StorageError::Denied`], which says what is wrong.
pub fn check(settings: &Settings) -> Result<(), StorageError> {
    Plan::read(settings, Path::new("")).map(drop)
}

/// What the settings come to.
enum Plan {
    Folder(PathBuf),
    Ready(Place),
}

impl Plan {
    fn read(settings: &Settings, data_dir: &Path) -> Result<Self, StorageError> {
        if !PART_SIZES_MIB.contains(&settings.part_size_mib)
            || !settings.part_size_mib.is_multiple_of(4)
        {
            return Err(StorageError::denied(
                "part_size_mib is not a multiple of 4 from 8 to 1024",
            ));
        }
        if settings.url.is_empty() {
            return Ok(Self::Folder(data_dir.join("files")));
        }
        if settings.url == "memory:" {
            let store = Arc::new(InMemory::new());
            return Ok(Self::Ready(objects(store, settings, Where::memory())));
        }
        // The URL itself is not repeated: it might hold a password by mistake.
        let url = Url::parse(&settings.url);
        let url = url.map_err(|error| StorageError::denied(format!("storage url: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(StorageError::denied(
                "storage url: keys belong in settings of their own",
            ));
        }
        match url.scheme() {
            "file" => Ok(Self::Folder(folder_of(&url)?)),
            "s3" => Ok(Self::Ready(s3(&url, settings)?)),
            other => {
                let known = "file:///…, s3://bucket/prefix and memory: are known";
                Err(StorageError::denied(format!(
                    "storage url: `{other}:` is not one; {known}"
                )))
            }
        }
    }
}

impl Place {
    async fn open(settings: &Settings, data_dir: &Path) -> Result<Self, StorageError> {
        match Plan::read(settings, data_dir)? {
            Plan::Folder(root) => Self::in_folder(&root).await,
            Plan::Ready(place) => Ok(place),
        }
    }

    async fn in_folder(root: &Path) -> Result<Self, StorageError> {
        let folder = Folder::open(root).await.map_err(|error| match error {
            StorageError::Unavailable { message } => {
                StorageError::denied(format!("{}: {message}", root.display()))
            }
            StorageError::BadKey { .. } | StorageError::Exists | StorageError::NotFound => {
                StorageError::denied(format!("{} is not a folder", root.display()))
            }
            other => other,
        })?;
        Ok(Self::Folder(Arc::new(folder)))
    }
}

/// How an object store is called.
struct Where {
    provider: &'static str,
    container: String,
    prefix: String,
    description: String,
}

impl Where {
    fn memory() -> Self {
        Self {
            provider: "internal",
            container: "memory".to_owned(),
            prefix: String::new(),
            description: "memory (lost at the end)".to_owned(),
        }
    }
}

fn objects<S: ObjectStore + MultipartStore>(
    store: Arc<S>,
    settings: &Settings,
    place: Where,
) -> Place {
    let objects = Objects {
        multipart: Arc::clone(&store) as Arc<dyn MultipartStore>,
        store,
        prefix: place.prefix,
        part_size: settings.part_size_mib * 1024 * 1024,
        provider: place.provider,
        container: place.container,
        description: place.description,
    };
    Place::Objects(Arc::new(objects))
}

fn folder_of(url: &Url) -> Result<PathBuf, StorageError> {
    url.to_file_path()
        .map_err(|()| StorageError::denied("storage url: not a path of this machine"))
}

fn s3(url: &Url, settings: &Settings) -> Result<Place, StorageError> {
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
    let bucket =
        bucket.ok_or_else(|| StorageError::denied("storage url: the bucket is missing"))?;
    let prefix = prefix_of(url)?;
    // What the settings leave empty comes from the usual AWS_* variables.
    let mut builder = AmazonS3Builder::from_env();
    if !settings.s3_endpoint.is_empty() {
        builder = builder.with_endpoint(endpoint_of(&settings.s3_endpoint)?);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")));
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    builder = builder
        .with_client_options(client)
        .with_retry(retry)
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!settings.s3_path_style);
    if !settings.s3_region.is_empty() {
        builder = builder.with_region(&settings.s3_region);
    }
    if !settings.s3_access_key.is_empty() {
        builder = builder.with_access_key_id(&settings.s3_access_key);
    }
    if !settings.s3_secret_key.is_empty() {
        builder = builder.with_secret_access_key(&settings.s3_secret_key);
    }
    let built = builder.build();
    let store = built.map_err(|error| StorageError::denied(format!("s3: {error}")))?;
    let endpoint = match settings.s3_endpoint.as_str() {
        "" => "the default endpoint",
        given => given,
    };
    let place = Where {
        provider: "s3",
        container: bucket.to_owned(),
        description: format!("s3 bucket {bucket} at {endpoint}"),
        prefix,
    };
    Ok(objects(Arc::new(store), settings, place))
}

/// The endpoint as it was given, if it is an address without keys in it.
fn endpoint_of(text: &str) -> Result<&str, StorageError> {
    let url = Url::parse(text);
    let url = url.map_err(|error| StorageError::denied(format!("s3 endpoint: {error}")))?;
    let keyed = !url.username().is_empty() || url.password().is_some();
    if keyed || !matches!(url.scheme(), "http" | "https") {
        let message = "s3 endpoint: http:// or https:// is wanted, without keys in it";
        return Err(StorageError::denied(message));
    }
    Ok(text)
}

/// What stands before every key: nothing, or a folder and its slash.
fn prefix_of(url: &Url) -> Result<String, StorageError> {
    let prefix = percent_encoding::percent_decode_str(url.path().trim_matches('/'));
    let prefix = prefix.decode_utf8();
    let prefix = prefix.map_err(|_| StorageError::denied("storage url: the prefix is no text"))?;
    match prefix.as_ref() {
        "" => Ok(String::new()),
        folder => {
            let folder = super::StorageKey::parse(folder).map_err(|error| {
                StorageError::denied(format!("storage url: the prefix: {error}"))
            })?;
            Ok(format!("{folder}/"))
        }
    }
}
