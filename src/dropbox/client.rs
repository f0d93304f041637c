//! The client itself: where Dropbox's hosts lie and how patient we are with them.

use std::{sync::Arc, time::Duration};

use reqwest::Client;
use url::{Host as UrlHost, Url};

use super::{BaseUrl, DropboxError, Settings, backoff::Patience, settings::LARGEST_PAGE, wire};

/// Dropbox, for everybody's accounts. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Dropbox {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub calls: Client,
    pub content: Client,
    api_url: Url,
    content_url: Url,
    notify_url: Url,
    www_url: Url,
    pub call_timeout: Duration,
    pub stall_timeout: Duration,
    pub total_deadline: Duration,
    pub patience: Patience,
    pub page_limit: u32,
}

/// Which of Dropbox's hosts serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Api,
    Content,
    Notify,
    Www,
}

impl Dropbox {
    /// Makes a client; no connection is opened yet.
    ///
    /// The process must have a default TLS provider by now.
    pub fn new(settings: &Settings) -> Result<Self, DropboxError> {
        let api_url = usable(&settings.api_url)?;
        let content_url = usable(&settings.content_url)?;
        let notify_url = usable(&settings.notify_url)?;
        let www_url = usable(&settings.www_url)?;
        let local = [&api_url, &content_url, &notify_url]
            .into_iter()
            .all(is_local);
        Ok(Self {
            inner: Arc::new(Inner {
                calls: wire::call_client(settings, local)?,
                content: wire::content_client(settings, local)?,
                api_url,
                content_url,
                notify_url,
                www_url,
                call_timeout: settings.call_timeout,
                stall_timeout: settings.stall_timeout,
                total_deadline: settings.total_deadline,
                patience: Patience {
                    first_wait: settings.first_retry_wait,
                    max_retry_after: settings.max_retry_after,
                },
                page_limit: settings.page_limit.clamp(1, LARGEST_PAGE),
            }),
        })
    }
}

impl Inner {
    /// The URL of a route.
    pub fn url(&self, host: Host, path: &str) -> Url {
        let mut url = match host {
            Host::Api => self.api_url.clone(),
            Host::Content => self.content_url.clone(),
            Host::Notify => self.notify_url.clone(),
            Host::Www => self.www_url.clone(),
        };
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }
}

fn usable(base: &BaseUrl) -> Result<Url, DropboxError> {
    base.to_url().map_err(|fault| DropboxError::BadRequest {
        message: fault.to_string(),
    })
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
