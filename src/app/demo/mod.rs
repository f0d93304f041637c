//! `longshore demo`: the real server, a simulated Dropbox and a page that shows both.
//!
//! Everything is on loopback and in a folder of its own that is removed at the end. Settings of
//! the environment are not looked at: a demo started beside a real installation must not touch
//! its database.

mod pictures;
mod samples;
mod scratch;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::{Service, Tools};
use crate::access::audit::Actor;
use crate::access::{NewApplication, OwnDropboxApp, random_name};
use crate::clock::Clock;
use crate::config::Settings;
use crate::http::Demo;
use crate::outbound::Opened;
use crate::sandbox::{AccountOptions, AppOptions, Options, Sandbox};
use scratch::Scratch;

/// Where it listens if nobody says otherwise…
const FIRST_PORT: u16 = 8080;
/// …or on one of the next ports, if that one is taken.
const PORTS_TRIED: u16 = 20;
/// When failed webhooks are tried again: soon enough to be watched.
const RETRIES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];
/// A page that waits for an answer is not waited for any longer than this.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// Key of the simulated Dropbox app; its consent page shows it.
const APP_KEY: &str = "longshore-demo";
/// What that app may do: read, as a picker needs.
const SCOPES: [&str; 3] = [
    "account_info.read",
    "files.metadata.read",
    "files.content.read",
];

/// The arguments of `longshore demo`.
#[derive(Args)]
pub(super) struct Arguments {
    /// A folder of yours to show as the Dropbox; without it, sample files are made.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080, or the next free port]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where stored files and the database go; without it, a folder that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs until asked to stop, then stops everything and removes what was made.
///
/// # Errors
/// When a part cannot be started.
pub(super) async fn run(
    arguments: Arguments,
    clock: Clock,
    stopped: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut stopped = std::pin::pin!(stopped);
    let scratch = Scratch::make(arguments.data_dir.is_none())?;
    // Asked to stop while it starts, it drops what there is so far.
    let running = tokio::select! {
        biased;
        asked = &mut stopped => return asked,
        started = start(&arguments, &scratch, clock) => started?,
    };
    // Whoever reads this may have gone already (`| head`): that ends no demo.
    drop(writeln!(std::io::stdout(), "{}", running.greeting));
    let asked = stopped.await;
    eprintln!("stopping");
    running.service.stop().await;
    running.sandbox.stop().await;
    drop(scratch);
    asked
}

struct Running {
    service: Service,
    sandbox: Sandbox,
    greeting: String,
}

async fn start(arguments: &Arguments, scratch: &Scratch, clock: Clock) -> anyhow::Result<Running> {
    let data_dir = match (&arguments.data_dir, scratch.path()) {
        (Some(dir), _) => dir.clone(),
        (None, Some(dir)) => dir.join("data"),
        (None, None) => bail!("there is no folder for the data"),
    };
    let folder = match &arguments.dir {
        Some(dir) if dir.is_dir() => dir.clone(),
        Some(dir) => bail!("{} is not a folder", dir.display()),
        None => sample_folder(&data_dir).await?,
    };
    let listen = free_address(arguments.listen)?;
    let own = reachable(listen);
    let public_url = format!("http://{own}");
    let app_secret = random_name(24);
    let sandbox = Sandbox::start(simulated(&folder, &public_url, &app_secret)).await?;
    let settings = settings(listen, own, data_dir, &sandbox.url())?;
    let demo = prepare(&settings, clock.clone(), app_secret).await?;
    let service = Service::start_with(&settings, clock, Some(Arc::new(demo))).await?;
    let greeting = greeting(&public_url, &folder, &settings.server.data_dir, scratch);
    Ok(Running {
        service,
        sandbox,
        greeting,
    })
}

/// Makes the sample files, where they are not there yet.
async fn sample_folder(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let folder = data_dir.join("sample-dropbox");
    if !folder.is_dir() {
        eprintln!("making sample files");
        let made = folder.clone();
        // Drawing pictures takes a moment of a processor.
        tokio::task::spawn_blocking(move || samples::make(&made))
            .await?
            .context("cannot make the sample files")?;
    }
    Ok(folder)
}

fn simulated(folder: &Path, public_url: &str, app_secret: &str) -> Options {
    let callback = |intent: &str| format!("{public_url}/api/client/dropbox/authCallback/{intent}");
    Options {
        accounts: vec![AccountOptions::personal("Franziska Hafen", folder)],
        apps: vec![AppOptions {
            key: APP_KEY.to_owned(),
            secret: app_secret.to_owned(),
            redirect_uris: ["open", "saveas"].map(callback).into(),
            scopes: SCOPES.map(str::to_owned).into(),
            ..AppOptions::default()
        }],
        ..Options::default()
    }
}

fn settings(
    listen: SocketAddr,
    own: SocketAddr,
    data_dir: PathBuf,
    dropbox: &str,
) -> anyhow::Result<Settings> {
    let mut settings = match Settings::defaults() {
        Ok(settings) => settings,
        Err(faults) => bail!("the defaults cannot be used: {faults:?}"),
    };
    settings.http.listen = listen;
    settings.http.public_url = format!("http://{own}");
    settings.http.shutdown_timeout = SHUTDOWN;
    settings.server.data_dir = data_dir;
    settings.dropbox.api_url = dropbox.parse()?;
    settings.dropbox.content_url = dropbox.parse()?;
    settings.dropbox.notify_url = dropbox.parse()?;
    settings.dropbox.www_url = dropbox.parse()?;
    // The sample subscriber and the picture that can be tried as a link are served by the demo
    // itself, on this machine, where strangers' addresses may not lead: nothing else is opened.
    settings.outbound.allowed_private_networks = vec![Opened::Port(own)];
    settings.webhook.retry_offsets = RETRIES.into();
    Ok(settings)
}

/// Makes the application and its endpoint, which is the page's own subscriber.
async fn prepare(settings: &Settings, clock: Clock, app_secret: String) -> anyhow::Result<Demo> {
    let tools = Tools::open(settings, clock).await?;
    let new = NewApplication {
        name: "Demo".to_owned(),
        dropbox_app: Some(OwnDropboxApp {
            key: APP_KEY.to_owned(),
            secret: app_secret,
        }),
        security_enabled: false,
        allowed_origins: Vec::new(),
        ..NewApplication::default()
    };
    let (application, _) = tools
        .applications
        .create(new, &Actor::command_line())
        .await?;
    let webhooks = super::webhooks(settings, &tools).await?;
    let url = format!("{}/demo/webhooks", settings.http.public_url);
    let (actor, about) = (Actor::command_line(), "sample subscriber of the demo");
    let made = webhooks.create_endpoint(application.id, &url, "all", about, &actor);
    let made = made.await?;
    let Some(endpoint) = made.into_iter().next() else {
        bail!("no endpoint was made");
    };
    tools.database.close().await;
    let apikey = application.apikey.clone();
    let secret = endpoint.secret;
    Ok(Demo::new(apikey, secret, RETRIES.into(), pictures::chart))
}

/// The address asked for, or the first free one.
fn free_address(asked: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    // The redirect URIs hold the port, so it must be known before anything listens.
    let chosen = |address: SocketAddr| TcpListener::bind(address).and_then(|l| l.local_addr());
    if let Some(asked) = asked {
        return chosen(asked).with_context(|| format!("cannot listen on {asked}"));
    }
    let on_loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (FIRST_PORT..FIRST_PORT + PORTS_TRIED)
        .chain([0])
        .find_map(|port| chosen(on_loopback(port)).ok())
        .context("no port is free")
}

/// The address under which a browser on this machine finds it.
fn reachable(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port());
    }
    listen
}

