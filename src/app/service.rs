//! The service: rooms made in order, started, and stopped in the reverse order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::web;
use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use tokio_util::task::AbortOnDropHandle;

use super::master_key;
use crate::access::accounts::Accounts;
use crate::access::{Applications, ManagementTokens, MasterKey};
use crate::clock::Clock;
use crate::config::Settings;
use crate::connections::{Connections, Needs};
use crate::database::{self, Database};
use crate::dropbox::Dropbox;
use crate::events::Events;
use crate::files::{AccountOf, Catalog, Contents, Garbage, Inspector, Links, Orphans};
use crate::http::{self, Edge};
use crate::outbound::Outbound;
use crate::picking::browse::Browser;
use crate::picking::{Picking, Rooms};
use crate::retention::Retention;
use crate::storage::Storage;
use crate::uploading::{self, Uploading};
use crate::webhooks::{self, Webhooks};

/// How often objects that no file names are removed.
const COLLECT_EVERY: Duration = Duration::from_secs(5);
/// How often sessions that have run out are forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(300);

/// How long attempts under way may go on at least when the service stops.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// What every program of ours needs: the database and what guards it.
pub struct Tools {
    /// The catalog's database.
    pub database: Database,
    /// What time it is for all who share the database.
    pub clock: Clock,
    /// Seals secrets.
    pub master_key: MasterKey,
    /// Applications.
    pub applications: Applications,
    /// Management tokens.
    pub tokens: ManagementTokens,
    /// Portal accounts.
    pub accounts: Accounts,
}

impl Tools {
    /// Opens the database, making the data folder if need be. Works beside a running server.
    ///
    /// # Errors
    /// When the folder, the key or the database cannot be used.
    pub async fn open(settings: &Settings, clock: Clock) -> anyhow::Result<Self> {
        let data_dir = data_dir(settings)?;
        let master_key = master_key::load(&settings.server, &data_dir)?;
        let database = Database::open(&settings.database, &data_dir).await?;
        let clock = database.shared_clock(clock).await?;
        let applications = Applications::new(database.clone(), master_key.clone(), clock.clone());
        let tokens = ManagementTokens::new(database.clone(), clock.clone());
        let accounts = Accounts::new(
            database.clone(),
            clock.clone(),
            master_key.clone(),
            settings.accounts.clone(),
        );
        Ok(Self {
            database,
            clock,
            master_key,
            applications,
            tokens,
            accounts,
        })
    }
}

/// Webhooks on the queue that the settings name.
///
/// # Errors
/// When the address of Redis is not understood, or TLS cannot be set up.
pub async fn webhooks(settings: &Settings, tools: &Tools) -> anyhow::Result<Webhooks> {
    let webhooks = Webhooks::new(
        settings.webhook.clone(),
        &settings.redis,
        tools.database.clone(),
        tools.master_key.clone(),
        tools.clock.clone(),
        Outbound::new(&settings.outbound)?,
    );
    Ok(webhooks.await?)
}

/// A running service.
pub struct Service {
    server: http::Server,
    edge: web::Data<Edge>,
    delivering: webhooks::Running,
    background: Vec<AbortOnDropHandle<()>>,
    metrics: Option<actix_web::dev::ServerHandle>,
    shutdown_timeout: Duration,
    /// One line: where it listens and what it uses.
    pub summary: String,
    _lock: Option<fs::File>,
}

impl Service {
    /// Makes the rooms, starts them, listens. To be called on the outbound runtime.
    ///
    /// # Errors
    /// When a part cannot be used; nothing is left running then.
    pub async fn start(settings: &Settings, clock: Clock) -> anyhow::Result<Self> {
        Self::start_with(settings, clock, None).await
    }

