//! The way to Dropbox and back, over HTTP, as pages and SDKs go it.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/picker_scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use longshore::access::audit::Actor;
use longshore::access::{Change, NewApplication, OwnDropboxApp};
use longshore::database::DatabaseError;
use longshore::sandbox::{FaultKind, FaultRule};
use serde_json::json;

use scene::{APP_KEY, APP_SECRET, Plan, Scene, refusal};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "a").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_connection_is_led_to_dropbox_and_back() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    assert!(link.starts_with(&scene.sandbox.url()), "{link}");
    assert_eq!(scene.status(&token).await, json!({ "connected": false }));

    let back = scene.decide(&link, "allow").await;
    let page = scene.get(&back).await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    let html = page.text().await.unwrap();
    assert!(html.contains("Dropbox is connected"), "{html}");
    assert!(html.contains("window.close"), "{html}");
    for hidden in [&token, APP_SECRET, "code="] {
        assert!(!html.contains(hidden), "{hidden} in {html}");
    }

    let status = scene.status(&token).await;
    assert_eq!(status["connected"], true);
    assert_eq!(status["account"]["name"], "Franz");
    let listed = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(listed["token"], json!(token));
    assert_eq!(listed["dropbox"]["contents"][0]["name"], "a.txt");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_waits_learns_at_once_how_it_ended() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    let waiting = async {
        let began = Instant::now();
        let body = json!({ "token": token, "wait": 20 });
        let (_, answer) = scene.post("/auth/status", body).await;
        (answer, began.elapsed())
    };
    let deciding = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let back = scene.decide(&link, "deny").await;
        scene.get(&back).await.text().await.unwrap()
    };
    let ((answer, waited), page) = tokio::join!(waiting, deciding);
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(answer["dropbox"]["failure"]["code"], "denied");
    assert!(page.contains("not allowed"), "{page}");

    // The next try is another one: its page is not told of this failure again.
    scene.hand.advance(Duration::from_secs(1));
    let listed = scene.list(&token, json!({ "path": "/" })).await;
    let link = listed["dropbox"]["auth"]["redirect_url"].as_str();
    let link = link.unwrap().to_owned();
    let body = json!({ "token": token, "wait": 20, "since": answer["time"] });
    let (second, _) = tokio::join!(scene.post("/auth/status", body), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let back = scene.decide(&link, "allow").await;
        scene.get(&back).await
    });
    assert_eq!(second.1["dropbox"]["connected"], true, "{}", second.1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_used_once_and_coming_twice_changes_nothing() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    assert_eq!(scene.get(&back).await.status(), 200);
    let again = scene.get(&back).await;
    assert_eq!(again.status(), 400);
    assert!(again.text().await.unwrap().contains("used before"));
    assert_eq!(scene.status(&token).await["connected"], true);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_looks_at_the_way_back_does_not_use_it_up() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    for method in ["HEAD", "OPTIONS", "POST"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let looked = scene
            .http
            .request(method, scene.here(&back))
            .send()
            .await
            .unwrap();
        assert_eq!(looked.status(), 405);
    }
    assert_eq!(scene.get(&back).await.status(), 200);
    assert_eq!(scene.status(&token).await["connected"], true);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_too_old_is_told_as_such() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    scene.hand.advance(Duration::from_secs(11 * 60));
    let page = scene.get(&back).await;
    assert_eq!(page.status(), 400);
    assert!(page.text().await.unwrap().contains("expired"));
    let failure = &scene.status(&token).await["failure"];
    assert_eq!(failure["code"], "authorization-expired");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_of_strangers_are_refused_politely() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let long = "x".repeat(6000);
    for query in [
        "",
        "?code=a",
        "?code=a&state=b",
        "?error=access_denied",
        "?state=%00&code=%ff",
        &format!("?state={long}"),
    ] {
        for intent in ["open", "saveas"] {
            let url = format!(
                "{}/api/client/dropbox/authCallback/{intent}{query}",
                scene.base
            );
            let page = scene.http.get(url).send().await.unwrap();
            assert_eq!(page.status(), 400, "{query}");
            assert!(page.text().await.unwrap().contains("not a sign-in link"));
        }
    }
    // A state made for one errand does not end another.
    let (_, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    let other = back.replace("authCallback/open", "authCallback/saveas");
    assert_eq!(scene.get(&other).await.status(), 400);
    scene.stop().await;
}

/// Begins, lets Dropbox's answer go wrong, comes back; answers the page and the failure's code.
async fn come_back_with(scene: &Scene, fault: Option<FaultRule>) -> (u16, String, String) {
    let (token, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    if let Some(fault) = fault {
        scene.fault(fault);
    }
    let page = scene.get(&back).await;
    let (status, html) = (page.status().as_u16(), page.text().await.unwrap());
    let failure = scene.status(&token).await["failure"].clone();
    (
        status,
        html,
        failure["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_tells_the_developer_what_to_mend() {
    let folder = folder();
    let mut plan = Plan::new(folder.path());
    plan.application.dropbox_app = Some(OwnDropboxApp {
        key: APP_KEY.to_owned(),
        secret: "another-secret".to_owned(),
    });
    let scene = plan.start().await;
    let (status, html, code) = come_back_with(&scene, None).await;
    assert_eq!(
        (status, code.as_str()),
        (400, "dropbox-wrong-app"),
        "{html}"
    );
    assert!(html.contains("App Console"), "{html}");
    assert!(!html.contains("another-secret"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_that_is_not_registered_is_named_to_the_letter() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let body = json!({ "error": "invalid_grant", "error_description": "redirect_uri mismatch" });
    let fault = FaultRule::new("oauth2/token", refusal(400, body));
    let (status, html, code) = come_back_with(&scene, Some(fault)).await;
    assert_eq!(
        (status, code.as_str()),
        (400, "dropbox-redirect-mismatch"),
        "{html}"
    );
    assert!(html.contains("http://localhost:8080/api/client/dropbox/authCallback/open"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permissions_are_named() {
    let folder = folder();
    let mut plan = Plan::new(folder.path());
    plan.sandbox.apps[0].scopes = vec!["account_info.read".into(), "files.metadata.read".into()];
    let scene = plan.start().await;
    let (status, html, code) = come_back_with(&scene, None).await;
    assert_eq!(
        (status, code.as_str()),
        (400, "dropbox-missing-scopes"),
        "{html}"
    );
    assert!(html.contains("files.content.read"), "{html}");
    // The grant that is of no use is not left open.
    assert_eq!(scene.asked("auth/token/revoke").await, 1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropbox_that_does_not_answer_is_not_the_developers_fault() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let fault = FaultRule::new("oauth2/token", refusal(503, json!({})));
    let (status, html, code) = come_back_with(&scene, Some(fault)).await;
    assert_eq!(
        (status, code.as_str()),
        (503, "dropbox-unavailable"),
        "{html}"
    );
    assert!(html.contains("Try again"), "{html}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_popup_is_not_an_error() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, link) = scene.begin(None).await;
    let back = scene.decide(&link, "allow").await;
    let stall = FaultKind::Stall {
        after_bytes: 0,
        seconds: 0.6,
    };
    scene.fault(FaultRule::new("oauth2/token", stall));
    let url = scene.here(&back);
    let popup = scene
        .http
        .get(url)
        .timeout(Duration::from_millis(150))
        .send()
        .await;
    assert!(popup.is_err(), "the popup is closed before the answer");
    let body = json!({ "token": token, "wait": 10 });
    let (_, answer) = scene.post("/auth/status", body).await;
    assert_eq!(answer["dropbox"]["connected"], true, "{answer}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_a_dropbox_app_gets_an_error_and_not_an_empty_folder() {
    let folder = folder();
    let mut plan = Plan::new(folder.path());
    plan.application.dropbox_app = None;
    let scene = plan.start().await;
    let answer = scene.list("", json!({ "path": "/" })).await;
    let error = &answer["dropbox"]["error"];
    assert_eq!(error["code"], "dropbox-not-configured");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("LONGSHORE_DROPBOX_APP_KEY")
    );
    assert!(answer["dropbox"].get("contents").is_none());
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_application_opens_nothing() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let new = NewApplication {
        name: "other".to_owned(),
        dropbox_app: Some(OwnDropboxApp {
            key: APP_KEY.to_owned(),
            secret: APP_SECRET.to_owned(),
        }),
        ..NewApplication::default()
    };
    let (apikey, _) = scene.application(new).await;
    let body = json!({ "apikey": apikey, "token": token, "clouds": { "dropbox": {} } });
    let (status, answer) = scene.post("/folder/list", body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["dropbox"]["auth"]["reason"], "session-expired");
    assert_ne!(answer["token"], json!(token));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_serves_all_who_ask() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let before = scene.asked("oauth2/token").await;
    scene.expire_tokens().await;
    let lists = (0..20).map(|_| scene.list(&token, json!({ "path": "/" })));
    for answer in futures_util::future::join_all(lists).await {
        assert_eq!(
            answer["dropbox"]["contents"][0]["name"], "a.txt",
            "{answer}"
        );
    }
    assert_eq!(scene.asked("oauth2/token").await - before, 1);

    // The same when we know ourselves that the token's time is over.
    scene.hand.advance(Duration::from_secs(5 * 3600));
    let lists = (0..20).map(|_| scene.list(&token, json!({ "path": "/" })));
    for answer in futures_util::future::join_all(lists).await {
        assert_eq!(
            answer["dropbox"]["contents"][0]["name"], "a.txt",
            "{answer}"
        );
    }
    assert_eq!(scene.asked("oauth2/token").await - before, 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_serves_two_nodes() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let before = scene.asked("oauth2/token").await;
    scene.hand.advance(Duration::from_secs(5 * 3600));
    let nodes = [scene.node().await, scene.node().await];
    let calls = (0..20).map(|n| {
        let (connections, application) = &nodes[n % 2];
        let token = token.clone();
        async move {
            let (_, connection) = connections
                .require(application, Some(&token))
                .await
                .unwrap();
            let account = connections.account(&connection);
            let dropbox = connections.dropbox();
            dropbox
                .list_folder(&account, "", None, false)
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(scene.asked("oauth2/token").await - before, 1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_reach_is_revoked_in_time() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (signed_out, forgotten, kept) = (
        scene.connect().await,
        scene.connect().await,
        scene.connect().await,
    );
    let (connections, application) = scene.node().await;

    // Dropbox does not answer while one signs out…
    scene.fault(FaultRule::new("auth/token/revoke", refusal(503, json!({}))));
    scene
        .post("/auth/logout", json!({ "token": signed_out }))
        .await;
    scene.sandbox.faults().clear();
    let before = scene.asked("auth/token/revoke").await;
    connections.tidy().await.unwrap();
    assert_eq!(scene.asked("auth/token/revoke").await - before, 1);
    // …and is not asked twice.
    connections.tidy().await.unwrap();
    assert_eq!(scene.asked("auth/token/revoke").await - before, 1);

    // One session is used on and lives on; the other's time runs out.
    scene.hand.advance(Duration::from_secs(20 * 24 * 3600));
    connections
        .session(&application, Some(&kept))
        .await
        .unwrap();
    scene.hand.advance(Duration::from_secs(20 * 24 * 3600));
    connections.tidy().await.unwrap();
    assert_eq!(scene.asked("auth/token/revoke").await - before, 2);
    assert_eq!(scene.status(&kept).await["connected"], true);
    assert_eq!(scene.status(&forgotten).await["connected"], false);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ways_that_end_at_once_one_grant_is_kept_and_the_others_are_revoked() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let (token, first) = scene.begin(None).await;
    let mut backs = vec![scene.decide(&first, "allow").await];
    for _ in 0..5 {
        let listed = scene.list(&token, json!({ "path": "/" })).await;
        let link = listed["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
        backs.push(scene.decide(link, "allow").await);
    }
    let ended = futures_util::future::join_all(backs.iter().map(|back| scene.get(back))).await;
    assert!(ended.iter().all(|page| page.status() == 200));
    assert_eq!(scene.status(&token).await["connected"], true);
    let (connections, _) = scene.node().await;
    connections.tidy().await.unwrap();
    assert_eq!(scene.asked("auth/token/revoke").await, 5);
    assert_eq!(scene.status(&token).await["connected"], true);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_withdrawn_at_dropbox_asks_to_connect_again() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    scene.fault(FaultRule::new("files/list_folder", FaultKind::RevokeToken).times(1));
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(answer["dropbox"]["auth"]["reason"], "reconnect", "{answer}");
    assert_eq!(answer["token"], json!(token));
    let status = scene.status(&token).await;
    assert_eq!(status["failure"]["code"], "reconnect", "{status}");

    let link = answer["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
    let back = scene.decide(link, "allow").await;
    assert_eq!(scene.get(&back).await.status(), 200);
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(
        answer["dropbox"]["contents"][0]["name"], "a.txt",
        "{answer}"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_died_asks_to_connect_again() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    scene.hand.advance(Duration::from_secs(5 * 3600));
    let body = json!({ "error": "invalid_grant", "error_description": "refresh token is invalid" });
    scene.fault(FaultRule::new("oauth2/token", refusal(400, body)).times(1));
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(answer["dropbox"]["auth"]["reason"], "reconnect", "{answer}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_again_mends_the_symlinks_of_a_withdrawn_link() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/a.txt" } } });
    let (status, answer) = scene.post("/link/", body).await;
    assert_eq!(status, 200, "{answer}");
    let url = answer["dropbox"]["url"].as_str().unwrap();
    // Withdrawn on Dropbox's page: the reader is the first to notice.
    scene.fault(FaultRule::new("files/get_metadata", FaultKind::RevokeToken).times(1));
    let read = scene.get(url).await;
    assert_eq!(read.status(), 409);
    assert!(read.text().await.unwrap().contains("source-disconnected"));
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(answer["dropbox"]["auth"]["reason"], "reconnect", "{answer}");
    assert_eq!(scene.get(url).await.status(), 409);

    // Connected again, if in another browser.
    scene.connect().await;
    let read = scene.get(url).await;
    assert_eq!(read.status(), 200);
    assert_eq!(read.text().await.unwrap(), "a");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symlink_is_read_where_dropbox_keeps_no_versions() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/a.txt" } } });
    let (status, answer) = scene.post("/link/", body).await;
    assert_eq!(status, 200, "{answer}");
    let unknown = json!({
        "error_summary": "path/not_found/..",
        "error": { ".tag": "path", "path": { ".tag": "not_found" } },
    });
    scene.fault(FaultRule::new("files/download", refusal(409, unknown)).times(1));
    let read = scene.get(answer["dropbox"]["url"].as_str().unwrap()).await;
    assert_eq!(read.status(), 200);
    assert_eq!(read.text().await.unwrap(), "a");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropbox_app_set_up_by_mistake_costs_nobody_their_connection() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let tools = scene.tools().await;
    let application = tools.applications.by_apikey(&scene.apikey).await.unwrap();
    let app = |key: &str, secret: &str| Change {
        dropbox_app: Some(OwnDropboxApp {
            key: key.to_owned(),
            secret: secret.to_owned(),
        }),
        ..Change::default()
    };
    // The service notices within seconds that an application was changed beside it.
    let shows = async |pointer: &str, expected: &str| {
        for _ in 0..100 {
            scene.hand.advance(Duration::from_secs(5 * 3600));
            let answer = scene.list(&token, json!({ "path": "/" })).await;
            if answer
                .pointer(pointer)
                .is_some_and(|found| found == expected)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{expected} did not come");
    };
    let update = async |change| {
        tools
            .applications
            .update(application.id, change, &Actor::command_line())
            .await
    };
    update(app("another-app", "another-secret")).await.unwrap();
    shows("/dropbox/auth/reason", "reconnect").await;
    update(app(APP_KEY, APP_SECRET)).await.unwrap();
    shows("/dropbox/contents/0/name", "a.txt").await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_team_root_has_moved_can_still_pick() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let moved = json!({
        "error_summary": "invalid_root/..",
        "error": {
            ".tag": "invalid_root",
            "invalid_root": { ".tag": "user", "root_namespace_id": "1", "home_namespace_id": "1" },
        },
    });
    scene.fault(FaultRule::new("files/get_metadata", refusal(422, moved)).times(1));
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/a.txt" } } });
    let (status, answer) = scene.post("/store/", body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(scene.asked("users/get_current_account").await, 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_revokes_and_may_be_done_twice() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    for route in ["/auth/logout", "/auth/logout/"] {
        let body = json!({ "token": token, "flow": "web" });
        let (status, answer) = scene.post(route, body).await;
        assert_eq!((status, &answer["dropbox"]), (200, &json!({})), "{answer}");
    }
    assert_eq!(scene.asked("auth/token/revoke").await, 1);
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert!(
        answer["dropbox"]["auth"]["redirect_url"].is_string(),
        "{answer}"
    );
    assert_eq!(answer["token"], json!(token));
    let (status, _) = scene
        .post("/auth/logout", json!({ "token": "invented" }))
        .await;
    assert_eq!(status, 200);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_works_while_dropbox_is_down() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    scene.fault(FaultRule::new("auth/token/revoke", refusal(503, json!({}))));
    let (status, _) = scene.post("/auth/logout", json!({ "token": token })).await;
    assert_eq!(status, 200);
    assert_eq!(scene.status(&token).await["connected"], false);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symlink_keeps_its_grant_when_the_person_signs_out() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/a.txt" } } });
    let (status, answer) = scene.post("/link/", body).await;
    assert_eq!(status, 200, "{answer}");
    let (status, _) = scene.post("/auth/logout", json!({ "token": token })).await;
    assert_eq!(status, 200);
    assert_eq!(scene.asked("auth/token/revoke").await, 0);
    assert_eq!(scene.status(&token).await["connected"], false);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_return_only_where_the_application_lets_them() {
    let folder = folder();
    let mut plan = Plan::new(folder.path());
    plan.application.allowed_origins = vec!["https://shop.example.test".to_owned()];
    let scene = plan.start().await;
    for (appurl, lands) in [
        (
            "https://shop.example.test/cart?x=1&fs-tab=init#top",
            Some("https://shop.example.test/cart?x=1&fs-tab=dropbox#top"),
        ),
        ("filestack://done", Some("filestack://done")),
        ("https://evil.example.test/", None),
        ("https://shop.example.test.evil.test/", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("nonsense", None),
    ] {
        let (_, link) = scene.begin(Some(appurl)).await;
        let back = scene.decide(&link, "allow").await;
        let answer = scene.get(&back).await;
        let location = answer
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap());
        assert_eq!(location, lands, "{appurl}");
        assert_eq!(answer.status(), if lands.is_some() { 302 } else { 200 });
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_generation_of_clients_can_prefetch() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let body = json!({
        "permissions": ["intelligent_ingestion", "whitelabel"], "settings": ["inapp_browser"],
        "picker_config": { "fromSources": ["dropbox"] }, "events": ["picker"],
    });
    let (status, answer) = scene.post("/prefetch", body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["blocked"], false);
    assert_eq!(answer["settings"]["inapp_browser"], false);
    assert_eq!(answer["permissions"]["intelligent_ingestion"], false);
    assert!(answer.get("updated_config").is_none());
    for member in [
        "intelligent_ingestion",
        "blocked",
        "whitelabel",
        "customsource",
    ] {
        assert!(answer[member].is_boolean(), "{member}");
    }
    let url = format!("{}/prefetch?apikey={}", scene.base, scene.apikey);
    assert_eq!(scene.http.get(url).send().await.unwrap().status(), 200);
    let (status, answer) = scene
        .post("/prefetch", json!({ "apikey": "Aunknown" }))
        .await;
    assert_eq!((status, &answer["code"]), (401, &json!("unknown-apikey")));
    scene.stop().await;
}

/// How many events of this kind were recorded.
async fn recorded(scene: &Scene, action: &'static str) -> i64 {
    let tools = scene.tools().await;
    let mut connection = tools.database.read().await.unwrap();
    let row = sqlx::query_as("SELECT COUNT(*), MAX(text) FROM events WHERE action = $1")
        .bind(action)
        .fetch_one(&mut *connection)
        .await;
    let (count, text): (i64, Option<String>) = row.unwrap();
    assert!(text.is_none_or(|text| text.contains("image/*") && !text.contains("secret")));
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picker_that_opens_is_told_only_where_somebody_asks() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let opens = json!({
        "events": ["picker"],
        "picker_config": { "accept": ["image/*", ".pdf"], "maxSize": "x", "lang": ["secret"] },
    });
    scene.post("/prefetch", opens.clone()).await;
    assert_eq!(recorded(&scene, "fp.dialog").await, 0);
    let endpoint = "INSERT INTO endpoints (application_id, url, event, secret, created_at, \
         updated_at) VALUES (1, 'https://hooks.example.test/', 'fp.dialog', $1, 0, 0)";
    let tools = scene.tools().await;
    let made: Result<(), DatabaseError> = tools
        .database
        .write(move |tx| {
            async move {
                sqlx::query(endpoint).bind(vec![0_u8]).execute(tx).await?;
                Ok(())
            }
            .boxed()
        })
        .await;
    made.unwrap();
    let (status, _) = scene.post("/prefetch", opens).await;
    assert_eq!(status, 200);
    scene.post("/prefetch", json!({ "events": [] })).await;
    assert_eq!(recorded(&scene, "fp.dialog").await, 1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_checked_before_anything_is_shown() {
    let folder = folder();
    let mut plan = Plan::new(folder.path());
    plan.application.security_enabled = true;
    let scene = plan.start().await;
    let clouds = json!({ "dropbox": { "path": "/" } });
    let (status, answer) = scene
        .post("/folder/list", json!({ "clouds": clouds }))
        .await;
    assert_eq!((status, &answer["error"]), (401, &json!("Invalid Policy")));
    assert!(answer["reason"].is_string(), "{answer}");

    let sign = |json: &str| {
        use base64::Engine as _;
        let policy = base64::engine::general_purpose::URL_SAFE.encode(json);
        let signature = longshore::access::sign_policy(&policy, &scene.secret);
        json!({ "clouds": clouds, "policy": policy, "signature": signature })
    };
    let (status, _) = scene.post("/folder/list", sign(r#"{"expiry":1}"#)).await;
    assert_eq!(status, 401);
    let read = sign(r#"{"expiry":9999999999,"call":["read"]}"#);
    assert_eq!(scene.post("/folder/list", read).await.0, 401);
    let pick = sign(r#"{"expiry":9999999999,"call":["pick"]}"#);
    assert_eq!(scene.post("/folder/list", pick).await.0, 200);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_gets_a_clear_error_and_never_a_fault_of_ours() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let key = &scene.apikey;
    let bodies = [
        "".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "\u{0}".to_owned(),
        "7".to_owned(),
        "[".repeat(5000),
        r#"{"apikey":7}"#.to_owned(),
        r#"{"apikey":"x\u0000"}"#.to_owned(),
        format!(r#"{{"apikey":"{key}"}}"#),
        format!(r#"{{"apikey":"{key}","clouds":[]}}"#),
        format!(r#"{{"apikey":"{key}","clouds":{{"dropbox":7}}}}"#),
        format!(r#"{{"apikey":"{key}","clouds":{{"dropbox":{{"path":7}}}}}}"#),
        format!(r#"{{"apikey":"{key}","token":7,"clouds":{{"dropbox":{{}}}}}}"#),
        format!(r#"{{"apikey":"{key}","accept":{{}},"clouds":{{"dropbox":{{}}}}}}"#),
        format!(r#"{{"apikey":"{key}","wait":"soon","permissions":7,"url":7,"clouds":1}}"#),
    ];
    for route in [
        "/folder/list",
        "/prefetch",
        "/auth/status",
        "/auth/logout",
        "/metadata",
    ] {
        for body in &bodies {
            let url = format!("{}{route}", scene.base);
            let answer = scene
                .http
                .post(url)
                .body(body.clone())
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            let begin: String = body.chars().take(80).collect();
            assert!(status < 500, "{route} {begin}: {status} {text}");
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(
                status == 200 || json["error"].is_string(),
                "{route} {begin}: {text}"
            );
        }
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_are_refused_and_do_no_harm() {
    let folder = folder();
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    for path in [
        "../../x",
        "/a\u{0}b",
        "\u{202e}",
        &"n".repeat(4000),
        "//",
        "ns:1",
        "rev:zz",
    ] {
        let answer = scene.list(&token, json!({ "path": path })).await;
        assert!(answer["dropbox"].is_object(), "{path}: {answer}");
        let body = json!({ "token": token, "clouds": { "dropbox": { "path": path } } });
        assert!(scene.post("/metadata", body).await.0 < 500, "{path}");
    }
    scene.stop().await;
}
