//! Starts and stops a sandbox: its own thread with actix on it, the scans, the webhooks.

use std::{
    net::TcpListener,
    os::fd::AsFd,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, rt::net::TcpStream, web,
};

use super::{
    accounts::Account,
    body::{self, Connection},
    call::Reply,
    content, control, dispatch,
    errors::Refusal,
    faults::Faults,
    notify, oauth,
    options::{Arguments, Options},
    sharing,
    simulation::Simulation,
};

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// What it was given makes no sense.
    #[error("{0}")]
    Options(String),
    /// An account's folder cannot be read.
    #[error("cannot use the folder of account {account}: {cause}")]
    Folder {
        /// Whose folder.
        account: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Which address.
        address: std::net::SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// The system refused something else.
    #[error("cannot run the sandbox: {0}")]
    System(#[from] std::io::Error),
}

/// A running sandbox. It ends when stopped or dropped.
pub struct Sandbox {
    simulation: Arc<Simulation>,
    server: ServerHandle,
    threads: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on threads of its own, so that it runs under any runtime.
    pub async fn start(options: Options) -> Result<Sandbox, SandboxError> {
        check(&options)?;
        // The answer comes over a plain channel because the caller's runtime may be of any kind.
        let starting = std::thread::spawn(move || start_blocking(&options));
        let joined = tokio::task::spawn_blocking(move || starting.join()).await;
        match joined {
            Ok(Ok(started)) => started,
            _ => Err(std::io::Error::other("the starting thread panicked").into()),
        }
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.simulation.url.clone()
    }

    /// The fault switch.
    pub fn faults(&self) -> Faults {
        self.simulation.faults.clone()
    }

    /// Stops it and waits until nothing of it runs.
    pub async fn stop(mut self) {
        self.simulation.stop();
        self.server.stop(false).await;
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    log::error!("sandbox: a thread panicked");
                }
            }
        });
        if joined.await.is_err() {
            log::error!("sandbox: could not wait for its threads");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.simulation.stop();
        // The order is sent by the call itself; nobody needs to wait for its execution.
        drop(self.server.stop(false));
        for account in &self.simulation.accounts {
            account.clean_up();
        }
    }
}

/// Runs a sandbox until the process is told to end: `longshore sandbox`.
pub async fn run(arguments: Arguments) -> Result<(), SandboxError> {
    let default_app = arguments.apps.is_empty();
    let sandbox = Sandbox::start(arguments.options()?).await?;
    println!("The simulated Dropbox listens on {}", sandbox.url());
    if default_app {
        eprintln!("No --app was given: the app is sandbox-key with secret sandbox-secret");
    }
    ended().await?;
    sandbox.stop().await;
    Ok(())
}

async fn ended() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

fn check(options: &Options) -> Result<(), SandboxError> {
    if options.accounts.is_empty() {
        return Err(SandboxError::Options(
            "the sandbox needs at least one account: give --account NAME=DIR".to_owned(),
        ));
    }
    for (place, account) in options.accounts.iter().enumerate() {
        if options.accounts[..place]
            .iter()
            .any(|other| other.name == account.name)
        {
            return Err(SandboxError::Options(format!(
                "two accounts are named {}",
                account.name
            )));
        }
    }
    Ok(())
}

