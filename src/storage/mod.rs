//! Where bytes lie: put in parts, commit, read ranges, delete.
//!
//! A [`Storage`] is a folder on this machine or an object store (S3 and its kin, or memory for
//! tests); both keep the same promises and pass the same tests. Nothing is visible under a
//! [`StorageKey`] before [`Upload::commit`], and then all of it is, for good. What a crashed
//! upload leaves behind bears the id it was begun with ([`Storage::leftovers`]).
//!
//! Runs on tokio and knows nothing of HTTP, handles, applications or Dropbox.
//!
//! *Uses* `figures`. *Used by* `files`, `picking`, `uploading` and whoever else stores bytes; `config`
//! reads its [`Settings`].

mod copying;
mod error;
mod figures;
mod folder;
mod joining;
mod key;
mod memory;
mod objects;
mod opening;
mod redirect;
mod settings;
mod unfinished;
mod upload;

pub use error::StorageError;
pub use joining::Piece;
pub use key::StorageKey;
pub use opening::check;
pub use redirect::Shown;
pub use settings::Settings;
pub use upload::{BlockSink, PartWriter, Upload};

use bytes::Bytes;
use folder::Folder;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use objects::Objects;
use std::{
    collections::BTreeSet,
    fmt, io,
    ops::Range,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use upload::Draft;

/// How long a check may take before the storage counts as silent.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// A stored file's bytes on their way to a reader.
pub type ByteStream = BoxStream<'static, Result<Bytes, StorageError>>;

/// A place that keeps files; cheap to clone.
#[derive(Clone)]
pub struct Storage {
    place: Place,
    checked: Arc<tokio::sync::Mutex<Option<Checked>>>,
    check_interval: Duration,
    /// How long an address at the store is good for; none where none are given out.
    redirect: Option<Duration>,
    orphans: Orphans,
}

/// What is done about what belongs to nobody.
#[derive(Clone, Copy)]
struct Orphans {
    age: Duration,
    swept: bool,
}

/// When the storage was last checked, and what came out.
type Checked = (Instant, Result<(), StorageError>);

/// What the upload id of a check's probe begins with; the time of the check in milliseconds since
/// the epoch follows.
pub const PROBE: &str = "probe-";

#[derive(Clone)]
enum Place {
    Folder(Arc<Folder>),
    Objects(Arc<Objects>),
}

impl fmt::Debug for Storage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Storage({})", self.describe())
    }
}

/// How a stream of unknown length is to be stored, for [`Storage::put`].
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// Names the upload, as in [`Storage::begin`].
    pub upload_id: &'a str,
    /// The most bytes that are taken.
    pub max_size: u64,
    /// Whether a file that lies there already is replaced.
    pub overwrite: bool,
}

impl Storage {
    /// Starts an upload of exactly `size` bytes that becomes visible under `key` only when it is
    /// committed.
    ///
    /// `upload_id` (letters, digits, `-`, `_`) names what a crash would leave behind. Two
    /// uploads may bear the same id at once; neither disturbs the other. Without `overwrite`, a
    /// key that is taken is [`StorageError::Exists`], here or at the commit. Whoever makes keys
    /// that nobody else can have should overwrite: a store whose answer was lost, and is asked
    /// again, would otherwise take our own file for somebody else's.
    pub async fn begin(
        &self,
        key: &StorageKey,
        size: u64,
        upload_id: &str,
        overwrite: bool,
    ) -> Result<Upload, StorageError> {
        let (draft, part_size) = match &self.place {
            Place::Folder(folder) => {
                let draft = folder.begin(key, upload_id, overwrite).await;
                (
                    Draft::Folder(figures::noted("write", draft)?),
                    folder::PART_SIZE,
                )
            }
            Place::Objects(objects) => {
                let draft = objects.begin(key, upload_id, overwrite).await;
                let draft = figures::noted("write", draft)?;
                (Draft::Objects(draft), objects.part_size_for(size))
            }
        };
        Ok(Upload::new(draft, size, part_size))
    }

