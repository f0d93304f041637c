//! By whose clock leases and due times go.

use std::time::Duration;

use longshore::clock::Clock;
use longshore::config::Settings;
use longshore::database::Database;

use crate::support::postgres;

async fn open(url: String) -> (Database, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = Settings::defaults().unwrap().database;
    settings.url = url;
    (Database::open(&settings, dir.path()).await.unwrap(), dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_on_postgres_tell_the_servers_time_whatever_their_own_clocks_say() {
    let (database, _dir) = open(tokio::task::block_in_place(postgres::database)).await;
    let wrong = Clock::reading(|| Clock::system().now() + Duration::from_secs(3600));
    let shared = database.shared_clock(wrong).await.unwrap();
    for _ in 0..3 {
        let told = shared.now_ms();
        let servers = database.now_ms().await.unwrap();
        // Never ahead; behind by no more than the two answers took.
        assert!((0..5_000).contains(&(servers - told)), "{servers} {told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    database.close().await;
}

#[tokio::test]
async fn sqlite_serves_one_machine_and_goes_by_its_clock() {
    let (database, _dir) = open(String::new()).await;
    let (own, hand) = Clock::by_hand();
    let shared = database.shared_clock(own.clone()).await.unwrap();
    hand.advance(Duration::from_secs(3600));
    assert_eq!(shared.now_ms(), own.now_ms());
}
