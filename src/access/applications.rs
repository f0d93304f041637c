//! Applications: who integrates us, with an API key for the page and a secret for the server.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde::Serialize;
use sqlx::Row;

use super::accounts::{AccountId, members};
use super::audit::{self, Actor, Deed};
use super::reseal::SealedColumn;
use super::{AccessError, Call, Credentials, MasterKey, Policy, Purpose, Subject, rules};
use crate::clock::Clock;
use crate::database::Database;

/// How long an application read from the database serves further requests. A change made on
/// another node is felt after this time; one made here at once.
const REMEMBERED: Duration = Duration::from_secs(2);

/// Applications read lately, by API key and by number, and when.
type Remembered = HashMap<String, (Instant, Arc<Application>)>;

/// Names one application in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ApplicationId(pub i64);

/// The Dropbox app that an application brought along.
#[derive(Clone)]
pub struct OwnDropboxApp {
    /// Its app key.
    pub key: String,
    /// Its app secret.
    pub secret: String,
}

impl std::fmt::Debug for OwnDropboxApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnDropboxApp")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// One application, as the rooms see it.
#[derive(Clone)]
pub struct Application {
    /// Its key in the database.
    pub id: ApplicationId,
    /// What its developer calls it.
    pub name: String,
    /// The public key that its pages bear.
    pub apikey: String,
    /// Whether uploads and reads need a policy.
    pub security_enabled: bool,
    /// Origins whose pages may use it; empty: all.
    pub allowed_origins: Vec<String>,
    /// Its own Dropbox app, if it has one.
    pub dropbox_app: Option<OwnDropboxApp>,
    /// Put before every storage path.
    pub storage_path: String,
    secret: String,
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish()
    }
}

impl Application {
    /// Checks what a request brought against what it wants to do.
    ///
    /// `changes` says that the call alters an existing file: that needs authority even where
    /// the application has its security switched off (filestack.com/docs/security). A policy
    /// that came along is checked in every case. Answers the policy, for its limits.
    ///
    /// # Errors
    /// An [`AccessError`] that names what is missing or wrong.
    pub fn authorize(
        &self,
        credentials: &Credentials,
        call: Call,
        subject: &Subject<'_>,
        changes: bool,
        now_seconds: i64,
    ) -> Result<Option<Policy>, AccessError> {
        if let Some(secret) = &credentials.secret {
            return match super::same_secret(secret, &self.secret) {
                true => Ok(None),
                false => Err(AccessError::WrongCredentials),
            };
        }
        match (&credentials.policy, &credentials.signature) {
            (Some(policy), Some(signature)) => {
                let policy = Policy::verify(policy, signature, &self.secret, now_seconds)?;
                policy.allows(call, subject)?;
                Ok(Some(policy))
            }
            (None, None) if !self.security_enabled && !changes => Ok(None),
            _ => Err(AccessError::PolicyMissing),
        }
    }
}

/// What it takes to make an application.
#[derive(Clone, Debug, Default)]
pub struct NewApplication {
    /// What its developer calls it: 1 to 200 characters.
    pub name: String,
    /// Its Dropbox app, if it has its own.
    pub dropbox_app: Option<OwnDropboxApp>,
    /// Whether uploads and reads need a policy.
    pub security_enabled: bool,
    /// Origins whose pages may use it; empty: all.
    pub allowed_origins: Vec<String>,
    /// Put before every storage path.
    pub storage_path: String,
    /// The account that owns it; none: it belongs to whoever runs the server.
    pub owner: Option<AccountId>,
}

/// All applications.
#[derive(Clone)]
pub struct Applications {
    database: Database,
    master_key: MasterKey,
    clock: Clock,
    remembered: Arc<RwLock<Remembered>>,
}

/// Where secrets of applications are kept.
pub const SEALED: [SealedColumn; 2] = [
    SealedColumn {
        table: "applications",
        column: "secret",
        purpose: Purpose::ApplicationSecret,
    },
    SealedColumn {
        table: "applications",
        column: "dropbox_app_secret",
        purpose: Purpose::DropboxAppSecret,
    },
];

const COLUMNS: &str = "id, name, apikey, secret, security_enabled, allowed_origins, \
     dropbox_app_key, dropbox_app_secret, storage_path";

impl Applications {
    /// Applications kept in `database`, their secrets sealed under `master_key`.
    pub fn new(database: Database, master_key: MasterKey, clock: Clock) -> Self {
        Self {
            database,
            master_key,
            clock,
            remembered: Arc::default(),
        }
    }

