//! From the pieces of an upload to the commit that makes the file true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, watch};

use super::figures;
use super::ledger::{Entry, Ledger, State};
use super::pieces::{StoredPiece, check_size, in_order, last_part};
use super::request::Agreed;
use super::{Completion, Settings, UploadError};
use crate::access::{AccessError, Application, Applications, Call, MasterKey, Subject, token_hash};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::{Event, Events, Happening};
use crate::files::claims::Ground;
use crate::files::{Catalog, Handle, Kind, StoredFile, garbage};
use crate::outbound::Outbound;
use crate::storage::{Piece, Storage, StorageError, StorageKey};

/// How often an upload that another node puts together is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What the name of a draft begins with; the time follows, and the handle.
const JOIN: &str = "join-";

type Outcome = Option<Result<StoredFile, UploadError>>;

/// Takes uploads; cheap to clone.
#[derive(Clone)]
pub struct Uploading {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub settings: Arc<Settings>,
    /// The largest file that is taken, in bytes.
    pub max_file_size: u64,
    pub clock: Clock,
    pub database: Database,
    pub storage: Storage,
    pub applications: Applications,
    pub catalog: Catalog,
    pub events: Events,
    pub master_key: MasterKey,
    pub outbound: Outbound,
    pub ledger: Ledger,
    pub fetching: Semaphore,
    pub receiving: Semaphore,
    joining: Semaphore,
    running: Mutex<HashMap<i64, watch::Receiver<Outcome>>>,
    pub tasks: tokio_util::task::TaskTracker,
    pub stopping: tokio_util::sync::CancellationToken,
}

/// The rooms that uploading works with.
pub struct Rooms {
    /// What time it is.
    pub clock: Clock,
    /// Where uploads are written down.
    pub database: Database,
    /// Where bytes go.
    pub storage: Storage,
    /// For whom.
    pub applications: Applications,
    /// What is known of files.
    pub catalog: Catalog,
    /// Who is told.
    pub events: Events,
    /// Seals the leave to send a part.
    pub master_key: MasterKey,
    /// Fetches what links lead to.
    pub outbound: Outbound,
}

/// How a completion was answered.
#[derive(Clone, Debug)]
pub enum Completed {
    /// The file is stored, recorded and announced.
    Stored(Box<StoredFile>),
    /// It is being put together yet: ask again.
    Joining,
}

