//! Reading a stored file back, against nginx that sends the very same file with sendfile.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::copy::{grant, hashed, pick, start_dropbox, stored};
use crate::figures::{median, mib, ratio, setting};
use crate::machine::cpu_seconds;
use crate::report::Part;
use crate::servers::Nginx;
use crate::support::processes::Service;

const NAME: &str = "stored.bin";
const HOW: &str = "A picked file that lies in the kernel's memory. curl asks for all of it by a \
`Range`, over one connection, and throws it away; the service and nginx (with Debian's settings, \
sendfile on) take turns with the same file on the same disk. sendfile hands the kernel's pages on \
as they are, while the service copies them. The processor time is the server's.";

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let size = setting("BENCH_READ_MIB", 4096) << 20;
    let rounds = setting("BENCH_ROUNDS", 5);
    let dir = tempfile::tempdir_in(place)?;
    let mut part = Part::new("Read of a stored file", HOW);
    let dropbox = start_dropbox(dir.path(), &[(NAME, size)])?;
    hashed(&dropbox, &grant(&dropbox).await?, NAME).await?;
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let picked = pick(&person, NAME, "read".to_owned()).await?;
    let url = picked["dropbox"]["url"].as_str().context("no url")?;
    fs::remove_file(dropbox.folder.join(NAME))?;
    drop(dropbox);
    let file = stored(&service, size)?;
    File::open(&file)?.sync_all()?;
    std::io::copy(&mut File::open(&file)?, &mut std::io::sink())?;
    let nginx = Nginx::start(dir.path(), &file)?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let first = read(url, size, service.running.pid())?;
        let second = read(&nginx.url, size, nginx.pid())?;
        if round > 0 {
            ours.push(first);
            theirs.push(second);
        }
    }
    tell(&mut part, size, &ours, &theirs);
    Ok(part)
}

fn tell(part: &mut Part, size: u64, ours: &[(f64, f64)], theirs: &[(f64, f64)]) {
    let split = |pairs: &[(f64, f64)]| -> (Vec<f64>, Vec<f64>) { pairs.iter().copied().unzip() };
    let (times, cpu) = split(ours);
    let (nginx_times, nginx_cpu) = split(theirs);
    let speed = ratio(&nginx_times, &times);
    let cost = ratio(&cpu, &nginx_cpu);
    let per_second = |times: &[f64]| mib(size) / median(times);
    part.judge(
        &format!("read of {:.0} MiB by Range", mib(size)),
        format!(
            "{speed:.2} × nginx ({:.0} against {:.0} MiB/s)",
            per_second(&times),
            per_second(&nginx_times)
        ),
        "at least 1.0 × nginx",
        speed >= 1.0,
    );
    part.judge(
        "processor time of the server",
        format!(
            "{cost:.2} × nginx ({:.2} against {:.2} s)",
            median(&cpu),
            median(&nginx_cpu)
        ),
        "at most 1.0 × nginx",
        cost <= 1.0,
    );
}

/// Seconds that curl took, and processor seconds of the server meanwhile.
fn read(url: &str, size: u64, server: u32) -> anyhow::Result<(f64, f64)> {
    let before = cpu_seconds(server);
    let output = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-r", &format!("0-{}", size - 1)])
        .args(["-w", "%{http_code} %{size_download} %{time_total}", url])
        .output()?;
    let cpu = cpu_seconds(server) - before;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<&str> = said.split(' ').collect();
    ensure!(
        words.first() == Some(&"206") && words.get(1) == Some(&size.to_string().as_str()),
        "{url} was answered: {said}"
    );
    let seconds = words.get(2).and_then(|word| word.parse().ok());
    Ok((seconds.context("curl told no time")?, cpu))
}
