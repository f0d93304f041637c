//! A folder of many entries through our listing, against the same calls to Dropbox itself.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::copy::grant;
use crate::figures::{median, ratio, setting};
use crate::machine::cpu_seconds;
use crate::report::Part;
use crate::support::processes::{Dropbox, Person, Service};

const HOW: &str = "The pages of one folder, one after the other, until there are no more: through \
`/folder/list`, and by `files/list_folder` and `…/continue` of the simulated Dropbox itself, with \
the same client and the same size of page. Rounds alternate.";
/// The size of a page, here and there.
const PAGE: u64 = 2000;

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let entries = setting("BENCH_ENTRIES", 10_000);
    let rounds = setting("BENCH_ROUNDS", 5) * 3;
    let dir = tempfile::tempdir_in(place)?;
    let folder = dir.path().join("dropbox/many");
    fs::create_dir_all(&folder)?;
    for number in 0..entries {
        fs::write(folder.join(format!("Picture {number:05}.jpg")), b"x")?;
    }
    let mut part = Part::new("A folder of many entries", HOW);
    let dropbox = Dropbox::start(dir.path());
    let token = grant(&dropbox).await?;
    let service = Service::start(dir.path(), &dropbox.url, &[]);
    let person = service.application().person().await;
    let (mut ours, mut direct, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let begun = Instant::now();
        let count = ask_dropbox(&person.http, &dropbox.url, &token).await?;
        let dropbox_took = begun.elapsed().as_secs_f64();
        let before = cpu_seconds(service.running.pid());
        let begun = Instant::now();
        let ours_count = ask_us(&person).await;
        let took = begun.elapsed().as_secs_f64();
        ensure!(
            count == entries && ours_count == entries,
            "of {entries} entries Dropbox listed {count} and we {ours_count}"
        );
        if round > 0 {
            direct.push(dropbox_took);
            ours.push(took);
            cpu.push(cpu_seconds(service.running.pid()) - before);
        }
    }
    let times = ratio(&ours, &direct);
    part.judge(
        &format!("{entries} entries, all pages"),
        format!(
            "{times:.2} × Dropbox itself ({:.0} against {:.0} ms)",
            median(&ours) * 1000.0,
            median(&direct) * 1000.0
        ),
        "at most 1.5 ×",
        times <= 1.5,
    );
    let each = cpu.iter().sum::<f64>() / cpu.len() as f64;
    part.tell(
        "processor time of the service",
        format!("{:.0} ms", each * 1000.0),
    );
    Ok(part)
}

async fn ask_us(person: &Person) -> u64 {
    let mut count = 0;
    let mut next: Option<String> = None;
    loop {
        let page = person.list("/many/", next.as_deref()).await;
        let listed = &page["dropbox"];
        count += listed["contents"].as_array().map_or(0, Vec::len) as u64;
        match listed["next"].as_str().filter(|next| !next.is_empty()) {
            Some(more) => next = Some(more.to_owned()),
            None => return count,
        }
    }
}

async fn ask_dropbox(http: &reqwest::Client, url: &str, token: &str) -> anyhow::Result<u64> {
    let call = async |route: &str, argument: Value| -> anyhow::Result<Value> {
        let request = http.post(format!("{url}/2/files/{route}"));
        let answer = request.bearer_auth(token).json(&argument).send().await?;
        // Read as ours is read: as text first.
        Ok(serde_json::from_str(&answer.text().await?)?)
    };
    let argument = json!({
        "path": "/many", "limit": PAGE, "recursive": false,
        "include_non_downloadable_files": true,
    });
    let mut page = call("list_folder", argument).await?;
    let mut count = 0;
    loop {
        count += page["entries"].as_array().context("no entries")?.len() as u64;
        if page["has_more"] != json!(true) {
            return Ok(count);
        }
        page = call("list_folder/continue", json!({ "cursor": page["cursor"] })).await?;
    }
}
