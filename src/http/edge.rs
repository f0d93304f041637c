//! What handlers reach: the rooms, and the runtime on which these do their work.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::demo::Demo;
use super::problem::Problem;
use super::request_id;
use super::settings::Settings;
use crate::access::accounts::Accounts;
use crate::access::{Applications, ManagementTokens, MasterKey};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::database::Database;
use crate::events::Events;
use crate::files::{Catalog, Contents, Garbage, Inspector, Links};
use crate::picking::Picking;
use crate::picking::browse::Browser;
use crate::storage::Storage;
use crate::uploading::Uploading;
use crate::webhooks::Webhooks;

/// The rooms behind the edge; handlers get it as `web::Data<Edge>`.
pub struct Edge {
    /// The runtime on which all outbound work runs. An actix worker is a thread of its own:
    /// a connection opened there would make one worker wait for another.
    pub outbound: tokio::runtime::Handle,
    /// Whether this node takes requests; false from the moment it begins to stop.
    pub ready: AtomicBool,
    /// What time it is.
    pub clock: Clock,
    /// The edge's own settings.
    pub settings: Settings,
    /// The catalog's database, for health checks and transactions of the file API.
    pub database: Database,
    /// Where bytes lie.
    pub storage: Storage,
    /// Applications and their policies.
    pub applications: Applications,
    /// Bearer tokens of the management API.
    pub tokens: ManagementTokens,
    /// People who work with the portal.
    pub accounts: Accounts,
    /// Makes the proofs of the portal's own calls.
    pub master_key: MasterKey,
    /// Files.
    pub catalog: Catalog,
    /// The bytes of files, wherever they lie.
    pub contents: Contents,
    /// What is told of files only after reading them.
    pub inspector: Inspector,
    /// The removal of objects that files let go of.
    pub garbage: Garbage,
    /// What files may be like.
    pub files: crate::files::Settings,
    /// The links handed out.
    pub links: Links,
    /// What happened.
    pub events: Events,
    /// People's Dropboxes.
    pub connections: Connections,
    /// Looks around in people's Dropboxes.
    pub browser: Browser,
    /// The picks.
    pub picking: Picking,
    /// What clients send from their devices.
    pub uploading: Uploading,
    /// Endpoints and deliveries.
    pub webhooks: Webhooks,
    /// The demo, when the server runs as one.
    pub demo: Option<Arc<Demo>>,
}

impl Edge {
    /// Runs `work` on the outbound runtime and waits for it.
    ///
    /// When the client goes away this stops waiting and the work is dropped; what must go on
    /// all the same (a copy that was recorded) spawns itself.
    ///
    /// # Errors
    /// The work's own error as a [`Problem`].
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let work = request_id::carry(work);
        let task = tokio_util::task::AbortOnDropHandle::new(self.outbound.spawn(work));
        match task.await {
            Ok(result) => result.map_err(Into::into),
            Err(ended) => {
                log::error!("a request's work came to a sudden end: {ended}");
                Err(Problem::internal())
            }
        }
    }
}
