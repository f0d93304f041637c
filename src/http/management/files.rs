//! The files of an application: listed and looked at. They are read and deleted by the file API.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{bad_cursor, page_length, query, rows};
use super::{Owner, ok, page};
use crate::files::{FileError, Handle, Kind, Links, Place, StoredFile};
use crate::http::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    cursor: Option<String>,
    limit: Option<i64>,
}

fn shown(file: &StoredFile, links: &Links) -> Value {
    json!({
        "handle": file.handle.as_str(),
        "url": links.file(&file.handle),
        "filename": file.filename,
        "mimetype": file.mimetype,
        "size": file.size,
        "kind": match file.kind {
            Kind::Stored => "stored",
            Kind::Symlink => "symlink",
        },
        "provider": file.provider,
        "client": file.client,
        "container": file.container,
        "key": file.key(),
        "access": file.access,
        "content_hash": file.content_hash,
        "width": file.width,
        "height": file.height,
        "upload_tags": tags(file),
        "source_path": file.source_path,
        "source_rev": file.source_rev,
        "version": file.version,
        "created_at": file.created_at.timestamp_millis(),
        "modified_at": file.modified_at.timestamp_millis(),
    })
}

/// The tags of an upload; of one without any, none.
fn tags(file: &StoredFile) -> Value {
    match &file.upload_tags {
        Value::Null => json!({}),
        tags => tags.clone(),
    }
}

/// A place in the list as its cursor: `TIME-HANDLE`.
fn cursor(place: &Place) -> String {
    format!("{}-{}", place.created_at, place.handle)
}

fn place(cursor: &str) -> Option<Place> {
    let (created_at, handle) = cursor.split_once('-')?;
    Some(Place {
        created_at: created_at.parse().ok()?,
        handle: Handle::parse(handle).ok()?,
    })
}

/// The files, newest first.
pub(super) async fn list(owner: Owner) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&owner.request)?;
    let length = page_length(asked.limit)?;
    let after = match &asked.cursor {
        Some(text) => Some(place(text).ok_or_else(bad_cursor)?),
        None => None,
    };
    let (catalog, id) = (owner.edge.catalog.clone(), owner.id());
    let most = u32::try_from(rows(length)).unwrap_or(u32::MAX);
    let found = owner
        .edge
        .run(async move { catalog.list(id, after.as_ref(), most).await });
    let links = owner.edge.links.clone();
    Ok(page(
        found.await?,
        length,
        |file| shown(file, &links),
        |file| cursor(&Place::of(file)),
    ))
}

/// One file.
pub(super) async fn get(owner: Owner) -> Result<HttpResponse, Problem> {
    let text = owner.request.match_info().get("handle").unwrap_or_default();
    let handle = Handle::parse(text)?;
    let (catalog, id) = (owner.edge.catalog.clone(), owner.id());
    let found = owner.edge.run(async move {
        let file = catalog.find(&handle).await?;
        match file.application_id == id {
            true => Ok(file),
            false => Err(FileError::NotFound),
        }
    });
    Ok(ok(&shown(&found.await?, &owner.edge.links)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let there = Place {
            created_at: 1_700_000_000_123,
            handle: Handle::parse("abcdefghij0123456789").unwrap(),
        };
        assert_eq!(place(&cursor(&there)), Some(there));
        for text in ["", "-", "1", "1-x", "x-abcdefghij0123456789"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
