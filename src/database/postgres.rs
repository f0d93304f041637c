//! PostgreSQL's connections: how many, for how long, and what the server ends by itself.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;

use super::{DatabaseError, Dialect, Settings, migrate};

/// A connection that nobody has used for this long is tried before it is handed out: the server
/// may have been restarted, or a firewall have forgotten it.
const TRIED_AFTER: Duration = Duration::from_millis(500);
/// How long it may take to answer then. A server that vanished says nothing at all.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// Questions without an answer after which the server gives a silent client up.
const KEEPALIVE_QUESTIONS: u32 = 3;

/// The pools of one process.
pub(super) struct Pools {
    /// For everything that somebody waits for.
    pub shared: AnyPool,
    /// For deliveries and the look whether all is well; the same one where none is reserved.
    pub reserved: AnyPool,
}

/// Brings the tables up to date and opens the pools.
pub(super) async fn open(url: &str, settings: &Settings) -> Result<Pools, DatabaseError> {
    settings.check()?;
    // On a connection of its own: it may wait for another node's migration and build an index
    // for longer than any request may take.
    let migrating = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .connect(url)
        .await?;
    let migrated = migrate::run(&migrating, Dialect::Postgres).await;
    migrating.close().await;
    migrated?;
    let left = settings.max_connections - settings.reserved_connections;
    let shared = pool(settings, left, settings.min_connections);
    let shared = shared.connect(url).await?;
    let reserved = match settings.reserved_connections {
        0 => shared.clone(),
        // Opened at the first use: a program that only adds a row needs none.
        most => pool(settings, most, 0).connect_lazy(url)?,
    };
    Ok(Pools { shared, reserved })
}

fn pool(settings: &Settings, most: u32, least: u32) -> AnyPoolOptions {
    let limits: Arc<str> = limits(settings).into();
    AnyPoolOptions::new()
        .max_connections(most)
        .min_connections(least)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(unless_zero(settings.idle_timeout))
        .max_lifetime(unless_zero(settings.max_lifetime))
        .test_before_acquire(false)
        .before_acquire(|connection, is| {
            Box::pin(async move {
                if is.idle_for < TRIED_AFTER {
                    return Ok(true);
                }
                // One that does not answer, be it with silence, is closed, and the next is tried.
                let tried = sqlx::Connection::ping(connection);
                let answered = tokio::time::timeout(ANSWERS_WITHIN, tried).await;
                Ok(matches!(answered, Ok(Ok(()))))
            })
        })
        .after_connect(move |connection, _| {
            let limits = limits.to_string();
            Box::pin(async move {
                sqlx::query(sqlx::AssertSqlSafe(limits))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
}

fn unless_zero(time: Duration) -> Option<Duration> {
    Some(time).filter(|time| !time.is_zero())
}

/// The statement that tells the server which limits hold for a connection.
fn limits(settings: &Settings) -> String {
    let mut sql = "SELECT set_config('application_name', 'longshore', false)".to_owned();
    let mut set = |name: &str, value: u128, unit: &str| {
        let value = value.min(i32::MAX.unsigned_abs().into());
        sql.push_str(&format!(", set_config('{name}', '{value}{unit}', false)"));
    };
    for (name, limit) in [
        ("statement_timeout", settings.statement_timeout),
        ("lock_timeout", settings.lock_timeout),
        (
            "idle_in_transaction_session_timeout",
            settings.idle_in_transaction_timeout,
        ),
    ] {
        set(name, limit.as_millis(), "ms");
    }
    let silence = u128::from(settings.keepalive.as_secs());
    if silence > 0 {
        let questions = u128::from(KEEPALIVE_QUESTIONS);
        set("tcp_keepalives_idle", silence, "s");
        set("tcp_keepalives_interval", (silence / questions).max(1), "s");
        set("tcp_keepalives_count", questions, "");
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_zero_are_told_as_none_and_no_keepalive_is_the_servers() {
        let mut settings = Settings::delivered();
        settings.statement_timeout = Duration::from_millis(1500);
        settings.lock_timeout = Duration::ZERO;
        settings.keepalive = Duration::ZERO;
        let sql = limits(&settings);
        assert!(sql.contains("'statement_timeout', '1500ms'"), "{sql}");
        assert!(sql.contains("'lock_timeout', '0ms'"), "{sql}");
        assert!(!sql.contains("keepalives"), "{sql}");
    }
}
