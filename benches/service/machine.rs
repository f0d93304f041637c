//! The machine that is measured on, and how busy it is with other things.

use std::fs;
use std::path::Path;

use super::processes_of;

/// What the reader of a figure has to know of the machine.
pub fn describe(place: &Path) -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split(':').nth(1));
        value.unwrap_or("unknown").trim().to_owned()
    };
    let memory = field(&text("/proc/meminfo"), "MemTotal");
    let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} ({cores} cores), {:.0} GiB of memory, Linux {}, disk {}",
        field(&text("/proc/cpuinfo"), "model name"),
        memory / 1024.0 / 1024.0,
        text("/proc/sys/kernel/osrelease").trim(),
        disk(place),
    )
}

/// Device and file system of a folder.
fn disk(place: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let under = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, on, kind) = (words.next()?, words.next()?, words.next()?);
        place
            .starts_with(on)
            .then(|| (on.len(), format!("{device} ({kind})")))
    });
    under
        .max_by_key(|(length, _)| *length)
        .map_or_else(|| "unknown".to_owned(), |(_, name)| name)
}

/// Processes that wanted to run over the last minute, on average.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// Processor seconds that a process, its children and what they have outlived have used.
pub fn cpu_seconds(pid: u32) -> f64 {
    let processes = processes_of(pid);
    let ticks: u64 = processes
        .iter()
        .filter_map(|pid| stat(*pid))
        .flat_map(|fields| (11..15).filter_map(move |at| fields.get(at)?.parse::<u64>().ok()))
        .sum();
    // Linux has told its times in hundredths to user space since 2.6, whatever the kernel uses.
    ticks as f64 / 100.0
}

/// Processor seconds of the children of this process that have ended.
pub fn ended_children_seconds() -> f64 {
    let fields = stat(std::process::id()).unwrap_or_default();
    let ticks = (13..15).filter_map(|at| fields.get(at)?.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 / 100.0
}

/// The fields of `/proc/PID/stat` behind the name, which may hold blanks: state, parent, …
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
