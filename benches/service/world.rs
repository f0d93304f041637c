//! The rooms that deliver, put together in this process as the service puts them together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use longshore::access::audit::Actor;
use longshore::access::{ApplicationId, Applications, MasterKey, NewApplication};
use longshore::clock::Clock;
use longshore::config::Settings;
use longshore::database::{Database, DatabaseError};
use longshore::events::{Event, Events, Happening, Listener};
use longshore::files::{Handle, Kind, Links, StoredFile};
use longshore::outbound::Outbound;
use longshore::webhooks::{Running, Webhooks};

use crate::machine::cpu_seconds;
use crate::servers::Postgres;
use crate::subscriber::Subscriber;
use crate::support::redis::RedisServer;

/// Retries of each endpoint written in one statement.
const RETRIES_AT_ONCE: usize = 50;

/// What the queue and the record are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    PostgresRedis,
    Embedded,
}

/// Events, webhooks and a subscriber.
pub struct World {
    pub webhooks: Webhooks,
    pub subscriber: Subscriber,
    events: Events,
    database: Database,
    applications: Applications,
    clock: Clock,
    running: Option<Running>,
    postgres: Option<Postgres>,
    redis: Option<RedisServer>,
    _dir: tempfile::TempDir,
}

impl World {
    /// Starts everything, with the settings that the service has by default.
    pub async fn on(ground: Ground, place: &std::path::Path) -> anyhow::Result<Self> {
        Self::with(ground, place, &[]).await
    }