impl Uploading {
    /// Uploading with these rooms; files have at most `max_file_size` bytes.
    pub fn new(settings: Settings, max_file_size: u64, rooms: Rooms) -> Self {
        let settings = Arc::new(settings);
        let ledger = Ledger::new(
            rooms.database.clone(),
            rooms.clock.clone(),
            settings.clone(),
        );
        let inner = Inner {
            max_file_size,
            clock: rooms.clock,
            database: rooms.database,
            storage: rooms.storage,
            applications: rooms.applications,
            catalog: rooms.catalog,
            events: rooms.events,
            master_key: rooms.master_key,
            outbound: rooms.outbound,
            fetching: Semaphore::new(settings.max_fetching),
            ledger,
            receiving: Semaphore::new(settings.max_receiving),
            joining: Semaphore::new(settings.max_joining),
            running: Mutex::default(),
            tasks: tokio_util::task::TaskTracker::new(),
            stopping: tokio_util::sync::CancellationToken::new(),
            settings,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The upload with this token, which must be of this application if one is named.
    pub(super) async fn find(
        &self,
        upload_id: &str,
        application: Option<&Application>,
    ) -> Result<Entry, UploadError> {
        let entry = self.inner.ledger.find(&token_hash(upload_id)).await?;
        match application {
            Some(other) if other.id != entry.application_id => Err(UploadError::NotFound),
            _ => Ok(entry),
        }
    }

    /// Makes the file of what came. The same completion, sent again, ends as the same file.
    ///
    /// # Errors
    /// An [`UploadError`]; the upload stays open where sending something again can help.
    pub async fn complete(&self, completion: Completion) -> Result<Completed, UploadError> {
        let application = completion.application.as_deref();
        let entry = self.find(&completion.upload_id, application).await?;
        self.bring_to_an_end(entry, &completion).await
    }

    pub(super) async fn bring_to_an_end(
        &self,
        mut entry: Entry,
        completion: &Completion,
    ) -> Result<Completed, UploadError> {
        let begun = Instant::now();
        loop {
            if let Some(running) = self.running(entry.id) {
                return self.wait(running, begun).await;
            }
            let free = entry.lease_until < self.inner.clock.now_ms();
            let agreed = match entry.state {
                State::Done => {
                    let file = self.inner.catalog.find(&entry.handle).await?;
                    return Ok(Completed::Stored(Box::new(file)));
                }
                State::Open => Some(self.agree(&entry, completion).await?),
                State::Completing if free => Some(entry.agreed.clone()),
                State::Completing => None,
            };
            let taken = match &agreed {
                Some(agreed) => self.inner.ledger.take(&entry, agreed).await?,
                None => false,
            };
            if taken {
                let entry = self.inner.ledger.look(entry.id).await?;
                return self.wait(self.begin(entry), begun).await;
            }
            if begun.elapsed() >= self.inner.settings.completion_wait {
                return Ok(Completed::Joining);
            }
            if agreed.is_none() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            entry = self.inner.ledger.look(entry.id).await?;
        }
    }

    /// Sees whether the parts are all there and the file may be stored.
    async fn agree(&self, entry: &Entry, completion: &Completion) -> Result<Agreed, UploadError> {
        let pieces = self.inner.ledger.pieces(entry.id).await?;
        let last = last_part(&pieces, completion)?;
        let pieces = in_order(pieces, last)?;
        let size = pieces.iter().map(|piece| piece.size).sum();
        let wanted = &entry.wanted;
        check_size(size, wanted, completion)?;
        wanted.check_size(size, self.inner.max_file_size)?;
        if let Some(policy) = &completion.policy {
            let container = wanted.store.container(&self.inner.storage.container());
            let subject = Subject {
                path: Some(&wanted.store.path),
                container: Some(&container),
                size: Some(size),
                ..Subject::default()
            };
            let chosen = !wanted.store.path.is_empty() || !wanted.store.container.is_empty();
            let mut allowed = policy.allows(Call::Pick, &subject);
            if chosen {
                allowed = allowed.and_then(|()| policy.allows(Call::Store, &subject));
            }
            allowed.map_err(UploadError::Refused)?;
        }
        let tags = match &completion.upload_tags {
            serde_json::Value::Null => wanted.upload_tags.clone(),
            tags => tags.clone(),
        };
        let application = self.application(entry).await?;
        wanted.store.check(&application, &tags)?;
        Ok(Agreed {
            last_part: last,
            size,
            upload_tags: tags,
        })
    }

    async fn application(&self, entry: &Entry) -> Result<Arc<Application>, UploadError> {
        let found = self.inner.applications.by_id(entry.application_id).await;
        found.map_err(|error| match error {
            AccessError::Database(error) => UploadError::Database(error),
            other => UploadError::Refused(other),
        })
    }

    pub(super) fn running(&self, id: i64) -> Option<watch::Receiver<Outcome>> {
        let running = self.inner.running.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner);
        running.get(&id).cloned()
    }

    pub(super) fn is_joining(&self) -> bool {
        let running = self.inner.running.lock();
        !running.unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Waits for a completion that goes on here, until the client should be told to ask again.
    async fn wait(
        &self,
        mut result: watch::Receiver<Outcome>,
        begun: Instant,
    ) -> Result<Completed, UploadError> {
        let left = self.inner.settings.completion_wait;
        let left = left.saturating_sub(begun.elapsed());
        match tokio::time::timeout(left, result.wait_for(Option::is_some)).await {
            Err(_) => Ok(Completed::Joining),
            Ok(Ok(outcome)) => {
                let outcome = outcome.clone().unwrap_or(Err(UploadError::LeaseLost));
                outcome.map(|file| Completed::Stored(Box::new(file)))
            }
            // The task ended without a word: we are stopping, and another node will go on.
            Ok(Err(_)) => Err(UploadError::LeaseLost),
        }
    }

    /// Starts to put an upload together whose lease we hold, on a task of its own.
    pub(super) fn begin(&self, entry: Entry) -> watch::Receiver<Outcome> {
        let (tell, result) = watch::channel(None);
        let id = entry.id;
        let running = move |this: &Self, add: Option<watch::Receiver<Outcome>>| {
            let all = this.inner.running.lock();
            let mut all = all.unwrap_or_else(PoisonError::into_inner);
            match add {
                Some(result) => drop(all.insert(id, result)),
                None => drop(all.remove(&id)),
            }
        };
        running(self, Some(result.clone()));
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            let stopping = this.inner.stopping.clone();
            let outcome = tokio::select! {
                outcome = this.work(&entry) => Some(outcome),
                () = stopping.cancelled() => None,
            };
            running(&this, None);
            if let Some(outcome) = outcome {
                tell.send_replace(Some(outcome));
            }
        });
        result
    }

