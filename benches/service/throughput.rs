//! How many deliveries the machine makes in a second, and what each of them costs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use longshore::access::ApplicationId;

use crate::figures::{median, setting};
use crate::report::Part;
use crate::world::{Ground, World};

const HOW: &str = "Events are recorded as fast as they are delivered, ten in a commit, each owed \
to one of 16 endpoints, and counted when the subscriber has them and the record says so. The rooms \
run in the measuring process with default settings; PostgreSQL has its usual settings (durable \
commits), Redis keeps nothing on disk. Commits of the outbox are of one event and its delivery each, \
by 16 at once, while the deliveries are made beside. Processor time is that of recording and delivering together, \
of all processes but the subscriber.";
const ENDPOINTS: usize = 16;
const BATCH: usize = 10;
const RECORDERS: u64 = 4;
/// Deliveries recorded and not yet made, at most.
const AHEAD: u64 = 2000;

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let mut part = Part::new("Webhooks: cost and rate", HOW);
    for ground in [Ground::PostgresRedis, Ground::Embedded] {
        let mut rounds = Vec::new();
        for _ in 0..setting("BENCH_ROUNDS", 5).min(3) {
            rounds.push(round(ground, place).await?);
        }
        let of = |pick: fn(&Round) -> f64| median(&rounds.iter().map(pick).collect::<Vec<_>>());
        let cost = of(|round| round.cpu.iter().sum());
        let [own, postgres, redis] = [of(|r| r.cpu[0]), of(|r| r.cpu[1]), of(|r| r.cpu[2])];
        let rate = of(|round| round.rate);
        match ground {
            Ground::PostgresRedis => part.judge(
                "processor time per delivery, PostgreSQL and Redis",
                format!(
                    "{cost:.2} ms (service {own:.2}, PostgreSQL {postgres:.2}, Redis {redis:.2})"
                ),
                "under 0.7 ms",
                cost < 0.7,
            ),
            Ground::Embedded => part.tell(
                "processor time per delivery, everything embedded",
                format!("{cost:.2} ms"),
            ),
        }
        part.tell("deliveries per second there", format!("{rate:.0}"));
        let commits = commits(ground, place).await?;
        part.tell("outbox commits per second there", format!("{commits:.0}"));
    }
    Ok(part)
}

/// Commits in a second, of one event and its delivery each, by as many as there are endpoints.
async fn commits(ground: Ground, place: &Path) -> anyhow::Result<f64> {
    let world = World::on(ground, place).await?;
    let mut applications = Vec::new();
    for number in 0..ENDPOINTS {
        applications.push(world.endpoint(&format!("/ok/{number}")).await?);
    }
    let seconds = setting("BENCH_SECONDS", 30).min(10);
    let begun = Instant::now();
    let committer = async |application: ApplicationId| -> anyhow::Result<u64> {
        let mut count = 0;
        while begun.elapsed() < Duration::from_secs(seconds) {
            world.happen(vec![application]).await?;
            count += 1;
        }
        Ok(count)
    };
    let committers = applications.iter().map(|of| committer(*of));
    let counts = futures_util::future::try_join_all(committers).await?;
    let (count, took) = (counts.iter().sum::<u64>(), begun.elapsed().as_secs_f64());
    world.settled(count, Duration::from_secs(300)).await?;
    world.end().await;
    Ok(count as f64 / took)
}

struct Round {
    /// Milliseconds per delivery: service, PostgreSQL, Redis.
    cpu: [f64; 3],
    rate: f64,
}

async fn round(ground: Ground, place: &Path) -> anyhow::Result<Round> {
    let count = setting("BENCH_DELIVERIES", 20_000);
    let world = World::on(ground, place).await?;
    let mut applications = Vec::new();
    for number in 0..ENDPOINTS {
        applications.push(world.endpoint(&format!("/ok/{number}")).await?);
    }
    let warming = count / 20;
    record(&world, &applications, 0, warming).await?;
    world.settled(warming, Duration::from_secs(60)).await?;

    let before = world.cpu()?;
    let begun = Instant::now();
    record(&world, &applications, warming, count).await?;
    world
        .settled(warming + count, Duration::from_secs(300))
        .await?;
    let took = begun.elapsed().as_secs_f64();
    let after = world.cpu()?;
    let arrivals = world.subscriber.arrivals().await?;
    let different: HashSet<i64> = arrivals.iter().map(|(event, _)| *event).collect();
    ensure!(
        different.len() as u64 == warming + count,
        "{} of {} events arrived",
        different.len(),
        warming + count
    );
    world.end().await;
    let per = |at: usize| (after[at] - before[at]) * 1000.0 / count as f64;
    Ok(Round {
        cpu: [per(0), per(1), per(2)],
        rate: count as f64 / took,
    })
}

/// Records events and waits with the next ones while too many are not delivered.
async fn record(
    world: &World,
    applications: &[ApplicationId],
    delivered_before: u64,
    count: u64,
) -> anyhow::Result<()> {
    let recorded = AtomicU64::new(0);
    let delivered = AtomicU64::new(0);
    let recorder = async || -> anyhow::Result<()> {
        loop {
            let first = recorded.fetch_add(BATCH as u64, Ordering::Relaxed);
            if first >= count {
                return Ok(());
            }
            while first.saturating_sub(delivered.load(Ordering::Relaxed)) > AHEAD {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let of = (first as usize..).map(|n| applications[n % applications.len()]);
            let batch = of.take(BATCH.min((count - first) as usize)).collect();
            world.happen(batch).await?;
        }
    };
    let counter = async || -> anyhow::Result<()> {
        while recorded.load(Ordering::Relaxed) < count {
            let now = world.subscriber.count().await?;
            delivered.store(now.saturating_sub(delivered_before), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    let recorders = futures_util::future::try_join_all((0..RECORDERS).map(|_| recorder()));
    futures_util::future::try_join(recorders, counter()).await?;
    Ok(())
}
