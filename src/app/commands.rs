//! The programs of the command line, one function each.
//!
//! What they print with `--json` is one JSON value on standard output; everything else goes to
//! standard error. All but `serve` and `demo` work beside a running server.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use serde_json::json;

use super::{Service, Tools, demo, doctor, logging};
use crate::access::accounts::Role;
use crate::access::audit::Actor;
use crate::access::{self, NewApplication, NewToken, OwnDropboxApp, Scope};
use crate::clock::{Clock, from_ms};
use crate::config::Settings;
use crate::http;
use crate::outbound::OutboundError;
use crate::{connections, sandbox, webhooks};

/// A self-hosted file picker backend for Dropbox.
#[derive(Parser)]
#[command(name = "longshore", version)]
pub struct Cli {
    /// A TOML file with settings; environment variables win over it.
    #[arg(long, global = true, env = "LONGSHORE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    /// Serve the picker, the file API and the management API, and deliver webhooks.
    Serve,
    /// Deliver webhooks, and nothing else; needs Redis.
    Worker,
    /// Show it all on this machine: the server, a simulated Dropbox, a page that picks.
    Demo(demo::Arguments),
    /// Simulate Dropbox over HTTP on local folders.
    Sandbox(sandbox::Arguments),
    /// Manage applications.
    App {
        #[command(subcommand)]
        action: AppAction,
    },
    /// Manage webhook endpoints.
    Endpoint {
        #[command(subcommand)]
        action: EndpointAction,
    },
    /// Manage portal accounts.
    Account {
        #[command(subcommand)]
        action: AccountAction,
    },
    /// Manage tokens of the management API.
    Token {
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Seal every kept secret anew that another master key sealed, so that it can be forgotten.
    Reseal,
    /// Check the settings; start nothing.
    CheckConfig,
    /// Try every outside part (database, Redis, storage, Dropbox, clock, public address) and say
    /// what to mend.
    Doctor,
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
    /// Bring the database's tables up to date.
    Migrate,
}

#[derive(Subcommand)]
enum AppAction {
    /// Make an application; prints its API key and its secret, which is not shown again.
    Create(AppCreate),
}

#[derive(Args)]
struct AppCreate {
    /// What you call it.
    #[arg(long)]
    name: String,
    /// Key of its own Dropbox app.
    #[arg(long, requires = "dropbox_app_secret")]
    dropbox_app_key: Option<String>,
    /// Secret of its own Dropbox app.
    #[arg(long, requires = "dropbox_app_key")]
    dropbox_app_secret: Option<String>,
    /// Address of the account that owns it in the portal.
    #[arg(long)]
    owner: Option<String>,
    /// Require a policy for uploads and reads.
    #[arg(long)]
    security: bool,
    /// An origin whose pages may use it; none: all. May be given several times.
    #[arg(long = "allowed-origin")]
    allowed_origins: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum EndpointAction {
    /// Add an endpoint; prints its secret, which is not shown again.
    Add(EndpointAdd),
}

#[derive(Args)]
struct EndpointAdd {
    /// The application whose events it hears of.
    #[arg(long)]
    apikey: String,
    /// Where deliveries go.
    #[arg(long)]
    url: String,
    /// One kind of event, or `all` for one endpoint of each kind.
    #[arg(long, default_value = "all")]
    event: String,
    /// A note.
    #[arg(long, default_value = "")]
    description: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum AccountAction {
    /// Make an account; reads its password from standard input.
    Create {
        /// E-mail address.
        #[arg(long)]
        email: String,
    },
    /// Give an account another password, read from standard input, and sign it out everywhere.
    Password {
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// Also switch its second factor off.
        #[arg(long)]
        without_second_factor: bool,
    },
    /// Make an account a member of an application.
    Join {
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// The application.
        #[arg(long)]
        apikey: String,
        /// How much they may.
        #[arg(long, value_parser = ["owner", "developer", "viewer"], default_value = "developer")]
        role: String,
    },
}

#[derive(Subcommand)]
enum TokenAction {
    /// Make a token; it is not shown again.
    Create {
        /// The application it reaches; without it, all of them.
        #[arg(long)]
        apikey: Option<String>,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, newest first; a token itself is never shown again.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a token at once.
    Revoke {
        /// Its id, as `longshore token list` shows it.
        id: String,
    },
}

/// Runs the program that the command line asks for.
///
/// # Errors
/// What ended it, in words for the person at the terminal.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let clock = Clock::system();
    // The demo's page tells what happens; its terminal only what went wrong.
    let quiet = matches!(cli.program, Program::Demo(_));
    logging::start(&clock, if quiet { "warn" } else { "info" });
    // First of all: every TLS client made later relies on it.
    drop(rustls::crypto::ring::default_provider().install_default());
    if let Program::Sandbox(arguments) = cli.program {
        return runtime(0)?.block_on(async { Ok(sandbox::run(arguments).await?) });
    }
    if let Program::Demo(arguments) = cli.program {
        return runtime(0)?.block_on(demo::run(arguments, clock, stopped()));
    }
    if let Program::Openapi = cli.program {
        return put_out(crate::http::OPENAPI);
    }
    let settings = load(cli.config.as_deref())?;
    let runtime = runtime(settings.server.outbound_threads)?;
    runtime.block_on(async {
        match cli.program {
            Program::Serve => serve(&settings, clock).await,
            Program::App {
                action: AppAction::Create(app),
            } => create_app(&settings, clock, app).await,
            Program::Worker => work(&settings, clock).await,
            Program::Endpoint {
                action: EndpointAction::Add(endpoint),
            } => add_endpoint(&settings, clock, endpoint).await,
            Program::Account { action } => accounts(&settings, clock, action).await,
            Program::Token { action } => tokens(&settings, clock, action).await,
            Program::Migrate => {
                Tools::open(&settings, clock).await?.database.close().await;
                eprintln!("the database is up to date");
                Ok(())
            }
            Program::Reseal => reseal(&settings, clock).await,
            Program::Doctor => doctor::run(&settings, clock).await,
            Program::CheckConfig => {
                eprintln!("the settings are right");
                Ok(())
            }
            Program::Sandbox(_) | Program::Demo(_) | Program::Openapi => Ok(()),
        }
    })
}

/// The outbound runtime, on which everything but the answering of HTTP runs.
fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let threads = match threads {
        0 => std::thread::available_parallelism()
            .map_or(2, usize::from)
            .max(2),
        n => n,
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("outbound")
        .enable_all()
        .build()
        .context("cannot start threads")
}

fn load(file: Option<&std::path::Path>) -> anyhow::Result<Settings> {
    match Settings::load(file, std::env::vars()) {
        Ok(settings) => Ok(settings),
        Err(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            bail!(
                "{} settings cannot be used; nothing was started",
                faults.len()
            )
        }
    }
}

async fn serve(settings: &Settings, clock: Clock) -> anyhow::Result<()> {
    let service = Service::start(settings, clock).await?;
    say(&service.summary);
    // To the terminal and not into the log: whoever follows it owns the portal.
    if let Some(link) = service.first_link().await? {
        say(&format!(
            "the portal has no account yet; make the first one at {link}"
        ));
    }
    stopped().await?;
    log::info!("stopping");
    service.stop().await;
    Ok(())
}

async fn work(settings: &Settings, clock: Clock) -> anyhow::Result<()> {
    if settings.redis.url.is_empty() {
        bail!("a worker shares its queue with others: set LONGSHORE_REDIS_URL");
    }
    let tools = Tools::open(settings, clock).await?;
    let webhooks = super::webhooks(settings, &tools).await?;
    let metrics = match settings.metrics.address()? {
        Some(address) => {
            let watched = http::Watched {
                outbound: tokio::runtime::Handle::current(),
                clock: tools.clock.clone(),
                database: tools.database.clone(),
                webhooks: webhooks.clone(),
                picking: None,
            };
            Some(http::serve_metrics(watched, address).await?.1)
        }
        None => None,
    };
    let delivering = webhooks.start();
    say(&format!(
        "longshore worker delivers from {}",
        webhooks.describe_queue()
    ));
    stopped().await?;
    log::info!("stopping");
    delivering.stop(settings.http.shutdown_timeout).await;
    if let Some(metrics) = metrics {
        metrics.stop(false).await;
    }
    tools.database.close().await;
    Ok(())
}

/// The line that a program which goes on running prints when it is ready. Whoever started it may
/// have closed its output: that is no reason to end.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Prints what a program was asked for. A reader that has seen enough (`| head`) is no failure.
fn put_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print")
        }
        _ => Ok(()),
    }
}

