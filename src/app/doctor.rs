//! `longshore doctor`: tries every outside part as the server would use it, and says what to
//! mend.
//!
//! One line for each part on standard output, `ok` or `FAIL` first. What a part says is shown, its
//! secrets are not. Nothing is left behind; the database is opened as the server opens it, which
//! brings its tables up to date.

use std::time::Duration;

use anyhow::bail;

use super::{Tools, service};
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Dialect;
use crate::dropbox::{AppCredentials, Dropbox, OAuthError, Secret};
use crate::files::Links;
use crate::outbound::{self, Outbound, Post};
use crate::storage::Storage;

/// How far the clocks of this machine and of the database may be apart.
const MOST_SKEW_MS: i64 = 5_000;
/// How long Dropbox and the public address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of its answer is read.
const ANSWER: usize = 4096;

/// What one part came to: a word about it, or what is wrong and what mends it.
type Finding = Result<String, String>;

/// Tries everything; an error when anything is wrong.
pub(super) async fn run(settings: &Settings, clock: Clock) -> anyhow::Result<()> {
    let mut report = Report { failed: 0 };
    let tools = match Tools::open(settings, clock.clone()).await {
        Ok(tools) => {
            report.add("database", database(settings, &tools).await);
            Some(tools)
        }
        Err(error) => {
            let mend = "mend LONGSHORE_DATABASE_URL, LONGSHORE_DATA_DIR or LONGSHORE_MASTER_KEY";
            report.add("database", Err(format!("{error:#}; {mend}")));
            None
        }
    };
    if let Some(tools) = &tools {
        report.add("clock", skew(tools, &clock).await);
        report.add("queue", queue(settings, tools).await);
        report.add("storage", storage(settings, tools).await);
    }
    report.add("dropbox", dropbox(settings).await);
    report.add("public url", public_url(settings).await);
    if let Some(tools) = tools {
        tools.database.close().await;
    }
    match report.failed {
        0 => Ok(()),
        1 => bail!("one part does not work"),
        failed => bail!("{failed} parts do not work"),
    }
}

struct Report {
    failed: usize,
}

impl Report {
    fn add(&mut self, part: &str, finding: Finding) {
        let line = match finding {
            Ok(word) => format!("ok    {part}: {word}"),
            Err(wrong) => {
                self.failed += 1;
                format!("FAIL  {part}: {wrong}")
            }
        };
        super::commands::say(&line);
    }
}

async fn database(settings: &Settings, tools: &Tools) -> Finding {
    let about = crate::database::describe(&settings.database, &settings.server.data_dir);
    match tools.database.check().await {
        Ok(()) => Ok(about),
        Err(error) => Err(format!("{about}: {error}")),
    }
}

/// Whether this machine and the database agree on the time. Leases and schedules go by the
/// database's; the log, certificates and what people see elsewhere go by the machine's.
async fn skew(tools: &Tools, own: &Clock) -> Finding {
    if tools.database.dialect() == Dialect::Sqlite {
        return Ok("one machine, one clock".to_owned());
    }
    let theirs = tools.database.now_ms().await;
    let apart = theirs.map_err(|error| error.to_string())? - own.now_ms();
    if apart.abs() <= MOST_SKEW_MS {
        Ok(format!("{} ms from the database's", apart.abs()))
    } else {
        let seconds = apart.abs() / 1000;
        Err(format!(
            "{seconds} s from the database's; have both set by NTP"
        ))
    }
}

async fn queue(settings: &Settings, tools: &Tools) -> Finding {
    let webhooks = service::webhooks(settings, tools).await;
    let webhooks = webhooks.map_err(|error| format!("{error:#}"))?;
    let about = webhooks.describe_queue();
    match webhooks.check().await {
        Ok(()) => Ok(about),
        Err(error) => Err(format!(
            "{about}: {error}; mend LONGSHORE_REDIS_URL or start Redis. Until then deliveries wait \
             in the database"
        )),
    }
}

async fn storage(settings: &Settings, tools: &Tools) -> Finding {
    let opened = Storage::open(&settings.storage, &settings.server.data_dir).await;
    let storage = opened.map_err(|error| error.to_string())?;
    let about = storage.describe();
    match storage.check(tools.clock.now_ms()).await {
        Ok(()) => Ok(format!("{about}: writes, reads and deletes")),
        Err(error) => Err(format!(
            "{about}: {error}; the service needs to write, read, list and delete there"
        )),
    }
}

/// Asks for a token with a refresh token that nobody has: what Dropbox refuses tells whether it
/// knows the app.
async fn dropbox(settings: &Settings) -> Finding {
    let mut impatient = settings.dropbox.clone();
    impatient.total_deadline = impatient.total_deadline.min(PATIENCE);
    let dropbox = Dropbox::new(&impatient).map_err(|error| error.to_string())?;
    let own = settings.dropbox.default_app();
    let stranger = || AppCredentials {
        key: "longshore-doctor".to_owned(),
        secret: Secret::new("none".to_owned()),
    };
    let app = own.clone().unwrap_or_else(stranger);
    let nobody = Secret::new("longshore-doctor".to_owned());
    let host = &settings.dropbox.api_url;
    match (dropbox.refresh(&app, &nobody).await, own) {
        (Err(OAuthError::Unavailable { cause, .. }), _) => Err(format!(
            "{host} does not answer: {cause}; let this machine reach it, by TLS if it is https"
        )),
        (Err(OAuthError::WrongApp { message }), Some(_)) => Err(format!(
            "{message}; copy LONGSHORE_DROPBOX_APP_KEY and …_APP_SECRET of one app from the \
             Dropbox App Console"
        )),
        (_, Some(_)) => Ok(format!("{host} answers and knows the app key and secret")),
        (_, None) => Ok(format!(
            "{host} answers; no app is set here, so each application needs its own"
        )),
    }
}

/// Whether the address that users reach leads to a server of ours.
async fn public_url(settings: &Settings) -> Finding {
    let links = Links::new(&settings.http.public_url, Some(&settings.http.cname));
    let address = links.api("/prefetch");
    // The operator's own address may well lie in a private network.
    let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse).into_iter().flatten();
    let rules = outbound::Settings {
        allowed_private_networks: everywhere.collect(),
    };
    let mend = "start the server, or mend LONGSHORE_PUBLIC_URL, LONGSHORE_CNAME or the proxy";
    let asked = async {
        let outbound = Outbound::new(&rules)?;
        outbound
            .post(Post {
                target: outbound.target(&address)?,
                headers: Vec::new(),
                body: bytes::Bytes::from_static(b"{}"),
                deadline: PATIENCE,
                answer_limit: ANSWER,
            })
            .await
    };
    let answer = asked
        .await
        .map_err(|error| format!("{address}: {error}; {mend}"))?;
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if said["i"] == "longshore" {
        let uris = ["open", "saveas"]
            .map(|way| links.api(&format!("/api/client/dropbox/authCallback/{way}")));
        return Ok(format!(
            "{address} leads here; redirect URIs: {}",
            uris.join(" ")
        ));
    }
    let status = answer.status;
    Err(format!(
        "{address} answers {status}, but not as this server does; {mend}"
    ))
}
