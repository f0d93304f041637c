//! Rows of the catalog: written inside the caller's transaction, read from the pool.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{FileError, Handle, Kind, StoredFile};
use crate::access::ApplicationId;
use crate::clock::from_ms;
use crate::database::{Database, DatabaseError, Tx};

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

    /// Writes a new file inside `tx`.
    ///
    /// # Errors
    /// [`DatabaseError::Duplicate`] when the handle is taken: the same pick ended before.
    pub async fn insert(tx: &mut Tx, file: &StoredFile) -> Result<(), DatabaseError> {
        let sql = format!(
            "INSERT INTO files ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
             $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"
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

    /// Whether a live file's bytes lie under this storage key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn names(&self, storage_key: &str) -> Result<bool, FileError> {
        let mut connection = self.database.read().await?;
        let row = sqlx::query(
            "SELECT 1 FROM files WHERE storage_key = $1 AND deleted_at IS NULL LIMIT 1",
        )
        .bind(storage_key.to_owned())
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.is_some())
    }
}

fn from_row(row: &AnyRow) -> Result<StoredFile, FileError> {
    let number = |name: &str| row.try_get::<Option<i64>, _>(name);
    let pixels = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
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
