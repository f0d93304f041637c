//! Figures for Prometheus, on an address of their own that users do not reach.
//!
//! Requests are counted by the pattern of their route, never by path: handles and file names
//! would make a time series each. What a look at the database or the queue tells is asked when
//! somebody reads the figures.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::clock::Clock;
use crate::database::Database;
use crate::figures::{self, CALL_SECONDS, HistogramVec, IntCounterVec, IntGauge};
use crate::picking::Picking;
use crate::webhooks::Webhooks;

/// How long a look at the database or the queue may take: the last figure stands then.
const PATIENCE: Duration = Duration::from_secs(5);

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let labels = ["method", "route", "status"];
    figures::counts(
        "longshore_http_requests_total",
        "Requests answered.",
        &labels,
    )
});
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Seconds until the head of the answer.";
    figures::times(
        "longshore_http_request_seconds",
        help,
        &["route"],
        &CALL_SECONDS,
    )
});
static COPIES: LazyLock<IntGauge> =
    LazyLock::new(|| figures::gauge("longshore_copies_running", "Copies that run on this node."));
static OVERDUE: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Deliveries that are due and not made yet, on all nodes.";
    figures::gauge("longshore_deliveries_overdue", help)
});
static OLDEST: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Seconds since the oldest delivery that is due became due, on all nodes.";
    figures::gauge("longshore_deliveries_oldest_due_seconds", help)
});
static QUEUED: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Endpoints that wait in the queue for their turn or for a time.";
    figures::gauge("longshore_queue_endpoints", help)
});
static LEASED: LazyLock<IntGauge> = LazyLock::new(|| {
    figures::gauge(
        "longshore_queue_leased",
        "Deliveries in flight, by the queue's count.",
    )
});
static WAITING: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Deliveries that wait in the queue, at most queue_capacity.";
    figures::gauge("longshore_queue_waiting", help)
});
static SPILLED: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Endpoints of which the database has more that is due than may wait in the queue.";
    figures::gauge("longshore_queue_spilled", help)
});
static QUEUE_UP: LazyLock<IntGauge> = LazyLock::new(|| {
    figures::gauge(
        "longshore_queue_up",
        "1 while the queue answers and takes work, else 0.",
    )
});
static CONNECTIONS: LazyLock<IntGauge> = LazyLock::new(|| {
    figures::gauge(
        "longshore_database_connections",
        "Connections to the database.",
    )
});
static IDLE: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Connections to the database that nobody uses now.";
    figures::gauge("longshore_database_connections_idle", help)
});

/// What is looked at when somebody reads the figures.
#[derive(Clone)]
pub struct Watched {
    /// The runtime on which it is looked at.
    pub outbound: tokio::runtime::Handle,
    /// What time it is.
    pub clock: Clock,
    /// The catalog's database.
    pub database: Database,
    /// Endpoints and deliveries.
    pub webhooks: Webhooks,
    /// The picks, where this process takes any.
    pub picking: Option<Picking>,
}

/// Counts a request and how long it took.
pub(super) async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let begun = std::time::Instant::now();
    let method = request.method().as_str().to_owned();
    let response = next.call(request).await?;
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or("none");
    // Methods are a client's to invent.
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let method = known.into_iter().find(|known| *known == method);
    let status = response.status();
    REQUESTS
        .with_label_values(&[method.unwrap_or("other"), route, status.as_str()])
        .inc();
    SECONDS
        .with_label_values(&[route])
        .observe(begun.elapsed().as_secs_f64());
    Ok(response)
}

/// Listens for Prometheus on `address`; answers where, and how to stop it.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    watched: Watched,
    address: SocketAddr,
) -> std::io::Result<(SocketAddr, ServerHandle)> {
    let (ready, started) = tokio::sync::oneshot::channel();
    let watched = web::Data::new(watched);
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(watched.clone())
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

async fn tell(watched: web::Data<Watched>) -> HttpResponse {
    let looking = watched.get_ref().clone();
    // With a database or a queue that does not answer the last figures stand; the rest is told.
    let look = async move { tokio::time::timeout(PATIENCE, looking.look()).await };
    drop(watched.outbound.spawn(look).await);
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(figures::text())
}

impl Watched {
    async fn look(&self) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        if let Some(picking) = &self.picking {
            COPIES.set(count(picking.running_copies()));
        }
        let usage = self.database.usage();
        CONNECTIONS.set(i64::from(usage.open));
        IDLE.set(count(usage.idle));
        match self.webhooks.depth().await {
            Ok(depth) => {
                QUEUED.set(count(depth.endpoints));
                LEASED.set(count(depth.leased));
                WAITING.set(count(depth.waiting));
                SPILLED.set(count(depth.spilled));
            }
            Err(error) => log::debug!("the queue's depth is not known: {error}"),
        }
        QUEUE_UP.set(i64::from(self.webhooks.check().await.is_ok()));
        if let Ok(oldest) = self.webhooks.oldest_due().await {
            let age = oldest.map_or(0, |due| (self.clock.now_ms() - due).max(0) / 1000);
            OLDEST.set(age);
        }
        if let Ok(overdue) = self.webhooks.overdue().await {
            OVERDUE.set(overdue);
        }
    }
}