/// Returns when the process is asked to stop.
async fn stopped() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

async fn create_app(settings: &Settings, clock: Clock, app: AppCreate) -> anyhow::Result<()> {
    let tools = Tools::open(settings, clock).await?;
    let dropbox_app = match (app.dropbox_app_key, app.dropbox_app_secret) {
        (Some(key), Some(secret)) => Some(OwnDropboxApp { key, secret }),
        _ => None,
    };
    let new = NewApplication {
        name: app.name,
        dropbox_app,
        security_enabled: app.security,
        allowed_origins: app.allowed_origins,
        owner: match app.owner {
            Some(email) => Some(tools.accounts.find(&email).await?.id),
            None => None,
        },
        ..NewApplication::default()
    };
    let (application, secret) = tools
        .applications
        .create(new, &Actor::command_line())
        .await?;
    if app.json {
        let made = json!({ "apikey": application.apikey, "secret": secret });
        put_out(&format!("{made}\n"))?;
    } else {
        put_out(&format!(
            "API key: {}\nsecret:  {secret}\n",
            application.apikey
        ))?;
        eprintln!("keep the secret: it is not shown again");
    }
    tools.database.close().await;
    Ok(())
}

async fn add_endpoint(
    settings: &Settings,
    clock: Clock,
    endpoint: EndpointAdd,
) -> anyhow::Result<()> {
    let tools = Tools::open(settings, clock).await?;
    let webhooks = super::webhooks(settings, &tools).await?;
    let application = tools.applications.by_apikey(&endpoint.apikey).await?;
    let EndpointAdd {
        url,
        event,
        description,
        ..
    } = &endpoint;
    let actor = Actor::command_line();
    let made = webhooks.create_endpoint(application.id, url, event, description, &actor);
    let made = made.await.map_err(|error| {
        let closed = error.to_string() == OutboundError::NotAllowed.to_string();
        let hint = if closed {
            " (LONGSHORE_ALLOWED_PRIVATE_NETWORKS opens private networks)"
        } else {
            ""
        };
        anyhow::anyhow!("the endpoint was not added: {error}{hint}")
    })?;
    if endpoint.json {
        put_out(&format!("{}\n", json!(made)))?;
    } else {
        for one in &made {
            let (id, event, url, secret) = (one.id, &one.event, &one.url, &one.secret);
            put_out(&format!("{id}  {event}  {url}  {secret}\n"))?;
        }
        eprintln!("keep the secret: it is not shown again");
    }
    tools.database.close().await;
    Ok(())
}

