//! A running sandbox on a folder of its own, and the calls that tests make to it.

use std::{fs, path::PathBuf};

use longshore::sandbox::{AccountOptions, AppOptions, Options, Sandbox};
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The redirect URI that the test app has registered.
pub const REDIRECT: &str = "http://localhost:9/callback";

/// A sandbox with an account `Ann`, and a token for it.
pub struct World {
    pub sandbox: Sandbox,
    pub url: String,
    pub http: Client,
    pub token: String,
    pub refresh_token: String,
    folder: TempDir,
}

/// Starts a sandbox whose account holds these files.
pub async fn world(files: &[(&str, &[u8])]) -> World {
    world_with(files, |_| {}).await
}

/// The same with other options.
pub async fn world_with(files: &[(&str, &[u8])], change: impl FnOnce(&mut Options)) -> World {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let mut options = Options {
        accounts: vec![AccountOptions::personal("Ann", folder.path())],
        apps: vec![AppOptions {
            key: "app".to_owned(),
            secret: "app-secret".to_owned(),
            redirect_uris: vec![REDIRECT.to_owned()],
            ..AppOptions::default()
        }],
        ..Options::default()
    };
    change(&mut options);
    let sandbox = Sandbox::start(options).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let url = sandbox.url();
    let granted: Value = http
        .post(format!("{url}/_sandbox/grant"))
        .json(&json!({ "account": "Ann", "app_key": "app" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    World {
        token: granted["access_token"].as_str().unwrap().to_owned(),
        refresh_token: granted["refresh_token"].as_str().unwrap().to_owned(),
        sandbox,
        url,
        http,
        folder,
    }
}

impl World {
    /// A place in the account's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An RPC call, not yet sent.
    pub fn request(&self, route: &str, arg: &Value) -> RequestBuilder {
        let call = self
            .http
            .post(format!("{}/2/{route}", self.url))
            .bearer_auth(&self.token);
        match arg {
            Value::Null => call,
            arg => call.json(arg),
        }
    }

    /// An RPC call: status and body.
    pub async fn rpc(&self, route: &str, arg: Value) -> (u16, Value) {
        read(self.request(route, &arg).send().await.unwrap()).await
    }

    /// An RPC call that succeeds.
    pub async fn ok(&self, route: &str, arg: Value) -> Value {
        let (status, body) = self.rpc(route, arg).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// A download, not yet sent.
    pub fn download(&self, path: &str) -> RequestBuilder {
        self.http
            .post(format!("{}/2/files/download", self.url))
            .bearer_auth(&self.token)
            .header("Dropbox-API-Arg", json!({ "path": path }).to_string())
    }

    /// A call with bytes.
    pub async fn send(&self, route: &str, arg: Value, bytes: &[u8]) -> (u16, Value) {
        let call = self
            .http
            .post(format!("{}/2/{route}", self.url))
            .bearer_auth(&self.token)
            .header("Dropbox-API-Arg", arg.to_string())
            .header("Content-Type", "application/octet-stream")
            .body(bytes.to_vec());
        read(call.send().await.unwrap()).await
    }

    /// A call to the token endpoint.
    pub async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let call = self
            .http
            .post(format!("{}/oauth2/token", self.url))
            .form(form);
        read(call.send().await.unwrap()).await
    }

    /// A fault rule.
    pub async fn fault(&self, rule: Value) {
        let call = self
            .http
            .post(format!("{}/_sandbox/faults", self.url))
            .json(&rule);
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
}

/// Status and body; a body that is not JSON as a string.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, body)
}