    /// The same, with the demo's pages.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub async fn start_with(
        settings: &Settings,
        clock: Clock,
        demo: Option<Arc<http::Demo>>,
    ) -> anyhow::Result<Self> {
        let data_dir = data_dir(settings)?;
        let lock = lock(settings, &data_dir)?;
        let tools = Tools::open(settings, clock).await?;
        let webhooks = webhooks(settings, &tools).await?;
        let mut edge = build(settings, &data_dir, &tools, webhooks.clone()).await?;
        edge.demo = demo;
        if lock.is_some() && settings.storage.url.is_empty() {
            // The lock says that nobody else writes here: every draft is a dead process's.
            edge.storage.sweep(|_| false).await?;
        }
        let edge = web::Data::new(edge);
        let server = http::start(edge.clone())
            .await
            .with_context(|| format!("cannot listen on {}", settings.http.listen))?;
        let metrics = match settings.metrics.address()? {
            Some(address) => Some(http::serve_metrics(watched(&edge), address).await?.1),
            None => None,
        };
        edge.picking.start();
        edge.uploading.start_upkeep();
        let delivering = webhooks.start();
        let summary = format!(
            "longshore listens on http://{} (public: {}); database: {}; queue: {}; storage: {}",
            server.address,
            settings.http.public_url,
            database::describe(&settings.database, &data_dir),
            webhooks.describe_queue(),
            edge.storage.describe(),
        );
        let background = background(&edge, settings);
        let shutdown_timeout = settings.http.shutdown_timeout;
        Ok(Self {
            server,
            edge,
            delivering,
            background,
            metrics,
            shutdown_timeout,
            summary,
            _lock: lock,
        })
    }

    /// The link by which the first account is made, while there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_link(&self) -> anyhow::Result<Option<String>> {
        let token = self.edge.accounts.first_invitation().await?;
        let public = self.edge.links.public();
        Ok(token.map(|token| format!("{public}/portal/join#{token}")))
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// Stops: takes no more requests, lets running ones end, hands over what is unfinished. All
    /// of it within the shutdown timeout and a moment.
    pub async fn stop(self) {
        // A load balancer that asks sees this first and sends nobody here any more.
        self.edge.ready.store(false, Ordering::SeqCst);
        tokio::time::sleep(self.edge.settings.shutdown_delay).await;
        let begun = Instant::now();
        if let Some(demo) = &self.edge.demo {
            demo.close();
        }
        let picking = async {
            // A little earlier than the server gives up, so that whoever still waits for a copy
            // is told to ask again.
            self.edge
                .picking
                .settle(self.shutdown_timeout / 10 * 9)
                .await;
            self.edge.picking.stop().await;
        };
        let uploading = async {
            self.edge
                .uploading
                .settle(self.shutdown_timeout / 10 * 9)
                .await;
            self.edge.uploading.stop().await;
        };
        tokio::join!(self.server.stop(), picking, uploading);
        let left = self.shutdown_timeout.saturating_sub(begun.elapsed());
        self.delivering.stop(left.max(LEAST_GRACE)).await;
        if let Some(metrics) = self.metrics {
            metrics.stop(false).await;
        }
        drop(self.background);
        self.edge.database.close().await;
    }
}

/// What the figures of a service are read from.
fn watched(edge: &Edge) -> http::Watched {
    http::Watched {
        outbound: edge.outbound.clone(),
        clock: edge.clock.clone(),
        database: edge.database.clone(),
        webhooks: edge.webhooks.clone(),
        picking: Some(edge.picking.clone()),
    }
}

/// The rooms behind the edge, made but not started.
///
/// # Errors
/// When the storage cannot be opened or TLS not be set up.
pub async fn build(
    settings: &Settings,
    data_dir: &Path,
    tools: &Tools,
    webhooks: Webhooks,
) -> anyhow::Result<Edge> {
    let (clock, database) = (tools.clock.clone(), tools.database.clone());
    let storage = Storage::open(&settings.storage, data_dir).await?;
    let dropbox = Dropbox::new(&settings.dropbox)?;
    let links = Links::new(&settings.http.public_url, Some(&settings.http.cname));
    let events = Events::new(clock.clone(), links.clone(), vec![webhooks.listener()]);
    let catalog = Catalog::new(database.clone());
    let files = &settings.files;
    let garbage = Garbage::new(files, database.clone(), storage.clone(), clock.clone());
    let connections = connections(settings, tools, &dropbox, &links);
    let account_of = account_of(connections.clone());
    let contents = Contents::new(storage.clone(), dropbox.clone(), account_of);
    let browser = Browser::new(
        settings.browsing.clone(),
        connections.clone(),
        clock.clone(),
        tools.master_key.clone(),
        links.clone(),
    );
    let picking = Picking::new(
        settings.picking.clone(),
        Rooms {
            clock: clock.clone(),
            database: database.clone(),
            storage: storage.clone(),
            dropbox,
            connections: connections.clone(),
            applications: tools.applications.clone(),
            catalog: catalog.clone(),
            events: events.clone(),
        },
    );
    let uploading = uploading(settings, tools, &storage, &catalog, &events)?;
    Ok(Edge {
        outbound: tokio::runtime::Handle::current(),
        ready: true.into(),
        settings: settings.http.clone(),
        applications: tools.applications.clone(),
        tokens: tools.tokens.clone(),
        accounts: tools.accounts.clone(),
        master_key: tools.master_key.clone(),
        inspector: Inspector::new(catalog.clone(), contents.clone(), storage.clone()),
        garbage,
        files: settings.files.clone(),
        clock,
        database,
        storage,
        catalog,
        contents,
        links,
        events,
        connections,
        browser,
        picking,
        uploading,
        webhooks,
        demo: None,
    })
}

