//! Downloads: the content of files by the API and by links.

use std::{fs::File, sync::Arc, time::Instant};

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};

use super::{
    body::{Served, Source},
    call::{Answer, Call},
    errors::Refusal,
    export,
    grants::random_text,
    hash::Fingerprint,
    metadata,
    paths::{Lost, View},
    simulation::Simulation,
    tree::{Entry, parent_of},
};

/// A link to a file's content that needs no token.
#[derive(Clone)]
pub struct TemporaryLink {
    view: View,
    entry_id: String,
    /// The file itself, if it is not the present version.
    former: Option<Arc<Entry>>,
    made: Instant,
    /// Set when a test does not want to wait four hours.
    pub(super) expired: bool,
}

/// `files/download`
pub fn download(call: &Call) -> Result<Served, Refusal> {
    let view = call.view()?;
    let entry = match call.optional_text("rev")? {
        // An older way to name a version; the path is then of no account.
        Some(rev) => file_at(view, &format!("rev:{rev}"))?,
        None => file_at(view, call.text("path")?)?,
    };
    served(view, &entry, &metadata::plain(view, &entry)?)
}

/// A file's content with what is said of it.
pub fn served(view: &View, entry: &Entry, result: &Value) -> Result<Served, Refusal> {
    let api_result = HeaderName::from_static("dropbox-api-result");
    Ok(open(view, entry)?
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(api_result, &header_json(result)))
}

/// `files/get_temporary_link`
pub fn get_temporary_link(call: &Call) -> Answer {
    let view = call.view()?;
    let entry = file_at(view, call.text("path")?).map_err(|refusal| match refusal {
        // The same fault, but this route has its own place for it.
        Refusal::Route(error) if error[".tag"] == "unsupported_file" => {
            Refusal::tags(&["unsupported_file"])
        }
        other => other,
    })?;
    let name = random_text(24);
    let link = TemporaryLink {
        view: view.clone(),
        entry_id: entry.id.clone(),
        former: view.former(call.text("path")?),
        made: Instant::now(),
        expired: false,
    };
    let simulation = &call.simulation;
    let mut links = simulation
        .links
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    links.insert(name.clone(), link);
    drop(links);
    Ok(json!({
        "metadata": metadata::plain(view, &entry)?,
        "link": format!("{}/cd/0/get/{name}/file", simulation.url),
    }))
}

/// What a temporary link leads to: 404 for one that never was, 410 for one that is too old.
pub fn follow_link(simulation: &Simulation, name: &str) -> Result<(Served, String), Refusal> {
    let links = simulation
        .links
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let link = links.get(name).cloned();
    drop(links);
    let link = link.ok_or_else(|| Refusal::Plain(404, "Not Found".to_owned()))?;
    if link.expired || link.made.elapsed() >= simulation.link_lifetime {
        return Err(Refusal::Plain(410, "Gone".to_owned()));
    }
    let present = || link.view.account.tree().by_id(&link.entry_id).cloned();
    let entry = link.former.clone().or_else(present);
    let entry = entry.ok_or_else(|| Refusal::Plain(410, "Gone".to_owned()))?;
    Ok((attached(&link.view, &entry)?, entry.path_lower.clone()))
}

/// A file as a browser would save it.
pub fn attached(view: &View, entry: &Entry) -> Result<Served, Refusal> {
    let mime = mime_guess::from_path(&entry.name).first_or_octet_stream();
    let quoted = entry.name.replace(['"', '\\'], "_");
    let ascii: String = quoted
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded =
        percent_encoding::utf8_percent_encode(&entry.name, percent_encoding::NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
    Ok(open(view, entry)?
        .header(CONTENT_TYPE, mime.as_ref())
        .header(CONTENT_DISPOSITION, &disposition))
}

/// A file that can be downloaded. If the folder was changed by hand since the last scan, the
/// index learns of it first.
pub fn file_at(view: &View, path: &str) -> Result<Arc<Entry>, Refusal> {
    if let Some(former) = view.former(path) {
        return downloadable(former);
    }
    let under = |lost: Lost| lost.under(&["path"]);
    let account = &view.account;
    let key = view.key(&account.tree(), path).map_err(under)?;
    let known = account.tree().get(&key).cloned();
    if !known.is_some_and(|entry| fresh(view, &entry)) {
        account.refresh(parent_of(&key));
    }
    let entry = view.find(&account.tree(), path).map_err(under)?;
    downloadable(entry)
}

/// The entry, if it is a file with bytes of its own.
fn downloadable(entry: Arc<Entry>) -> Result<Arc<Entry>, Refusal> {
    if entry.is_folder() {
        return Err(Refusal::tags(&["path", "not_file"]));
    }
    if export::document(&entry.name).is_some() {
        return Err(Refusal::tags(&["unsupported_file"]));
    }
    Ok(entry)
}

/// Whether what lies on disk is what the index says.
fn fresh(view: &View, entry: &Entry) -> bool {
    let on_disk = view
        .account
        .locate(&entry.disk)
        .and_then(std::fs::symlink_metadata);
    match (&entry.file, on_disk) {
        (Some(state), Ok(metadata)) => state.fingerprint.same_content(&Fingerprint::of(&metadata)),
        _ => false,
    }
}

fn open(view: &View, entry: &Entry) -> Result<Served, Refusal> {
    let path = view.account.locate(&entry.disk)?;
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Refusal::tags(&["path", "not_found"]));
        }
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    let state = entry.file.as_ref();
    Ok(Served {
        headers: Vec::new(),
        // A file that has changed since the call began has no name yet.
        etag: state
            .filter(|state| state.fingerprint.size == length)
            .map(|state| state.rev.clone()),
        source: Source::File(file, length),
    })
}

/// JSON that fits into a header: everything outside of printable ASCII as `\uXXXX`.
pub fn header_json(value: &Value) -> String {
    let mut safe = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            safe.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_holds_any_name() {
        let text = header_json(&json!({ "name": "é😀\u{7f}\n" }));
        assert_eq!(text, r#"{"name":"\u00e9\ud83d\ude00\u007f\n"}"#);
    }
}
