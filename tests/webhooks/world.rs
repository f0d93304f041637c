//! A small service: a database, a queue, an application, a clock moved by hand.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use longshore::access::audit::Actor;
use longshore::access::{ApplicationId, Applications, MasterKey, NewApplication};
use longshore::clock::{Clock, ClockHand};
use longshore::database::{self, Database};
use longshore::events::{Event, Events, Happening};
use longshore::files::Links;
use longshore::outbound::{self, Outbound};
use longshore::webhooks::{Delivery, Filter, RedisSettings, Settings, Webhooks};

use crate::support::redis::RedisServer;
use crate::support::{postgres, subscriber::Subscriber};

/// What a world stands on.
#[derive(Clone, Copy, Debug)]
pub enum Ground {
    SqliteEmbedded,
    SqliteRedis,
    PostgresRedis,
}

/// Runs a test on every ground.
macro_rules! on_every_ground {
    ($(async fn $name:ident($world:ident: $kind:ty) $body:block)*) => {$(
        mod $name {
            use super::*;
            async fn promise($world: $kind) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite_with_the_embedded_queue() {
                promise(World::on($crate::world::Ground::SqliteEmbedded).await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite_with_redis() {
                promise(World::on($crate::world::Ground::SqliteRedis).await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres_with_redis() {
                promise(World::on($crate::world::Ground::PostgresRedis).await).await;
            }
        }
    )*};
}
pub(crate) use on_every_ground;

pub struct World {
    pub webhooks: Webhooks,
    pub events: Events,
    pub database: Database,
    pub application: ApplicationId,
    pub hand: ClockHand,
    pub clock: Clock,
    pub subscriber: Subscriber,
    pub redis: Option<RedisServer>,
    at: RedisSettings,
    settings: Settings,
    master_key: MasterKey,
    _dir: tempfile::TempDir,
}

pub fn settings() -> Settings {
    toml::from_str(
        "retry_offsets = '5m,1h,12h'\ntimeout = '2s'\nlease_margin = '1s'\n\
         max_in_flight_per_endpoint = 4\nmax_in_flight = 64\ndrain_rate = 1000\n\
         queue_capacity = 100000\nqueue_capacity_per_endpoint = 5000\nreconcile_interval = '30s'\n\
         secret_overlap = '24h'\nresponse_body_limit = '4KiB'\nrequest_body_limit = '256KiB'\n\
         disable_after = '5d'\ndisable_after_failures = 20\nresponse_read_limit = '16KiB'\n\
         redis_prefix = 'test'",
    )
    .unwrap()
}

pub fn outbound_to_loopback() -> Outbound {
    let allowed_private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    Outbound::new(&outbound::Settings {
        allowed_private_networks,
    })
    .unwrap()
}

impl World {
    pub async fn on(ground: Ground) -> Self {
        Self::with(ground, settings()).await
    }

    pub async fn with(ground: Ground, settings: Settings) -> Self {
        let url = match ground {
            Ground::PostgresRedis => tokio::task::block_in_place(postgres::database),
            _ => String::new(),
        };
        let redis = match ground {
            Ground::SqliteEmbedded => None,
            _ => Some(tokio::task::block_in_place(RedisServer::start)),
        };
        let at = redis.as_ref().map(|redis| RedisSettings::at(&redis.url()));
        let at = at.unwrap_or_else(RedisSettings::none);
        Self {
            redis,
            ..Self::over(url, at, settings).await
        }
    }

    /// On SQLite and a queue that is somewhere else.
    pub async fn on_queue(at: RedisSettings) -> Self {
        Self::over(String::new(), at, settings()).await
    }

    /// Another process over the same database.
    pub async fn beside(&self) -> Webhooks {
        let webhooks = Webhooks::new(
            self.settings.clone(),
            &self.at,
            self.database.clone(),
            self.master_key.clone(),
            self.clock.clone(),
            outbound_to_loopback(),
        );
        webhooks.await.unwrap()
    }

    pub async fn over(url: String, at: RedisSettings, settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let delivered = longshore::config::Settings::defaults().unwrap().database;
        let database = database::Settings {
            url,
            max_connections: 6,
            reserved_connections: 2,
            acquire_timeout: Duration::from_secs(10),
            ..delivered
        };
        let database = Database::open(&database, dir.path()).await.unwrap();
        let (clock, hand) = Clock::by_hand();
        let master_key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let applications = Applications::new(database.clone(), master_key.clone(), clock.clone());
        let new = NewApplication {
            name: "App".to_owned(),
            ..NewApplication::default()
        };
        let (application, _) = applications
            .create(new, &Actor::command_line())
            .await
            .unwrap();
        let webhooks = Webhooks::new(
            settings.clone(),
            &at,
            database.clone(),
            master_key.clone(),
            clock.clone(),
            outbound_to_loopback(),
        )
        .await
        .unwrap();
        Self {
            events: events(&clock, &webhooks),
            webhooks,
            application: application.id,
            database,
            hand,
            clock,
            subscriber: Subscriber::start().await,
            redis: None,
            at,
            settings,
            master_key,
            _dir: dir,
        }
    }

    /// A new process over the same database and Redis: nothing else is carried over.
    pub async fn restart(&mut self) {
        self.webhooks = self.beside().await;
        self.events = events(&self.clock, &self.webhooks);
    }

    /// An endpoint for dialogs at this path; answers its number and secret.
    pub async fn endpoint(&self, path: &str) -> (i64, String) {
        let url = self.subscriber.url(path);
        let made = self
            .webhooks
            .create_endpoint(
                self.application,
                &url,
                "fp.dialog",
                "",
                &Actor::command_line(),
            )
            .await;
        let made = made.unwrap().remove(0);
        (made.id, made.secret)
    }

    /// Records and commits so many events.
    pub async fn happen(&self, count: usize) -> Vec<Event> {
        let mut all = Vec::new();
        for n in 0..count {
            let (events, application) = (self.events.clone(), self.application);
            let event = self
                .database
                .write(move |tx| {
                    async move {
                        let what = Happening::Dialog(application, serde_json::json!({ "n": n }));
                        events.record(tx, &what).await
                    }
                    .boxed()
                })
                .await
                .unwrap();
            self.events.committed(std::slice::from_ref(&event));
            all.push(event);
        }
        all
    }

    /// Writes so many deliveries straight into the tables, of one event each, due since an hour.
    pub async fn owe(&self, endpoint: i64, count: i64) {
        let (application, now) = (self.application.0, self.clock.now_ms());
        let dialect = self.database.dialect();
        self.database
            .write(move |tx| {
                async move {
                    // The first id that is free in both tables.
                    let (first,): (i64,) = sqlx::query_as(
                        "SELECT COALESCE(MAX(id), 0) + 1 FROM \
                         (SELECT id FROM events UNION ALL SELECT id FROM deliveries) AS ids",
                    )
                    .fetch_one(&mut *tx)
                    .await?;
                    let series = "WITH RECURSIVE n(id) AS (SELECT CAST($1 AS BIGINT) UNION ALL \
                         SELECT id + 1 FROM n WHERE id + 1 < CAST($1 AS BIGINT) + $2) ";
                    for insert in [
                        "INSERT INTO events (id, application_id, action, text, created_at) \
                         SELECT id, $3, 'fp.dialog', '{}', $5 FROM n WHERE $4 = $4",
                        "INSERT INTO deliveries (id, event_id, endpoint_id, application_id, \
                         next_at, created_at, updated_at) SELECT id, id, $4, $3, $5, $5, $5 FROM n",
                    ] {
                        // SQLite wants WITH before INSERT, PostgreSQL takes it there.
                        sqlx::query(sqlx::AssertSqlSafe(format!("{series}{insert}")))
                            .bind(first)
                            .bind(count)
                            .bind(application)
                            .bind(endpoint)
                            .bind(now - 3_600_000)
                            .execute(&mut *tx)
                            .await?;
                    }
                    if dialect == database::Dialect::Postgres {
                        for table in ["events", "deliveries"] {
                            let next = format!(
                                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) \
                                 FROM {table}"
                            );
                            sqlx::query(sqlx::AssertSqlSafe(next))
                                .execute(&mut *tx)
                                .await?;
                        }
                    }
                    Ok::<_, longshore::database::DatabaseError>(())
                }
                .boxed()
            })
            .await
            .unwrap();
    }

    pub async fn deliver(&self) {
        self.webhooks.deliver_all().await.unwrap();
    }

    pub async fn deliveries(&self) -> Vec<Delivery> {
        let filter = Filter {
            limit: 250,
            ..Filter::default()
        };
        self.webhooks
            .deliveries(self.application, filter)
            .await
            .unwrap()
    }

    pub async fn only_delivery(&self) -> Delivery {
        let mut all = self.deliveries().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Waits until nothing is due, with a worker running.
    pub async fn settled(&self) {
        let began = std::time::Instant::now();
        while self.webhooks.overdue().await.unwrap() > 0 {
            let open = self.webhooks.overdue().await.unwrap();
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{open} are not settled"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn events(clock: &Clock, webhooks: &Webhooks) -> Events {
    let listeners: Vec<Arc<dyn longshore::events::Listener>> = vec![webhooks.listener()];
    Events::new(
        clock.clone(),
        Links::new("http://localhost:8080", None),
        listeners,
    )
}
