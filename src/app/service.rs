//! The service: rooms made in order, started, and stopped in the reverse order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web;
use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;

use super::master_key;
use crate::access::{Accounts, Applications, ManagementTokens, MasterKey};
use crate::clock::Clock;
use crate::config::Settings;
use crate::connections::{Connections, Needs};
use crate::database::{self, Database};
use crate::dropbox::Dropbox;
use crate::events::Events;
use crate::files::{AccountOf, Catalog, Contents, Garbage, Inspector, Links};
use crate::http::{self, Edge};
use crate::picking::{Picking, Rooms};
use crate::storage::Storage;

/// What every program of ours needs: the database and what guards it.
pub struct Tools {
    /// The catalog's database.
    pub database: Database,
    /// What time it is.
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
        let master_key = master_key::load(&settings.server.master_key, &data_dir)?;
        let database = Database::open(&settings.database, &data_dir).await?;
        let applications = Applications::new(database.clone(), master_key.clone(), clock.clone());
        let tokens = ManagementTokens::new(database.clone(), clock.clone());
        let accounts = Accounts::new(database.clone(), clock.clone());
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

/// A running service.
pub struct Service {
    server: http::Server,
    edge: web::Data<Edge>,
    database: Database,
    picking: Picking,
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
        let tools = Tools::open(settings, clock.clone()).await?;
        let storage = Storage::open(&settings.storage, &data_dir).await?;
        let dropbox = Dropbox::new(&settings.dropbox)?;
        let links = Links::new(&settings.http.public_url, Some(&settings.http.cname));
        let events = Events::new(clock.clone(), links.clone(), Vec::new());
        let catalog = Catalog::new(tools.database.clone());
        let connections = Connections::new(
            settings.connections.clone(),
            Needs {
                database: tools.database.clone(),
                master_key: tools.master_key.clone(),
                clock: clock.clone(),
                applications: tools.applications.clone(),
                dropbox: dropbox.clone(),
                default_app: settings.dropbox.default_app(),
                callback_base: links.api(""),
            },
        );
        let account_of: AccountOf = {
            let connections = connections.clone();
            Arc::new(move |id| {
                let connections = connections.clone();
                let account = async move { Some(connections.account_by_id(id).await.ok()?.0) };
                account.boxed()
            })
        };
        let contents = Contents::new(storage.clone(), dropbox.clone(), account_of);
        let inspector = Inspector::new(catalog.clone(), contents.clone(), storage.clone());
        let garbage = Garbage::new(tools.database.clone(), storage.clone(), clock.clone());
        let picking = Picking::new(
            settings.picking.clone(),
            Rooms {
                clock: clock.clone(),
                database: tools.database.clone(),
                storage: storage.clone(),
                dropbox,
                connections: connections.clone(),
                applications: tools.applications.clone(),
                catalog: catalog.clone(),
                events: events.clone(),
            },
        );
        let edge = web::Data::new(Edge {
            outbound: tokio::runtime::Handle::current(),
            ready: true.into(),
            clock,
            settings: settings.http.clone(),
            database: tools.database.clone(),
            storage: storage.clone(),
            applications: tools.applications.clone(),
            tokens: tools.tokens.clone(),
            catalog,
            contents,
            inspector,
            garbage,
            files: settings.files.clone(),
            links,
            events,
            connections,
            picking: picking.clone(),
            demo,
        });
        let server = http::start(edge.clone())
            .await
            .with_context(|| format!("cannot listen on {}", settings.http.listen))?;
        picking.start();
        let summary = format!(
            "longshore listens on http://{} (public: {}); database: {}; queue: {}; storage: {}",
            server.address,
            settings.http.public_url,
            database::describe(&settings.database, &data_dir),
            "embedded",
            storage.describe(),
        );
        let shutdown_timeout = settings.http.shutdown_timeout;
        let database = tools.database;
        Ok(Self {
            server,
            edge,
            database,
            picking,
            shutdown_timeout,
            summary,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// Stops: takes no more requests, lets running ones end, hands over what is unfinished.
    pub async fn stop(self) {
        // A load balancer that asks sees this first and sends nobody here any more.
        self.edge.ready.store(false, Ordering::SeqCst);
        if let Some(demo) = &self.edge.demo {
            demo.close();
        }
        self.server.stop().await;
        self.picking.settle(self.shutdown_timeout).await;
        self.picking.stop().await;
        self.database.close().await;
    }
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
