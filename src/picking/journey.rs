//! A pick from the first look at the file to the commit that makes it true.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::copy::Copy;
use super::ledger::{Entry, Ledger, State};
use super::limits::Limits;
use super::request::{Wanted, key_is_shared, storage_key};
use super::{PickError, PickRequest, Settings};
use crate::access::{AccessError, Application, Applications};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::database::Database;
use crate::dropbox::{Account, ContentHasher, Dropbox, FileMetadata, Metadata};
use crate::events::{Event, Events, Happening};
use crate::files::{Catalog, Handle, Kind, StoredFile};
use crate::storage::{BlockSink, Put, Storage, StorageError, StorageKey};

/// How often a pick that another node works on is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Abandoned picks taken up in one round.
const TAKE_UP: i64 = 32;

type Outcome = Option<Result<StoredFile, PickError>>;

/// Picks files; cheap to clone.
#[derive(Clone)]
pub struct Picking {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub settings: Settings,
    pub clock: Clock,
    pub database: Database,
    pub storage: Storage,
    pub dropbox: Dropbox,
    pub connections: Connections,
    pub applications: Applications,
    pub catalog: Catalog,
    pub events: Events,
    ledger: Ledger,
    limits: Limits,
    running: Mutex<HashMap<i64, watch::Receiver<Outcome>>>,
    tasks: tokio_util::task::TaskTracker,
    stopping: tokio_util::sync::CancellationToken,
    taking_up: AtomicBool,
}

/// The rooms that picking works with.
pub struct Rooms {
    /// What time it is.
    pub clock: Clock,
    /// Where picks are written down.
    pub database: Database,
    /// Where bytes go.
    pub storage: Storage,
    /// Where bytes come from.
    pub dropbox: Dropbox,
    /// With whose consent.
    pub connections: Connections,
    /// For whom.
    pub applications: Applications,
    /// What is known of files.
    pub catalog: Catalog,
    /// Who is told.
    pub events: Events,
}

impl Picking {
    /// Picking with these rooms.
    pub fn new(settings: Settings, rooms: Rooms) -> Self {
        let ledger = Ledger::new(rooms.database.clone(), rooms.clock.clone(), settings.lease);
        let limits = Limits::new(&settings);
        let inner = Inner {
            settings,
            clock: rooms.clock,
            database: rooms.database,
            storage: rooms.storage,
            dropbox: rooms.dropbox,
            connections: rooms.connections,
            applications: rooms.applications,
            catalog: rooms.catalog,
            events: rooms.events,
            ledger,
            limits,
            running: Mutex::default(),
            tasks: tokio_util::task::TaskTracker::new(),
            stopping: tokio_util::sync::CancellationToken::new(),
            taking_up: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Copies the chosen file and answers it when it is stored, recorded and announced.
    ///
    /// Once the pick is written down the copy goes on even if the caller stops waiting; the same
    /// request, sent again, finds it.
    ///
    /// # Errors
    /// A [`PickError`]; nothing became visible then, and no event was recorded.
    pub async fn pick(&self, request: PickRequest) -> Result<StoredFile, PickError> {
        let wanted = request.check()?;
        let place = self.inner.limits.queue()?;
        let dedup = request.dedup(&wanted);
        let (entry, fresh) = self.inner.ledger.open(&request, &wanted, &dedup).await?;
        if fresh {
            return self.wait(self.begin(entry, Some(place))).await;
        }
        self.join(entry, place).await
    }

    /// Ends up with the result of a pick that was asked for before.
    async fn join(
        &self,
        entry: Entry,
        place: OwnedSemaphorePermit,
    ) -> Result<StoredFile, PickError> {
        let mut place = Some(place);
        let mut entry = entry;
        loop {
            let running = self.running(entry.id);
            if let Some(running) = running {
                return self.wait(running).await;
            }
            let free = entry.lease_until < self.inner.clock.now_ms();
            match entry.state {
                State::Done => return self.inner.catalog.find(&entry.handle).await.map_err(gone),
                State::Failed | State::ToDo if entry.state == State::Failed || free => {
                    if self.inner.ledger.take_over(&entry).await? {
                        let entry = self.inner.ledger.look(entry.id).await?;
                        return self.wait(self.begin(entry, place.take())).await;
                    }
                }
                State::Failed | State::ToDo => tokio::time::sleep(LOOK_AGAIN).await,
            }
            entry = self.inner.ledger.look(entry.id).await?;
        }
    }

    fn running(&self, id: i64) -> Option<watch::Receiver<Outcome>> {
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    async fn wait(&self, mut result: watch::Receiver<Outcome>) -> Result<StoredFile, PickError> {
        match result.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(PickError::LeaseLost)),
            // The task ended without a word: we are stopping, and another node will go on.
            Err(_) => Err(PickError::LeaseLost),
        }
    }

    /// Starts to work on a pick whose lease we hold, on a task of its own.
    fn begin(&self, entry: Entry, place: Option<OwnedSemaphorePermit>) -> watch::Receiver<Outcome> {
        let (tell, result) = watch::channel(None);
        let id = entry.id;
        let running = || {
            self.inner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        running().insert(id, result.clone());
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            let stopping = this.inner.stopping.clone();
            let outcome = tokio::select! {
                outcome = this.work(&entry, place) => Some(outcome),
                () = stopping.cancelled() => None,
            };
            this.inner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
            if let Some(outcome) = outcome {
                tell.send_replace(Some(outcome));
            }
        });
        result
    }

