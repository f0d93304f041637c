//! A service with applications, files and deliveries, and scripts with tokens.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::{Application, Dropbox, Service, eventually, http};
use crate::support::postgres;
use crate::support::subscriber::Subscriber;

pub struct Scene {
    pub service: Service,
    pub subscriber: Subscriber,
    dropbox: Dropbox,
    _dir: TempDir,
}

/// An application with a file, an endpoint of each kind, and a delivery.
pub struct Owned {
    pub application: Application,
    /// Reaches this application alone.
    pub api: Api,
    /// Of `fp.upload`.
    pub endpoint: i64,
    pub endpoint_secret: String,
    pub handle: String,
    pub event: i64,
    pub delivery: i64,
}

impl Scene {
    /// On SQLite.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// On PostgreSQL.
    pub async fn on_postgres() -> Self {
        let database = postgres::database();
        let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let settings = [
            ("LONGSHORE_DATABASE_URL", database.as_str()),
            ("LONGSHORE_MASTER_KEY", key),
        ];
        Self::with(&settings).await
    }

    /// With these settings.
    pub async fn set(settings: &[(&str, &str)]) -> Self {
        Self::with(settings).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        dropbox.add("a.txt", b"some bytes");
        let soon = [("LONGSHORE_WEBHOOK_RETRY_OFFSETS", "50ms")];
        let more = [&soon[..], settings].concat();
        let service = Service::start(dir.path(), &dropbox.url, &more);
        Self {
            service,
            subscriber: Subscriber::start().await,
            dropbox,
            _dir: dir,
        }
    }

    /// A script whose token reaches everything.
    pub fn all(&self) -> Api {
        self.script(&[])
    }

    /// A script whose token reaches one application.
    pub fn only(&self, application: &Application) -> Api {
        self.script(&["--apikey", &application.apikey])
    }

    fn script(&self, arguments: &[&str]) -> Api {
        let arguments = [&["token", "create", "--json"], arguments].concat();
        let made = self.service.run(&arguments);
        Api {
            url: format!("{}/api/v1", self.service.url),
            token: made["token"].as_str().unwrap().to_owned(),
        }
    }

    /// An application in which something has happened; deliveries go to `path`.
    pub async fn owned(&self, path: &str) -> Owned {
        let application = self.service.application();
        let api = self.only(&application);
        let here = format!("/applications/{}", application.apikey);
        let wanted = json!({ "url": self.subscriber.url(path) });
        let (status, made) = api.post(&format!("{here}/endpoints"), wanted).await;
        assert_eq!(status, 201, "{made}");
        let upload = &made["items"][0];
        assert_eq!(upload["event"], "fp.upload");
        let (status, picked) = application.person().await.pick("/a.txt").await;
        assert_eq!(status, 200, "{picked}");
        self.subscriber.wait_for(path, 1).await;
        let events = api.get(&format!("{here}/events")).await;
        let deliveries = api.get(&format!("{here}/deliveries")).await;
        Owned {
            endpoint: upload["id"].as_i64().unwrap(),
            endpoint_secret: upload["secret"].as_str().unwrap().to_owned(),
            handle: picked["dropbox"]["handle"].as_str().unwrap().to_owned(),
            event: events["items"][0]["id"].as_i64().unwrap(),
            delivery: deliveries["items"][0]["id"].as_i64().unwrap(),
            application,
            api,
        }
    }

    /// Puts one more file into the Dropbox.
    pub fn add(&self, name: &str) {
        self.dropbox.add(name, name.as_bytes());
    }
}

impl Owned {
    /// A path below this application.
    pub fn path(&self, rest: &str) -> String {
        format!("/applications/{}{rest}", self.application.apikey)
    }

    /// The delivery as it stands.
    pub async fn delivery(&self) -> Value {
        self.api
            .get(&self.path(&format!("/deliveries/{}", self.delivery)))
            .await
    }

    /// Waits until the delivery stands like this.
    pub async fn delivery_is(&self, state: &str) {
        eventually(state, Duration::from_secs(10), async || {
            self.delivery().await["state"] == state
        })
        .await;
    }
}

/// A script with a token.
#[derive(Clone)]
pub struct Api {
    pub url: String,
    pub token: String,
}

impl Api {
    pub async fn send(&self, method: &str, path: &str, body: Option<String>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = http()
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let text = answer.text().await.unwrap();
        if status >= 400 {
            assert_eq!(kind.unwrap(), "application/problem+json", "{text}");
        }
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Reads what must be there.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("PATCH", path, Some(body.to_string())).await
    }
}
