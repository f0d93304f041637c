//! What a service takes that does nothing: memory, and the time until it is ready.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::figures::{median, mib, setting};
use crate::report::Part;
use crate::support::processes::{Service, free_port};

const HOW: &str = "A service with everything embedded. Ready is when `/readyz` answers 200, \
counted from the start of the process; the first start also makes the database and the master key. \
Memory is resident memory, five seconds after the start and after one request more.";

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let rounds = setting("BENCH_ROUNDS", 5);
    let mut part = Part::new("Idle", HOW);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    // Nobody listens there; it is asked only when somebody picks.
    let dropbox = format!("http://127.0.0.1:{}", free_port());
    for _ in 0..rounds {
        let dir = tempfile::tempdir_in(place)?;
        let begun = Instant::now();
        let mut service = Service::start(dir.path(), &dropbox, &[]);
        ready(&service)?;
        first.push(begun.elapsed().as_secs_f64() * 1000.0);
        service.running.terminate();
        let begun = Instant::now();
        service.restart();
        ready(&service)?;
        again.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    part.judge(
        "start to ready, data folder there",
        format!("{:.0} ms", median(&again)),
        "under 300 ms",
        median(&again) < 300.0,
    );
    part.judge(
        "start to ready, very first start",
        format!("{:.0} ms", median(&first)),
        "under 300 ms",
        median(&first) < 300.0,
    );

    let dir = tempfile::tempdir_in(place)?;
    let service = Service::start(dir.path(), &dropbox, &[]);
    let person = service.application().stranger();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (idle, _) = service.running.memory();
    person.list("/", None).await;
    let (used, _) = service.running.memory();
    part.judge(
        "resident memory, idle",
        format!("{:.1} MiB", mib(idle)),
        "under 40 MiB",
        mib(idle) < 40.0,
    );
    part.judge(
        "resident memory, after one request",
        format!("{:.1} MiB", mib(used)),
        "under 40 MiB",
        mib(used) < 40.0,
    );
    Ok(part)
}

/// Asks until it is ready.
fn ready(service: &Service) -> anyhow::Result<()> {
    let address = service.url.trim_start_matches("http://");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        if let Ok(mut stream) = TcpStream::connect(address) {
            let request =
                format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    ensure!(false, "it is not ready after 10 s");
    Ok(())
}
