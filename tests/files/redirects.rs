//! Readers that are sent to the store, and those that are not.

use std::any::Any;
use std::time::Duration;

use longshore::files::StoredFile;
use longshore::storage::Settings;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};

use crate::file_service::{Options, Service};
use crate::{azure_server, gcs_server, s3_server};

const BYTES: &[u8] = b"not really a picture";

/// A service whose bytes lie in an object store, and a client that follows nobody.
struct Scene {
    service: Service,
    client: Client,
    _server: Box<dyn Any>,
}

impl Scene {
    async fn start(server: Box<dyn Any>, storage: Settings) -> Self {
        let storage = Settings {
            redirect: true,
            redirect_lifetime: Duration::from_secs(60),
            ..storage
        };
        let options = Options {
            storage: Some(storage),
            ..Options::default()
        };
        let client = Client::builder().no_proxy().redirect(Policy::none());
        Self {
            service: Service::start_with(options).await,
            client: client.build().unwrap(),
            _server: server,
        }
    }

    async fn on_s3() -> Self {
        let bucket = s3_server::Bucket::start();
        let storage = Settings {
            url: "s3://bucket/files".into(),
            s3_endpoint: bucket.server.url.clone(),
            s3_access_key: s3_server::ACCESS_KEY.into(),
            s3_secret_key: s3_server::SECRET_KEY.into(),
            ..Settings::default()
        };
        Self::start(Box::new(bucket), storage).await
    }

    async fn on_gcs() -> Self {
        let server = gcs_server::Server::start();
        let storage = Settings {
            url: format!("gs://{}/files", gcs_server::BUCKET),
            gcs_endpoint: server.url.clone(),
            gcs_service_account_key: gcs_server::Server::service_account_key(),
            ..Settings::default()
        };
        Self::start(Box::new(server), storage).await
    }

