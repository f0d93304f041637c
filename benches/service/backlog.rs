//! What a million pending retries cost, and what one endpoint that hangs costs ten thousand others.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use longshore::access::ApplicationId;
use longshore::webhooks::RedisSettings;
use longshore::webhooks::queue::{Ack, DeliveryQueue as _, Due, Limits, Redis, Want};

use crate::figures::{percentile, setting};
use crate::report::Part;
use crate::world::{Ground, World};

const HOW: &str = "Retries are written straight into PostgreSQL, a thousand for each of a thousand \
endpoints, due in 5 to 14 minutes; the queue has brought what it may hold when its depth stands \
still. Then fresh deliveries of 100 further endpoints are put in, claimed and acknowledged, 64 at a \
time; beside it the same with one retry for each endpoint. For the hanging endpoint 200 events a \
second are told to 10,000 endpoints in turn, each in a commit of its own, timed from the moment its \
commit has returned to the moment the subscriber has the whole request; beside it 20 events a \
second are owed to an endpoint that takes requests and never answers.";
const AT_ONCE: i64 = 64;

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let mut part = Part::new("Webhooks: a backlog, and many endpoints", HOW);
    let endpoints = setting("BENCH_BACKLOG_ENDPOINTS", 1000);
    let each = setting("BENCH_BACKLOG_EACH", 1000);
    let few = backlog(place, endpoints, 1).await?;
    let many = backlog(place, endpoints, each).await?;
    let (owed, held) = (endpoints * each, many.held);
    part.tell(
        &format!("of {owed} pending retries Redis holds"),
        format!("{held}, in {:.1} MiB", many.bytes as f64 / 1048576.0),
    );
    let bytes = many.bytes as f64 / held.max(1) as f64;
    part.judge(
        "bytes of Redis for each delivery that it holds",
        format!("{bytes:.0}"),
        "at most 120",
        bytes <= 120.0,
    );
    for (what, many, few) in [
        ("put in", many.added, few.added),
        ("claimed and acknowledged", many.claimed, few.claimed),
    ] {
        part.judge(
            &format!("{what} per second, beside {owed} pending"),
            format!(
                "{many:.0} ({:.2} × as beside {endpoints}: {few:.0})",
                many / few
            ),
            "at least 0.8 ×",
            many >= 0.8 * few,
        );
    }
    hanging(&mut part, place).await?;
    Ok(part)
}

struct Backlog {
    held: u64,
    bytes: u64,
    /// Deliveries per second.
    added: f64,
    claimed: f64,
}

async fn backlog(place: &Path, endpoints: u64, each: u64) -> anyhow::Result<Backlog> {
    let often = [("LONGSHORE_WEBHOOK_RECONCILE_INTERVAL", "1s")];
    let mut world = World::with(Ground::PostgresRedis, place, &often).await?;
    make(&world, endpoints).await?;
    // The first look at an empty record makes the generation.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = world.redis_memory()?;
    world.owe_retries(each).await?;
    let held = settled_depth(&world).await?;
    let bytes = world.redis_memory()?.saturating_sub(before);
    world.stop_delivering().await;
    let (added, claimed) = rates(&world.redis_url()?).await?;
    world.end().await;
    Ok(Backlog {
        held,
        bytes,
        added,
        claimed,
    })
}

async fn make(world: &World, count: u64) -> anyhow::Result<Vec<ApplicationId>> {
    let made = futures_util::stream::iter(0..count).map(async |n| {
        let path = format!("/ok/{n}");
        world.endpoint(&path).await
    });
    made.buffered(8).try_collect().await
}

