//! Figures for Prometheus, on an address of their own that users do not reach.
//!
//! Requests are counted by the pattern of their route, never by path: handles and file names
//! would make a time series each.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use super::Edge;

/// The figures of this process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    copies: IntGauge,
    overdue: IntGauge,
}

impl Metrics {
    /// Figures that begin at zero.
    ///
    /// # Errors
    /// Never in practice: names are fixed and registered once.
    pub fn new() -> Result<Self, prometheus::Error> {
        let requests = Opts::new("longshore_http_requests_total", "Requests answered.");
        let seconds = HistogramOpts::new(
            "longshore_http_request_seconds",
            "Seconds until the head of the answer.",
        );
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["method", "route", "status"])?,
            seconds: HistogramVec::new(seconds, &["route"])?,
            copies: IntGauge::new("longshore_copies_running", "Copies that run on this node.")?,
            overdue: IntGauge::new(
                "longshore_deliveries_overdue",
                "Deliveries that are due and not made yet, on all nodes.",
            )?,
        };
        metrics
            .registry
            .register(Box::new(metrics.requests.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.seconds.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.copies.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.overdue.clone()))?;
        Ok(metrics)
    }
}

/// Counts a request and how long it took.
pub(super) async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let begun = std::time::Instant::now();
    let edge = request.app_data::<web::Data<Edge>>().cloned();
    let method = request.method().as_str().to_owned();
    let response = next.call(request).await?;
    if let Some(edge) = edge {
        let pattern = response.request().match_pattern();
        let route = pattern.as_deref().unwrap_or("none");
        let status = response.status();
        let metrics = &edge.metrics;
        metrics
            .requests
            .with_label_values(&[&method, route, status.as_str()])
            .inc();
        metrics
            .seconds
            .with_label_values(&[route])
            .observe(begun.elapsed().as_secs_f64());
    }
    Ok(response)
}

/// Listens for Prometheus on `address`; answers where, and how to stop it.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    edge: web::Data<Edge>,
    address: SocketAddr,
) -> std::io::Result<(SocketAddr, ServerHandle)> {
    let (ready, started) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(edge.clone())
                        .route("/metrics", web::get().to(tell))
                };
                match HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .bind(address)
                {
                    Ok(server) => {
                        let address = server.addrs().first().copied().unwrap_or(address);
                        let server = server.run();
                        drop(ready.send(Ok((address, server.handle()))));
                        if let Err(error) = server.await {
                            log::error!("the metrics server ended: {error}");
                        }
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?;
    started
        .await
        .map_err(|_| std::io::Error::other("the metrics server did not start"))?
}

async fn tell(edge: web::Data<Edge>) -> HttpResponse {
    let webhooks = edge.webhooks.clone();
    // With a database that does not answer the last figure stands; the rest is still told.
    if let Ok(overdue) = edge.run(async move { webhooks.overdue().await }).await {
        edge.metrics.overdue.set(overdue);
    }
    edge.metrics
        .copies
        .set(i64::try_from(edge.picking.running_copies()).unwrap_or(i64::MAX));
    let mut text = Vec::new();
    match TextEncoder::new().encode(&edge.metrics.registry.gather(), &mut text) {
        Ok(()) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(error) => {
            log::error!("the figures cannot be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}