fn start_blocking(options: &Options) -> Result<Sandbox, SandboxError> {
    let mut accounts = Vec::new();
    for (number, account) in options.accounts.iter().enumerate() {
        let opened = Account::open(number, account).map_err(|cause| SandboxError::Folder {
            account: account.name.clone(),
            cause,
        })?;
        accounts.push(Arc::new(opened));
    }
    let listener = TcpListener::bind(options.listen).map_err(|cause| SandboxError::Listen {
        address: options.listen,
        cause,
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let faults = Faults::default();
    for rule in &options.faults {
        faults.add(rule.clone());
    }
    let simulation = Arc::new(Simulation::new(url, accounts, options, faults));
    let (sender, receiver) = mpsc::channel();
    let served = simulation.clone();
    let mut threads = vec![std::thread::spawn(move || serve(served, listener, &sender))];
    for account in &simulation.accounts {
        for work in [watch, hash] {
            let (simulation, account) = (simulation.clone(), account.clone());
            threads.push(std::thread::spawn(move || work(&simulation, &account)));
        }
    }
    let failed = || std::io::Error::other("the server thread ended early");
    let server = receiver.recv().map_err(|_| failed())??;
    Ok(Sandbox {
        simulation,
        server,
        threads,
    })
}

/// Runs the HTTP server on this thread until it is stopped.
fn serve(
    simulation: Arc<Simulation>,
    listener: TcpListener,
    started: &mpsc::Sender<std::io::Result<ServerHandle>>,
) {
    let outcome = actix_web::rt::System::new().block_on(async {
        // Whoever runs us may have chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(std::io::Error::other)?;
        for number in 0..simulation.accounts.len() {
            actix_web::rt::spawn(notify::tell_apps(
                simulation.clone(),
                number,
                client.clone(),
            ));
        }
        actix_web::rt::spawn(notify::challenge_all(simulation.clone(), client.clone()));
        let server = http(simulation, listener)?;
        // If nobody waits for the handle any more, there is nobody to serve either.
        if started.send(Ok(server.handle())).is_err() {
            return Ok(());
        }
        server.await
    });
    if let Err(error) = outcome {
        // A failure after the start reaches nobody this way, hence the log.
        log::error!("sandbox: {error}");
        let _ = started.send(Err(error));
    }
}

fn http(
    simulation: Arc<Simulation>,
    listener: TcpListener,
) -> std::io::Result<actix_web::dev::Server> {
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(simulation.clone()))
            .app_data(web::PayloadConfig::new(1 << 20))
            .configure(oauth::configure)
            .configure(control::configure)
            .route("/2/{name:.*}", web::route().to(dispatch::api))
            .route("/cd/0/get/{name}/file", web::route().to(temporary_link))
            .route("/scl/{kind}/{id}/{name:.*}", web::get().to(sharing::follow))
    })
    .on_connect(|connection, extensions| {
        if let Some(stream) = connection.downcast_ref::<TcpStream>()
            && let Ok(socket) = stream.as_fd().try_clone_to_owned()
        {
            extensions.insert(Connection(socket));
        }
    })
    .workers(workers)
    .keep_alive(Duration::from_secs(60))
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Content behind a temporary link, for whoever has the link.
async fn temporary_link(
    request: HttpRequest,
    name: web::Path<String>,
    simulation: web::Data<Simulation>,
) -> HttpResponse {
    let shared = simulation.clone().into_inner();
    let name = name.into_inner();
    let found = dispatch::block(move || content::follow_link(&shared, &name)).await;
    let (reply, path) = link_reply(&request, &simulation, found);
    let route = "temporary_link";
    let reply = dispatch::finish(&request, &simulation, route, path.as_deref(), reply);
    dispatch::note(&request, &simulation, route, path, None, reply.status);
    dispatch::for_any_page(reply).response()
}

fn link_reply(
    request: &HttpRequest,
    simulation: &Simulation,
    found: Result<(body::Served, String), Refusal>,
) -> (Reply, Option<String>) {
    match found {
        Ok((served, path)) => {
            let struck = dispatch::instead(simulation, "temporary_link", Some(&path), None);
            let reply = struck.unwrap_or_else(|| body::serve(request, served));
            (reply, Some(path))
        }
        Err(refusal) => {
            let struck = dispatch::instead(simulation, "temporary_link", None, None);
            (
                struck.unwrap_or_else(|| refusal.reply("temporary_link")),
                None,
            )
        }
    }
}

/// Looks for changes made by hand, about once a second; less often where that takes long.
fn watch(simulation: &Simulation, account: &Account) {
    let step = Duration::from_millis(100);
    let mut wait = Duration::from_secs(1);
    loop {
        let mut waited = Duration::ZERO;
        while waited < wait {
            if simulation.stopping() {
                return;
            }
            std::thread::sleep(step);
            waited += step;
        }
        match account.scan() {
            Ok(took) => wait = Duration::from_secs(1).max(took * 10),
            Err(error) => log::warn!(
                "sandbox: cannot read the folder of {}: {error}",
                account.name
            ),
        }
    }
}

/// Hashes what was there at the start.
fn hash(simulation: &Simulation, account: &Account) {
    account.hash_everything(&|| simulation.stopping());
}
