//! A whole service on a port of its own, with a simulated Dropbox behind it and a person in front.

#[path = "outgrown.rs"]
mod outgrown;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longshore::access::{Application, NewApplication, OwnDropboxApp};
use longshore::app::{Service, Tools};
use longshore::clock::{Clock, ClockHand};
use longshore::config::Settings;
use longshore::connections::{Connections, Needs};
use longshore::dropbox::Dropbox;
use longshore::sandbox::{AccountOptions, AppOptions, FaultKind, FaultRule, Options, Sandbox};
use serde_json::{Value, json};

pub const APP_KEY: &str = "scene-app-key";
pub const APP_SECRET: &str = "scene-app-secret";

/// What a scene is made with.
pub struct Plan {
    pub sandbox: Options,
    pub settings: Settings,
    pub application: NewApplication,
}

/// A service, a Dropbox, an application.
pub struct Scene {
    pub service: Service,
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
    pub base: String,
    pub apikey: String,
    pub secret: String,
    pub hand: ClockHand,
    pub settings: Settings,
    clock: Clock,
    _data: tempfile::TempDir,
}

impl Plan {
    /// One account `Franz` with this folder, one app, and an application that uses it.
    pub fn new(folder: &Path) -> Self {
        let stores = outgrown::stores();
        let mut settings = outgrown::Stores::over_defaults(stores.as_ref());
        settings.http.listen = "127.0.0.1:0".parse().unwrap();
        settings.http.workers = 1;
        settings.dropbox.first_retry_wait = Duration::from_millis(20);
        settings.dropbox.total_deadline = Duration::from_secs(3);
        settings.dropbox.max_retry_after = Duration::from_secs(2);
        Self {
            sandbox: Options {
                accounts: vec![AccountOptions::personal("Franz", folder)],
                apps: vec![AppOptions {
                    key: APP_KEY.to_owned(),
                    secret: APP_SECRET.to_owned(),
                    ..AppOptions::default()
                }],
                ..Options::default()
            },
            settings,
            application: NewApplication {
                name: "scene".to_owned(),
                dropbox_app: Some(OwnDropboxApp {
                    key: APP_KEY.to_owned(),
                    secret: APP_SECRET.to_owned(),
                }),
                ..NewApplication::default()
            },
        }
    }

    pub async fn start(self) -> Scene {
        drop(rustls::crypto::ring::default_provider().install_default());
        let sandbox = Sandbox::start(self.sandbox).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut settings = self.settings;
        data.path().clone_into(&mut settings.server.data_dir);
        settings.dropbox.api_url = sandbox.url().parse().unwrap();
        settings.dropbox.content_url = sandbox.url().parse().unwrap();
        settings.dropbox.notify_url = sandbox.url().parse().unwrap();
        settings.dropbox.www_url = sandbox.url().parse().unwrap();
        let (clock, hand) = Clock::by_hand();
        let service = Service::start(&settings, clock.clone()).await.unwrap();
        let mut scene = Scene {
            base: format!("http://{}", service.address()),
            service,
            sandbox,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            apikey: String::new(),
            secret: String::new(),
            hand,
            settings,
            clock,
            _data: data,
        };
        (scene.apikey, scene.secret) = scene.application(self.application).await;
        scene
    }
}

impl Scene {
    /// One account with this folder and nothing unusual.
    pub async fn start(folder: &Path) -> Self {
        Plan::new(folder).start().await
    }

    /// Makes a further application; answers its key and secret.
    pub async fn application(&self, new: NewApplication) -> (String, String) {
        let tools = Tools::open(&self.settings, self.clock.clone())
            .await
            .unwrap();
        let (application, secret) = tools
            .applications
            .create(new, &longshore::access::audit::Actor::command_line())
            .await
            .unwrap();
        tools.database.close().await;
        (application.apikey.clone(), secret)
    }

    /// What a program that works beside the service has.
    pub async fn tools(&self) -> Tools {
        Tools::open(&self.settings, self.clock.clone())
            .await
            .unwrap()
    }

