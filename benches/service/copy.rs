//! A large file from the simulated Dropbox into local storage, against curl and the same URL.
//!
//! The service hashes what it copies and returns when the disk holds it; curl does neither. So
//! curl is timed twice, without and with the flush of what it wrote, and the whole is done once
//! more in memory, where no disk evens out the difference.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::figures::{median, mib, ratio, setting};
use crate::machine;
use crate::report::Part;
use crate::support::processes::{APP_KEY, Dropbox, Person, Service, http};

const LARGE: &str = "large.bin";
const HOW: &str = "One file of pseudo-random bytes. The simulated Dropbox runs as a process of its \
own. curl downloads from the URL that the service downloads from, to the same disk. The service \
compares Dropbox's content hash and has the disk confirm the bytes before it answers; curl leaves \
them in the kernel's memory, so the time with a flush behind it is told as well. The budget is \
judged against curl alone.";

/// What one side took in each round.
#[derive(Default)]
struct Rounds {
    curl: Vec<f64>,
    curl_flushed: Vec<f64>,
    curl_cpu: Vec<f64>,
    ours: Vec<f64>,
    ours_cpu: Vec<f64>,
    dropbox_cpu: Vec<f64>,
}

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let size = setting("BENCH_COPY_MIB", 2048) << 20;
    let rounds = setting("BENCH_ROUNDS", 5);
    let dir = tempfile::tempdir_in(place)?;
    let mut part = Part::new("Copy of a large file", HOW);
    let dropbox = start_dropbox(dir.path(), &[(LARGE, size)])?;
    let token = grant(&dropbox).await?;
    hashed(&dropbox, &token, LARGE).await?;

    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let on_disk = alternate(&dropbox, &service, &token, rounds, size).await?;
    tell(&mut part, &on_disk, size);
    drop(service);
    fs::remove_dir_all(dir.path().join("data"))?;

    match tempfile::tempdir_in("/dev/shm") {
        Ok(memory) if free(memory.path()) > 2 * size => {
            let service = Service::start(memory.path(), &dropbox.url, &[]);
            let in_memory = alternate(&dropbox, &service, &token, rounds, size).await?;
            let speed = ratio(&in_memory.curl, &in_memory.ours);
            let what = "the same into memory (tmpfs), where no disk is waited for";
            part.tell(what, format!("{speed:.2} × curl"));
        }
        _ => part.note("There was no room in /dev/shm for the round in memory.".to_owned()),
    }

    let service = Service::start(dir.path(), &dropbox.url, &[]);
    four_at_once(&mut part, &service, size).await?;
    Ok(part)
}

fn tell(part: &mut Part, rounds: &Rounds, size: u64) {
    let speed = ratio(&rounds.curl, &rounds.ours);
    let per_second = |times: &[f64]| mib(size) / median(times);
    part.judge(
        &format!("copy of {:.0} MiB, verified and flushed", mib(size)),
        format!(
            "{speed:.2} × curl ({:.0} against {:.0} MiB/s)",
            per_second(&rounds.ours),
            per_second(&rounds.curl)
        ),
        "at least 0.9 × curl",
        speed >= 0.9,
    );
    let flushed = ratio(&rounds.curl_flushed, &rounds.ours);
    part.tell(
        "the same against curl followed by a flush",
        format!(
            "{flushed:.2} × ({:.0} MiB/s)",
            per_second(&rounds.curl_flushed)
        ),
    );
    let gib = mib(size) / 1024.0;
    part.tell(
        "processor time per GiB",
        format!(
            "service {:.2} s (SHA-256 of every byte included), simulated Dropbox {:.2} s; curl \
             {:.2} s",
            median(&rounds.ours_cpu) / gib,
            median(&rounds.dropbox_cpu) / gib,
            median(&rounds.curl_cpu) / gib
        ),
    );
}

async fn four_at_once(part: &mut Part, service: &Service, size: u64) -> anyhow::Result<()> {
    let person = service.application().person().await;
    let (_, before) = service.running.memory();
    let begun = Instant::now();
    let picks = (0..4).map(|number| pick(&person, LARGE, format!("four-{number}")));
    for picked in futures_util::future::join_all(picks).await {
        picked?;
    }
    let speed = mib(4 * size) / begun.elapsed().as_secs_f64();
    let (_, most) = service.running.memory();
    part.judge(
        "resident memory at the highest, 4 copies at once",
        format!("{:.1} MiB", mib(most)),
        "under 96 MiB",
        mib(most) < 96.0,
    );
    part.note(format!(
        "The 4 copies together moved {speed:.0} MiB/s; before them {:.1} MiB were resident at the \
         highest.",
        mib(before)
    ));
    Ok(())
}

