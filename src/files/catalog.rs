//! Rows of the catalog: written inside the caller's transaction, read from the pool.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::any::AnyRow;
use sqlx::pool::PoolConnection;
use sqlx::{Any, Row};

use super::facts::Facts;
use super::{FileError, Handle, Kind, StoredFile, claims, garbage};
use crate::access::ApplicationId;
use crate::clock::from_ms;
use crate::database::{Database, DatabaseError, Tx};
use crate::dropbox::FileMetadata;

const COLUMNS: &str = "handle, application_id, kind, provider, client, container, storage_key, \
     storage_path, access, filename, mimetype, size, content_hash, width, height, exif, \
     upload_tags, connection_id, source_path, source_id, source_rev, version, created_at, \
     modified_at";

/// The files of all applications.
#[derive(Clone)]
pub struct Catalog {
    database: Database,
}

impl Catalog {
    /// A catalog kept in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// A connection for the statements of this room that stand in other files.
    pub(super) async fn read(&self) -> Result<PoolConnection<Any>, DatabaseError> {
        self.database.read().await
    }

    /// Writes a new file inside `tx`.
    ///
    /// # Errors
    /// [`DatabaseError::Duplicate`] when the handle is taken: the same pick ended before.
    pub async fn insert(tx: &mut Tx, file: &StoredFile) -> Result<(), DatabaseError> {
        let sql = format!(
            "INSERT INTO files ({COLUMNS}, facts_read) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
             $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(file.handle.as_str().to_owned())
            .bind(file.application_id.0)
            .bind(i64::from(file.kind == Kind::Symlink))
            .bind(file.provider.clone())
            .bind(file.client.clone())
            .bind(file.container.clone())
            .bind(file.storage_key.clone())
            .bind(file.storage_path.clone())
            .bind(file.access.clone())
            .bind(file.filename.clone())
            .bind(file.mimetype.clone())
            .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
            .bind(file.content_hash.clone())
            .bind(file.width.map(i64::from))
            .bind(file.height.map(i64::from))
            .bind(file.exif.clone())
            .bind(file.upload_tags.to_string())
            .bind(file.connection_id)
            .bind(file.source_path.clone())
            .bind(file.source_id.clone())
            .bind(file.source_rev.clone())
            .bind(file.version)
            .bind(file.created_at.timestamp_millis())
            .bind(file.modified_at.timestamp_millis())
            // Whoever gives a width has looked for all of them.
            .bind(i64::from(file.width.is_some()))
            .execute(tx)
            .await?;
        Ok(())
    }

    /// The file with this handle.
    ///
    /// # Errors
    /// [`FileError::NotFound`] when there is none or it was deleted.
    pub async fn find(&self, handle: &Handle) -> Result<StoredFile, FileError> {
        let sql = format!("SELECT {COLUMNS} FROM files WHERE handle = $1 AND deleted_at IS NULL");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(handle.as_str().to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        row.as_ref().map_or(Err(FileError::NotFound), from_row)
    }

    /// The files of an application, newest first, at most `limit` behind the place `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        application: ApplicationId,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<StoredFile>, FileError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files WHERE application_id = $1 AND deleted_at IS NULL \
             AND (created_at, handle) < ($2, $3) ORDER BY created_at DESC, handle DESC LIMIT $4"
        );
        let (created_at, handle) = match after {
            Some(place) => (place.created_at, place.handle.as_str().to_owned()),
            None => (i64::MAX, String::new()),
        };
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(application.0)
            .bind(created_at)
            .bind(handle)
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// Puts other bytes behind a handle, inside `tx`. The object that bore them until now is left
    /// to the garbage.
    ///
    /// # Errors
    /// [`FileError::Changed`] when the file is no longer as `current` says: find it again.
    pub async fn overwrite(
        tx: &mut Tx,
        current: &StoredFile,
        with: &Replacement,
        now_ms: i64,
    ) -> Result<StoredFile, FileError> {
        let sql = format!(
            "UPDATE files SET kind = 0, provider = $1, container = $2, storage_key = $3, \
             filename = $4, mimetype = $5, size = $6, content_hash = '', hashes = '{{}}', \
             width = $7, height = $8, exif = $9, facts_read = 1, source_id = '', \
             source_rev = '', version = version + 1, modified_at = $10 \
             WHERE handle = $11 AND version = $12 AND deleted_at IS NULL RETURNING {COLUMNS}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(with.provider.clone())
            .bind(with.container.clone())
            .bind(with.storage_key.clone())
            .bind(with.filename.clone())
            .bind(with.mimetype.clone())
            .bind(i64::try_from(with.size).unwrap_or(i64::MAX))
            .bind(with.facts.width.map(i64::from))
            .bind(with.facts.height.map(i64::from))
            .bind(with.facts.exif.clone())
            .bind(now_ms)
            .bind(current.handle.as_str().to_owned())
            .bind(current.version)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(FileError::Changed)?;
        if current.kind == Kind::Stored {
            let kept_ms = i64::try_from(with.old_kept_for.as_millis()).unwrap_or(i64::MAX);
            let not_before = now_ms.saturating_add(kept_ms);
            garbage::discard(tx, &current.storage_key, not_before).await?;
            claims::free(tx, &current.storage_key, &current.handle).await?;
        }
        from_row(&row)
    }

    /// Takes over the new version of a symlink's source.
    ///
    /// # Errors
    /// [`FileError::Changed`] when the file is no longer as `current` says: find it again.
    pub async fn follow(
        &self,
        current: &StoredFile,
        source: FileMetadata,
        now_ms: i64,
    ) -> Result<StoredFile, FileError> {
        let (handle, version) = (current.handle.clone(), current.version);
        self.database
            .write(move |tx| {
                async move {
                    let sql = format!(
                        "UPDATE files SET size = $1, content_hash = $2, source_rev = $3, \
                         hashes = '{{}}', facts_read = 0, width = NULL, height = NULL, \
                         exif = NULL, version = version + 1, modified_at = $4 \
                         WHERE handle = $5 AND version = $6 AND deleted_at IS NULL \
                         RETURNING {COLUMNS}"
                    );
                    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(i64::try_from(source.size).unwrap_or(i64::MAX))
                        .bind(source.content_hash.unwrap_or_default())
                        .bind(source.rev)
                        .bind(now_ms)
                        .bind(handle.as_str().to_owned())
                        .bind(version)
                        .fetch_optional(tx)
                        .await?
                        .ok_or(FileError::Changed)?;
                    from_row(&row)
                }
                .boxed()
            })
            .await
    }

    /// Deletes a file, inside `tx`, and answers what it was. Its object is left to the garbage,
    /// unless `skip_storage`; the person's own file in their Dropbox is never touched. With
    /// `version` the file is deleted only while it is of that version.
    ///
    /// # Errors
    /// [`FileError::NotFound`] when there is none or it was deleted before,
    /// [`FileError::Changed`] when it is of another version.
    pub async fn delete(
        tx: &mut Tx,
        handle: &Handle,
        version: Option<i64>,
        skip_storage: bool,
        now_ms: i64,
    ) -> Result<StoredFile, FileError> {
        let sql = format!(
            "UPDATE files SET deleted_at = $1, object_kept = $3 WHERE handle = $2 \
             AND deleted_at IS NULL RETURNING {COLUMNS}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now_ms)
            .bind(handle.as_str().to_owned())
            .bind(i64::from(skip_storage))
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(FileError::NotFound)?;
        let file = from_row(&row)?;
        // Ends the transaction, and the file is there as before.
        if version.is_some_and(|version| version != file.version) {
            return Err(FileError::Changed);
        }
        if file.kind == Kind::Stored {
            if !skip_storage {
                garbage::discard(tx, &file.storage_key, now_ms).await?;
            }
            claims::free(tx, &file.storage_key, &file.handle).await?;
        }
        Ok(file)
    }

    /// What was computed from the file's bytes before: its hashes as a JSON object, and whether
    /// width, height and EXIF were looked for.
    pub(super) async fn computed(&self, file: &StoredFile) -> Result<Computed, FileError> {
        let mut connection = self.database.read().await?;
        let row = sqlx::query(
            "SELECT hashes, facts_read, width, height, exif FROM files \
             WHERE handle = $1 AND version = $2",
        )
        .bind(file.handle.as_str().to_owned())
        .bind(file.version)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(FileError::Changed)?;
        Ok(Computed {
            hashes: hashes_of(&row)?,
            facts_read: row.try_get::<i64, _>("facts_read")? != 0,
            facts: Facts {
                width: pixels(row.try_get("width")?),
                height: pixels(row.try_get("height")?),
                exif: row.try_get("exif")?,
            },
        })
    }

    /// Adds computed hashes to those known; does nothing if the bytes were replaced meanwhile.
    pub(super) async fn keep_hashes(
        &self,
        file: &StoredFile,
        new: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), FileError> {
        let (handle, version) = (file.handle.as_str().to_owned(), file.version);
        self.database
            .write(move |tx| {
                async move {
                    let known = "SELECT hashes FROM files WHERE handle = $1 AND version = $2";
                    let row = sqlx::query(known)
                        .bind(handle.clone())
                        .bind(version)
                        .fetch_optional(&mut *tx)
                        .await?;
                    let Some(row) = row else { return Ok(()) };
                    let mut hashes = hashes_of(&row)?;
                    hashes.extend(new);
                    let text = serde_json::Value::Object(hashes).to_string();
                    sqlx::query("UPDATE files SET hashes = $1 WHERE handle = $2 AND version = $3")
                        .bind(text)
                        .bind(handle)
                        .bind(version)
                        .execute(&mut *tx)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Keeps what was found in an image; does nothing if the bytes were replaced meanwhile.
    pub(super) async fn keep_facts(
        &self,
        file: &StoredFile,
        facts: Facts,
    ) -> Result<(), FileError> {
        let (handle, version) = (file.handle.as_str().to_owned(), file.version);
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE files SET width = $1, height = $2, exif = $3, facts_read = 1 \
                         WHERE handle = $4 AND version = $5",
                    )
                    .bind(facts.width.map(i64::from))
                    .bind(facts.height.map(i64::from))
                    .bind(facts.exif)
                    .bind(handle)
                    .bind(version)
                    .execute(tx)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

/// A place in an application's list of files, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When the file at this place was stored, in milliseconds since the epoch.
    pub created_at: i64,
    /// Its handle.
    pub handle: Handle,
}

impl Place {
    /// The place of this file.
    pub fn of(file: &StoredFile) -> Self {
        Self {
            created_at: file.created_at.timestamp_millis(),
            handle: file.handle.clone(),
        }
    }
}

/// The bytes that come behind a handle in place of others.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Where they are, in the protocol's words.
    pub provider: String,
    /// The storage's container.
    pub container: String,
    /// The object that holds them.
    pub storage_key: String,
    /// The file's name from now on.
    pub filename: String,
    /// Their media type.
    pub mimetype: String,
    /// How many they are.
    pub size: u64,
    /// What was found in them.
    pub facts: Facts,
    /// How long readers of the old bytes may still be on their way to the storage.
    pub old_kept_for: Duration,
}

/// What was computed from a file's bytes.
pub(super) struct Computed {
    pub hashes: serde_json::Map<String, serde_json::Value>,
    pub facts_read: bool,
    pub facts: Facts,
}

fn hashes_of(row: &AnyRow) -> Result<serde_json::Map<String, serde_json::Value>, FileError> {
    let text: String = row.try_get("hashes")?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn pixels(number: Option<i64>) -> Option<u32> {
    number.and_then(|n| u32::try_from(n).ok())
}

fn from_row(row: &AnyRow) -> Result<StoredFile, FileError> {
    let number = |name: &str| row.try_get::<Option<i64>, _>(name);
    Ok(StoredFile {
        handle: Handle::parse(&row.try_get::<String, _>("handle")?)?,
        application_id: ApplicationId(row.try_get("application_id")?),
        kind: if row.try_get::<i64, _>("kind")? == 1 {
            Kind::Symlink
        } else {
            Kind::Stored
        },
        provider: row.try_get("provider")?,
        client: row.try_get("client")?,
        container: row.try_get("container")?,
        storage_key: row.try_get("storage_key")?,
        storage_path: row.try_get("storage_path")?,
        access: row.try_get("access")?,
        filename: row.try_get("filename")?,
        mimetype: row.try_get("mimetype")?,
        size: u64::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0),
        content_hash: row.try_get("content_hash")?,
        width: pixels(number("width")?),
        height: pixels(number("height")?),
        exif: row.try_get("exif")?,
        upload_tags: serde_json::from_str(&row.try_get::<String, _>("upload_tags")?)
            .unwrap_or_default(),
        connection_id: number("connection_id")?,
        source_path: row.try_get("source_path")?,
        source_id: row.try_get("source_id")?,
        source_rev: row.try_get("source_rev")?,
        version: row.try_get("version")?,
        created_at: from_ms(row.try_get("created_at")?),
        modified_at: from_ms(row.try_get("modified_at")?),
    })
}