    /// Makes an application and answers it with its secret, which is not shown again.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] for a value that cannot be used.
    pub async fn create(
        &self,
        new: NewApplication,
        actor: &Actor,
    ) -> Result<(Arc<Application>, String), AccessError> {
        let name = rules::name(&new.name)?;
        let storage_path = rules::storage_path(&new.storage_path)?;
        new.dropbox_app
            .as_ref()
            .map_or(Ok(()), rules::dropbox_app)?;
        let apikey = format!("A{}", super::random_name(21));
        let secret = super::random_name(43);
        let sealed = self.master_key.seal(Purpose::ApplicationSecret, &secret)?;
        let (app_key, app_secret) = match &new.dropbox_app {
            Some(app) => {
                let sealed = self
                    .master_key
                    .seal(Purpose::DropboxAppSecret, &app.secret)?;
                (Some(app.key.clone()), Some(sealed))
            }
            None => (None, None),
        };
        let origins = serde_json::json!(rules::origins(&new.allowed_origins)?).to_string();
        let security = i64::from(new.security_enabled);
        let (now, key) = (self.clock.now_ms(), apikey.clone());
        let (actor, deed) = (actor.clone(), Deed::new("application.create", &name));
        self.database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "INSERT INTO applications (name, apikey, secret, security_enabled, \
                         allowed_origins, dropbox_app_key, dropbox_app_secret, storage_path, \
                         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    )
                    .bind(name)
                    .bind(key.clone())
                    .bind(sealed)
                    .bind(security)
                    .bind(origins)
                    .bind(app_key)
                    .bind(app_secret)
                    .bind(storage_path)
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
                    let row = sqlx::query("SELECT id FROM applications WHERE apikey = $1")
                        .bind(key)
                        .fetch_one(&mut *tx)
                        .await?;
                    let id = ApplicationId(row.try_get("id")?);
                    if let Some(owner) = new.owner {
                        members::own(tx, id, owner, now).await?;
                    }
                    audit::record(tx, Some(id), &actor, &deed, now).await?;
                    Ok::<_, AccessError>(())
                }
                .boxed()
            })
            .await?;
        Ok((self.by_apikey(&apikey).await?, secret))
    }

    /// The application with this API key.
    ///
    /// # Errors
    /// [`AccessError::UnknownApplication`] when there is none.
    pub async fn by_apikey(&self, apikey: &str) -> Result<Arc<Application>, AccessError> {
        // PostgreSQL refuses a NUL in a text; no key of ours has anything but these. Asked first:
        // what is remembered by its number must not be found by it.
        if apikey.len() > 64 || !apikey.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(AccessError::UnknownApplication);
        }
        if let Some(known) = self.remembered(apikey) {
            return Ok(known);
        }
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE apikey = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(apikey.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        self.keep(row)
    }

    /// The application with this id.
    ///
    /// # Errors
    /// [`AccessError::UnknownApplication`] when there is none.
    pub async fn by_id(&self, id: ApplicationId) -> Result<Arc<Application>, AccessError> {
        if let Some(known) = self.remembered(&number(id)) {
            return Ok(known);
        }
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE id = $1");
        let mut connection = self.database.read().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        self.keep(row)
    }

    /// All applications, oldest first, at most `limit` after the id `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, after: i64, limit: i64) -> Result<Vec<Arc<Application>>, AccessError> {
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE id > $1 ORDER BY id LIMIT $2");
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        rows.iter()
            .map(|row| Ok(Arc::new(self.read_row(row)?)))
            .collect()
    }

    /// Changes how an application is guarded and which Dropbox app it uses; `None` leaves a
    /// member as it is.
    ///
    /// # Errors
    /// [`AccessError::UnknownApplication`] when there is none, [`AccessError::Invalid`] for a
    /// value that cannot be used.
    pub async fn update(
        &self,
        id: ApplicationId,
        change: Change,
        actor: &Actor,
    ) -> Result<(), AccessError> {
        let change = change.checked()?;
        let deed = Deed::new("application.update", "").with(change.told());
        let (actor, now) = (actor.clone(), self.clock.now_ms());
        let sealed = match &change.dropbox_app {
            Some(app) => Some(
                self.master_key
                    .seal(Purpose::DropboxAppSecret, &app.secret)?,
            ),
            None => None,
        };
        let changed = self
            .database
            .write(move |tx| {
                async move {
                    let done = sqlx::query(
                        "UPDATE applications SET security_enabled = COALESCE($1, security_enabled), \
                         allowed_origins = COALESCE($2, allowed_origins), \
                         dropbox_app_key = COALESCE($3, dropbox_app_key), \
                         dropbox_app_secret = COALESCE($4, dropbox_app_secret), \
                         storage_path = COALESCE($5, storage_path), name = COALESCE($6, name) \
                         WHERE id = $7",
                    )
                    .bind(change.security_enabled.map(i64::from))
                    .bind(change.allowed_origins.map(|list| serde_json::json!(list).to_string()))
                    .bind(change.dropbox_app.map(|app| app.key))
                    .bind(sealed)
                    .bind(change.storage_path)
                    .bind(change.name)
                    .bind(id.0)
                    .execute(&mut *tx)
                    .await?;
                    audit::record(tx, Some(id), &actor, &deed, now).await?;
                    Ok::<_, AccessError>(done.rows_affected())
                }
                .boxed()
            })
            .await?;
        if let Ok(mut known) = self.remembered.write() {
            known.clear();
        }
        if changed == 0 {
            Err(AccessError::UnknownApplication)
        } else {
            Ok(())
        }
    }

    fn remembered(&self, name: &str) -> Option<Arc<Application>> {
        let known = self.remembered.read().ok()?;
        let (since, application) = known.get(name)?;
        (since.elapsed() < REMEMBERED).then(|| application.clone())
    }

    fn keep(&self, row: Option<sqlx::any::AnyRow>) -> Result<Arc<Application>, AccessError> {
        let row = row.ok_or(AccessError::UnknownApplication)?;
        let application = Arc::new(self.read_row(&row)?);
        if let Ok(mut known) = self.remembered.write() {
            let now = Instant::now();
            known.insert(number(application.id), (now, application.clone()));
            known.insert(application.apikey.clone(), (now, application.clone()));
        }
        Ok(application)
    }

    fn read_row(&self, row: &sqlx::any::AnyRow) -> Result<Application, AccessError> {
        let secret: Vec<u8> = row.try_get("secret")?;
        let origins: String = row.try_get("allowed_origins")?;
        let app_key: Option<String> = row.try_get("dropbox_app_key")?;
        let app_secret: Option<Vec<u8>> = row.try_get("dropbox_app_secret")?;
        let dropbox_app = match (app_key, app_secret) {
            (Some(key), Some(sealed)) => {
                let secret = self.master_key.open(Purpose::DropboxAppSecret, &sealed)?;
                Some(OwnDropboxApp { key, secret })
            }
            _ => None,
        };
        Ok(Application {
            id: ApplicationId(row.try_get("id")?),
            name: row.try_get("name")?,
            apikey: row.try_get("apikey")?,
            security_enabled: row.try_get::<i64, _>("security_enabled")? != 0,
            allowed_origins: serde_json::from_str(&origins).unwrap_or_default(),
            dropbox_app,
            storage_path: row.try_get("storage_path")?,
            secret: self.master_key.open(Purpose::ApplicationSecret, &secret)?,
        })
    }
}