    /// The connections as another node of the same service has them, and the application.
    pub async fn node(&self) -> (Connections, Arc<Application>) {
        let tools = Tools::open(&self.settings, self.clock.clone())
            .await
            .unwrap();
        let application = tools.applications.by_apikey(&self.apikey).await.unwrap();
        let needs = Needs {
            database: tools.database,
            master_key: tools.master_key,
            clock: tools.clock,
            applications: tools.applications,
            dropbox: Dropbox::new(&self.settings.dropbox).unwrap(),
            default_app: None,
            callback_base: self.settings.http.public_url.clone(),
        };
        let connections = Connections::new(self.settings.connections.clone(), needs);
        (connections, application)
    }

    pub async fn stop(self) {
        self.service.stop().await;
        self.sandbox.stop().await;
    }

    /// Posts to a route of ours; answers status and body.
    pub async fn post(&self, route: &str, mut body: Value) -> (u16, Value) {
        if body.get("apikey").is_none() {
            body["apikey"] = json!(self.apikey);
        }
        let url = format!("{}{route}", self.base);
        let request = self.http.post(url).body(body.to_string());
        // The type that browsers send without asking first.
        let response = request
            .header("content-type", "text/plain")
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
        (status, value)
    }

    /// Lists a folder with these members of `clouds.dropbox`; answers the whole body.
    pub async fn list(&self, token: &str, dropbox: Value) -> Value {
        let body = json!({ "token": token, "clouds": { "dropbox": dropbox } });
        let (status, answer) = self.post("/folder/list", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Lists without a session; answers its token and where to connect.
    pub async fn begin(&self, appurl: Option<&str>) -> (String, String) {
        let body = json!({ "clouds": { "dropbox": { "path": "/" } }, "appurl": appurl });
        let (status, answer) = self.post("/folder/list", body).await;
        assert_eq!(status, 200, "{answer}");
        let url = answer["dropbox"]["auth"]["redirect_url"].as_str();
        let url = url.unwrap_or_else(|| panic!("{answer}"));
        (answer["token"].as_str().unwrap().to_owned(), url.to_owned())
    }

    /// What the person sees at Dropbox, and then decides; answers where they are sent.
    pub async fn decide(&self, link: &str, decision: &str) -> String {
        let page = self.http.get(link).send().await.unwrap();
        assert_eq!(page.status(), 200, "{}", page.text().await.unwrap());
        let html = page.text().await.unwrap();
        let field = |name: &str| {
            let at = html.find(&format!("name=\"{name}\"")).unwrap();
            let value = &html[at..];
            let value = &value[value.find("value=\"").unwrap() + 7..];
            value[..value.find('"').unwrap()].to_owned()
        };
        let form = [
            ("consent", field("consent")),
            ("account", field("account")),
            ("decision", decision.to_owned()),
        ];
        let url = format!("{}/oauth2/authorize", self.sandbox.url());
        let origin = self.sandbox.url();
        let post = self.http.post(url).header("origin", origin).form(&form);
        let answer = post.send().await.unwrap();
        assert!(answer.status().is_redirection(), "{}", answer.status());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The same address on the port that the system chose.
    pub fn here(&self, url: &str) -> String {
        url.replacen(&self.settings.http.public_url, &self.base, 1)
    }

    pub async fn get(&self, url: &str) -> reqwest::Response {
        self.http.get(self.here(url)).send().await.unwrap()
    }

    /// Connects a person; answers their token.
    pub async fn connect(&self) -> String {
        let (token, link) = self.begin(None).await;
        let back = self.decide(&link, "allow").await;
        let page = self.get(&back).await;
        assert_eq!(page.status(), 200, "{}", page.text().await.unwrap());
        token
    }

    pub async fn status(&self, token: &str) -> Value {
        let (status, answer) = self.post("/auth/status", json!({ "token": token })).await;
        assert_eq!(status, 200, "{answer}");
        answer["dropbox"].clone()
    }

    /// How often the Dropbox was asked on this route.
    pub async fn asked(&self, route: &str) -> u64 {
        let url = format!("{}/_sandbox/requests", self.sandbox.url());
        let text = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        log["counters"][route].as_u64().unwrap_or(0)
    }

    pub async fn expire_tokens(&self) {
        let url = format!("{}/_sandbox/expire_tokens", self.sandbox.url());
        self.http.post(url).send().await.unwrap();
    }

    pub fn fault(&self, rule: FaultRule) {
        self.sandbox.faults().add(rule);
    }
}

/// A refusal of Dropbox in its own words.
pub fn refusal(code: u16, body: Value) -> FaultKind {
    FaultKind::Status {
        code,
        body: body.to_string(),
        retry_after: None,
    }
}
