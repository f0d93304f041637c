//! Routes that do one thing to many entries, and the questions how far they have come.
//!
//! Everything is done before the first answer. As with Dropbox, a batch of one says so at once and
//! a longer one answers with the id of a job, so that clients meet both forms.

use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    edits,
    errors::Refusal,
    grants::random_text,
    save_url::jobs,
    upload_sessions,
};

/// The most entries of one batch.
const LARGEST: usize = 1000;

/// `files/delete_batch`
pub fn delete(call: &Call) -> Answer {
    let entry = |done: &mut Value| std::mem::take(done);
    let outcomes = each(call, "delete", edits::delete, entry, |error| error)?;
    launch(call, "delete", outcomes)
}

/// `files/delete_batch/check`
pub fn delete_check(call: &Call) -> Answer {
    check(call, "delete")
}

/// `files/create_folder_batch`
pub fn create_folders(call: &Call) -> Answer {
    let paths = call.list("paths")?.clone();
    let autorename = call.flag("autorename")?;
    let entries = paths
        .into_iter()
        .map(|path| json!({ "path": path, "autorename": autorename }));
    let inner = call.with(json!({ "entries": entries.collect::<Vec<_>>() }));
    let entry = |done: &mut Value| std::mem::take(done);
    let outcomes = each(&inner, "folders", edits::create_folder, entry, |error| {
        error
    })?;
    match call.flag("force_async")? {
        true => start(call, "folders", outcomes),
        false => launch(call, "folders", outcomes),
    }
}

/// `files/create_folder_batch/check`
pub fn create_folders_check(call: &Call) -> Answer {
    check(call, "folders")
}

/// `files/move_batch_v2`
pub fn move_entries(call: &Call) -> Answer {
    relocate(call, "move", edits::move_entry)
}

/// `files/move_batch/check_v2`
pub fn move_check(call: &Call) -> Answer {
    check(call, "move")
}

/// `files/copy_batch_v2`
pub fn copy_entries(call: &Call) -> Answer {
    relocate(call, "copy", edits::copy)
}

/// `files/copy_batch/check_v2`
pub fn copy_check(call: &Call) -> Answer {
    check(call, "copy")
}

/// `files/upload_session/finish_batch`
pub fn finish_uploads(call: &Call) -> Answer {
    let outcomes = upload_sessions::finish_all(call)?;
    launch(call, "finish", outcomes)
}

/// `files/upload_session/finish_batch/check`
pub fn finish_check(call: &Call) -> Answer {
    check(call, "finish")
}

fn relocate(call: &Call, kind: &str, work: fn(&Call) -> Answer) -> Answer {
    let autorename = call.flag("autorename")?;
    let mut entries = call.list("entries")?.clone();
    for entry in &mut entries {
        if let Value::Object(fields) = entry {
            fields.insert("autorename".to_owned(), json!(autorename));
        }
    }
    let inner = call.with(json!({ "entries": entries }));
    // Here, and only here, the outcome lies one level deeper.
    let entry = |done: &mut Value| json!({ "success": done["metadata"].take() });
    let failure = |error| json!({ ".tag": "relocation_error", "relocation_error": error });
    let outcomes = each(&inner, kind, work, entry, failure)?;
    launch(call, kind, outcomes)
}

/// Does the work for each entry; a refusal of one is no refusal of the others.
fn each(
    call: &Call,
    kind: &str,
    work: fn(&Call) -> Answer,
    success: fn(&mut Value) -> Value,
    failure: fn(Value) -> Value,
) -> Result<Vec<Value>, Refusal> {
    let entries = call.list("entries")?;
    if entries.len() > LARGEST {
        return Err(match kind {
            "delete" => Refusal::BadInput(format!(
                "request body: entries: list must have at most {LARGEST} items"
            )),
            _ => Refusal::tags(&["too_many_files"]),
        });
    }
    let mut outcomes = Vec::new();
    for entry in entries {
        outcomes.push(match work(&call.with(entry.clone())) {
            Ok(mut done) => {
                let mut outcome = success(&mut done);
                outcome[".tag"] = json!("success");
                outcome
            }
            Err(Refusal::Route(error)) => json!({ ".tag": "failure", "failure": failure(error) }),
            Err(other) => return Err(other),
        });
    }
    Ok(outcomes)
}

fn launch(call: &Call, kind: &str, outcomes: Vec<Value>) -> Answer {
    match outcomes.len() {
        0 | 1 => Ok(complete(&outcomes)),
        _ => start(call, kind, outcomes),
    }
}

/// Answers with the id of a job that is done already.
fn start(call: &Call, kind: &str, outcomes: Vec<Value>) -> Answer {
    let job = format!("dbjid:{}", random_text(24));
    jobs(call).insert(name(call, kind, &job)?, complete(&outcomes));
    Ok(json!({ ".tag": "async_job_id", "async_job_id": job }))
}

fn check(call: &Call, kind: &str) -> Answer {
    let name = name(call, kind, call.text("async_job_id")?)?;
    let done = jobs(call).get(&name).cloned();
    done.ok_or_else(|| Refusal::tags(&["invalid_async_job_id"]))
}

/// A job is known to its account and to its own kind of question only.
fn name(call: &Call, kind: &str, job: &str) -> Result<String, Refusal> {
    Ok(format!("{}|{kind}|{job}", call.view()?.account.id))
}

fn complete(outcomes: &[Value]) -> Value {
    json!({ ".tag": "complete", "entries": outcomes })
}