/// curl and the service by turns, in the data folder of the service.
async fn alternate(
    dropbox: &Dropbox,
    service: &Service,
    token: &str,
    rounds: u64,
    size: u64,
) -> anyhow::Result<Rounds> {
    let person = service.application().person().await;
    let mut times = Rounds::default();
    // The first round warms both sides up and is compared byte by byte.
    for round in 0..=rounds {
        let curl = run_curl(dropbox, token, &service.dir.join("curl.bin"))?;
        settle(service)?;
        let (dropbox_cpu, ours_cpu) = cpu(dropbox, service);
        let begun = Instant::now();
        pick(&person, LARGE, format!("round-{round}")).await?;
        let took = begun.elapsed().as_secs_f64();
        let (dropbox_after, ours_after) = cpu(dropbox, service);
        if round == 0 {
            compare(&dropbox.folder.join(LARGE), &stored(service, size)?)?;
        } else {
            times.curl.push(curl.seconds);
            times.curl_flushed.push(curl.flushed);
            times.curl_cpu.push(curl.cpu);
            times.ours.push(took);
            times.ours_cpu.push(ours_after - ours_cpu);
            times.dropbox_cpu.push(dropbox_after - dropbox_cpu);
        }
        fs::remove_file(stored(service, size)?)?;
        settle(service)?;
    }
    Ok(times)
}

fn cpu(dropbox: &Dropbox, service: &Service) -> (f64, f64) {
    (
        machine::cpu_seconds(dropbox.running.pid()),
        machine::cpu_seconds(service.running.pid()),
    )
}

struct Curl {
    seconds: f64,
    flushed: f64,
    cpu: f64,
}

fn run_curl(dropbox: &Dropbox, token: &str, to: &Path) -> anyhow::Result<Curl> {
    let cpu = machine::ended_children_seconds();
    let begun = Instant::now();
    let done = Command::new("curl")
        .args(["-sS", "--fail", "-X", "POST", "-o"])
        .arg(to)
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .args(["-H", &format!("Dropbox-API-Arg: {{\"path\":\"/{LARGE}\"}}")])
        .arg(format!("{}/2/files/download", dropbox.url))
        .status()
        .context("curl is missing")?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(done.success(), "curl failed: {done}");
    File::open(to)?.sync_all()?;
    let flushed = begun.elapsed().as_secs_f64();
    fs::remove_file(to)?;
    Ok(Curl {
        seconds,
        flushed,
        cpu: machine::ended_children_seconds() - cpu,
    })
}

/// Has the disk done with what was before.
fn settle(service: &Service) -> anyhow::Result<()> {
    Command::new("sync").arg("-f").arg(&service.dir).status()?;
    Ok(())
}

/// Picks a file and answers what became of it.
pub async fn pick(person: &Person, name: &str, session: String) -> anyhow::Result<Value> {
    let wanted = json!({ "path": format!("/{name}"), "picker_session_id": session });
    let (status, picked) = person.pick_with(wanted).await;
    ensure!(status == 200, "the pick was answered {status}: {picked}");
    Ok(picked)
}

/// The file of this size that lies in the service's data folder.
pub fn stored(service: &Service, size: u64) -> anyhow::Result<PathBuf> {
    let mut folders = vec![service.dir.join("data")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.metadata()?.len() == size {
                return Ok(entry.path());
            }
        }
    }
    anyhow::bail!("no stored file has {size} bytes")
}

fn compare(one: &Path, other: &Path) -> anyhow::Result<()> {
    let same = Command::new("cmp").arg(one).arg(other).status()?;
    ensure!(same.success(), "the copy is not what was copied");
    Ok(())
}

/// Bytes that are free there.
fn free(place: &Path) -> u64 {
    let shown = Command::new("df")
        .args(["--output=avail", "-B1"])
        .arg(place)
        .output();
    let shown = shown.map(|output| output.stdout).unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown);
    let line = shown.lines().nth(1).unwrap_or_default();
    line.trim().parse().unwrap_or(0)
}

/// A simulated Dropbox that holds files of these names and sizes.
pub fn start_dropbox(dir: &Path, files: &[(&str, u64)]) -> anyhow::Result<Dropbox> {
    let folder = dir.join("dropbox");
    fs::create_dir_all(&folder)?;
    for (name, size) in files {
        write_random(&folder.join(name), *size)?;
    }
    Ok(Dropbox::start(dir))
}

/// Bytes that do not compress and are the same in every run (xorshift).
fn write_random(path: &Path, size: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size;
    let mut left = size;
    while left > 0 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bytes = state.to_le_bytes();
        let now = usize::try_from(left).unwrap_or(8).min(8);
        out.write_all(&bytes[..now])?;
        left -= now as u64;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}

/// An access token, without a person who consents.
pub async fn grant(dropbox: &Dropbox) -> anyhow::Result<String> {
    let answer = http()
        .post(format!("{}/_sandbox/grant", dropbox.url))
        .json(&json!({ "app_key": APP_KEY }))
        .send()
        .await?;
    let granted: Value = answer.json().await?;
    let token = granted["access_token"].as_str();
    Ok(token.context("no token was granted")?.to_owned())
}

/// Waits until the simulated Dropbox knows the file's hash, so that it is not made meanwhile.
pub async fn hashed(dropbox: &Dropbox, token: &str, name: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        let answer = http()
            .post(format!("{}/2/files/get_metadata", dropbox.url))
            .bearer_auth(token)
            .json(&json!({ "path": format!("/{name}") }))
            .send()
            .await?;
        let known: Value = answer.json().await?;
        if known["content_hash"].is_string() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the simulated Dropbox has no hash of {name}")
}
