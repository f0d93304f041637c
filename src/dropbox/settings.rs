//! What an operator may set about Dropbox: hosts, the default app, patience.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use super::{AppCredentials, Secret};

/// The most entries that Dropbox puts into one page.
pub(super) const LARGEST_PAGE: u32 = 2000;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How Dropbox is reached and how long it is waited for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Host of most calls (`/2/…`) and of `/oauth2/token`.
    pub api_url: BaseUrl,
    /// Host of everything that carries file content.
    pub content_url: BaseUrl,
    /// Host of the long poll for changes.
    pub notify_url: BaseUrl,
    /// Host of the consent page (`/oauth2/authorize`).
    pub www_url: BaseUrl,
    /// Key of the Dropbox app used by applications that have none of their own; empty: none.
    pub app_key: String,
    /// Secret of that app.
    pub app_secret: Secret,
    /// Longest wait for a connection.
    #[serde(deserialize_with = "duration")]
    pub connect_timeout: Duration,
    /// Longest silence within a download before it is given up (its caller resumes).
    #[serde(deserialize_with = "duration")]
    pub stall_timeout: Duration,
    /// Longest wait for one whole answer, or for the first byte of a download.
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Duration,
    /// Longest time that one call may take with all its repetitions.
    #[serde(deserialize_with = "duration")]
    pub total_deadline: Duration,
    /// A longer wait asked by Dropbox is handed to the caller at once.
    #[serde(deserialize_with = "duration")]
    pub max_retry_after: Duration,
    /// First pause before a repetition where Dropbox asks for none; doubles each time.
    #[serde(deserialize_with = "duration")]
    pub first_retry_wait: Duration,
    /// Entries asked for in one page of a folder (Dropbox takes 1 to 2000).
    #[serde(deserialize_with = "page_limit")]
    pub page_limit: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_url: BaseUrl(Cow::Borrowed("https://api.dropboxapi.com")),
            content_url: BaseUrl(Cow::Borrowed("https://content.dropboxapi.com")),
            notify_url: BaseUrl(Cow::Borrowed("https://notify.dropboxapi.com")),
            www_url: BaseUrl(Cow::Borrowed("https://www.dropbox.com")),
            app_key: String::new(),
            app_secret: Secret::default(),
            connect_timeout: Duration::from_secs(5),
            // Dropbox itself gives a stalled download up after some 30 s.
            stall_timeout: Duration::from_secs(20),
            call_timeout: Duration::from_secs(30),
            total_deadline: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(30),
            first_retry_wait: Duration::from_millis(250),
            page_limit: 2000,
        }
    }
}

impl Settings {
    /// The Dropbox app used where an application has none of its own.
    pub fn default_app(&self) -> Option<AppCredentials> {
        (!self.app_key.is_empty()).then(|| AppCredentials {
            key: self.app_key.clone(),
            secret: self.app_secret.clone(),
        })
    }
}

/// A duration that makes sense for a timeout: none at all would fail every call, and one without
/// end would hang instead of failing.
fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let duration: Duration = humantime_serde::deserialize(from)?;
    if (SHORTEST..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err(D::Error::custom("must lie between 1ms and 1day"))
    }
}

fn page_limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let limit = u32::deserialize(from)?;
    if (1..=LARGEST_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(D::Error::custom("must lie between 1 and 2000"))
    }
}

/// An `http(s)` origin, with or without a path in front of Dropbox's own routes.
///
/// A `BaseUrl` that exists is well formed; it never ends in a slash.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Cow<'static, str>);

/// Why a base URL was refused. The URL itself is not repeated: it may bear a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a base URL: {0}")]
pub struct InvalidBaseUrl(String);

impl BaseUrl {
    /// The URL as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL as one.
    pub(super) fn to_url(&self) -> Result<Url, InvalidBaseUrl> {
        let url = Url::parse(&self.0).map_err(|fault| InvalidBaseUrl(fault.to_string()))?;
        let fault = match url.scheme() {
            "http" | "https" if !url.has_host() => Some("it names no host"),
            "http" | "https" => None,
            _ => Some("only http and https are spoken"),
        };
        let fault = fault
            .or_else(|| url.query().map(|_| "it has a query"))
            .or_else(|| url.fragment().map(|_| "it has a fragment"))
            .or_else(|| url.password().map(|_| "it has a password"))
            .or_else(|| (!url.username().is_empty()).then_some("it has a user name"));
        fault.map_or(Ok(url), |fault| Err(InvalidBaseUrl(fault.to_owned())))
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        let base = Self(Cow::Owned(text.trim().trim_end_matches('/').to_owned()));
        base.to_url()?;
        Ok(base)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, InvalidBaseUrl> {
        text.parse()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropboxs_own_hosts_are_the_default_and_well_formed() {
        let settings = Settings::default();
        for base in [
            &settings.api_url,
            &settings.content_url,
            &settings.notify_url,
            &settings.www_url,
        ] {
            assert_eq!(base.as_str().parse::<BaseUrl>().as_ref(), Ok(base));
        }
        assert!(settings.default_app().is_none());
    }

    #[test]
    fn settings_are_read_from_toml_and_unknown_names_are_refused() {
        let settings: Settings =
            toml::from_str("api_url = 'http://127.0.0.1:9/'\ncall_timeout = '3s'").unwrap();
        assert_eq!(settings.api_url.as_str(), "http://127.0.0.1:9");
        assert_eq!(settings.call_timeout, Duration::from_secs(3));
        assert!(toml::from_str::<Settings>("api_uri = 'x'").is_err());
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused() {
        for bad in [
            "",
            "dropbox.com",
            "ftp://x",
            "https://u:p@x",
            "https://x/?a=b",
            "https://x#f",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
        let refused = "https://me:hunter2@x".parse::<BaseUrl>().unwrap_err();
        assert!(!refused.to_string().contains("hunter2"));
    }

    #[test]
    fn times_and_pages_that_cannot_work_are_refused() {
        for bad in [
            "call_timeout = '0s'",
            "total_deadline = '18446744073709551615s'",
            "stall_timeout = 20",
            "page_limit = 0",
            "page_limit = 2001",
        ] {
            assert!(toml::from_str::<Settings>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_app_secret_is_not_printed_with_the_settings() {
        let settings: Settings = toml::from_str("app_key = 'k'\napp_secret = 'hunter2'").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.default_app().unwrap().secret.expose(), "hunter2");
    }
}
