//! What cannot be used is refused, and the refusal names it.

use serde_json::{Value, json};

use crate::scene::Scene;

/// What is sent, and a word that the refusal must hold.
type Wrong = (&'static str, &'static str, Value, &'static str);

fn wrong_applications() -> Vec<Wrong> {
    let long = "x".repeat(201);
    vec![
        ("PATCH", "", json!({ "secret": "mine" }), "`secret`"),
        ("PATCH", "", json!({ "name": null }), "null"),
        ("PATCH", "", json!({ "name": "" }), "name"),
        ("PATCH", "", json!({ "name": long }), "200"),
        ("PATCH", "", json!({ "name": "a\u{0}b" }), "name"),
        ("PATCH", "", json!({ "security": "yes" }), "boolean"),
        ("PATCH", "", json!(["a"]), "object"),
        ("PATCH", "", json!("a"), "object"),
        (
            "PATCH",
            "",
            json!({ "allowed_origins": ["example.org"] }),
            "example.org",
        ),
        (
            "PATCH",
            "",
            json!({ "dropbox_app": { "key": "k" } }),
            "`secret`",
        ),
        (
            "PATCH",
            "",
            json!({ "dropbox_app": { "key": "", "secret": "s" } }),
            "Dropbox app",
        ),
        (
            "PATCH",
            "",
            json!({ "storage_path": "../up" }),
            "storage path",
        ),
    ]
}

fn wrong_endpoints() -> Vec<Wrong> {
    let rotate = "/endpoints/{endpoint}/rotate-secret";
    let promote = "/endpoints/{endpoint}/promote-secret";
    let resend = "/endpoints/{endpoint}/resend-failed";
    let one = "/endpoints/{endpoint}";
    vec![
        ("POST", "/endpoints", json!({}), "`url`"),
        ("POST", "/endpoints", json!({ "url": "not a url" }), ""),
        (
            "POST",
            "/endpoints",
            json!({ "url": "ftp://example.org/" }),
            "",
        ),
        (
            "POST",
            "/endpoints",
            json!({ "url": "http://10.0.0.1/" }),
            "",
        ),
        (
            "POST",
            "/endpoints",
            json!({ "url": "https://a.example/", "event": "x" }),
            "fp.upload",
        ),
        (
            "POST",
            "/endpoints",
            json!({ "url": "https://a.example/", "tag": 1 }),
            "`tag`",
        ),
        ("PATCH", one, json!({ "enabled": 1 }), "boolean"),
        ("PATCH", one, json!({}), "`enabled`"),
        ("POST", rotate, json!({ "now": true }), "`now`"),
        ("POST", promote, json!({ "overlap_seconds": -1 }), "-1"),
        ("POST", promote, json!({ "overlap_seconds": 1e9 }), ""),
        ("POST", resend, json!({}), "`since`"),
        ("POST", resend, json!({ "since": "yesterday" }), "yesterday"),
    ]
}

fn wrong_queries() -> Vec<Wrong> {
    vec![
        ("GET", "/deliveries?limit=0", Value::Null, "limit"),
        ("GET", "/deliveries?limit=201", Value::Null, "limit"),
        ("GET", "/deliveries?state=lost", Value::Null, "pending"),
        ("GET", "/deliveries?cursor=%00", Value::Null, "cursor"),
        ("GET", "/deliveries?page=2", Value::Null, "`page`"),
        ("GET", "/events?action=fp.nothing", Value::Null, "fp.upload"),
        ("GET", "/events?handle=%00", Value::Null, "handle"),
        ("GET", "/files?cursor=1-2", Value::Null, "cursor"),
        ("GET", "/usage?since=never", Value::Null, ""),
        ("GET", "/endpoints?limit=1&limit=2", Value::Null, "`limit`"),
    ]
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_name() {
    let scene = Scene::start().await;
    let owned = scene.owned("/here").await;
    let all = [wrong_applications(), wrong_endpoints(), wrong_queries()].concat();
    for (method, path, body, word) in all {
        let path = path.replace("{endpoint}", &owned.endpoint.to_string());
        let body = (!body.is_null()).then(|| body.to_string());
        let sent = format!("{method} {path} {body:?}");
        let (status, problem) = owned.api.send(method, &owned.path(&path), body).await;
        assert_eq!(status, 400, "{sent}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{sent}: {detail}");
    }
}

#[tokio::test]
async fn bodies_and_routes_that_are_none_get_a_problem_and_no_fault() {
    let scene = Scene::start().await;
    let owned = scene.owned("/here").await;
    let here = owned.path("");
    let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
    let deep = "[".repeat(20_000);
    let twice = "{\"name\": \"a\", \"name\": \"b\"}";
    let cases = [
        ("PATCH", here.clone(), Some("{"), 400),
        ("PATCH", here.clone(), Some("{\"name\": \"\\ud800\"}"), 400),
        ("PATCH", here.clone(), Some(deep.as_str()), 400),
        ("PATCH", here.clone(), Some(twice), 400),
        ("PATCH", here.clone(), Some(huge.as_str()), 413),
        ("PUT", here.clone(), None, 405),
        ("DELETE", here.clone(), None, 405),
        ("GET", format!("{here}/nothing"), None, 404),
        ("GET", format!("{here}/endpoints/abc"), None, 404),
        (
            "GET",
            format!("{here}/endpoints/99999999999999999999"),
            None,
            404,
        ),
        ("GET", format!("{here}/files/..%2f..%2fx"), None, 404),
        ("GET", "/applications/%00".to_owned(), None, 404),
        ("GET", "/applications/%ff".to_owned(), None, 404),
        ("GET", "/nothing".to_owned(), None, 404),
        ("GET", String::new(), None, 404),
    ];
    for (method, path, body, wanted) in cases {
        let (status, problem) = owned.api.send(method, &path, body.map(str::to_owned)).await;
        assert_eq!(status, wanted, "{method} {path}: {problem}");
        assert_eq!(problem["status"], wanted);
        assert!(problem["request_id"].is_string(), "{problem}");
    }
}
