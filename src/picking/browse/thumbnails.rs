//! Small pictures of files, fetched from Dropbox many at a time.
//!
//! A page of a folder asks for its pictures one by one. Requests that come within a few
//! milliseconds of each other go to Dropbox as one batch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::thumbnail_cache::Cache;
use super::thumbnail_link::Wanted;
use super::{BrowseError, Browser, Settings};
use crate::connections::{ConnectionError, Connections};
use crate::dropbox::{DropboxError, ThumbnailOutcome, ThumbnailSize};

/// Dropbox takes no more in one batch.
const LARGEST_BATCH: usize = 25;
/// Batches under way at once.
const BATCHES: usize = 8;

type Fetched = Result<Option<Bytes>, BrowseError>;

/// A small picture of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A JPEG; none where Dropbox can make none of this file.
    pub jpeg: Option<Bytes>,
    /// For how many seconds its link is good yet.
    pub good_for: u64,
}

impl Browser {
    /// The picture that a link of a listing leads to; `link` is the part after `/thumbnail/`.
    ///
    /// # Errors
    /// [`BrowseError::BadLink`], or what Dropbox says.
    pub async fn thumbnail(&self, link: &str) -> Result<Picture, BrowseError> {
        let (wanted, good_for) = self.read_link(link)?;
        let jpeg = self.inner.thumbnails.get(wanted).await?;
        Ok(Picture { jpeg, good_for })
    }
}

/// Fetches and remembers thumbnails; cheap to clone.
#[derive(Clone)]
pub(super) struct Thumbnails {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    gathering: Duration,
    cache: Mutex<Cache>,
    waiting: Mutex<HashMap<Batch, Vec<Asked>>>,
    under_way: Semaphore,
}

/// What can be fetched in one call.
type Batch = (i64, ThumbnailSize);

/// Somebody who waits for a picture.
struct Asked {
    rev: String,
    reply: oneshot::Sender<Fetched>,
}

impl Thumbnails {
    pub fn new(settings: &Settings, connections: Connections) -> Self {
        let capacity = usize::try_from(settings.thumbnail_cache.as_u64()).unwrap_or(usize::MAX);
        Self {
            shared: Arc::new(Shared {
                connections,
                gathering: settings.thumbnail_gathering,
                cache: Mutex::new(Cache::new(capacity)),
                waiting: Mutex::default(),
                under_way: Semaphore::new(BATCHES),
            }),
        }
    }

    pub async fn get(&self, wanted: Wanted) -> Fetched {
        if let Some(known) = held(&self.shared.cache).get(&wanted) {
            return Ok(known);
        }
        let (reply, answer) = oneshot::channel();
        let batch = (wanted.connection, wanted.size);
        let asked = Asked {
            rev: wanted.rev,
            reply,
        };
        let waiting = {
            let mut all = held(&self.shared.waiting);
            let waiting = all.entry(batch).or_default();
            waiting.push(asked);
            waiting.len()
        };
        // The first opens a batch, which goes when its time is up or when it is full.
        let shared = self.shared.clone();
        if waiting == 1 {
            tokio::spawn(async move {
                tokio::time::sleep(shared.gathering).await;
                shared.fetch(batch).await;
            });
        } else if waiting >= LARGEST_BATCH {
            tokio::spawn(async move { shared.fetch(batch).await });
        }
        answer.await.unwrap_or_else(|_| {
            Err(BrowseError::Dropbox(DropboxError::Unavailable {
                cause: "the thumbnails could not be fetched".to_owned(),
                retry_after: None,
            }))
        })
    }
}

impl Shared {
    /// Fetches whatever waits in this batch.
    async fn fetch(&self, batch: Batch) {
        let asked = held(&self.waiting).remove(&batch).unwrap_or_default();
        let mut asked_of: HashMap<String, Vec<oneshot::Sender<Fetched>>> = HashMap::new();
        // Whoever has gone away meanwhile (a scrolled list) is not fetched for.
        for asked in asked.into_iter().filter(|asked| !asked.reply.is_closed()) {
            asked_of.entry(asked.rev).or_default().push(asked.reply);
        }
        let revs: Vec<String> = asked_of.keys().cloned().collect();
        for revs in revs.chunks(LARGEST_BATCH) {
            let Ok(_permit) = self.under_way.acquire().await else {
                return;
            };
            let fetched = self.call(batch, revs).await;
            for (place, rev) in revs.iter().enumerate() {
                let picture = match &fetched {
                    Ok(pictures) => Ok(pictures.get(place).cloned().flatten()),
                    Err(error) => Err(error.clone()),
                };
                if let Ok(picture) = &picture {
                    let wanted = Wanted {
                        connection: batch.0,
                        size: batch.1,
                        rev: rev.clone(),
                    };
                    held(&self.cache).put(wanted, picture.clone());
                }
                for reply in asked_of.remove(rev).unwrap_or_default() {
                    // Nobody may be listening any more.
                    drop(reply.send(picture.clone()));
                }
            }
        }
    }

    async fn call(
        &self,
        (connection_id, size): Batch,
        revs: &[String],
    ) -> Result<Vec<Option<Bytes>>, BrowseError> {
        let (account, connection) = self.connections.account_by_id(connection_id).await?;
        if !connection.is_live() {
            return Err(ConnectionError::NotConnected.into());
        }
        let files: Vec<String> = revs.iter().map(|rev| format!("rev:{rev}")).collect();
        let dropbox = self.connections.dropbox();
        let outcomes = dropbox.get_thumbnail_batch(&account, &files, size).await?;
        let pictures = outcomes.into_iter().map(|outcome| match outcome {
            ThumbnailOutcome::Made(made) => Some(made.jpeg),
            ThumbnailOutcome::None { reason } => {
                log::debug!("a thumbnail could not be made: {reason}");
                None
            }
        });
        Ok(pictures.collect())
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
