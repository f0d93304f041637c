//! What connections promise without a Dropbox to talk to; the way there and back is tried in
//! `tests/connecting.rs`.

use std::time::Duration;

use super::{Absence, ConnectionError, Connections, Intent, Needs, Settings};
use crate::access::audit::Actor;
use crate::access::{Application, Applications, MasterKey, NewApplication};
use crate::clock::{Clock, ClockHand};
use crate::database::Database;
use crate::dropbox::{AppCredentials, Dropbox, Secret};

struct Scene {
    connections: Connections,
    applications: Applications,
    database: Database,
    hand: ClockHand,
    _dir: tempfile::TempDir,
}

async fn scene(default_app: Option<AppCredentials>) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let settings = crate::database::Settings::delivered();
    let database = Database::open(&settings, dir.path()).await.unwrap();
    let master_key = MasterKey::parse(&MasterKey::generate()).unwrap();
    let (clock, hand) = Clock::by_hand();
    drop(rustls::crypto::ring::default_provider().install_default());
    let applications = Applications::new(database.clone(), master_key.clone(), clock.clone());
    let needs = Needs {
        database: database.clone(),
        master_key,
        clock,
        applications: applications.clone(),
        dropbox: Dropbox::new(&crate::dropbox::Settings::default()).unwrap(),
        default_app,
        callback_base: "https://www.fs.example.test".to_owned(),
    };
    Scene {
        connections: Connections::new(Settings::default(), needs),
        applications,
        database,
        hand,
        _dir: dir,
    }
}

fn app() -> Option<AppCredentials> {
    Some(AppCredentials {
        key: "appkey".to_owned(),
        secret: Secret::new("appsecret"),
    })
}

async fn application(scene: &Scene, name: &str) -> std::sync::Arc<Application> {
    let new = NewApplication {
        name: name.to_owned(),
        ..NewApplication::default()
    };
    scene
        .applications
        .create(new, &Actor::command_line())
        .await
        .unwrap()
        .0
}

async fn rows(scene: &Scene) -> i64 {
    let mut connection = scene.database.read().await.unwrap();
    let sql = "SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM authorizations)";
    let (n,): (i64,) = sqlx::query_as(sql)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    n
}

#[tokio::test]
async fn a_page_that_never_connects_writes_nothing_and_keeps_its_token() {
    let scene = scene(app()).await;
    let application = application(&scene, "a").await;
    let first = scene.connections.session(&application, None).await.unwrap();
    let token = Some(first.token.as_str());
    let again = scene
        .connections
        .session(&application, token)
        .await
        .unwrap();
    assert_eq!(again.token, first.token);
    assert_eq!(again.hash, first.hash);
    assert_eq!(again.connection.unwrap_err(), Absence::NotConnected);
    scene
        .connections
        .authorization_link(&application, &first, Intent::Open, None)
        .unwrap();
    assert_eq!(rows(&scene).await, 0);
}

#[tokio::test]
async fn a_foreign_an_invented_and_an_expired_token_get_a_fresh_one() {
    let scene = scene(app()).await;
    let mine = application(&scene, "a").await;
    let other = application(&scene, "b").await;
    let foreign = scene.connections.mint_token(&other);
    let long = "x".repeat(100_000);
    for wrong in [foreign.as_str(), "invented", "a.b.c", "..", "\u{0}", &long] {
        let session = scene.connections.session(&mine, Some(wrong)).await.unwrap();
        assert_ne!(session.token, wrong);
        assert_eq!(session.connection.unwrap_err(), Absence::InvalidSession);
    }
    let token = scene.connections.mint_token(&mine);
    scene.hand.advance(Duration::from_secs(31 * 24 * 3600));
    let session = scene
        .connections
        .session(&mine, Some(&token))
        .await
        .unwrap();
    assert_ne!(session.token, token);
    let required = scene.connections.require(&mine, Some(&token)).await;
    assert!(matches!(required, Err(ConnectionError::InvalidSession)));
}

#[tokio::test]
async fn the_link_leads_to_dropbox_and_shows_no_secret() {
    let scene = scene(app()).await;
    let application = application(&scene, "a").await;
    let session = scene.connections.session(&application, None).await.unwrap();
    let url = scene
        .connections
        .authorization_link(&application, &session, Intent::Open, Some("app://done"))
        .unwrap();
    assert!(
        url.as_str()
            .starts_with("https://www.dropbox.com/oauth2/authorize?")
    );
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(
        query["redirect_uri"],
        "https://www.fs.example.test/api/client/dropbox/authCallback/open"
    );
    assert_eq!(query["token_access_type"], "offline");
    assert_eq!(query["code_challenge_method"], "S256");
    for hidden in ["appsecret", &session.token, &session.hash, "done"] {
        assert!(!url.as_str().contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn without_a_dropbox_app_the_error_says_what_to_set() {
    let scene = scene(None).await;
    let application = application(&scene, "a").await;
    let session = scene.connections.session(&application, None).await.unwrap();
    let refused = scene
        .connections
        .authorization_link(&application, &session, Intent::Open, None)
        .unwrap_err();
    assert!(matches!(refused, ConnectionError::NotConfigured));
    assert!(refused.to_string().contains("LONGSHORE_DROPBOX_APP_KEY"));
    assert!(refused.to_string().contains("--dropbox-app-key"));
}
