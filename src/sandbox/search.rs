//! Search by name, and by content of small text files.
//!
//! Dropbox finds words by their beginnings, whatever their case, and wants all of them. Its index
//! lags behind by seconds; this one does not.

use std::{fs, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    errors::Refusal,
    metadata,
    paths::View,
    tree::Entry,
};

/// Files up to this size are searched for the words they hold.
const READABLE: u64 = 256 * 1024;

/// `files/search_v2`
pub fn search(call: &Call) -> Answer {
    let view = call.view()?;
    let query = call.text("query")?;
    if query.is_empty() || query.chars().count() > 1000 {
        return Err(Refusal::BadInput(
            "request body: query: between 1 and 1000 characters are expected".to_owned(),
        ));
    }
    view.account.refresh(&view.base);
    page(call, &call.arg, 0)
}

/// `files/search/continue_v2`
pub fn search_continue(call: &Call) -> Answer {
    let cursor = URL_SAFE_NO_PAD
        .decode(call.text("cursor")?)
        .ok()
        .and_then(|json| serde_json::from_slice::<Value>(&json).ok())
        .filter(|cursor| cursor["run"] == call.simulation.run.as_str())
        .ok_or_else(|| Refusal::BadInput("Invalid \"cursor\" parameter".to_owned()))?;
    let start = cursor["start"].as_u64().unwrap_or(0) as usize;
    page(call, &cursor["arg"], start)
}

fn page(call: &Call, arg: &Value, start: usize) -> Answer {
    let view = call.view()?;
    let options = call.with(arg["options"].clone());
    let limit = options.number("max_results", 1, 1000)?.unwrap_or(100) as usize;
    let found = matches(view, arg, &options)?;
    let mut matches = Vec::new();
    // The member of the argument itself is an older name for the same.
    let fields = call.with(arg["match_field_options"].clone());
    let highlights =
        fields.flag("include_highlights")? || call.with(arg.clone()).flag("include_highlights")?;
    for (entry, kind) in found.iter().skip(start).take(limit) {
        let mut found = json!({
            "match_type": { ".tag": kind },
            "metadata": { ".tag": "metadata", "metadata": metadata::listed(view, entry)? },
        });
        if highlights && *kind == "filename" {
            found["highlight_spans"] =
                spans(&entry.name, arg["query"].as_str().unwrap_or_default());
        }
        matches.push(found);
    }
    let next = start + matches.len();
    let mut answer = json!({ "matches": matches, "has_more": next < found.len() });
    if next < found.len() {
        let cursor = json!({ "run": call.simulation.run, "arg": arg, "start": next });
        answer["cursor"] = json!(URL_SAFE_NO_PAD.encode(cursor.to_string()));
    }
    Ok(answer)
}

type Found = (Arc<Entry>, &'static str);

fn matches(view: &View, arg: &Value, options: &Call) -> Result<Vec<Found>, Refusal> {
    let text = arg["query"].as_str().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let names_only = options.flag("filename_only")?;
    if options.tag("file_status")? == Some("deleted") {
        return Ok(Vec::new());
    }
    let folder = options.optional_text("path")?.unwrap_or_default();
    let tree = view.account.tree();
    let top = view
        .find(&tree, folder)
        .map_err(|lost| lost.under(&["path"]))?;
    let mut all = tree.subtree(&top.path_lower);
    drop(tree);
    all.retain(|entry| entry.path_lower != top.path_lower && entry.path_lower != view.base);
    let extensions = strings(&options.arg["file_extensions"]);
    let categories = tags(&options.arg["file_categories"]);
    all.retain(|entry| extensions.is_empty() || extensions.contains(&extension(entry)));
    all.retain(|entry| {
        categories.is_empty() || categories.iter().any(|wanted| wanted == category(entry))
    });
    let mut found: Vec<Found> = all
        .into_iter()
        .filter_map(|entry| {
            if begins_all(&entry.name.to_lowercase(), &words) {
                return Some((entry, "filename"));
            }
            (!names_only && holds(view, &entry, &words)).then_some((entry, "file_content"))
        })
        .collect();
    if options.tag("order_by")? == Some("last_modified_time") {
        found.sort_by_key(|(entry, _)| std::cmp::Reverse(super::accounts::modified(entry)));
    }
    Ok(found)
}

/// Whether every word begins some word of the text, or the text simply contains it.
fn begins_all(text: &str, words: &[&str]) -> bool {
    let parts: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    words
        .iter()
        .all(|word| parts.iter().any(|part| part.starts_with(word)) || text.contains(word))
}

/// The name in pieces, of which those are highlighted that the query names.
fn spans(name: &str, query: &str) -> Value {
    let lower = name.to_lowercase();
    let words = query.to_lowercase();
    let mut marked = vec![false; name.len()];
    // A name whose lower case has other lengths cannot be marked by place.
    if lower.len() == name.len() {
        for word in words.split_whitespace() {
            for (at, _) in lower.match_indices(word) {
                marked[at..at + word.len()].fill(true);
            }
        }
    }
    let mut pieces: Vec<(String, bool)> = Vec::new();
    for (at, letter) in name.char_indices() {
        let marked = marked.get(at).copied().unwrap_or_default();
        match pieces.last_mut() {
            Some((piece, kind)) if *kind == marked => piece.push(letter),
            _ => pieces.push((letter.to_string(), marked)),
        }
    }
    let spans = pieces
        .into_iter()
        .map(|(piece, marked)| json!({ "highlight_str": piece, "is_highlighted": marked }));
    spans.collect()
}

fn holds(view: &View, entry: &Entry, words: &[&str]) -> bool {
    let readable = entry
        .file
        .as_ref()
        .is_some_and(|state| state.fingerprint.size <= READABLE);
    let text = mime_guess::from_path(&entry.name)
        .first()
        .is_some_and(|mime| mime.type_() == "text");
    readable
        && text
        && view
            .account
            .locate(&entry.disk)
            .and_then(fs::read_to_string)
            .is_ok_and(|content| begins_all(&content.to_lowercase(), words))
}

fn extension(entry: &Entry) -> String {
    let name = entry.name.to_lowercase();
    match (entry.is_folder(), name.rsplit_once('.')) {
        (false, Some((_, extension))) => extension.to_owned(),
        _ => String::new(),
    }
}

fn category(entry: &Entry) -> &'static str {
    if entry.is_folder() {
        return "folder";
    }
    match extension(entry).as_str() {
        "jpg" | "jpeg" | "png" | "gif" | "webp" | "heic" | "svg" | "bmp" | "tiff" => "image",
        "doc" | "docx" | "txt" | "md" | "rtf" | "odt" => "document",
        "pdf" => "pdf",
        "xls" | "xlsx" | "csv" | "ods" => "spreadsheet",
        "ppt" | "pptx" | "odp" => "presentation",
        "mp3" | "wav" | "m4a" | "flac" | "ogg" => "audio",
        "mp4" | "mov" | "avi" | "mkv" | "webm" => "video",
        "paper" => "paper",
        _ => "others",
    }
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    let texts = items.filter_map(Value::as_str);
    texts
        .map(|text| text.trim_start_matches('.').to_lowercase())
        .collect()
}

fn tags(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    let texts = items.filter_map(|item| item.as_str().or_else(|| item[".tag"].as_str()));
    texts.map(str::to_owned).collect()
}
