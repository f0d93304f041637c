//! An object store in place of the folder: what copies hold in memory on their way there, and how
//! long an upload in parts takes to become a file.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::copy::{pick, start_dropbox};
use crate::figures::{mib, setting};
use crate::machine::cpu_seconds;
use crate::report::Part;
use crate::support::processes::{Application, Service, http};
use crate::support::s3::Bucket;

const LARGE: &str = "large.bin";
const HOW: &str = "An S3 server (s3s-fs, unoptimized as the tests have it) on the same machine, in \
place of the folder. Each copy holds the part that it is about to send, and all of them together \
a little more. Parts of an upload of 6 MiB are copied by the server itself when the upload is \
completed, those of 1 MiB are read and written again as larger ones.";

pub async fn measure(place: &Path) -> anyhow::Result<Part> {
    let size = setting("BENCH_BUCKET_MIB", 192) << 20;
    let dir = tempfile::tempdir_in(place)?;
    let mut part = Part::new("An object store", HOW);
    let dropbox = start_dropbox(dir.path(), &[(LARGE, size)])?;
    let bucket = Bucket::start();
    let service = Service::start(dir.path(), &dropbox.url, &bucket.settings());
    let application = service.application();
    let person = application.person().await;
    let picks = (0..4).map(|number| pick(&person, LARGE, format!("four-{number}")));
    for picked in futures_util::future::join_all(picks).await {
        picked?;
    }
    let (_, most) = service.running.memory();
    part.judge(
        &format!(
            "resident memory at the highest, 4 copies of {:.0} MiB at once",
            mib(size)
        ),
        format!("{:.1} MiB", mib(most)),
        "under 160 MiB",
        mib(most) < 160.0,
    );
    for piece in [6, 1] {
        let (took, cpu) = upload(&service, &application, size, piece << 20).await?;
        part.tell(
            &format!(
                "completion of an upload of {:.0} MiB in parts of {piece} MiB",
                mib(size)
            ),
            format!("{took:.1} s, {cpu:.2} s of them processor time of the service"),
        );
    }
    Ok(part)
}

/// Uploads so many bytes in parts and answers how many seconds the completion took, and how many
/// of them the processor spent for the service.
async fn upload(
    service: &Service,
    application: &Application,
    size: u64,
    piece: u64,
) -> anyhow::Result<(f64, f64)> {
    let call = async |name: &str, mut body: Value| -> anyhow::Result<Value> {
        body["apikey"] = json!(application.apikey);
        let url = format!("{}/multipart/{name}", service.url);
        let answer = http().post(url).json(&body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{name} was answered {status}");
        let mut answer: Value = answer.json().await.unwrap_or_default();
        answer["status"] = json!(status.as_u16());
        Ok(answer)
    };
    let begin = json!({ "filename": "large.bin", "size": size });
    let upload_id = call("start", begin).await?["upload_id"].clone();
    let bytes = bytes::Bytes::from(vec![7; usize::try_from(piece)?]);
    for number in 1..=size.div_ceil(piece) {
        let length = piece.min(size - (number - 1) * piece);
        let body = json!({ "upload_id": upload_id, "part": number, "size": length });
        let place = call("upload", body).await?;
        let leave = place["headers"]["Authorization"].as_str();
        let put = http()
            .put(place["url"].as_str().context("no address for a part")?)
            .header("authorization", leave.context("no leave for a part")?)
            .body(bytes.slice(..usize::try_from(length)?));
        let status = put.send().await?.status();
        ensure!(status.is_success(), "a part was answered {status}");
    }
    let (begun, before) = (Instant::now(), cpu_seconds(service.running.pid()));
    // It is asked for again until it is there.
    let end = json!({ "upload_id": upload_id, "size": size });
    while call("complete", end.clone()).await?["status"] != 200 {}
    let cpu = cpu_seconds(service.running.pid()) - before;
    Ok((begun.elapsed().as_secs_f64(), cpu))
}