/// Waits until the queue holds as much as it will.
async fn settled_depth(world: &World) -> anyhow::Result<u64> {
    let (mut last, mut since) = (0, Instant::now());
    let begun = Instant::now();
    while last == 0 || since.elapsed() < Duration::from_secs(4) {
        ensure!(
            begun.elapsed() < Duration::from_secs(120),
            "the queue stays empty"
        );
        let now = world.webhooks.depth().await?.waiting;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(last as u64)
}

/// Deliveries put in, and deliveries claimed and acknowledged, per second.
async fn rates(url: &str) -> anyhow::Result<(f64, f64)> {
    let count = i64::try_from(setting("BENCH_BACKLOG_CLAIMS", 20_000))?;
    let limits = Limits {
        cap: 16,
        sick_cap: 4,
        lease: Duration::from_secs(30),
        drain_rate: 50,
        capacity: 100_000,
        capacity_per_endpoint: 5_000,
    };
    let queue = Redis::new(&RedisSettings::at(url), "longshore", limits)?;
    let now = longshore::clock::Clock::system().now_ms();
    let (mut adding, mut claiming) = (Duration::ZERO, Duration::ZERO);
    for first in (0..count).step_by(AT_ONCE as usize) {
        let due: Vec<Due> = (first..first + AT_ONCE)
            .map(|n| Due {
                delivery_id: 1_000_000_000 + n,
                endpoint_id: 1_000_000 + n % 100,
                at: now,
                fresh: true,
            })
            .collect();
        let begun = Instant::now();
        let added = queue.add(&due).await?;
        adding += begun.elapsed();
        ensure!(added.looked_at == due.len(), "the queue has no room");
        let begun = Instant::now();
        let want = Want { most: 64, sick: 64 };
        let claim = queue.claim(now, want).await?;
        let acks: Vec<Ack> = claim
            .leases
            .iter()
            .map(|lease| Ack {
                lease: *lease,
                again_at: None,
                well: Some(true),
            })
            .collect();
        ensure!(acks.len() as i64 == AT_ONCE, "{} were claimed", acks.len());
        queue.ack(&acks).await?;
        claiming += begun.elapsed();
    }
    let per = |time: Duration| count as f64 / time.as_secs_f64();
    Ok((per(adding), per(claiming)))
}

async fn hanging(part: &mut Part, place: &Path) -> anyhow::Result<()> {
    let count = setting("BENCH_MANY_ENDPOINTS", 10_000);
    let world = World::on(Ground::PostgresRedis, place).await?;
    let well = make(&world, count).await?;
    let hangs = world.endpoint("/hang").await?;
    let what = format!("commit to arrival, {count} endpoints");
    let mut most = Vec::new();
    for (beside, name) in [(None, "all well"), (Some(hangs), "one hangs")] {
        let times = times(&world, &well, beside).await?;
        let (half, ninety_nine) = (percentile(&times, 0.5), percentile(&times, 0.99));
        part.tell(
            &format!("{what}, {name}"),
            format!("p50 {half:.2} ms, p99 {ninety_nine:.2} ms"),
        );
        most.push(ninety_nine);
    }
    let [alone, beside] = most[..] else {
        return Ok(());
    };
    part.judge(
        "p99 beside the one that hangs, as a multiple",
        format!("{:.2} ×", beside / alone),
        "at most 2 ×",
        beside <= 2.0 * alone,
    );
    world.end().await;
    Ok(())
}

/// Milliseconds from commit to arrival at endpoints that are well.
async fn times(
    world: &World,
    well: &[ApplicationId],
    beside: Option<ApplicationId>,
) -> anyhow::Result<Vec<f64>> {
    let seconds = setting("BENCH_SECONDS", 30);
    // The first statements and connections are everybody's.
    every_step(world, well, beside, 2).await?;
    let committed = every_step(world, well, beside, seconds).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let arrived: HashMap<i64, i64> = world.subscriber.arrivals().await?.into_iter().collect();
    let time = |(event, at): &(i64, i64)| {
        let arrived = arrived.get(event).context("an event did not arrive")?;
        Ok((arrived - at) as f64 / 1000.0)
    };
    committed.iter().map(time).collect()
}

async fn every_step(
    world: &World,
    well: &[ApplicationId],
    beside: Option<ApplicationId>,
    seconds: u64,
) -> anyhow::Result<Vec<(i64, i64)>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut committed = Vec::new();
    for number in 0..seconds * 200 {
        ticks.tick().await;
        if let Some(beside) = beside
            && number % 10 == 0
        {
            world.happen(vec![beside]).await?;
        }
        // A step that is prime to the count: neighbors in time are none in the table.
        let to = well[(number * 7919) as usize % well.len()];
        let (events, at) = world.happen(vec![to]).await?;
        committed.extend(events.iter().map(|event| (event.id, at)));
    }
    Ok(committed)
}
