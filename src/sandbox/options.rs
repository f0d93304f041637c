//! What a simulated Dropbox is started with, from the command line or from a test.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{faults::FaultRule, server::SandboxError};

/// What a simulated Dropbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The accounts, in the order in which the consent page offers them.
    pub accounts: Vec<AccountOptions>,
    /// The apps that exist.
    pub apps: Vec<AppOptions>,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// Webhook targets that every app has besides its own.
    pub webhook_targets: Vec<String>,
    /// Fault rules that hold from the start.
    pub faults: Vec<FaultRule>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            accounts: Vec::new(),
            apps: Vec::new(),
            access_token_lifetime: Duration::from_secs(4 * 3600),
            webhook_targets: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// One account, made from a local folder.
#[derive(Debug, Clone)]
pub struct AccountOptions {
    /// The person's name; their email is made from it.
    pub name: String,
    /// The folder that is the account's content. It must exist.
    pub folder: PathBuf,
    /// A member of a team. The folder is then the team's space, and the member's own folder is
    /// the one in it that bears the member's name (made if it is not there).
    pub team: bool,
}

impl AccountOptions {
    /// A personal account.
    pub fn personal(name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        AccountOptions {
            name: name.into(),
            folder: folder.into(),
            team: false,
        }
    }
}

/// One registered app.
#[derive(Debug, Clone, Default)]
pub struct AppOptions {
    /// The app key, `client_id` in OAuth.
    pub key: String,
    /// The app secret; also the key of webhook signatures.
    pub secret: String,
    /// The exact redirect URIs that are registered. None: any is accepted.
    pub redirect_uris: Vec<String>,
    /// The scopes that the app has. None: all of them.
    pub scopes: Vec<String>,
    /// Where the app hears of changes.
    pub webhook_uri: Option<String>,
}

/// The arguments of `longshore sandbox`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Address to listen on; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// An account made from a local folder (repeatable)
    #[arg(long = "account", value_name = "NAME=DIR")]
    pub accounts: Vec<String>,
    /// A team member; the folder is the team's space (repeatable)
    #[arg(long = "team-account", value_name = "NAME=DIR")]
    pub team_accounts: Vec<String>,
    /// An app that may connect (repeatable) [default: sandbox-key:sandbox-secret]
    #[arg(long = "app", value_name = "KEY:SECRET")]
    pub apps: Vec<String>,
    /// A redirect URI registered for every app (repeatable) [default: any is accepted]
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// How long an access token lives
    #[arg(long, value_name = "SECONDS", default_value_t = 14_400)]
    pub token_lifetime: u64,
    /// A webhook target of every app (repeatable)
    #[arg(long = "webhook", value_name = "URI")]
    pub webhooks: Vec<String>,
    /// A fault rule, as JSON (repeatable; see docs/sandbox.md)
    #[arg(long = "fault", value_name = "JSON")]
    pub faults: Vec<String>,
}

impl Arguments {
    /// The options that these arguments mean.
    pub fn options(self) -> Result<Options, SandboxError> {
        let mut accounts = Vec::new();
        for text in &self.accounts {
            accounts.push(account(text, false)?);
        }
        for text in &self.team_accounts {
            accounts.push(account(text, true)?);
        }
        let mut apps = Vec::new();
        for text in &self.apps {
            apps.push(app(text, &self.redirect_uris)?);
        }
        if apps.is_empty() {
            apps.push(app("sandbox-key:sandbox-secret", &self.redirect_uris)?);
        }
        let faults = self.faults.iter().map(|text| {
            serde_json::from_str(text)
                .map_err(|error| SandboxError::Options(format!("--fault {text}: {error}")))
        });
        Ok(Options {
            listen: self.listen,
            accounts,
            apps,
            access_token_lifetime: Duration::from_secs(self.token_lifetime),
            webhook_targets: self.webhooks,
            faults: faults.collect::<Result<_, _>>()?,
        })
    }
}

fn account(text: &str, team: bool) -> Result<AccountOptions, SandboxError> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => Ok(AccountOptions {
            name: name.to_owned(),
            folder: folder.into(),
            team,
        }),
        _ => Err(SandboxError::Options(format!(
            "an account is written NAME=DIR, not `{text}`"
        ))),
    }
}

fn app(text: &str, redirect_uris: &[String]) -> Result<AppOptions, SandboxError> {
    match text.split_once(':') {
        Some((key, secret)) if !key.is_empty() && !secret.is_empty() => Ok(AppOptions {
            key: key.to_owned(),
            secret: secret.to_owned(),
            redirect_uris: redirect_uris.to_vec(),
            ..AppOptions::default()
        }),
        // The text may hold a secret, so it is not repeated.
        _ => Err(SandboxError::Options(
            "an app is written KEY:SECRET".to_owned(),
        )),
    }
}
