//! The HTTP server: listening, the middleware every request passes, stopping.

use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};

use super::problem::{Problem, Refusal};
use super::{Edge, cors, files, metrics, patience, request_id, routes};

/// A running server.
pub struct Server {
    /// Where it listens; the port is the system's choice when 0 was asked for.
    pub address: SocketAddr,
    handle: ServerHandle,
    thread: std::thread::JoinHandle<()>,
}

impl Server {
    /// Stops listening, lets running requests end within the shutdown timeout, and returns.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        let thread = self.thread;
        drop(tokio::task::spawn_blocking(move || thread.join()).await);
    }
}

/// Listens and serves until stopped, on threads of its own.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn start(edge: web::Data<Edge>) -> std::io::Result<Server> {
    let (ready, started) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match listen(edge) {
                    Ok((address, server)) => {
                        drop(ready.send(Ok((address, server.handle()))));
                        if let Err(error) = server.await {
                            log::error!("the HTTP server ended: {error}");
                        }
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?;
    let (address, handle) = started
        .await
        .map_err(|_| std::io::Error::other("the HTTP server did not start"))??;
    Ok(Server {
        address,
        handle,
        thread,
    })
}

fn listen(edge: web::Data<Edge>) -> std::io::Result<(SocketAddr, actix_web::dev::Server)> {
    let settings = edge.settings.clone();
    let max_body = usize::try_from(settings.max_body.as_u64()).unwrap_or(usize::MAX);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(edge.clone())
            .app_data(json_config(max_body))
            .app_data(web::FormConfig::default().limit(max_body))
            .wrap(from_fn(patience::keep))
            .wrap(Compress::default())
            .wrap(from_fn(files::without_identity))
            .wrap(from_fn(cors::allow))
            .wrap(from_fn(metrics::count))
            .wrap(from_fn(request_id::give))
            .configure(routes)
            .default_service(web::to(nothing_here))
    })
    .client_request_timeout(settings.request_timeout)
    .keep_alive(settings.keep_alive)
    .shutdown_timeout(settings.shutdown_timeout.as_secs())
    // The program stops the server itself, after it has made /readyz false.
    .disable_signals();
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let server = server.workers(workers).bind(settings.listen)?;
    let address = server.addrs().first().copied().unwrap_or(settings.listen);
    Ok((address, server.run()))
}

/// JSON as the SDKs send it: whatever the content type says, unknown members tolerated.
fn json_config(limit: usize) -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(limit)
        .content_type_required(false)
        .content_type(|_| true)
        .error_handler(move |error, _| {
            use actix_web::error::JsonPayloadError::{Overflow, OverflowKnownLength};
            let problem = match &error {
                Overflow { .. } | OverflowKnownLength { .. } => Problem::new(
                    actix_web::http::StatusCode::PAYLOAD_TOO_LARGE,
                    "body-too-large",
                    format!("the request body is larger than {limit} bytes"),
                ),
                other => Problem::bad_request(format!("the request body is not valid: {other}")),
            };
            Refusal(problem).into()
        })
}

async fn nothing_here() -> Result<(), Refusal> {
    Err(Refusal(Problem::not_found("there is no such route")))
}
