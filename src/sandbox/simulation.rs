//! Everything that the routes of one running sandbox share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    accounts::Account,
    consent::Pending,
    content::TemporaryLink,
    faults::Faults,
    grants::{Grants, random_text},
    options::{AppOptions, Options},
    paths::View,
    request_log::RequestLog,
    save_url::Jobs,
    sharing::SharedLink,
    upload_sessions::Sessions,
};

/// Every scope that a user app can have.
pub const SCOPES: &[&str] = &[
    "account_info.read",
    "account_info.write",
    "contacts.read",
    "contacts.write",
    "file_requests.read",
    "file_requests.write",
    "files.content.read",
    "files.content.write",
    "files.metadata.read",
    "files.metadata.write",
    "sharing.read",
    "sharing.write",
];

/// One running sandbox.
pub struct Simulation {
    /// Its address, without a slash at the end.
    pub url: String,
    /// Tells cursors of this run from those of an earlier one.
    pub run: String,
    /// The accounts, in the order given.
    pub accounts: Vec<Arc<Account>>,
    /// The apps.
    pub apps: Vec<AppOptions>,
    /// Webhook targets of every app.
    pub webhook_targets: Vec<String>,
    /// Consents and tokens.
    pub grants: Grants,
    /// The fault switch.
    pub faults: Faults,
    /// What was asked.
    pub log: RequestLog,
    /// Consent pages that wait for a decision.
    pub pending: Mutex<HashMap<String, Pending>>,
    /// Temporary links.
    pub links: Mutex<HashMap<String, TemporaryLink>>,
    /// Shared links.
    pub shared_links: Mutex<Vec<SharedLink>>,
    /// Uploads in several pieces.
    pub sessions: Sessions,
    /// URLs being saved.
    pub jobs: Jobs,
    /// How long temporary links live.
    pub link_lifetime: Duration,
    stopping: AtomicBool,
}

impl Simulation {
    /// Puts the parts together.
    pub fn new(
        url: String,
        accounts: Vec<Arc<Account>>,
        options: &Options,
        faults: Faults,
    ) -> Self {
        Simulation {
            url,
            run: random_text(6),
            accounts,
            apps: options.apps.clone(),
            webhook_targets: options.webhook_targets.clone(),
            grants: Grants::new(options.access_token_lifetime),
            faults,
            log: RequestLog::default(),
            pending: Mutex::default(),
            links: Mutex::default(),
            shared_links: Mutex::default(),
            sessions: Sessions::default(),
            jobs: Jobs::default(),
            link_lifetime: Duration::from_secs(4 * 3600),
            stopping: AtomicBool::new(false),
        }
    }

    /// The app with this key.
    pub fn app(&self, key: &str) -> Option<&AppOptions> {
        self.apps.iter().find(|app| app.key == key)
    }

    /// An account as its owner's apps see it by default.
    pub fn home_view(&self, account: usize) -> Option<View> {
        let account = self.accounts.get(account)?.clone();
        Some(View {
            base: account.home.clone(),
            base_display: account.home_display.clone(),
            account,
        })
    }

    /// Whether the sandbox is going down.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Tells the threads in the background to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Whether an app has a scope at all.
pub fn app_has(app: &AppOptions, scope: &str) -> bool {
    match app.scopes.is_empty() {
        true => SCOPES.contains(&scope),
        false => app.scopes.iter().any(|own| own == scope) || scope == "account_info.read",
    }
}