    /// Puts an upload together while renewing its lease, and writes down how it ended.
    async fn work(&self, entry: &Entry) -> Result<StoredFile, UploadError> {
        let joined = tokio::select! {
            outcome = self.join(entry) => outcome,
            () = self.hold(entry.id) => Err(UploadError::LeaseLost),
        };
        // Outside of the above: once the upload is done its lease cannot be renewed either. The
        // commit itself asks whether the lease is ours.
        let outcome = match joined {
            Ok(file) => self.record(entry, file).await,
            Err(error) => Err(error),
        };
        let error = match outcome {
            Ok(file) => {
                figures::ended("stored");
                return Ok(file);
            }
            Err(error) => error,
        };
        figures::ended(error.code());
        log::warn!("upload {} was not completed: {error}", entry.id);
        // With a database that did not answer, the commit may still have happened; the lease
        // runs out and whoever takes the upload up finds out.
        if !matches!(error, UploadError::LeaseLost | UploadError::Database(_)) {
            let tried = entry.attempts >= self.inner.settings.max_attempts;
            let for_good = tried || !error.is_passing();
            // Should this fail, the lease runs out as well.
            drop(
                self.inner
                    .ledger
                    .give_back(entry.id, for_good, &error)
                    .await,
            );
        }
        Err(error)
    }

    /// Renews the lease for as long as it is ours; returns when it is not.
    async fn hold(&self, id: i64) {
        loop {
            tokio::time::sleep(self.inner.ledger.renewal()).await;
            // A database that does not answer is no sign that the lease is lost.
            if let Ok(false) = self.inner.ledger.renew(id).await {
                return;
            }
        }
    }

    /// Joins the pieces into the file's object.
    async fn join(&self, entry: &Entry) -> Result<StoredFile, UploadError> {
        let turns = &self.inner.joining;
        let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
        let pieces = self.inner.ledger.pieces(entry.id).await?;
        let pieces = in_order(pieces, entry.agreed.last_part)?;
        let application = self.application(entry).await?;
        let (key, replace) = self.place(entry, &application).await?;
        if entry.attempts > 1 {
            self.take_back_earlier(entry).await;
        }
        let begun = Instant::now();
        let pieces: Result<Vec<_>, _> = pieces.iter().map(as_piece).collect();
        // The time in its name tells a cleaner whether it may still be under way.
        let draft = format!("{JOIN}{}-{}", self.inner.clock.now_ms(), entry.handle);
        let storage = &self.inner.storage;
        storage.join(&pieces?, &key, &draft, replace).await?;
        figures::joined(begun.elapsed());
        log::info!(
            "upload {} ({}): joined {} bytes in {} ms",
            entry.id,
            entry.handle,
            entry.agreed.size,
            begun.elapsed().as_millis()
        );
        Ok(self.described(entry, &key))
    }