    /// Stores a stream whose length is not known, and says how long it was.
    ///
    /// `sink` sees every byte in order and is given back. Nothing becomes visible if the stream
    /// fails or is longer than allowed.
    pub async fn put<S, H>(
        &self,
        key: &StorageKey,
        stream: S,
        how: Put<'_>,
        sink: H,
    ) -> Result<(u64, H), StorageError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
        H: BlockSink,
    {
        let limit = match &self.place {
            Place::Folder(_) => how.max_size,
            Place::Objects(objects) => how.max_size.min(objects.plain_limit()),
        };
        // Room for one byte more than allowed, so that a stream that is too long is noticed by
        // its length and not by a part that happens to be full.
        let most = limit.saturating_add(1);
        let upload = self.begin(key, most, how.upload_id, how.overwrite).await?;
        match fill(&upload, stream, limit, sink).await {
            Ok((size, sink)) => {
                upload.commit_at(size).await?;
                Ok((size, sink))
            }
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Streams a range of a stored file.
    ///
    /// A range that ends behind the file's end is [`StorageError::Incomplete`].
    pub async fn read(
        &self,
        key: &StorageKey,
        range: Range<u64>,
    ) -> Result<ByteStream, StorageError> {
        let read = match &self.place {
            Place::Folder(folder) => folder.read(key, range).await,
            Place::Objects(objects) => objects.read(key, range).await,
        };
        figures::noted("read", read)
    }

    /// For how long addresses at the store are good, where the settings want them given out and
    /// the store can sign them.
    pub fn redirects(&self) -> Option<Duration> {
        match &self.place {
            Place::Objects(objects) if objects.presigner.is_some() => self.redirect,
            _ => None,
        }
    }

    /// An address at the store itself under which anybody may fetch the object for `lifetime`
    /// (whole seconds, at least one), from `now_ms`, milliseconds since the epoch. Nothing is
    /// looked up: the object may be missing. None where the store cannot sign one.
    pub async fn address(
        &self,
        key: &StorageKey,
        shown: Shown<'_>,
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<Option<String>, StorageError> {
        match &self.place {
            Place::Folder(_) => Ok(None),
            Place::Objects(objects) => objects.address(key, shown, lifetime, now_ms).await,
        }
    }

    /// How many bytes lie under a key.
    pub async fn size(&self, key: &StorageKey) -> Result<u64, StorageError> {
        match &self.place {
            Place::Folder(folder) => folder.size(key).await,
            Place::Objects(objects) => objects.size(key).await,
        }
    }

    /// Deletes what lies under a key; that nothing lies there is fine.
    pub async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let deleted = match &self.place {
            Place::Folder(folder) => folder.delete(key).await,
            Place::Objects(objects) => objects.delete(key).await,
        };
        figures::noted("delete", deleted)
    }

    /// Writes, reads and deletes a few bytes, to see whether the storage works. However many ask,
    /// that is done once in a while, and what came out holds until then: a load balancer may ask
    /// often, and a store may have each request paid.
    ///
    /// `now_ms`, milliseconds since the epoch, tells a sweep how old a probe is that a process
    /// could not remove any more.
    pub async fn check(&self, now_ms: i64) -> Result<(), StorageError> {
        let mut checked = self.checked.lock().await;
        if let Some((at, outcome)) = &*checked
            && at.elapsed() < self.check_interval
        {
            return outcome.clone();
        }
        let outcome = self.check_now(now_ms).await;
        *checked = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn check_now(&self, now_ms: i64) -> Result<(), StorageError> {
        let probe = key::leftover_name(&format!("{PROBE}{now_ms}"))?;
        let checked = async {
            match &self.place {
                Place::Folder(folder) => folder.check(&probe).await,
                Place::Objects(objects) => objects.check(&probe).await,
            }
        };
        let silent = |_| StorageError::unavailable("no answer in time");
        let checked = timeout(CHECK_TIMEOUT, checked).await.map_err(silent);
        figures::noted("check", checked.flatten())
    }

    /// The ids of uploads that are under way or were left behind by a crash.
    ///
    /// To clean up beside other nodes, list first and ask which of them are alive afterwards:
    /// an upload that begins in between is then never mistaken for a dead one.
    pub async fn leftovers(&self) -> Result<BTreeSet<String>, StorageError> {
        let names = match &self.place {
            Place::Folder(folder) => folder.leftovers().await?,
            Place::Objects(objects) => objects.leftovers().await?,
        };
        Ok(names
            .iter()
            .map(|name| key::upload_id_of(name).to_owned())
            .collect())
    }

    /// Removes all that an upload left behind. If it is still under way, it will fail.
    pub async fn remove_leftovers(&self, upload_id: &str) -> Result<(), StorageError> {
        match &self.place {
            Place::Folder(folder) => folder.remove_leftovers(upload_id).await,
            Place::Objects(objects) => objects.remove_leftovers(upload_id).await,
        }
    }

    /// Removes what dead uploads left behind, and says how many there were.
    pub async fn sweep(&self, alive: impl Fn(&str) -> bool) -> Result<usize, StorageError> {
        self.sweep_these(self.leftovers().await?, alive).await
    }

    /// The same for leftovers that were listed before it was asked which of them are alive. One
    /// that cannot be removed does not keep the others.
    pub async fn sweep_these(
        &self,
        leftovers: BTreeSet<String>,
        alive: impl Fn(&str) -> bool,
    ) -> Result<usize, StorageError> {
        let (mut swept, mut outcome) = (0, Ok(()));
        for upload_id in leftovers {
            if !alive(&upload_id) {
                let removed = self.remove_leftovers(&upload_id).await;
                swept += usize::from(removed.is_ok());
                outcome = outcome.and(removed);
            }
        }
        outcome.map(|()| swept)
    }

    /// Gives up multipart uploads that were begun before a time (milliseconds since the epoch)
    /// under a key of which `is_ours` says yes, and says how many there were. Nothing is done in a
    /// folder, in memory, and at Azure, where parts that nobody completed go by themselves.
    ///
    /// # Errors
    /// [`StorageError::Denied`] where the store has no list of uploads or keeps it from us. One
    /// that cannot be given up does not keep the others.
    pub async fn abort_uploads(
        &self,
        before_ms: i64,
        is_ours: impl Fn(&str) -> bool + Send + Sync,
    ) -> Result<usize, StorageError> {
        match &self.place {
            Place::Folder(_) => Ok(0),
            Place::Objects(objects) => objects.abort_uploads(before_ms, is_ours).await,
        }
    }

    /// The keys of all objects that were stored before a time (milliseconds since the epoch), as
    /// the store lists them, a page at a time. A folder of this machine is not looked through.
    pub fn objects_before(
        &self,
        before_ms: i64,
    ) -> BoxStream<'static, Result<StorageKey, StorageError>> {
        match &self.place {
            Place::Folder(_) => futures_util::stream::empty().boxed(),
            Place::Objects(objects) => objects.stored_before(before_ms),
        }
    }

    /// How old an object or an upload is that nothing can be waiting for any more.
    pub fn orphan_age(&self) -> Duration {
        self.orphans.age
    }

    /// Whether old objects that the catalog does not know are to be removed.
    pub fn sweeps_orphans(&self) -> bool {
        self.orphans.swept
    }

    /// One line for the log: what is used, and where it is.
    pub fn describe(&self) -> String {
        match &self.place {
            Place::Folder(folder) => format!("folder {}", folder.root().display()),
            Place::Objects(objects) => objects.description.clone(),
        }
    }

    /// Whether the bytes lie in a folder of this machine. Their streams need nothing but blocking
    /// threads and may be polled on any runtime; those of an object store belong to the runtime
    /// on which they were opened.
    pub fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Where the bytes live, in the protocol's words: `internal` or `s3`.
    pub fn provider(&self) -> &'static str {
        match &self.place {
            Place::Folder(_) => "internal",
            Place::Objects(objects) => objects.provider,
        }
    }

    /// The bucket, or the folder's name.
    pub fn container(&self) -> String {
        match &self.place {
            Place::Folder(folder) => {
                let name = folder.root().file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Place::Objects(objects) => objects.container.clone(),
        }
    }
}

/// Writes a stream into an upload, part after part, up to `limit` bytes.
async fn fill<S, H>(
    upload: &Upload,
    stream: S,
    limit: u64,
    mut sink: H,
) -> Result<(u64, H), StorageError>
where
    S: Stream<Item = io::Result<Bytes>> + Send,
    H: BlockSink,
{
    let mut pieces = pin!(stream.fuse());
    let mut rest = Bytes::new();
    let mut size = 0;
    for index in 0..upload.parts() {
        let mut part = upload.part(index).with_hasher(sink);
        while part.left() > 0 {
            if rest.is_empty() {
                match pieces.next().await {
                    Some(piece) => rest = piece.map_err(broken_source)?,
                    None => break,
                }
            }
            let fitting = usize::try_from(part.left())
                .unwrap_or(usize::MAX)
                .min(rest.len());
            part.write(rest.split_to(fitting)).await?;
        }
        size += part.written();
        if size > limit {
            return Err(StorageError::TooLarge { limit });
        }
        let full = part.left() == 0;
        sink = part.finish_short().await?;
        if !full {
            break;
        }
    }
    Ok((size, sink))
}

/// A stream that fails has not brought all its bytes, whatever the reason.
fn broken_source(error: io::Error) -> StorageError {
    StorageError::incomplete(format!("the source broke off: {error}"))
}
