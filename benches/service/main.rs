//! Measures the service against its budgets of speed and size, and writes `docs/benchmarks.md`.
//!
//! `make bench` measures everything, `make bench ROWS=copy,read` these parts. Other tools are
//! measured in the same run, so that the figures are ratios: curl, and nginx, which is installed
//! if it is missing. The sizes can be changed: `BENCH_COPY_MIB`, `BENCH_BUCKET_MIB`,
//! `BENCH_READ_MIB`, `BENCH_DELIVERIES`, `BENCH_ENTRIES`, `BENCH_ROUNDS`; `BENCH_DIR` is where the
//! files lie.

mod backlog;
mod bucket;
mod copy;
mod figures;
mod folder;
mod idle;
mod latency;
mod machine;
mod read;
mod report;
mod servers;
mod subscriber;
mod support;
mod throughput;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use report::Part;

/// The parts, in the order in which they are measured.
const PARTS: [&str; 8] = [
    "copy",
    "bucket",
    "read",
    "folder",
    "deliveries",
    "latency",
    "backlog",
    "idle",
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments
        .get(1)
        .is_some_and(|first| first == subscriber::WORD)
    {
        return subscriber::run();
    }
    drop(rustls::crypto::ring::default_provider().install_default());
    let wanted = wanted()?;
    let place = place()?;
    let machine = machine::describe(&place);
    println!("{machine}; load {:.1}", machine::load());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for name in wanted {
        println!("{name}");
        let part = runtime
            .block_on(measure(name, &place))
            .with_context(|| format!("{name} could not be measured"))?;
        part.keep(name)?;
    }
    report::write(&PARTS, &machine)
}

async fn measure(name: &str, place: &Path) -> anyhow::Result<Part> {
    match name {
        "copy" => copy::measure(place).await,
        "bucket" => bucket::measure(place).await,
        "read" => read::measure(place).await,
        "folder" => folder::measure(place).await,
        "deliveries" => throughput::measure(place).await,
        "latency" => latency::measure(place).await,
        "backlog" => backlog::measure(place).await,
        "idle" => idle::measure(place).await,
        other => bail!("there is no part {other}"),
    }
}

/// The parts named in `ROWS`, or all of them.
fn wanted() -> anyhow::Result<Vec<&'static str>> {
    let rows = std::env::var("ROWS").unwrap_or_default();
    let rows: Vec<&str> = rows.split(',').filter(|row| !row.is_empty()).collect();
    if let Some(unknown) = rows.iter().find(|row| !PARTS.contains(row)) {
        bail!("there is no part {unknown}; there are {}", PARTS.join(", "));
    }
    let asked = |name: &&str| rows.is_empty() || rows.contains(name);
    Ok(PARTS.into_iter().filter(asked).collect())
}

/// Where the files lie that are written while measuring.
fn place() -> anyhow::Result<PathBuf> {
    let place = std::env::var_os("BENCH_DIR")
        .map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    std::fs::create_dir_all(&place)?;
    Ok(place.canonicalize()?)
}

/// A process and all its descendants.
fn processes_of(pid: u32) -> Vec<u32> {
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids
        .filter_map(|pid| Some((pid, machine::stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        next += 1;
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
    }
    family
}
