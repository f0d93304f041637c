//! A symlink: the file gets a handle and its bytes stay in Dropbox.

use futures_util::FutureExt;

use chrono::{DateTime, Utc};

use super::request::Wanted;
use super::{PickError, PickRequest, Picking};
use crate::dropbox::FileMetadata;
use crate::events::Happening;
use crate::files::{Catalog, Handle, Kind, StoredFile};

impl Picking {
    /// Records a file whose bytes stay in the person's Dropbox, pinned to nothing: its link
    /// shows what lies there when it is read.
    ///
    /// # Errors
    /// A [`PickError`]; no event was recorded then.
    pub async fn link(&self, request: PickRequest) -> Result<StoredFile, PickError> {
        let wanted = request.check()?;
        let inner = &self.inner;
        let (_, metadata) = self
            .first_look(request.connection_id, &request.path)
            .await?;
        if !metadata.is_downloadable {
            let why = "a cloud document has no bytes to link to; pick it with a copy instead";
            return Err(PickError::NotCopyable(why.to_owned()));
        }
        let file = symlink(request, wanted, metadata, inner.clock.now());
        let (events, stored) = (inner.events.clone(), file.clone());
        let event = inner
            .database
            .write(move |tx| {
                async move {
                    Catalog::insert(tx, &stored).await?;
                    Ok::<_, PickError>(events.record(tx, &Happening::Upload(stored)).await?)
                }
                .boxed()
            })
            .await?;
        inner.events.committed(&[event]);
        Ok(file)
    }
}

fn symlink(
    request: PickRequest,
    wanted: Wanted,
    metadata: FileMetadata,
    now: DateTime<Utc>,
) -> StoredFile {
    let filename = match wanted.store.filename.as_str() {
        "" => metadata.name,
        asked => asked.to_owned(),
    };
    StoredFile {
        handle: Handle::generate(),
        application_id: request.application.id,
        kind: Kind::Symlink,
        provider: "dropbox".to_owned(),
        client: "Dropbox".to_owned(),
        container: String::new(),
        storage_key: String::new(),
        storage_path: String::new(),
        access: "private".to_owned(),
        mimetype: mime_guess::from_path(&filename)
            .first_or_octet_stream()
            .to_string(),
        filename,
        size: metadata.size,
        content_hash: metadata.content_hash.unwrap_or_default(),
        width: None,
        height: None,
        exif: None,
        upload_tags: wanted.upload_tags,
        connection_id: Some(request.connection_id),
        source_path: metadata
            .path_display
            .unwrap_or_else(|| request.path.clone()),
        source_id: metadata.id,
        source_rev: metadata.rev,
        version: 1,
        created_at: now,
        modified_at: now,
    }
}