fn connections(
    settings: &Settings,
    tools: &Tools,
    dropbox: &Dropbox,
    links: &Links,
) -> Connections {
    let needs = Needs {
        database: tools.database.clone(),
        master_key: tools.master_key.clone(),
        clock: tools.clock.clone(),
        applications: tools.applications.clone(),
        dropbox: dropbox.clone(),
        default_app: settings.dropbox.default_app(),
        callback_base: links.api(""),
    };
    Connections::new(settings.connections.clone(), needs)
}

fn uploading(
    settings: &Settings,
    tools: &Tools,
    storage: &Storage,
    catalog: &Catalog,
    events: &Events,
) -> anyhow::Result<Uploading> {
    let rooms = uploading::Rooms {
        clock: tools.clock.clone(),
        database: tools.database.clone(),
        storage: storage.clone(),
        applications: tools.applications.clone(),
        catalog: catalog.clone(),
        events: events.clone(),
        master_key: tools.master_key.clone(),
        outbound: Outbound::new(&settings.outbound)?,
    };
    let most = settings.files.max_file_size.as_u64();
    Ok(Uploading::new(settings.uploading.clone(), most, rooms))
}

fn account_of(connections: Connections) -> AccountOf {
    Arc::new(move |id| {
        let connections = connections.clone();
        async move { connections.account_behind(id).await.ok() }.boxed()
    })
}

/// Work that is never done: removing objects that no file names, forgetting old sessions and
/// what else is too old.
fn background(edge: &Edge, settings: &Settings) -> Vec<AbortOnDropHandle<()>> {
    let garbage = edge.garbage.clone();
    let connections = edge.connections.clone();
    let collecting = tokio::spawn(garbage.keep_collecting(COLLECT_EVERY));
    let orphans = Orphans::new(
        edge.database.clone(),
        edge.storage.clone(),
        edge.clock.clone(),
    );
    let looking = tokio::spawn(orphans.keep_looking());
    let accounts = edge.accounts.clone();
    let tidying = tokio::spawn(async move {
        loop {
            if let Err(error) = connections.tidy().await {
                log::warn!("old sessions stay for now: {error}");
            }
            match accounts.tidy().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => log::warn!("old sessions of the portal stay for now: {error}"),
            }
            tokio::time::sleep(TIDY_EVERY).await;
        }
    });
    let retention = Retention::new(
        settings.retention.clone(),
        edge.database.clone(),
        edge.clock.clone(),
    );
    vec![
        AbortOnDropHandle::new(tokio::spawn(retention.keep_sweeping())),
        AbortOnDropHandle::new(collecting),
        AbortOnDropHandle::new(looking),
        AbortOnDropHandle::new(tidying),
    ]
}

fn data_dir(settings: &Settings) -> anyhow::Result<PathBuf> {
    let dir = &settings.server.data_dir;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir.clone())
}

/// With the embedded queue one process serves a data folder: two would deliver everything twice.
fn lock(settings: &Settings, data_dir: &Path) -> anyhow::Result<Option<fs::File>> {
    let embedded = !settings.database.url.starts_with("postgres") && settings.redis.url.is_empty();
    if !embedded {
        return Ok(None);
    }
    let path = data_dir.join("lock");
    let file =
        fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => bail!(
            "another longshore serves {}; several need LONGSHORE_DATABASE_URL and \
             LONGSHORE_REDIS_URL",
            data_dir.display()
        ),
        Err(fs::TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
    }
}
