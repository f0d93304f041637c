//! How many copies run at once: a fair queue in front of a node, and within it one in front of
//! each application, so that one application's thousand files do not hold up another's one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{PickError, Settings};
use crate::access::ApplicationId;

/// What a caller is told to wait when the queue is full.
const COME_BACK: Duration = Duration::from_secs(5);

pub(super) struct Limits {
    node: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    per_application: usize,
    applications: Mutex<HashMap<ApplicationId, Arc<Semaphore>>>,
}

/// Leave to copy, until it is dropped.
pub(super) struct Turn {
    _application: OwnedSemaphorePermit,
    _node: OwnedSemaphorePermit,
}

impl Limits {
    pub fn new(settings: &Settings) -> Self {
        Self {
            node: Arc::new(Semaphore::new(settings.max_copies.max(1))),
            waiting: Arc::new(Semaphore::new(settings.max_waiting.max(1))),
            per_application: settings.max_copies_per_application.max(1),
            applications: Mutex::default(),
        }
    }

    /// A place among those who wait, or the advice to come back.
    pub fn queue(&self) -> Result<OwnedSemaphorePermit, PickError> {
        Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_| PickError::Busy(COME_BACK))
    }

    /// Waits for a turn, in the order of asking.
    pub async fn turn(&self, id: ApplicationId) -> Result<Turn, PickError> {
        let closed = |_| PickError::Busy(COME_BACK);
        let application = self.of(id).acquire_owned().await.map_err(closed)?;
        let node = Arc::clone(&self.node)
            .acquire_owned()
            .await
            .map_err(closed)?;
        Ok(Turn {
            _application: application,
            _node: node,
        })
    }

    fn of(&self, id: ApplicationId) -> Arc<Semaphore> {
        let mut applications = self
            .applications
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever is idle need not be remembered: the map stays as small as what is going on.
        if applications.len() > 1000 {
            applications.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let make = || Arc::new(Semaphore::new(self.per_application));
        Arc::clone(applications.entry(id).or_insert_with(make))
    }
}
