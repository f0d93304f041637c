//! How soon a delivery follows its event, alone and beside endpoints that misbehave.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use longshore::access::ApplicationId;

use crate::figures::{percentile, setting};
use crate::report::Part;
use crate::world::{Ground, World};

const HOW: &str = "One event every 10 ms, each in a commit of its own, timed from the moment its \
commit has returned to the moment the subscriber has the whole request. Beside a misbehaving \
endpoint, 20 events a second are owed to that one: it takes requests and never answers, or answers \
a byte every 200 ms; from the first of them on, every delivery of the neighbor counts.";
/// A second, in steps of an event.
const STEP: Duration = Duration::from_millis(10);

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let seconds = setting("BENCH_SECONDS", 30);
    let mut part = Part::new("Webhooks: latency", HOW);
    let alone = times(Ground::PostgresRedis, place, None, seconds).await?;
    let (half, most) = (percentile(&alone, 0.5), percentile(&alone, 0.99));
    let what = "commit to request at 100 a second, PostgreSQL and Redis";
    part.judge(
        &format!("{what}: p50"),
        format!("{half:.2} ms"),
        "under 1 ms",
        half < 1.0,
    );
    part.judge(
        &format!("{what}: p99"),
        format!("{most:.2} ms"),
        "under 6 ms",
        most < 6.0,
    );
    let embedded = times(Ground::Embedded, place, None, seconds).await?;
    part.tell("the same, everything embedded", both(&embedded));
    for (path, does) in [("/hang", "hangs"), ("/trickle", "trickles its answer")] {
        let beside = times(Ground::PostgresRedis, place, Some(path), seconds).await?;
        let most = percentile(&beside, 0.99);
        part.judge(
            &format!("beside an endpoint that {does}: p99"),
            format!("{most:.2} ms"),
            "under 50 ms",
            most < 50.0,
        );
    }
    Ok(part)
}

fn both(times: &[f64]) -> String {
    let (half, most) = (percentile(times, 0.5), percentile(times, 0.99));
    format!("p50 {half:.2} ms, p99 {most:.2} ms")
}

/// Milliseconds from commit to request, of every event of a well-behaved endpoint.
async fn times(
    ground: Ground,
    place: &Path,
    beside: Option<&str>,
    seconds: u64,
) -> anyhow::Result<Vec<f64>> {
    let world = World::on(ground, place).await?;
    let well = world.endpoint("/ok/neighbor").await?;
    // The first connection and the first statements are everybody's.
    every_step(&world, well, None, 1).await?;
    let misbehaving = match beside {
        Some(path) => Some(world.endpoint(path).await?),
        None => None,
    };
    let committed = every_step(&world, well, misbehaving, seconds).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arrived: HashMap<i64, i64> = world.subscriber.arrivals().await?.into_iter().collect();
    let times: Vec<f64> = committed
        .iter()
        .filter_map(|(event, at)| Some((arrived.get(event)? - at) as f64 / 1000.0))
        .collect();
    ensure!(
        times.len() == committed.len(),
        "{} of {} events arrived",
        times.len(),
        committed.len()
    );
    world.end().await;
    Ok(times)
}

/// Records an event each step, and each fifth time one for `beside`; answers when each was
/// durable.
async fn every_step(
    world: &World,
    well: ApplicationId,
    beside: Option<ApplicationId>,
    seconds: u64,
) -> anyhow::Result<Vec<(i64, i64)>> {
    let mut ticks = tokio::time::interval(STEP);
    let mut committed = Vec::new();
    for number in 0..seconds * 100 {
        ticks.tick().await;
        if let Some(beside) = beside
            && number % 5 == 0
        {
            world.happen(vec![beside]).await?;
        }
        let (events, at) = world.happen(vec![well]).await?;
        committed.extend(events.iter().map(|event| (event.id, at)));
    }
    Ok(committed)
}
