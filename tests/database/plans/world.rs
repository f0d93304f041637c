//! The service on a database of a million rows, and those around it.

use regex::Regex;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::own_postgres::OwnPostgres;
use crate::processes::{Dropbox, Person, Service, http};
use crate::support::subscriber::{Answer, Subscriber};

const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The server writes down how it carried out each statement.
const SERVER: [&str; 10] = [
    "shared_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
    "auto_explain.log_format=json",
    "auto_explain.log_nested_statements=on",
    "log_line_prefix=@@%a@",
    "autovacuum=off",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
];
/// Everything that the service does from time to time, it does now.
const QUICK: [(&str, &str); 12] = [
    ("LONGSHORE_SHUTDOWN_TIMEOUT", "1s"),
    ("LONGSHORE_PICKING_LEASE", "1s"),
    ("LONGSHORE_PICKING_SWEEP_INTERVAL", "1s"),
    ("LONGSHORE_WEBHOOK_RETRY_OFFSETS", "300ms"),
    ("LONGSHORE_WEBHOOK_RECONCILE_INTERVAL", "1s"),
    ("LONGSHORE_RETENTION_EVENTS", "98d"),
    ("LONGSHORE_RETENTION_RESPONSE_BODIES", "97d"),
    ("LONGSHORE_RETENTION_PICKS", "98d"),
    ("LONGSHORE_RETENTION_DELETED_FILES", "96d"),
    ("LONGSHORE_RETENTION_CONNECTIONS", "60d"),
    ("LONGSHORE_RETENTION_INTERVAL", "1s"),
    ("LONGSHORE_RETENTION_PAUSE", "0s"),
];

/// The service on a database of a million rows, and those around it.
pub struct World {
    pub postgres: OwnPostgres,
    pub dropbox: Dropbox,
    pub service: Service,
    pub subscriber: Subscriber,
    pub person: Person,
    pub endpoints: Vec<i64>,
    pub token: String,
    /// How long the server's log was once the tables were full.
    pub filled_at: usize,
    pub _dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        for name in ["a.txt", "b.txt", "slow.bin"] {
            dropbox.add(
                name,
                &vec![b'x'; if name == "slow.bin" { 9_000_000 } else { 1000 }],
            );
        }
        let postgres = OwnPostgres::start_with(&SERVER);
        let url = postgres.url();
        let metrics = format!("127.0.0.1:{}", crate::processes::free_port());
        let addresses = [
            ("LONGSHORE_DATABASE_URL", url.as_str()),
            ("LONGSHORE_MASTER_KEY", MASTER_KEY),
            ("LONGSHORE_METRICS_LISTEN", metrics.as_str()),
        ];
        let mut service = Service::start(
            dir.path(),
            &dropbox.url,
            &[&addresses[..], &QUICK[..]].concat(),
        );
        let application = service.application();
        let person = application.person().await;
        let made = service.run(&["token", "create", "--json"]);
        let token = made["token"].as_str().unwrap().to_owned();
        let subscriber = Subscriber::start().await;
        let mut world = Self {
            endpoints: Vec::new(),
            postgres,
            dropbox,
            subscriber,
            person,
            token,
            filled_at: 0,
            _dir: dir,
            service: {
                service.running.terminate();
                service.restart();
                service
            },
        };
        for path in ["/well", "/failing", "/gone", "/off"] {
            let url = world.subscriber.url(path);
            let made = world
                .ask("POST", "/endpoints", Some(json!({ "url": url })))
                .await;
            let id = made["items"][0]["id"].as_i64().unwrap();
            world.endpoints.push(id);
        }
        world.subscriber.answer("/failing", Answer::Status(500));
        world.subscriber.answer("/gone", Answer::Status(410));
        world.service.running.terminate();
        world.fill().await;
        world.filled_at = std::fs::read(world.postgres.log()).unwrap().len();
        world.service.restart();
        world
    }

    pub async fn fill(&self) {
        let endpoints = format!("ARRAY{:?}", self.endpoints);
        let now = longshore::clock::Clock::system().now_ms().to_string();
        let sql = include_str!("fill.sql")
            .replace(":endpoints", &endpoints)
            .replace(":app", "1")
            .replace(":now", &format!("{now}::bigint"));
        let options: PgConnectOptions = self.postgres.url().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let quiet = "SET auto_explain.log_min_duration = -1; SET synchronous_commit = off;";
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{quiet}{sql}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// Asks the management API about the application; it must not fail.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let apikey = &self.person.application.apikey;
        let url = format!("{}/api/v1/applications/{apikey}{path}", self.service.url);
        self.ask_at(method, &url, body).await
    }

    pub async fn ask_at(&self, method: &str, url: &str, body: Option<Value>) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = http().request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The plan for any values of a statement that was not carried out.
    pub async fn explain(&self, sql: &str) -> Result<Value, sqlx::Error> {
        let options: PgConnectOptions = self.postgres.url().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let last = Regex::new(r"\$(\d+)").unwrap();
        let values = last
            .captures_iter(sql)
            .map(|found| found[1].parse::<usize>().unwrap());
        let values = vec!["NULL"; values.max().unwrap_or(0)].join(", ");
        let values = if values.is_empty() {
            values
        } else {
            format!("({values})")
        };
        let any = "SET plan_cache_mode = force_generic_plan";
        let prepare = format!("{any}; PREPARE one AS {sql}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare))
            .execute(&mut connection)
            .await?;
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE one{values}");
        let row = sqlx::raw_sql(sqlx::AssertSqlSafe(explain))
            .fetch_one(&mut connection)
            .await?;
        let plan: Value = row.try_get(0)?;
        Ok(plan[0]["Plan"].clone())
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        self.postgres.rows(sql).await[0].get(0)
    }
}
