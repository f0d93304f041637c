//! From settings to a storage: reads the URL, builds the client.
//!
//! Nothing here asks the network: a store that is down at start is noticed by
//! [`Storage::check`], and may come up later.

mod azure;
mod gcs;
mod s3;

use super::{
    Orphans, Place, Settings, Storage,
    copying::PartCopier,
    error::StorageError,
    folder::Folder,
    memory::Memory,
    objects::{Objects, Traits},
    redirect::Presigner,
    unfinished::Unfinished,
};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    client::{HttpClient, HttpConnector, ReqwestConnector},
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

/// How long an address at a store may be good; more than a week none of them signs.
const REDIRECT_LIFETIMES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);

/// A copy may take a week, and a day for clocks that differ.
const LEAST_ORPHAN_AGE: Duration = Duration::from_secs(8 * 24 * 60 * 60);

impl Storage {
    /// Opens the storage that the settings name; `data_dir` is where the default folder lies.
    pub async fn open(settings: &Settings, data_dir: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            place: Place::open(settings, data_dir).await?,
            checked: Arc::default(),
            check_interval: settings.check_interval,
            orphans: Orphans {
                age: settings.orphan_age,
                swept: settings.orphan_sweep,
            },
            redirect: settings.redirect.then_some(settings.redirect_lifetime),
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
        if !REDIRECT_LIFETIMES.contains(&settings.redirect_lifetime) {
            return Err(StorageError::denied(
                "redirect_lifetime is not from 1 second to 7 days",
            ));
        }
        if settings.orphan_age < LEAST_ORPHAN_AGE {
            return Err(StorageError::denied("orphan_age is less than 8 days"));
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
            "s3" => Ok(Self::Ready(s3::open(&url, settings)?)),
            "gs" => Ok(Self::Ready(gcs::open(&url, settings)?)),
            "az" => Ok(Self::Ready(azure::open(&url, settings)?)),
            other => {
                let known = "file:///…, s3://bucket/prefix, gs://bucket/prefix, \
                             az://container/prefix and memory: are known";
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
    traits: Traits,
    presigner: Option<Presigner>,
    unfinished: Option<Unfinished>,
    copier: Option<PartCopier>,
}

impl Where {
    fn memory() -> Self {
        Self {
            provider: "internal",
            container: "memory".to_owned(),
            prefix: String::new(),
            description: "memory (lost at the end)".to_owned(),
            traits: Traits::default(),
            presigner: None,
            unfinished: None,
            copier: None,
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
        memory: Memory::new(settings.upload_memory.as_u64()),
        provider: place.provider,
        container: place.container,
        description: place.description,
        traits: place.traits,
        presigner: place.presigner,
        unfinished: place.unfinished,
        copier: place.copier,
    };
    Place::Objects(Arc::new(objects))
}

fn folder_of(url: &Url) -> Result<PathBuf, StorageError> {
    url.to_file_path()
        .map_err(|()| StorageError::denied("storage url: not a path of this machine"))
}

/// The bucket or container that the URL names.
fn bucket_of(url: &Url) -> Result<&str, StorageError> {
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
    bucket.ok_or_else(|| StorageError::denied("storage url: the bucket is missing"))
}

/// How requests to a store are sent; in the clear only where its endpoint says so.
fn client(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
}

/// Sends requests that the library has no call for.
fn own_client(endpoint: Option<&str>) -> Result<HttpClient, StorageError> {
    Ok(ReqwestConnector::default().connect(&client(endpoint))?)
}

fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    }
}

/// The endpoint of a `store` as it was given, if it is an address without keys in it.
fn endpoint_of<'a>(store: &str, text: &'a str) -> Result<&'a str, StorageError> {
    let url = Url::parse(text);
    let url = url.map_err(|error| StorageError::denied(format!("{store} endpoint: {error}")))?;
    let keyed = !url.username().is_empty() || url.password().is_some() || url.query().is_some();
    if keyed || !matches!(url.scheme(), "http" | "https") {
        let message =
            format!("{store} endpoint: http:// or https:// is wanted, without keys in it");
        return Err(StorageError::denied(message));
    }
    Ok(text.trim_end_matches('/'))
}

/// How a store without keys is entered, in words to follow its name; empty where keys are set.
///
/// Without keys the library asks the address 169.254.169.254, where a cloud tells a machine its
/// role. A role is good for that cloud's own store, which needs no endpoint to be set; for any
/// other the question could only hang, or hand a token to a stranger, so it is refused.
fn role(
    store: &str,
    endpoint: Option<&str>,
    has_keys: bool,
    keys: &str,
) -> Result<&'static str, StorageError> {
    match (has_keys, endpoint) {
        (true, _) => Ok(""),
        (false, None) => Ok(", by the role of this machine"),
        (false, Some(_)) => {
            let message = format!("{store}: an endpoint is set but no keys; set {keys}");
            Err(StorageError::denied(message))
        }
    }
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
