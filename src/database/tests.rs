//! What the database promises, tried on SQLite (and on PostgreSQL in `tests/`).

use super::{Database, DatabaseError, Settings, Tx};
use futures_util::FutureExt;

async fn open(dir: &std::path::Path) -> Database {
    Database::open(&Settings::delivered(), dir).await.unwrap()
}

async fn add(tx: &mut Tx, email: &str) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO accounts (email, password_hash, created_at) VALUES ($1, '', 0)")
        .bind(email.to_owned())
        .execute(tx)
        .await?;
    Ok(())
}

async fn count(db: &Database) -> i64 {
    let mut connection = db.read().await.unwrap();
    let (n,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM accounts")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    n
}

#[tokio::test]
async fn a_failed_job_takes_back_only_its_own_work() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).await;
    let jobs = (0..40).map(|n| {
        let db = db.clone();
        async move {
            db.write(move |tx| {
                async move {
                    add(tx, &format!("{n}@example.test")).await?;
                    if n % 2 == 1 {
                        return Err(DatabaseError::Fault("asked to fail".to_owned()));
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
        }
    });
    let results = futures_util::future::join_all(jobs).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 20);
    assert_eq!(count(&db).await, 20);
}

#[tokio::test]
async fn a_panic_in_a_write_is_an_error_and_the_next_write_works() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).await;
    let failed: Result<(), DatabaseError> = db
        .write(|_| async move { panic!("a planted fault") }.boxed())
        .await;
    assert!(failed.is_err());
    db.write(|tx| async move { add(tx, "a@example.test").await }.boxed())
        .await
        .unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_unique_violation_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).await;
    for n in 0..2 {
        let done = db
            .write(|tx| async move { add(tx, "same@example.test").await }.boxed())
            .await;
        assert_eq!(done.is_ok(), n == 0);
        assert!(n == 0 || matches!(done, Err(DatabaseError::Duplicate)));
    }
}

#[tokio::test]
async fn opening_again_keeps_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).await;
    db.write(|tx| async move { add(tx, "a@example.test").await }.boxed())
        .await
        .unwrap();
    db.close().await;
    assert_eq!(count(&open(dir.path()).await).await, 1);
}
