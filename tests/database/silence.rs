//! A server that vanishes without a word, as one whose machine loses power: what was open stays
//! open and says nothing; whoever comes anew finds another server under the same address.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore::config::Settings;
use longshore::database::Database;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::own_postgres::OwnPostgres;
use crate::processes::free_port;

/// Passes connections on; those that are open when it is told so fall silent for good.
struct Passage {
    port: u16,
    silenced: watch::Sender<u32>,
}

impl Passage {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silenced = watch::Sender::new(0);
        let passage = Self {
            port: listener.local_addr().unwrap().port(),
            silenced: silenced.clone(),
        };
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut told = silenced.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        // Both stay open: nobody is told anything.
                        _ = told.changed() => std::future::pending::<()>().await,
                    }
                });
            }
        });
        passage
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fell_silent_are_replaced_before_anybody_is_refused() {
    let port = free_port();
    let server = tokio::task::block_in_place(|| {
        let settings = ["listen_addresses=127.0.0.1", &format!("port={port}")];
        OwnPostgres::start_with(&settings)
    });
    let passage = Passage::to(port).await;
    let mut settings = Settings::defaults().unwrap().database;
    settings.url = format!("postgres://postgres@127.0.0.1:{}/postgres", passage.port);
    settings.max_connections = 4;
    settings.reserved_connections = 1;
    settings.acquire_timeout = Duration::from_secs(20);
    let database = Database::open(&settings, std::path::Path::new("")).await;
    let database = database.unwrap();
    // All of them are open, and then unused for a while.
    let held = join_all((0..3).map(|_| database.read())).await;
    assert!(held.iter().all(Result::is_ok));
    drop(held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    passage.silenced.send_modify(|times| *times += 1);
    let begun = Instant::now();
    let checks = join_all((0..6).map(|_| database.check())).await;
    assert!(checks.iter().all(Result::is_ok), "{checks:?}");
    println!("asked again after {:?}", begun.elapsed());
    drop(server);
}