    /// The same, with some settings of its own.
    pub async fn with(
        ground: Ground,
        place: &std::path::Path,
        further: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir_in(place)?;
        let (postgres, redis) = match ground {
            Ground::PostgresRedis => (Some(Postgres::start()?), Some(RedisServer::start())),
            Ground::Embedded => (None, None),
        };
        let mut variables = vec![(
            "LONGSHORE_ALLOWED_PRIVATE_NETWORKS",
            "127.0.0.0/8".to_owned(),
        )];
        variables.extend(
            postgres
                .as_ref()
                .map(|it| ("LONGSHORE_DATABASE_URL", it.url())),
        );
        variables.extend(redis.as_ref().map(|it| ("LONGSHORE_REDIS_URL", it.url())));
        variables.push(("LONGSHORE_MASTER_KEY", MasterKey::generate()));
        variables.extend(
            further
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::load(None, variables).map_err(|faults| anyhow!("{faults:?}"))?;
        let database = Database::open(&settings.database, dir.path()).await?;
        let clock = Clock::system();
        let key = MasterKey::parse(&settings.server.master_key)?;
        let applications = Applications::new(database.clone(), key.clone(), clock.clone());
        let webhooks = Webhooks::new(
            settings.webhook.clone(),
            &settings.redis,
            database.clone(),
            key,
            clock.clone(),
            Outbound::new(&settings.outbound)?,
        )
        .await?;
        let listeners: Vec<Arc<dyn Listener>> = vec![webhooks.listener()];
        let links = Links::new("http://localhost:8080", None);
        Ok(Self {
            events: Events::new(clock.clone(), links, listeners),
            running: Some(webhooks.start()),
            subscriber: Subscriber::start()?,
            webhooks,
            database,
            applications,
            clock,
            postgres,
            redis,
            _dir: dir,
        })
    }

    /// A new application with one endpoint that hears of its uploads at this path.
    pub async fn endpoint(&self, path: &str) -> anyhow::Result<ApplicationId> {
        let new = NewApplication {
            name: path.to_owned(),
            ..NewApplication::default()
        };
        let (application, _) = self
            .applications
            .create(new, &Actor::command_line())
            .await?;
        let url = self.subscriber.url(path);
        self.webhooks
            .create_endpoint(
                application.id,
                &url,
                "fp.upload",
                "",
                &Actor::command_line(),
            )
            .await?;
        Ok(application.id)
    }

    /// Records the upload of a file for each of these applications, in one commit; answers the
    /// events and when they were durable.
    pub async fn happen(&self, to: Vec<ApplicationId>) -> anyhow::Result<(Vec<Event>, i64)> {
        let events = self.events.clone();
        let files: Vec<StoredFile> = to.into_iter().map(|id| self.file(id)).collect();
        let write = self.database.write(move |tx| {
            async move {
                let mut recorded = Vec::with_capacity(files.len());
                for file in files {
                    recorded.push(events.record(tx, &Happening::Upload(file)).await?);
                }
                Ok::<_, DatabaseError>(recorded)
            }
            .boxed()
        });
        let recorded = write.await?;
        let at = crate::subscriber::now_us();
        self.events.committed(&recorded);
        Ok((recorded, at))
    }

    fn file(&self, application_id: ApplicationId) -> StoredFile {
        let now = self.clock.now();
        let handle = Handle::generate();
        StoredFile {
            storage_key: format!("{handle}_Harbor at dawn.jpg"),
            handle,
            application_id,
            kind: Kind::Stored,
            provider: "internal".to_owned(),
            client: "Dropbox".to_owned(),
            container: String::new(),
            storage_path: String::new(),
            access: "private".to_owned(),
            filename: "Harbor at dawn.jpg".to_owned(),
            mimetype: "image/jpeg".to_owned(),
            size: 4_200_000,
            content_hash: String::new(),
            width: None,
            height: None,
            exif: None,
            upload_tags: serde_json::json!({}),
            connection_id: None,
            source_path: "/Photos/Harbor at dawn.jpg".to_owned(),
            source_id: String::new(),
            source_rev: String::new(),
            version: 1,
            created_at: now,
            modified_at: now,
        }
    }

    /// Waits until the subscriber has so many deliveries and all of them are written down.
    pub async fn settled(&self, count: u64, most: Duration) -> anyhow::Result<()> {
        let waiting = async {
            while self.subscriber.count().await? < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            while self.webhooks.overdue().await? > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(most, waiting).await;
        ended.with_context(|| format!("{count} deliveries took longer than {most:?}"))?
    }

    /// Processor seconds so far: this process, PostgreSQL, Redis.
    pub fn cpu(&self) -> anyhow::Result<[f64; 3]> {
        let own = cpu_seconds_of_this_process();
        let postgres = self
            .postgres
            .as_ref()
            .map_or(0.0, |it| cpu_seconds(it.pid()));
        let redis = match &self.redis {
            Some(redis) => {
                let said = redis.command(&["INFO", "server"]);
                let line = said
                    .lines()
                    .find_map(|line| line.strip_prefix("process_id:"));
                cpu_seconds(line.context("Redis tells no number")?.trim().parse()?)
            }
            None => 0.0,
        };
        Ok([own, postgres, redis])
    }

    /// Writes retries straight into the record, so many for each endpoint, due in 5 to 14 minutes.
    pub async fn owe_retries(&self, each: u64) -> anyhow::Result<()> {
        let now = self.clock.now_ms();
        let run = |sql: &'static str, from: u64, to: u64| {
            self.database.write(move |tx| {
                async move {
                    sqlx::query(sql)
                        .bind(now)
                        .bind(i64::try_from(from).unwrap_or(0))
                        .bind(i64::try_from(to).unwrap_or(0))
                        .execute(tx)
                        .await?;
                    Ok::<_, DatabaseError>(())
                }
                .boxed()
            })
        };
        run(
            "INSERT INTO events (application_id, action, text, created_at) \
             SELECT application_id, 'fp.upload', '{}', $1 FROM endpoints WHERE $2 <= $3",
            0,
            1,
        )
        .await?;
        // A bounded number in a statement: the database holds statements to a time.
        for from in (1..=each).step_by(RETRIES_AT_ONCE) {
            let to = each.min(from + RETRIES_AT_ONCE as u64 - 1);
            run(
                "INSERT INTO deliveries (event_id, endpoint_id, application_id, attempts, \
                 first_at, next_at, created_at, updated_at) \
                 SELECT e.id, p.id, p.application_id, 1, $1, \
                 $1 + 300000 + (n * 7919 + p.id * 104729) % 540000, $1, $1 \
                 FROM endpoints p JOIN events e ON e.application_id = p.application_id \
                 CROSS JOIN generate_series($2, $3) AS n",
                from,
                to,
            )
            .await?;
        }
        Ok(())
    }

    /// Bytes that Redis uses.
    pub fn redis_memory(&self) -> anyhow::Result<u64> {
        let redis = self.redis.as_ref().context("there is no Redis")?;
        let said = redis.command(&["INFO", "memory"]);
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("Redis tells no number")?.trim().parse()?)
    }

    /// Where Redis is.
    pub fn redis_url(&self) -> anyhow::Result<String> {
        Ok(self.redis.as_ref().context("there is no Redis")?.url())
    }

    /// Stops delivering.
    pub async fn stop_delivering(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(Duration::from_secs(1)).await;
        }
    }

    /// Stops everything in order.
    pub async fn end(mut self) {
        self.stop_delivering().await;
        self.database.close().await;
    }
}

/// Without its children: the servers are counted apart and the subscriber not at all.
fn cpu_seconds_of_this_process() -> f64 {
    let fields = crate::machine::stat(std::process::id()).unwrap_or_default();
    let ticks = (11..13).filter_map(|at| fields.get(at)?.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 / 100.0
}
