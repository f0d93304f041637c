//! A pick from the first look at the file to the commit that makes it true.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::figures;
use super::ledger::{Entry, Ledger, State};
use super::limits::Limits;
use super::progress::Progress;
use super::storing::Source;
use super::{PickError, PickRequest, Settings};
use crate::access::{AccessError, Applications};
use crate::clock::Clock;
use crate::connections::{ConnectionError, Connections};
use crate::database::Database;
use crate::dropbox::{Account, Dropbox, DropboxError, FileMetadata, Metadata};
use crate::events::{Event, Events, Happening};
use crate::files::{Catalog, Handle, StoredFile, garbage};
use crate::storage::Storage;

/// How often a pick that another node works on is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often a copy begins anew because the file became another while it was copied.
const VERSIONS: usize = 4;

type Outcome = Option<Result<StoredFile, PickError>>;

/// A pick that is worked on here.
pub(super) struct Running {
    result: watch::Receiver<Outcome>,
    pub progress: Arc<Progress>,
}

/// Whether a pick is worked on for the first time. Each try has an object of its own: what an
/// earlier one has still on its way to the storage, or is being removed from it, must not meet
/// what is written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    First,
    /// It was begun before; what that try left may still lie about.
    Again,
}

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
    pub ledger: Ledger,
    limits: Limits,
    pub running: Mutex<HashMap<i64, Running>>,
    pub tasks: tokio_util::task::TaskTracker,
    pub stopping: tokio_util::sync::CancellationToken,
    pub taking_up: AtomicBool,
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
            return self
                .wait(self.begin(entry, Begun::First, Some(place)))
                .await;
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
                State::Cancelled => return Err(PickError::Cancelled),
                State::Failed | State::ToDo if entry.state == State::Failed || free => {
                    if self.inner.ledger.take_over(&entry).await? {
                        let entry = self.inner.ledger.look(entry.id).await?;
                        let begun = self.begin(entry, Begun::Again, place.take());
                        return self.wait(begun).await;
                    }
                }
                State::Failed | State::ToDo => tokio::time::sleep(LOOK_AGAIN).await,
            }
            entry = self.inner.ledger.look(entry.id).await?;
        }
    }

    pub(super) fn running(&self, id: i64) -> Option<watch::Receiver<Outcome>> {
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .map(|running| running.result.clone())
    }

    async fn wait(&self, mut result: watch::Receiver<Outcome>) -> Result<StoredFile, PickError> {
        match result.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(PickError::LeaseLost)),
            // The task ended without a word: we are stopping, and another node will go on.
            Err(_) => Err(PickError::LeaseLost),
        }
    }

    /// Starts to work on a pick whose lease we hold, on a task of its own.
    pub(super) fn begin(
        &self,
        entry: Entry,
        begun: Begun,
        place: Option<OwnedSemaphorePermit>,
    ) -> watch::Receiver<Outcome> {
        let (tell, result) = watch::channel(None);
        let id = entry.id;
        let running = || {
            self.inner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let progress = Arc::new(Progress::new());
        let runs = Running {
            result: result.clone(),
            progress: Arc::clone(&progress),
        };
        running().insert(id, runs);
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            let stopping = this.inner.stopping.clone();
            let outcome = tokio::select! {
                outcome = this.work(&entry, begun, place, progress) => Some(outcome),
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
        begun: Begun,
        place: Option<OwnedSemaphorePermit>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        if begun == Begun::Again {
            self.clear(entry).await;
        }
        let brought = tokio::select! {
            outcome = self.carry_out(entry, begun, place, Arc::clone(&progress)) => outcome,
            () = self.hold(entry.id, &progress) => Err(PickError::LeaseLost),
        };
        // Outside of the above: once the pick is done its lease cannot be renewed either, and
        // that must not look like a loss. The commit itself asks whether the lease is ours.
        let outcome = match brought {
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
        let error = self.give_up(entry.id, error).await;
        figures::ended(error.code());
        match error {
            PickError::Cancelled => log::info!("pick {} was cancelled", entry.id),
            _ => log::warn!("pick {} failed: {error}", entry.id),
        }
        Err(error)
    }

    /// Writes down how a pick ended that became no file, and answers it: one that was cancelled
    /// ends as such, whatever came of it here.
    async fn give_up(&self, id: i64, error: PickError) -> PickError {
        let ledger = &self.inner.ledger;
        // With a database that did not answer, the commit may still have happened; the lease
        // runs out and whoever takes the pick up finds out.
        let unknown = matches!(error, PickError::LeaseLost | PickError::Database(_));
        // Should one of these fail, the lease runs out as well.
        if !unknown
            && !matches!(error, PickError::Cancelled)
            && let Ok(true) = ledger.fail(id, &error).await
        {
            return error;
        }
        let theirs = matches!(error, PickError::PathTaken);
        match ledger.let_go(id, theirs).await {
            Ok(true) => PickError::Cancelled,
            _ => error,
        }
    }

    /// Renews the lease for as long as it is ours; returns when another node has it. A pick that
    /// was cancelled elsewhere is ended here.
    async fn hold(&self, id: i64, progress: &Progress) {
        loop {
            let (renewal, told) = (
                self.inner.ledger.renewal(),
                self.inner.settings.progress_interval,
            );
            tokio::time::sleep(renewal.min(told)).await;
            // A database that does not answer is no sign that the lease is lost: it is lost when
            // another node took it, and then the final commit is refused.
            let renewed = self
                .inner
                .ledger
                .renew(id, progress.copied(), progress.size())
                .await;
            let Ok(false) = renewed else { continue };
            match self.inner.ledger.linger(id).await {
                // It stops by itself, and takes back what it has staged.
                Ok(true) => progress.cancelled.cancel(),
                Ok(false) => return,
                Err(_) => {}
            }
        }
    }

    /// Everything up to the commit: waits for a turn, looks, copies.
    async fn carry_out(
        &self,
        entry: &Entry,
        begun: Begun,
        place: Option<OwnedSemaphorePermit>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        let wanted = entry.wanted()?;
        let application = self
            .inner
            .applications
            .by_id(entry.application_id)
            .await
            .map_err(no_application)?;
        let turn = self.inner.limits.turn(application.id);
        let turn = progress.while_wanted(turn).await?;
        drop(place);
        let look = self.first_look(entry.connection_id, &entry.source_path);
        let (account, metadata) = progress.while_wanted(look).await?;
        let source = Source {
            entry,
            prefix: match begun {
                Begun::First => entry.handle.clone(),
                Begun::Again => Handle::generate(),
            },
            wanted: &wanted,
            application: &application,
            account,
            metadata,
        };
        let file = self.bring(source, progress).await;
        drop(turn);
        file
    }

    /// Brings the file into storage; where it becomes another meanwhile, that one.
    async fn bring(
        &self,
        mut source: Source<'_>,
        progress: Arc<Progress>,
    ) -> Result<StoredFile, PickError> {
        for _ in 0..VERSIONS {
            self.check_size(source.wanted, source.metadata.size)?;
            let error = match self.store(&source, Arc::clone(&progress)).await {
                // Dropbox serves a version for as long as it keeps it, which need not be long;
                // and no hash fits bytes that were edited while they were read.
                Err(
                    error @ (PickError::Corrupt
                    | PickError::Dropbox(DropboxError::PathNotFound | DropboxError::Changed)),
                ) => error,
                outcome => return outcome,
            };
            let (account, path) = (&source.account, &source.entry.source_path);
            let now = self.metadata(account, path).await?;
            if now.rev == source.metadata.rev {
                return Err(error);
            }
            log::info!(
                "pick {}: the file was edited; its new version is copied",
                source.entry.id
            );
            source.metadata = now;
            source.prefix = Handle::generate();
        }
        Err(DropboxError::Changed.into())
    }

    /// What lies at the path, if it is a file, and the account to read it with.
    pub(super) async fn first_look(
        &self,
        connection_id: i64,
        path: &str,
    ) -> Result<(Account, FileMetadata), PickError> {
        let (connections, dropbox) = (&self.inner.connections, &self.inner.dropbox);
        let (_, connection) = connections.account_by_id(connection_id).await?;
        let looked = connections
            .call(&connection, |account| async move {
                dropbox.get_metadata(&account, path).await
            })
            .await;
        let (account, found) = looked.map_err(|error| match error {
            ConnectionError::Dropbox(error) => PickError::Dropbox(error),
            error => error.into(),
        })?;
        Ok((account, a_file(found)?))
    }

    /// What lies at the path now, if it is a file.
    async fn metadata(&self, account: &Account, path: &str) -> Result<FileMetadata, PickError> {
        a_file(self.inner.dropbox.get_metadata(account, path).await?)
    }

    /// The one transaction: file, event with its deliveries, finished pick.
    async fn record(&self, entry: &Entry, file: StoredFile) -> Result<StoredFile, PickError> {
        let id = entry.id;
        let (this, stored) = (self.clone(), file.clone());
        let event: Event = self
            .inner
            .database
            .write(move |tx| {
                async move {
                    garbage::settle(tx, &stored.storage_key).await?;
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
}

fn a_file(found: Metadata) -> Result<FileMetadata, PickError> {
    match found {
        Metadata::File(file) => Ok(file),
        Metadata::Folder(_) => Err(not_copyable("a folder cannot be picked as a file")),
        Metadata::Deleted(_) => Err(DropboxError::PathNotFound.into()),
        Metadata::Other => Err(not_copyable("Dropbox does not say what this is")),
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

pub(super) fn not_copyable(why: &str) -> PickError {
    PickError::NotCopyable(why.to_owned())
}