    /// Takes back what an earlier try began and could not end. Should one of them go on all the
    /// same, it fails: the upload is ours.
    async fn take_back_earlier(&self, entry: &Entry) {
        let (storage, ours) = (&self.inner.storage, format!("-{}", entry.handle));
        let taken_back = async {
            for draft in storage.leftovers().await? {
                if draft.starts_with(JOIN) && draft.ends_with(&ours) {
                    storage.remove_leftovers(&draft).await?;
                }
            }
            Ok::<_, StorageError>(())
        };
        if let Err(error) = taken_back.await {
            log::warn!(
                "what was begun of upload {} stays for now: {error}",
                entry.id
            );
        }
    }

    /// Where the file is to lie, written into the ledger before anything lies there; and whether
    /// what lies there already can only be our own. Each try has an object of its own: what an
    /// earlier one has still on its way to the storage must not meet what is written now.
    async fn place(
        &self,
        entry: &Entry,
        application: &Application,
    ) -> Result<(StorageKey, bool), UploadError> {
        let store = &entry.wanted.store;
        let prefix = match entry.attempts {
            1 => entry.handle.clone(),
            _ => Handle::generate(),
        };
        let key = store.storage_key(application, &prefix, &entry.wanted.filename)?;
        let shared = store.key_is_shared();
        let (ledger, id) = (&self.inner.ledger, entry.id);
        if ledger.place(id, key.as_str(), shared).await? == Ground::Vacant {
            return Ok((key, true));
        }
        match self.inner.storage.size(&key).await {
            Err(StorageError::NotFound) => {
                ledger.found_vacant(id, key.as_str()).await?;
                Ok((key, false))
            }
            Ok(_) => Err(UploadError::PathTaken),
            Err(error) => Err(error.into()),
        }
    }

    fn described(&self, entry: &Entry, key: &StorageKey) -> StoredFile {
        let now = self.inner.clock.now();
        let (wanted, storage) = (&entry.wanted, &self.inner.storage);
        StoredFile {
            handle: entry.handle.clone(),
            application_id: entry.application_id,
            kind: Kind::Stored,
            provider: storage.provider().to_owned(),
            client: wanted.client.clone(),
            container: wanted.store.container(&storage.container()),
            storage_key: key.to_string(),
            storage_path: wanted.store.path.clone(),
            access: wanted.store.access().to_owned(),
            filename: wanted.filename.clone(),
            mimetype: wanted.mimetype.clone(),
            size: entry.agreed.size,
            content_hash: String::new(),
            width: None,
            height: None,
            exif: None,
            upload_tags: entry.agreed.upload_tags.clone(),
            connection_id: None,
            source_path: wanted.source.clone(),
            source_id: String::new(),
            source_rev: String::new(),
            version: 1,
            created_at: now,
            modified_at: now,
        }
    }

    /// The one transaction: file, event with its deliveries, finished upload.
    async fn record(&self, entry: &Entry, file: StoredFile) -> Result<StoredFile, UploadError> {
        let (this, stored, id) = (self.clone(), file.clone(), entry.id);
        let event: Event = self
            .inner
            .database
            .write(move |tx| {
                async move {
                    garbage::settle(tx, &stored.storage_key).await?;
                    Catalog::insert(tx, &stored).await?;
                    let happening = Happening::Upload(stored);
                    let event = this.inner.events.record(tx, &happening).await?;
                    this.inner.ledger.finish(tx, id).await?;
                    Ok::<_, UploadError>(event)
                }
                .boxed()
            })
            .await?;
        self.inner.events.committed(&[event]);
        Ok(file)
    }
}

fn as_piece(piece: &StoredPiece) -> Result<Piece, UploadError> {
    Ok(Piece {
        key: StorageKey::parse(&piece.storage_key)?,
        size: piece.size,
    })
}
