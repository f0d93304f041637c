//! The shapes of payloads (filestack.com/docs/webhooks).
//!
//! The envelope is put together from columns in a fixed way, so that every attempt sends the
//! same bytes and only the inner object need be kept.

use serde_json::{Map, Value, json};

use super::{Event, Happening};
use crate::access::ApplicationId;
use crate::files::{Kind, Links, StoredFile};

/// The body of an event as it is sent and signed.
pub fn body(event: &Event) -> String {
    // `text` is JSON that we wrote; the action is one of a fixed list without quotes.
    format!(
        r#"{{"id":{},"action":"{}","timestamp":{},"text":{}}}"#,
        event.id,
        event.action,
        event.created_at.div_euclid(1000),
        event.text
    )
}

/// Whose event, its action, its handle and its inner object.
pub(super) fn of(what: &Happening, links: &Links) -> (ApplicationId, &'static str, String, String) {
    match what {
        Happening::Upload(file) => told(file, "fp.upload", upload(file, links)),
        Happening::Overwrite(file) => told(file, "fp.overwrite", overwrite(file, links)),
        Happening::Delete(file) => told(
            file,
            "fp.delete",
            json!({ "url": links.file(&file.handle) }),
        ),
        Happening::Dialog(application, options) => (
            *application,
            "fp.dialog",
            String::new(),
            options.to_string(),
        ),
    }
}

fn told(
    file: &StoredFile,
    action: &'static str,
    text: Value,
) -> (ApplicationId, &'static str, String, String) {
    (
        file.application_id,
        action,
        file.handle.to_string(),
        text.to_string(),
    )
}

fn upload(file: &StoredFile, links: &Links) -> Value {
    let mut text = match file.kind {
        Kind::Stored => json!({
            "container": file.container,
            "url": links.file(&file.handle),
            "filename": file.filename,
            "client": file.client,
            "key": file.key(),
            "type": file.mimetype,
            "status": "Stored",
            "size": file.size,
        }),
        Kind::Symlink => json!({
            "url": links.api_file(&file.handle),
            "client": file.client,
            "type": file.mimetype,
            "filename": file.filename,
            "size": file.size,
        }),
    };
    add_tags(&mut text, file);
    text
}

fn overwrite(file: &StoredFile, links: &Links) -> Value {
    json!({
        "mimetype": file.mimetype,
        "url": links.file(&file.handle),
        "isWriteable": true,
        "filename": file.filename,
        "client": file.client,
        "size": file.size,
    })
}

/// Tags are told only where there are some; the documented payloads have no such member.
fn add_tags(text: &mut Value, file: &StoredFile) {
    let tagged = file
        .upload_tags
        .as_object()
        .is_some_and(|tags: &Map<_, _>| !tags.is_empty());
    if let (true, Some(members)) = (tagged, text.as_object_mut()) {
        members.insert("upload_tags".to_owned(), file.upload_tags.clone());
    }
}