fn greeting(public_url: &str, folder: &Path, data_dir: &Path, scratch: &Scratch) -> String {
    let kept = match scratch.path() {
        Some(_) => "removed at the end",
        None => "kept",
    };
    format!(
        "\n  Open this page:  {public_url}/demo\n\n  \
         Dropbox   simulated; it shows {}\n  \
         Webhooks  go to a sample subscriber on the page; retries after 5 s, 15 s, 30 s\n  \
         Data      in {}, {kept}\n\n  Ctrl-C stops everything.\n",
        folder.display(),
        data_dir.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Outbound;

    #[test]
    fn a_taken_port_leads_to_the_next_and_a_taken_wish_to_an_error() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert!(free_address(Some(address)).is_err());
        assert!(free_address(None).unwrap().ip().is_loopback());
    }

    #[test]
    fn links_lead_to_the_demo_itself_and_nowhere_else_on_this_machine() {
        let own: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let settings = settings(own, own, PathBuf::new(), "http://127.0.0.1:9").unwrap();
        let outbound = Outbound::new(&settings.outbound).unwrap();
        assert!(outbound.target("http://127.0.0.1:8080/demo/").is_ok());
        for url in [
            "http://127.0.0.1:9/",
            "http://127.0.0.1:6379/",
            "http://10.0.0.1/",
        ] {
            assert!(outbound.target(url).is_err(), "{url}");
        }
    }

    #[test]
    fn everywhere_is_reached_through_loopback() {
        let everywhere: SocketAddr = "0.0.0.0:81".parse().unwrap();
        assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:81");
    }
}