async fn accounts(settings: &Settings, clock: Clock, action: AccountAction) -> anyhow::Result<()> {
    let tools = Tools::open(settings, clock).await?;
    match action {
        AccountAction::Create { email } => {
            tools.accounts.create(&email, password()?).await?;
            eprintln!("account {email} is made");
        }
        AccountAction::Password {
            email,
            without_second_factor,
        } => {
            let given = tools
                .accounts
                .replace_password(&email, password()?, without_second_factor);
            given.await?;
            eprintln!("account {email} has another password and is signed out everywhere");
        }
        AccountAction::Join {
            email,
            apikey,
            role,
        } => {
            let application = tools.applications.by_apikey(&apikey).await?;
            let (role, actor) = (Role::parse(&role), Actor::command_line());
            let joined = tools
                .accounts
                .add_member(application.id, &email, role, &actor);
            joined.await?;
            eprintln!("{email} works on {} as {}", application.name, role.as_str());
        }
    }
    tools.database.close().await;
    Ok(())
}

/// A password from standard input, without the end of its line.
fn password() -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin()
        .read_to_string(&mut password)
        .context("the password is not text")?;
    Ok(password.trim_end_matches(['\n', '\r']).to_owned())
}

async fn reseal(settings: &Settings, clock: Clock) -> anyhow::Result<()> {
    let tools = Tools::open(settings, clock).await?;
    let rooms = [
        access::SEALED.as_slice(),
        &access::accounts::SEALED,
        &connections::SEALED,
        &webhooks::SEALED,
    ];
    let done = access::reseal(&tools.database, &tools.master_key, &rooms.concat()).await?;
    tools.database.close().await;
    let access::Resealed {
        anew,
        present,
        closed,
    } = done;
    eprintln!("{anew} secrets were sealed anew, {present} had the present key before");
    if closed > 0 {
        bail!("{closed} secrets cannot be opened with any of the keys; the log names them");
    }
    eprintln!("the other master keys can be taken away");
    Ok(())
}

async fn tokens(settings: &Settings, clock: Clock, action: TokenAction) -> anyhow::Result<()> {
    let tools = Tools::open(settings, clock).await?;
    match action {
        TokenAction::Create { apikey, name, json } => {
            create_token(&tools, apikey, &name, json).await?;
        }
        TokenAction::List { json } => list_tokens(&tools, json).await?,
        TokenAction::Revoke { id } => {
            let revoked = tools.tokens.revoke(&id, None, &Actor::command_line()).await;
            revoked.context("there is no token with this id")?;
            eprintln!("the token is revoked");
        }
    }
    tools.database.close().await;
    Ok(())
}

async fn list_tokens(tools: &Tools, as_json: bool) -> anyhow::Result<()> {
    let tokens = tools.tokens.list(None).await?;
    if as_json {
        return put_out(&format!("{}\n", json!(tokens)));
    }
    let mut text = String::new();
    for token in &tokens {
        let made = from_ms(token.created_at).format("%Y-%m-%d");
        let reaches = token.apikey.as_deref().unwrap_or("all applications");
        let state = match token.revoked_at {
            Some(at) => format!("revoked {}", from_ms(at).format("%Y-%m-%d")),
            None => "valid".to_owned(),
        };
        let (id, name) = (&token.id, &token.name);
        text.push_str(&format!("{id}  {made}  {state}  {reaches}  {name}\n"));
    }
    put_out(&text)
}

async fn create_token(
    tools: &Tools,
    apikey: Option<String>,
    name: &str,
    as_json: bool,
) -> anyhow::Result<()> {
    let scope = match apikey {
        Some(apikey) => Scope::Application(tools.applications.by_apikey(&apikey).await?.id),
        None => Scope::Everything,
    };
    let new = NewToken {
        name: name.to_owned(),
        scope,
        role: Role::Owner,
        expires_at: None,
    };
    let (token, _) = tools.tokens.create(new, &Actor::command_line()).await?;
    if as_json {
        put_out(&format!("{}\n", json!({ "token": token })))?;
    } else {
        put_out(&format!("{token}\n"))?;
        eprintln!("keep the token: it is not shown again");
    }
    Ok(())
}