    /// Carries a pick out while renewing its lease, and writes down how it ended.
    async fn work(
        &self,
        entry: &Entry,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<StoredFile, PickError> {
        let copied = Arc::new(AtomicU64::new(0));
        let outcome = tokio::select! {
            outcome = self.carry_out(entry, place, Arc::clone(&copied)) => outcome,
            () = self.hold(entry.id, &copied) => Err(PickError::LeaseLost),
        };
        let error = match outcome {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        log::warn!("pick {} failed: {error}", entry.id);
        if let PickError::Dropbox(cause) = &error {
            // A grant that Dropbox knows no more is marked, so that the picker asks to connect
            // again; that this may fail changes nothing for the pick.
            drop(
                self.inner
                    .connections
                    .note(entry.connection_id, cause)
                    .await,
            );
        }
        // With a database that did not answer, the commit may still have happened; the lease
        // runs out and whoever takes the pick up finds out.
        if !matches!(error, PickError::LeaseLost | PickError::Database(_))
            && self
                .inner
                .ledger
                .fail(entry.id, &error)
                .await
                .is_ok_and(|failed| failed)
        {
            self.discard(entry.id).await;
        }
        Err(error)
    }

    /// Renews the lease for as long as it is ours; returns when it is not.
    async fn hold(&self, id: i64, copied: &AtomicU64) {
        loop {
            tokio::time::sleep(self.inner.ledger.renewal()).await;
            // A database that does not answer is no sign that the lease is lost: it is lost when
            // another node took it, and then the final commit is refused.
            let renewed = self
                .inner
                .ledger
                .renew(id, copied.load(Ordering::Relaxed))
                .await;
            if let Ok(false) = renewed {
                return;
            }
        }
    }

    /// Removes what a failed pick may have left in storage.
    async fn discard(&self, id: i64) {
        let Ok(Some(key)) = self.inner.ledger.own_object(id).await else {
            return;
        };
        if let Ok(key) = StorageKey::parse(&key)
            && let Err(error) = self.inner.storage.delete(&key).await
        {
            log::warn!("a failed pick's object could not be removed: {error}");
        }
    }

    async fn carry_out(
        &self,
        entry: &Entry,
        place: Option<OwnedSemaphorePermit>,
        copied: Arc<AtomicU64>,
    ) -> Result<StoredFile, PickError> {
        let wanted = entry.wanted()?;
        let application = self
            .inner
            .applications
            .by_id(entry.application_id)
            .await
            .map_err(no_application)?;
        let turn = self.inner.limits.turn(application.id).await?;
        drop(place);
        let (account, _) = self
            .inner
            .connections
            .account_by_id(entry.connection_id)
            .await?;
        let metadata = self.metadata(&account, &entry.source_path).await?;
        self.check_size(&wanted, metadata.size)?;
        let source = Source {
            entry,
            wanted: &wanted,
            application: &application,
            account,
            metadata,
        };
        let file = if source.metadata.is_downloadable {
            self.copy(&source, copied).await?
        } else {
            self.export(&source).await?
        };
        drop(turn);
        self.record(entry.id, file).await
    }

    /// What lies at the path, if it is a file.
    pub(super) async fn metadata(
        &self,
        account: &Account,
        path: &str,
    ) -> Result<FileMetadata, PickError> {
        match self.inner.dropbox.get_metadata(account, path).await? {
            Metadata::File(file) => Ok(file),
            Metadata::Folder(_) => Err(not_copyable("a folder cannot be picked as a file")),
            Metadata::Deleted(_) => Err(crate::dropbox::DropboxError::PathNotFound.into()),
            Metadata::Other => Err(not_copyable("Dropbox does not say what this is")),
        }
    }

    fn check_size(&self, wanted: &Wanted, size: u64) -> Result<(), PickError> {
        let most = self.inner.settings.max_file_size.as_u64();
        let most = wanted.max_size.unwrap_or(u64::MAX).min(most);
        let least = wanted.min_size.unwrap_or(0);
        match size {
            size if size > most => Err(PickError::Size { size, limit: most }),
            size if size < least => Err(PickError::Size { size, limit: least }),
            _ => Ok(()),
        }
    }

    /// Copies a file that Dropbox has the bytes of.
    async fn copy(
        &self,
        source: &Source<'_>,
        copied: Arc<AtomicU64>,
    ) -> Result<StoredFile, PickError> {
        let filename = source.filename(&source.metadata.name);
        let (key, replace) = self.place(source, &filename).await?;
        let copy = Copy {
            dropbox: self.inner.dropbox.clone(),
            account: source.account.clone(),
            storage: self.inner.storage.clone(),
            settings: self.inner.settings.clone(),
            pinned: source.metadata.clone(),
            key: key.clone(),
            upload_id: source.entry.handle.to_string(),
            replace,
            copied,
        };
        let begun = std::time::Instant::now();
        copy.run().await.map_err(taken)?;
        log::info!(
            "pick {}: copied {} bytes in {} ms",
            source.entry.id,
            source.metadata.size,
            begun.elapsed().as_millis()
        );
        let hash = source.metadata.content_hash.clone().unwrap_or_default();
        Ok(self.described(source, filename, source.metadata.size, hash, key.as_str()))
    }

    /// Copies a cloud document in the format that Dropbox exports it to.
    async fn export(&self, source: &Source<'_>) -> Result<StoredFile, PickError> {
        let path = &source.entry.source_path;
        if source.metadata.export_info.is_none() {
            return Err(not_copyable(
                "this document cannot be downloaded or exported",
            ));
        }
        let export = self
            .inner
            .dropbox
            .export(&source.account, path, None)
            .await?;
        let filename = source.filename(&export.export.name);
        let (key, replace) = self.place(source, &filename).await?;
        let how = Put {
            upload_id: source.entry.handle.as_str(),
            max_size: self.inner.settings.max_file_size.as_u64(),
            overwrite: replace,
        };
        let stream = export
            .stream
            .map(|piece| piece.map_err(std::io::Error::other));
        let sink = ExportHasher(ContentHasher::new());
        let (size, hasher) = self
            .inner
            .storage
            .put(&key, stream, how, sink)
            .await
            .map_err(|e| taken(e.into()))?;
        let hash = hasher.0.finish();
        if export
            .export
            .export_hash
            .is_some_and(|expected| expected != hash)
        {
            self.inner.storage.delete(&key).await?;
            return Err(PickError::Corrupt);
        }
        Ok(self.described(source, filename, size, hash, key.as_str()))
    }

    /// Where the file is to lie, written into the ledger before anything lies there; and whether
    /// what lies there already can only be our own.
    async fn place(
        &self,
        source: &Source<'_>,
        filename: &str,
    ) -> Result<(StorageKey, bool), PickError> {
        let (store, handle) = (&source.wanted.store, &source.entry.handle);
        let key = storage_key(source.application, store, handle, filename)?;
        let shared = key_is_shared(store);
        let ours_before = self
            .inner
            .ledger
            .place(source.entry.id, key.as_str(), shared)
            .await?;
        let replace = !shared || (ours_before && !self.inner.catalog.names(key.as_str()).await?);
        Ok((key, replace))
    }

    fn described(
        &self,
        source: &Source<'_>,
        filename: String,
        size: u64,
        content_hash: String,
        key: &str,
    ) -> StoredFile {
        let now = self.inner.clock.now();
        let store = &source.wanted.store;
        let container = match store.container.as_str() {
            "" => self.inner.storage.container(),
            named => named.trim_matches('/').to_owned(),
        };
        StoredFile {
            handle: source.entry.handle.clone(),
            application_id: source.application.id,
            kind: Kind::Stored,
            provider: self.inner.storage.provider().to_owned(),
            client: "Dropbox".to_owned(),
            container,
            storage_key: key.to_owned(),
            storage_path: store.path.clone(),
            access: if store.access.is_empty() {
                "private"
            } else {
                &store.access
            }
            .to_owned(),
            mimetype: source.mimetype(&filename),
            filename,
            size,
            content_hash,
            width: None,
            height: None,
            exif: None,
            upload_tags: source.wanted.upload_tags.clone(),
            connection_id: Some(source.entry.connection_id),
            source_path: source
                .metadata
                .path_display
                .clone()
                .unwrap_or_else(|| source.entry.source_path.clone()),
            source_id: source.metadata.id.clone(),
            source_rev: source.metadata.rev.clone(),
            version: 1,
            created_at: now,
            modified_at: now,
        }
    }

    /// The one transaction: file, event with its deliveries, finished pick.
    async fn record(&self, id: i64, file: StoredFile) -> Result<StoredFile, PickError> {
        let (this, stored) = (self.clone(), file.clone());
        let event: Event = self
            .inner
            .database
            .write(move |tx| {
                async move {
                    Catalog::insert(tx, &stored).await?;
                    let (size, rev) = (stored.size, stored.source_rev.clone());
                    let event = this
                        .inner
                        .events
                        .record(tx, &Happening::Upload(stored))
                        .await?;
                    this.inner.ledger.finish(tx, id, size, &rev).await?;
                    Ok::<_, PickError>(event)
                }
                .boxed()
            })
            .await?;
        self.inner.events.committed(&[event]);
        Ok(file)
    }

    /// Takes up picks whose node died, now and from time to time, until [`Picking::stop`].
    pub fn start(&self) {
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            if let Err(error) = this.sweep().await {
                log::warn!("leftovers of dead copies stay for now: {error}");
            }
            loop {
                if let Err(error) = this.take_up().await {
                    log::warn!("abandoned picks cannot be taken up now: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(this.inner.ledger.renewal()) => {}
                    () = this.inner.stopping.cancelled() => return,
                }
            }
        });
    }

    /// Works on picks that nobody holds any more; answers how many were taken up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_up(&self) -> Result<usize, PickError> {
        if self.inner.taking_up.swap(true, Ordering::SeqCst) {
            return Ok(0);
        }
        let outcome = self.take_up_some().await;
        self.inner.taking_up.store(false, Ordering::SeqCst);
        outcome
    }