    async fn on_azure() -> Self {
        let server = azure_server::Server::get();
        let storage = Settings {
            url: format!("az://{}/files", server.new_container().await),
            azure_endpoint: server.endpoint.clone(),
            azure_account: azure_server::ACCOUNT.into(),
            azure_access_key: server.access_key.clone(),
            ..Settings::default()
        };
        Self::start(Box::new(()), storage).await
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let address = format!("{}{path}", self.service.origin);
        let mut request = self.client.request(method, address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn picture(&self) -> StoredFile {
        let name = "Größe \"1\" a.png";
        self.service.store(name, "image/png", BYTES).await
    }
}

fn value(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

/// Where an answer leads, which must be elsewhere.
fn address(response: &Response) -> String {
    assert_eq!(response.status(), 302);
    let address = value(response.headers(), "location");
    assert!(!address.is_empty());
    address
}

async fn a_picture_is_fetched_from_the_store_as_we_would_serve_it(scene: &Scene) {
    let file = scene.picture().await;
    for (path, way) in [("", "inline"), ("?dl=true", "attachment")] {
        let path = format!("/{}{path}", file.handle);
        let sent = scene.get(&path).await;
        assert_eq!(
            value(sent.headers(), "cache-control"),
            "public, max-age=30",
            "remembered for half of the time that the address is good"
        );
        assert_eq!(value(sent.headers(), "referrer-policy"), "no-referrer");
        let address = address(&sent);
        assert!(!address.starts_with(&scene.service.origin));
        let ours = scene.ask(Method::HEAD, &path, &[]).await;
        assert_eq!(ours.status(), 200);
        let theirs = scene.client.get(&address).send().await.unwrap();
        assert_eq!(theirs.status(), 200);
        for name in ["content-type", "content-disposition", "content-length"] {
            let (ours, theirs) = (value(ours.headers(), name), value(theirs.headers(), name));
            assert_eq!(ours, theirs, "{name}");
        }
        assert!(value(theirs.headers(), "content-disposition").starts_with(way));
        assert_eq!(theirs.bytes().await.unwrap(), BYTES);
        let part = scene.client.get(&address).header("range", "bytes=4-9");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), &BYTES[4..10]);
    }
}

async fn an_address_opens_nothing_but_what_it_was_signed_for(scene: &Scene) {
    let (file, other) = (scene.picture().await, scene.picture().await);
    let address = address(&scene.get(&format!("/{}", file.handle)).await);
    let forged = [
        address.replace(file.handle.as_str(), other.handle.as_str()),
        address.replace("image%2Fpng", "text%2Fhtml"),
        address.split_once('?').unwrap().0.to_owned(),
    ];
    for forged in forged {
        assert_ne!(forged, address);
        let refused = scene.client.get(&forged).send().await.unwrap();
        assert!(refused.status().is_client_error(), "{}", refused.status());
    }
    let written = scene.client.put(&address).body("x").send().await.unwrap();
    assert!(written.status().is_client_error(), "{}", written.status());
}

#[tokio::test]
async fn s3_serves_what_we_signed_and_nothing_else() {
    let scene = Scene::on_s3().await;
    a_picture_is_fetched_from_the_store_as_we_would_serve_it(&scene).await;
    an_address_opens_nothing_but_what_it_was_signed_for(&scene).await;
    scene.service.stop().await;
}

#[tokio::test]
async fn google_serves_what_we_signed_and_nothing_else() {
    let scene = Scene::on_gcs().await;
    a_picture_is_fetched_from_the_store_as_we_would_serve_it(&scene).await;
    an_address_opens_nothing_but_what_it_was_signed_for(&scene).await;
    scene.service.stop().await;
}

#[tokio::test]
async fn azure_serves_what_we_signed_and_nothing_else() {
    let scene = Scene::on_azure().await;
    a_picture_is_fetched_from_the_store_as_we_would_serve_it(&scene).await;
    an_address_opens_nothing_but_what_it_was_signed_for(&scene).await;
    scene.service.stop().await;
}

#[tokio::test]
async fn what_a_browser_could_run_stays_behind_our_headers() {
    let scene = Scene::on_gcs().await;
    for mimetype in [
        "text/html",
        "image/svg+xml",
        "text/javascript",
        "text/plain",
        "application/pdf",
        "application/zip",
        "application/octet-stream",
        "image/png, text/html",
    ] {
        let file = scene.service.store("a", mimetype, BYTES).await;
        for query in ["", "?dl=true"] {
            let served = scene.get(&format!("/{}{query}", file.handle)).await;
            assert_eq!(served.status(), 200, "{mimetype}");
            let sniffed = value(served.headers(), "x-content-type-options");
            assert_eq!(sniffed, "nosniff", "{mimetype}");
            assert_eq!(served.bytes().await.unwrap(), BYTES);
        }
    }
    scene.service.stop().await;
}

#[tokio::test]
async fn head_and_conditional_requests_are_answered_here() {
    let scene = Scene::on_gcs().await;
    let file = scene.picture().await;
    let path = format!("/{}", file.handle);
    let head = scene.ask(Method::HEAD, &path, &[]).await;
    assert_eq!(head.status(), 200);
    let etag = value(head.headers(), "etag");
    let modified = value(head.headers(), "last-modified");
    for (name, given, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", &modified, 304),
        ("if-match", &etag, 200),
        ("if-match", "\"other\"", 412),
        ("if-unmodified-since", &modified, 200),
    ] {
        let answer = scene.ask(Method::GET, &path, &[(name, given)]).await;
        assert_eq!(answer.status(), status, "{name}: {given}");
    }
    let resumed = [("range", "bytes=4-9"), ("if-range", etag.as_str())];
    let resumed = scene.ask(Method::GET, &path, &resumed).await;
    assert_eq!(resumed.status(), 206);
    assert_eq!(resumed.bytes().await.unwrap(), &BYTES[4..10]);
    let beyond = [("range", "bytes=1000-")];
    let beyond = scene.ask(Method::GET, &path, &beyond).await;
    assert_eq!(beyond.status(), 416);
    let part = [("range", "bytes=4-9")];
    address(&scene.ask(Method::GET, &path, &part).await);
    scene.service.stop().await;
}

#[tokio::test]
async fn an_address_never_outlives_the_policy_that_opened_the_file() {
    let scene = Scene::on_gcs().await;
    let file = scene.picture().await;
    scene.service.secure(true).await;
    let path = format!("/api/file/{}", file.handle);
    assert_eq!(scene.get(&path).await.status(), 403);
    let expiry = scene.service.clock.now().timestamp() + 20;
    let json = serde_json::json!({ "expiry": expiry, "call": ["read"] }).to_string();
    let (policy, signature) = scene.service.policy(&json);
    let path = format!("{path}?policy={policy}&signature={signature}");
    let sent = scene.get(&path).await;
    let caching = value(sent.headers(), "cache-control");
    assert!(caching.starts_with("private, max-age="), "{caching}");
    let address = url::Url::parse(&address(&sent)).unwrap();
    let expires = address
        .query_pairs()
        .find(|(name, _)| name == "X-Goog-Expires");
    let seconds: u64 = expires.unwrap().1.parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    scene.service.stop().await;
}

#[tokio::test]
async fn a_link_may_forbid_to_remember_where_it_led() {
    let scene = Scene::on_gcs().await;
    let file = scene.picture().await;
    for (cache, said) in [
        ("false", "private, no-cache"),
        ("expiry:7", "public, max-age=7"),
        ("expiry:max", "public, max-age=30"),
    ] {
        let sent = scene.get(&format!("/cache={cache}/{}", file.handle)).await;
        address(&sent);
        assert_eq!(value(sent.headers(), "cache-control"), said);
    }
    scene.service.stop().await;
}

#[tokio::test]
async fn symlinks_are_never_sent_to_the_store() {
    let scene = Scene::on_gcs().await;
    let link = scene.service.link("rev", 3).await;
    let sql = "UPDATE files SET mimetype = 'image/png', connection_id = NULL WHERE handle = $1";
    scene.service.change(sql, link.handle.as_str()).await;
    // It is looked for in a Dropbox, which is gone.
    let answer = scene.get(&format!("/{}", link.handle)).await;
    assert_eq!(answer.status(), 409);
    scene.service.stop().await;
}

#[tokio::test]
async fn whoever_was_sent_before_an_overwrite_still_gets_the_old_bytes() {
    let scene = Scene::on_gcs().await;
    let file = scene.picture().await;
    let path = format!("/{}", file.handle);
    let before = address(&scene.get(&path).await);
    let write = scene
        .service
        .ask(Method::POST, &format!("/api/file/{}", file.handle))
        .query(&scene.service.allowing(&["write"]))
        .query(&[("mimetype", "image/png")])
        .body("newer");
    assert_eq!(write.send().await.unwrap().status(), 200);
    scene.service.garbage.collect(10).await.unwrap();
    let old = scene.client.get(&before).send().await.unwrap();
    assert_eq!(old.bytes().await.unwrap(), BYTES);
    let now = address(&scene.get(&path).await);
    let new = scene.client.get(&now).send().await.unwrap();
    assert_eq!(new.bytes().await.unwrap(), "newer");

    scene.service.hand.advance(Duration::from_secs(61));
    scene.service.garbage.collect(10).await.unwrap();
    let gone = scene.client.get(&before).send().await.unwrap();
    assert_eq!(gone.status(), 404);
    scene.service.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_sign_is_read_through_us() {
    for url in ["", "memory:"] {
        let storage = Settings {
            url: url.into(),
            ..Settings::default()
        };
        let scene = Scene::start(Box::new(()), storage).await;
        assert_eq!(scene.service.storage.redirects(), None);
        if url.is_empty() {
            let file = scene.picture().await;
            let served = scene.get(&format!("/{}", file.handle)).await;
            assert_eq!(served.status(), 200);
            assert_eq!(served.bytes().await.unwrap(), BYTES);
        }
        scene.service.stop().await;
    }
}

#[tokio::test]
async fn nobody_is_sent_anywhere_unless_the_settings_say_so() {
    let server = gcs_server::Server::start();
    let storage = Settings {
        url: format!("gs://{}/files", gcs_server::BUCKET),
        gcs_endpoint: server.url.clone(),
        gcs_service_account_key: gcs_server::Server::service_account_key(),
        ..Settings::default()
    };
    let options = Options {
        storage: Some(storage),
        ..Options::default()
    };
    let service = Service::start_with(options).await;
    let file = service.store("a.png", "image/png", BYTES).await;
    let served = service.get(&format!("/{}", file.handle)).await;
    assert!(served.url().as_str().starts_with(&service.origin));
    assert_eq!(served.bytes().await.unwrap(), BYTES);
    service.stop().await;
}

#[test]
fn addresses_are_good_for_a_second_to_a_week() {
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let second = Duration::from_secs(1);
    let lasting = |redirect_lifetime| Settings {
        redirect_lifetime,
        ..Settings::default()
    };
    for fits in [second, week] {
        assert_eq!(longshore::storage::check(&lasting(fits)), Ok(()));
    }
    for beyond in [second / 2, week + second] {
        let refused = longshore::storage::check(&lasting(beyond)).unwrap_err();
        assert!(refused.to_string().contains("redirect_lifetime"));
    }
}
