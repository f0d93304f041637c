//! Saving what lies at a URL: the one thing that Dropbox fetches by itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    errors::Refusal,
    grants::random_text,
    hash::ContentHasher,
    metadata, upload,
};

/// The outcome of each job, of batches too; null while it runs.
pub type Jobs = Mutex<HashMap<String, Value>>;

/// The most that one URL may give.
const LARGEST: u64 = 4 * 1024 * 1024 * 1024;

/// `files/save_url`
pub fn save_url(call: &Call) -> Answer {
    let view = call.view()?;
    view.place(call.text("path")?)
        .map_err(|lost| lost.under(&["path"]))?;
    let url = url::Url::parse(call.text("url")?).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| Refusal::tags(&["invalid_url"]))?;
    let job = random_text(20);
    jobs(call).insert(job.clone(), Value::Null);
    let (call, name) = (call.clone(), job.clone());
    // Whoever asked does not wait, so neither must the thread that answers.
    std::thread::spawn(move || {
        let outcome = match fetch(&call, url) {
            Ok(metadata) => {
                let mut outcome = metadata;
                outcome[".tag"] = json!("complete");
                outcome
            }
            Err(refusal) => json!({ ".tag": "failed", "failed": refusal.error() }),
        };
        jobs(&call).insert(name, outcome);
    });
    Ok(json!({ ".tag": "async_job_id", "async_job_id": job }))
}

/// `files/save_url/check_job_status`
pub fn check_job_status(call: &Call) -> Answer {
    match jobs(call).get(call.text("async_job_id")?) {
        None => Err(Refusal::tags(&["invalid_async_job_id"])),
        Some(Value::Null) => Ok(json!({ ".tag": "in_progress" })),
        Some(outcome) => Ok(outcome.clone()),
    }
}

fn fetch(call: &Call, url: url::Url) -> Answer {
    let path = call.view()?.account.cache()?.join(random_text(12));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (length, content_hash) = runtime.block_on(download(url, &path))?;
    let spool = upload::Spool {
        path,
        length,
        content_hash,
    };
    let commit = call.with(json!({ "path": call.arg["path"], "autorename": true }));
    let entry = upload::commit(&commit, &spool.path, &spool.content_hash)?;
    metadata::plain(call.view()?, &entry)
}

async fn download(url: url::Url, path: &std::path::Path) -> Result<(u64, String), Refusal> {
    let failed = |_| Refusal::tags(&["download_failed"]);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(900));
    let client = client.build().map_err(Refusal::internal)?;
    let answer = client
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(failed)?;
    let mut file = std::fs::File::create_new(path)?;
    let mut hasher = ContentHasher::default();
    let mut length = 0;
    while let Some(piece) = answer.chunk().await.map_err(failed)? {
        length += piece.len() as u64;
        if length > LARGEST {
            return Err(Refusal::tags(&["download_failed"]));
        }
        hasher.update(&piece);
        std::io::Write::write_all(&mut file, &piece)?;
    }
    Ok((length, hasher.finish()))
}

/// The jobs of the running sandbox.
pub fn jobs(call: &Call) -> MutexGuard<'_, HashMap<String, Value>> {
    call.simulation
        .jobs
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