    async fn take_up_some(&self) -> Result<usize, PickError> {
        let mut taken = 0;
        for entry in self.inner.ledger.abandoned(TAKE_UP).await? {
            let ours = self.running(entry.id).is_some();
            if ours || !self.inner.ledger.take_over(&entry).await? {
                continue;
            }
            taken += 1;
            if entry.attempts >= self.inner.settings.max_attempts {
                let error = PickError::Earlier {
                    code: "gave-up",
                    message: "the copy was cut short too often".to_owned(),
                };
                if self.inner.ledger.fail(entry.id, &error).await? {
                    self.discard(entry.id).await;
                }
                continue;
            }
            log::info!("pick {} is taken up again", entry.id);
            let entry = self.inner.ledger.look(entry.id).await?;
            drop(self.begin(entry, None));
        }
        Ok(taken)
    }

    /// Removes what copies left in storage that nobody works on any more.
    async fn sweep(&self) -> Result<(), PickError> {
        // Listed first, asked afterwards: a copy that begins in between is not taken for dead.
        let leftovers = self.inner.storage.leftovers().await?;
        let alive = self.inner.ledger.under_way().await?;
        for id in leftovers {
            if Handle::parse(&id).is_ok() && !alive.contains(&id) {
                self.inner.storage.remove_leftovers(&id).await?;
            }
        }
        Ok(())
    }

