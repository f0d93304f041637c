//! What a token does not reach is not there, and secrets are told once.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::processes::APP_SECRET;
use crate::scene::{Api, Owned, Scene};

/// Every route of the document: method and path below `/api/v1`.
fn routes(scene: &Scene) -> Vec<(String, String)> {
    let document = scene.service.run(&["openapi"]);
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if let Some(path) = path.strip_prefix("/api/v1") {
            for method in item
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| *name != "parameters")
            {
                routes.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    assert!(routes.len() > 15, "{routes:?}");
    routes
}

/// Whether a route is for people who are signed in, and not for tokens.
fn is_for_people(path: &str) -> bool {
    ["/session", "/account", "/invitations"]
        .iter()
        .any(|begin| path.starts_with(begin))
}

/// The path with the names of this application and of these things in it.
fn filled(path: &str, apikey: &str, things: &Owned) -> String {
    path.replace("{apikey}", apikey)
        .replace("{endpoint}", &things.endpoint.to_string())
        .replace("{delivery}", &things.delivery.to_string())
        .replace("{event}", &things.event.to_string())
        .replace("{handle}", &things.handle)
        .replace("{member}", "1")
        .replace("{invitation}", "1")
        .replace("{token}", "0123456789abcdef")
}

/// A body that the route would take.
fn body(method: &str, path: &str) -> Option<String> {
    let text = match (method, path.rsplit('/').next().unwrap_or_default()) {
        ("POST", "endpoints") => r#"{"url": "https://example.org/"}"#,
        ("POST", "resend-failed") => r#"{"since": 0}"#,
        ("PATCH", "{endpoint}") => r#"{"enabled": false}"#,
        ("PATCH", "{member}") => r#"{"role": "viewer"}"#,
        ("PATCH" | "POST", _) => "{}",
        _ => return None,
    };
    Some(text.to_owned())
}

#[tokio::test]
async fn a_token_of_one_application_finds_nothing_of_another() {
    finds_nothing(Scene::start().await).await;
}

#[tokio::test]
async fn a_token_finds_nothing_of_another_application_on_postgresql() {
    finds_nothing(Scene::on_postgres().await).await;
}

async fn finds_nothing(scene: Scene) {
    let (a, b) = (scene.owned("/a").await, scene.owned("/b").await);
    b.delivery_is("delivered").await;
    let before = everything(&scene, &b).await;
    for (method, path) in routes(&scene) {
        if !path.contains("{apikey}") {
            continue;
        }
        // The other's application, and one's own with the other's things.
        let mut tries = vec![filled(&path, &b.application.apikey, &b)];
        if path.matches('{').count() > 1 {
            tries.push(filled(&path, &a.application.apikey, &b));
        }
        for there in tries {
            let (status, problem) = a.api.send(&method, &there, body(&method, &path)).await;
            assert_eq!(status, 404, "{method} {there}: {problem}");
            assert_eq!(problem["type"], "/problems/not-found");
        }
    }
    assert_eq!(
        everything(&scene, &b).await,
        before,
        "something was changed"
    );
    let listed = a.api.get("/applications").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["apikey"], a.application.apikey);
    assert_eq!(a.api.get("/token").await["apikey"], a.application.apikey);
    let filtered = a
        .api
        .get(&a.path(&format!("/deliveries?endpoint={}", b.endpoint)))
        .await;
    assert_eq!(filtered["items"].as_array().unwrap().len(), 0);
    let new = r#"{"name": "more"}"#.to_owned();
    let (status, problem) = a.api.send("POST", "/applications", Some(new)).await;
    assert_eq!(status, 403);
    assert_eq!(problem["type"], "/problems/scope-too-narrow");
}

/// All that can be read of an application.
async fn everything(scene: &Scene, owned: &Owned) -> Vec<Value> {
    let mut all = Vec::new();
    for (method, path) in routes(scene) {
        // Figures tell the time.
        if method == "GET" && !path.ends_with("/usage") && !is_for_people(&path) {
            let path = filled(&path, &owned.application.apikey, owned);
            all.push(owned.api.get(&path).await);
        }
    }
    all
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let scene = Scene::start().await;
    let owned = scene.owned("/a").await;
    let wrong = [
        "",
        "lsm_",
        "lsm_wrong",
        &owned.application.secret,
        &owned.application.apikey,
    ];
    for token in wrong {
        let api = Api {
            token: token.to_owned(),
            ..owned.api.clone()
        };
        for (method, path) in routes(&scene) {
            if is_for_people(&path) {
                continue;
            }
            let path = filled(&path, &owned.application.apikey, &owned);
            // Not even what is wrong with the body is told.
            let (status, problem) = api.send(&method, &path, Some("{".to_owned())).await;
            assert_eq!(status, 401, "{method} {path} {token:?}: {problem}");
        }
    }
    assert_eq!(owned.delivery().await["endpoint_id"], owned.endpoint);
}

#[tokio::test]
async fn a_token_that_is_revoked_opens_nothing_from_then_on() {
    let scene = Scene::start().await;
    let application = scene.service.application();
    let (one, all) = (scene.only(&application), scene.all());
    let list = || scene.service.run(&["token", "list", "--json"]);
    let listed = list();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let ours = |token: &&serde_json::Value| token["apikey"] == application.apikey;
    let listed = listed.iter().find(ours).unwrap();
    assert!(listed["revoked_at"].is_null() && listed["created_at"].is_i64());
    let id = listed["id"].as_str().unwrap();
    assert!(!one.token.contains(id) && !list().to_string().contains(&one.token));

    let revoke = |id: &str| scene.service.try_run(&["token", "revoke", id]);
    assert!(revoke(id).status.success());
    assert_eq!(one.send("GET", "/token", None).await.0, 401);
    assert_eq!(all.send("GET", "/token", None).await.0, 200);
    let again = list();
    let again = again.as_array().unwrap();
    assert!(again.iter().find(ours).unwrap()["revoked_at"].is_i64());

    // A token that leaked is in the hand of whoever found it: it is revoked by itself, too.
    assert!(revoke(&all.token).status.success());
    assert_eq!(all.send("GET", "/token", None).await.0, 401);
    for wrong in ["", "%", "0123456789abcdef", "lsm_unknown", &id[..8]] {
        let refused = revoke(wrong);
        assert!(!refused.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("there is no token with this id"), "{said}");
    }
}

#[tokio::test]
async fn no_answer_tells_a_secret_again() {
    let scene = Scene::start().await;
    let owned = scene.owned("/a").await;
    let rotate = owned.path(&format!("/endpoints/{}/rotate-secret", owned.endpoint));
    let (status, rotated) = owned.api.send("POST", &rotate, None).await;
    assert_eq!(status, 201, "{rotated}");
    let all = scene.all();
    let secrets = [
        owned.application.secret.as_str(),
        owned.endpoint_secret.as_str(),
        rotated["secret"].as_str().unwrap(),
        APP_SECRET,
        &owned.api.token,
        &all.token,
    ];
    let mut seen = BTreeSet::new();
    for (method, path) in routes(&scene) {
        if method == "GET" && !is_for_people(&path) {
            let there = filled(&path, &owned.application.apikey, &owned);
            let text = all.get(&there).await.to_string();
            for secret in secrets {
                assert!(!text.contains(secret), "{there}: {text}");
            }
            seen.insert(path);
        }
    }
    assert!(seen.contains("/applications/{apikey}/endpoints"));
    let log = scene.service.running.read_log();
    for secret in secrets {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
