//! A client that hangs up: its pick was written down, so it ends as a file all the same.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::processes::eventually;
use crate::scene::{MIB, Scene, bytes, insist};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pick_whose_client_went_away_ends_as_a_file() {
    let scene = Scene::start(&[]).await;
    let content = bytes(11, 20 * MIB);
    scene.dropbox.add("left", &content);
    let slow = json!({ "route": "files/download", "kind": "slow", "bytes_per_second": 16 * MIB });
    scene.dropbox.fault(slow).await;
    let body = json!({
        "apikey": scene.person.application.apikey,
        "token": scene.person.token,
        "clouds": { "dropbox": { "path": "/left" } },
    })
    .to_string();
    let mut hung_up = std::net::TcpStream::connect(&scene.service.url["http://".len()..]).unwrap();
    write!(
        hung_up,
        "POST /store/ HTTP/1.1\r\nhost: x\r\nidempotency-key: left\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    eventually("a draft", Duration::from_secs(20), async || {
        !scene.drafts().is_empty()
    })
    .await;
    drop(hung_up);
    let tally = scene.agrees().await;
    assert_eq!((tally.files, tally.requests), (1, 1));
    // Whoever comes back under the same key finds it.
    let picked = insist(&scene.person, "/left", "left").await;
    scene.reads(&picked, &content).await;
    assert_eq!(scene.agrees().await.files, 1);
}