    /// Stops at once: running copies are handed over to whoever comes next.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Err(error) = self.inner.ledger.hand_over().await {
            log::warn!("picks stay with this node until their leases run out: {error}");
        }
    }

    /// Waits until nothing is being copied here, but no longer than `most`.
    pub async fn settle(&self, most: Duration) {
        let idle = async {
            while !self
                .inner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        drop(tokio::time::timeout(most, idle).await);
    }
}

/// What is being picked, looked up.
struct Source<'a> {
    entry: &'a Entry,
    wanted: &'a Wanted,
    application: &'a Application,
    account: Account,
    metadata: FileMetadata,
}

impl Source<'_> {
    fn filename(&self, own: &str) -> String {
        match self.wanted.store.filename.as_str() {
            "" => own.to_owned(),
            asked => asked.to_owned(),
        }
    }

    fn mimetype(&self, filename: &str) -> String {
        match self.wanted.store.mimetype.as_str() {
            "" => mime_guess::from_path(filename)
                .first_or_octet_stream()
                .to_string(),
            asked => asked.to_owned(),
        }
    }
}

struct ExportHasher(ContentHasher);

impl BlockSink for ExportHasher {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn taken(error: PickError) -> PickError {
    match error {
        PickError::Storage(StorageError::Exists) => PickError::PathTaken,
        other => other,
    }
}

fn gone(_: crate::files::FileError) -> PickError {
    PickError::Earlier {
        code: "deleted",
        message: "this pick was done before, and its file has been deleted since".to_owned(),
    }
}

fn no_application(error: AccessError) -> PickError {
    match error {
        AccessError::Database(error) => PickError::Database(error),
        other => PickError::Invalid(other.to_string()),
    }
}

fn not_copyable(why: &str) -> PickError {
    PickError::NotCopyable(why.to_owned())
}