/// The name under which an application is remembered by its id; no API key looks like it.
fn number(id: ApplicationId) -> String {
    format!("#{}", id.0)
}

/// A change to an application; `None` leaves a member as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What its developer calls it.
    pub name: Option<String>,
    /// Whether uploads and reads need a policy.
    pub security_enabled: Option<bool>,
    /// Origins whose pages may use it; empty: all.
    pub allowed_origins: Option<Vec<String>>,
    /// Its Dropbox app.
    pub dropbox_app: Option<OwnDropboxApp>,
    /// Put before every storage path.
    pub storage_path: Option<String>,
}

impl Change {
    /// What changes, in the words of the log; of a secret only that it does.
    fn told(&self) -> String {
        let mut told = Vec::new();
        if let Some(name) = &self.name {
            told.push(format!("name: {name}"));
        }
        if let Some(security) = self.security_enabled {
            told.push(format!("security: {}", if security { "on" } else { "off" }));
        }
        if let Some(origins) = &self.allowed_origins {
            told.push(format!("allowed origins: {}", origins.join(", ")));
        }
        if let Some(app) = &self.dropbox_app {
            told.push(format!("Dropbox app: {}", app.key));
        }
        if let Some(path) = &self.storage_path {
            told.push(format!("storage path: {path}"));
        }
        told.join("; ")
    }

    fn checked(self) -> Result<Self, AccessError> {
        self.dropbox_app
            .as_ref()
            .map_or(Ok(()), rules::dropbox_app)?;
        let origins = self.allowed_origins.as_deref().map(rules::origins);
        let storage_path = self.storage_path.as_deref().map(rules::storage_path);
        Ok(Self {
            name: self.name.as_deref().map(rules::name).transpose()?,
            allowed_origins: origins.transpose()?,
            storage_path: storage_path.transpose()?,
            ..self
        })
    }
}
