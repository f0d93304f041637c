//! Who may call: pages of allowed origins, policies with their limits, the application's secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use longshore::access::sign_policy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::processes::{APP_KEY, APP_SECRET, Application, Dropbox, Person, Service, http};
use crate::wire;

/// The cloud API's routes.
const ROUTES: [&str; 7] = [
    "/prefetch",
    "/folder/list",
    "/metadata",
    "/auth/status",
    "/auth/logout",
    "/store/",
    "/link/",
];

/// A service and a Dropbox with `a.txt`, of three bytes.
struct World {
    service: Service,
    _dropbox: Dropbox,
    _dir: tempfile::TempDir,
}

impl World {
    fn start(more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        dropbox.add("a.txt", b"abc");
        let service = Service::start(dir.path(), &dropbox.url, more);
        Self {
            service,
            _dropbox: dropbox,
            _dir: dir,
        }
    }

    /// An application made with these further options.
    fn application(&self, options: &[&str]) -> Application {
        let mut words = vec!["app", "create", "--name", "Test", "--json"];
        words.extend(["--dropbox-app-key", APP_KEY]);
        words.extend(["--dropbox-app-secret", APP_SECRET]);
        words.extend(options);
        let made = self.service.run(&words);
        Application {
            apikey: made["apikey"].as_str().unwrap().to_owned(),
            secret: made["secret"].as_str().unwrap().to_owned(),
            url: self.service.url.clone(),
        }
    }
}

/// A policy and its signature, as members of a request.
fn signed(policy: String, application: &Application) -> Value {
    let signature = sign_policy(&policy, &application.secret);
    json!({ "policy": policy, "signature": signature })
}

/// A policy with these members, good for long.
fn policy(application: &Application, mut members: Value) -> Value {
    if members.get("expiry").is_none() {
        members["expiry"] = json!(99_999_999_999_i64);
    }
    signed(URL_SAFE.encode(members.to_string()), application)
}

/// A call with these members beside the person's own.
async fn call(person: &Person, path: &str, clouds: Value, allowed: &Value) -> (u16, Value) {
    let mut body = json!({ "clouds": clouds });
    for (name, value) in allowed.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    person.call(path, body).await
}

/// Connects a person where every call needs a policy.
async fn connected(application: &Application, allowed: &Value) -> Person {
    let mut person = application.stranger();
    let clouds = json!({ "dropbox": { "path": "/" } });
    let (status, listed) = call(&person, "/folder/list", clouds, allowed).await;
    assert_eq!(status, 200, "{listed}");
    person.token = Some(listed["token"].as_str().unwrap().to_owned());
    let away = listed["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
    let back = person.consent(away, "allow").await;
    let page = person.http.get(back).send().await.unwrap();
    assert!(page.status().is_success());
    person
}

async fn pick(person: &Person, store: Value, allowed: &Value) -> (u16, Value) {
    let clouds = json!({ "dropbox": { "path": "/a.txt", "store": store } });
    call(person, "/store/", clouds, allowed).await
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_use_an_application() {
    let world = World::start(&[]);
    let origins = ["https://shop.test", "http://localhost:3000"];
    let options = [
        "--allowed-origin",
        origins[0],
        "--allowed-origin",
        origins[1],
    ];
    let application = world.application(&options);
    let everyones = world.application(&[]);
    let ask = async |route: &str, apikey: &str, origin: &str| {
        let body = json!({ "apikey": apikey, "clouds": { "dropbox": { "path": "/" } } });
        let mut request = http().post(format!("{}{route}", application.url));
        if !origin.is_empty() {
            request = request.header("origin", origin);
        }
        let answer = request.json(&body).send().await.unwrap();
        let open = answer.headers().get("access-control-allow-origin").cloned();
        // The page must be able to read why it was refused.
        assert_eq!(
            open.is_some_and(|o| o == "*"),
            !origin.is_empty(),
            "{route}"
        );
        answer.json::<Value>().await.unwrap()["code"].clone()
    };
    for route in ROUTES {
        for origin in [
            "",
            origins[0],
            origins[1],
            "https://SHOP.test",
            &application.url,
        ] {
            let code = ask(route, &application.apikey, origin).await;
            assert_ne!(code, "origin-not-allowed", "{route} {origin}");
        }
        for origin in [
            "null",
            "https://evil.test",
            "http://shop.test",
            "https://shop.test.evil.test",
            "https://shop.test:444",
            "https://www.shop.test",
            "https://shop.test/",
        ] {
            let code = ask(route, &application.apikey, origin).await;
            assert_eq!(code, "origin-not-allowed", "{route} {origin}");
            let code = ask(route, &everyones.apikey, origin).await;
            assert_ne!(code, "origin-not-allowed", "{route} {origin}");
        }
        // No browser sends such an origin, and it is not on the list.
        let body =
            json!({ "apikey": application.apikey, "clouds": { "dropbox": { "path": "/" } } });
        let lines = [
            "Content-Type: application/json",
            "Origin: https://shöp.test",
        ];
        let body = body.to_string();
        let reply = wire::ask(&application.url, "POST", route, &lines, body.as_bytes()).await;
        assert_eq!(reply.json()["code"], "origin-not-allowed", "{route}");
    }
}

#[tokio::test]
async fn a_browser_may_ask_first_and_need_not_ask_again_for_a_while() {
    let world = World::start(&[("LONGSHORE_CORS_MAX_AGE", "10m")]);
    let ask = async |path: &str, method: &str| {
        http()
            .request(Method::OPTIONS, format!("{}{path}", world.service.url))
            .header("origin", "https://shop.test")
            .header("access-control-request-method", method)
            .header(
                "access-control-request-headers",
                "content-type,filestack-source,filestack-trace-id,filestack-trace-span",
            )
            .send()
            .await
            .unwrap()
    };
    let handle = "/api/file/AAAAAAAAAAAAAAAAAAAA";
    let files = [
        (handle, "DELETE"),
        (handle, "POST"),
        ("/AAAAAAAAAAAAAAAAAAAA", "GET"),
    ];
    for (path, method) in ROUTES.map(|route| (route, "POST")).into_iter().chain(files) {
        let answer = ask(path, method).await;
        assert_eq!(answer.status(), 204, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-max-age"), "600");
        assert!(header("access-control-allow-methods").contains(method));
        assert!(header("access-control-allow-headers").contains("filestack-trace-span"));
        // Without cookies there is nothing that a page could borrow.
        assert!(
            answer
                .headers()
                .get("access-control-allow-credentials")
                .is_none()
        );
    }
    for own in ["/api/v1/applications", "/portal"] {
        let answer = ask(own, "GET").await;
        let open = answer.headers().get("access-control-allow-origin");
        assert!(open.is_none(), "{own} is not for pages of strangers");
    }
}

#[tokio::test]
async fn with_security_on_every_call_needs_a_policy_that_allows_it() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let other = world.application(&["--security"]);
    let good = policy(&application, json!({ "call": ["pick"] }));
    let person = connected(&application, &good).await;
    let clouds = json!({ "dropbox": { "path": "/a.txt" } });
    let mut half = good.clone();
    half.as_object_mut().unwrap().remove("signature");
    let mut upper = good.clone();
    upper["signature"] = json!("0".repeat(64));
    for (bad, why) in [
        (json!({}), "no policy"),
        (half, "no signature"),
        (upper, "another signature"),
        (policy(&application, json!({ "expiry": 1 })), "expired"),
        (
            policy(&other, json!({ "call": ["pick"] })),
            "of another application",
        ),
        (
            policy(&application, json!({ "call": ["read", "stat"] })),
            "for other calls",
        ),
        (policy(&application, json!({ "call": [] })), "for no call"),
    ] {
        for (route, status) in [
            ("/folder/list", 401),
            ("/metadata", 401),
            ("/store/", 403),
            ("/link/", 403),
        ] {
            let (got, body) = call(&person, route, clouds.clone(), &bad).await;
            assert_eq!(got, status, "{route}, {why}: {body}");
            assert!(body["error"].is_string() && body["t"].is_i64(), "{body}");
            assert!(route != "/folder/list" || body["error"] == "Invalid Policy");
        }
    }
    let (status, picked) = pick(&person, json!({}), &good).await;
    assert_eq!(status, 200, "{picked}");
}

#[tokio::test]
async fn with_security_off_no_policy_is_needed_but_a_bad_one_is_refused() {
    let world = World::start(&[]);
    let application = world.application(&[]);
    let person = application.person().await;
    assert_eq!(pick(&person, json!({}), &json!({})).await.0, 200);
    let expired = policy(&application, json!({ "expiry": 1 }));
    assert_eq!(pick(&person, json!({}), &expired).await.0, 403);
    let forged = json!({ "policy": "e30=", "signature": "00" });
    assert_eq!(pick(&person, json!({}), &forged).await.0, 403);
}

#[tokio::test]
async fn both_alphabets_are_read_in_bodies_queries_and_paths() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let text = json!({ "expiry": 99_999_999_999_i64, "x": "?>?>?>>>???~~~~>>>ÿÿÿ" }).to_string();
    let standard = STANDARD.encode(&text);
    assert!(standard.contains('+') && standard.contains('/'));
    for policy in [
        standard,
        URL_SAFE.encode(&text),
        URL_SAFE_NO_PAD.encode(&text),
    ] {
        let allowed = signed(policy.clone(), &application);
        let person = connected(&application, &allowed).await;
        let (status, picked) = pick(&person, json!({}), &allowed).await;
        assert_eq!(status, 200, "{policy}: {picked}");
        let handle = picked["dropbox"]["handle"].as_str().unwrap();
        let signature = allowed["signature"].as_str().unwrap();
        let url = &application.url;
        for link in [
            format!("{url}/{handle}?policy={policy}&signature={signature}"),
            format!("{url}/api/file/{handle}?policy={policy}&signature={signature}"),
            format!("{url}/security=policy:{policy},signature:{signature}/{handle}"),
        ] {
            assert_eq!(person.read(&link).await, b"abc", "{link}");
        }
    }
}

#[tokio::test]
async fn the_secret_reads_describes_and_deletes() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let good = policy(&application, json!({ "call": ["pick"] }));
    let person = connected(&application, &good).await;
    let (_, picked) = pick(&person, json!({}), &good).await;
    let handle = picked["dropbox"]["handle"].as_str().unwrap();
    let file = format!("{}/api/file/{handle}", application.url);
    let ask = async |method: Method, url: &str, user: &str, secret: &str| {
        let request = http().request(method, url).basic_auth(user, Some(secret));
        request.send().await.unwrap().status().as_u16()
    };
    let secret = application.secret.as_str();
    for (user, secret, status) in [("app", "wrong", 401), ("app", "", 401), ("x", secret, 403)] {
        assert_eq!(ask(Method::GET, &file, user, secret).await, status);
        assert_eq!(ask(Method::DELETE, &file, user, secret).await, status);
    }
    assert_eq!(ask(Method::GET, &file, "app", secret).await, 200);
    let metadata = format!("{file}/metadata?exif=true");
    assert_eq!(ask(Method::GET, &metadata, "app", secret).await, 200);
    assert_eq!(ask(Method::DELETE, &file, "app", secret).await, 200);
    assert_eq!(ask(Method::GET, &file, "app", secret).await, 404);
}

#[tokio::test]
async fn a_policys_sizes_hold_at_their_edges() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let person = connected(&application, &policy(&application, json!({}))).await;
    for (limits, status) in [
        (json!({ "maxSize": 3 }), 200),
        (json!({ "maxSize": 2 }), 413),
        (json!({ "max_size": 2 }), 413),
        (json!({ "maxSize": 0 }), 413),
        (json!({ "minSize": 3 }), 200),
        (json!({ "minSize": 4 }), 400),
        (json!({ "minSize": 3, "maxSize": 3 }), 200),
        (json!({ "minSize": 4, "maxSize": 2 }), 413),
        (json!({ "maxSize": -1 }), 403),
        (json!({ "maxSize": "3" }), 403),
    ] {
        let allowed = policy(&application, limits.clone());
        let (got, body) = pick(&person, json!({}), &allowed).await;
        assert_eq!(got, status, "{limits}: {body}");
    }
}

#[tokio::test]
async fn a_policy_says_where_a_file_may_be_stored() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let person = connected(&application, &policy(&application, json!({}))).await;
    let within = json!({ "path": "/users/1/.*" });
    let boxed = json!({ "container": "invoices" });
    for (limits, store, status) in [
        (&within, json!({ "path": "/users/1/" }), 200),
        (&within, json!({ "path": "/users/1/a/b.txt" }), 200),
        (&within, json!({ "path": "/users/2/" }), 403),
        (&within, json!({ "path": "/users/10/" }), 403),
        (&within, json!({ "path": "/x/users/1/" }), 403),
        (&within, json!({ "path": "users/1/" }), 403),
        (&within, json!({ "path": "/users/1/\n/users/2/" }), 403),
        (&within, json!({ "path": "/users/1/../2/" }), 400),
        (&boxed, json!({ "container": "invoices" }), 200),
        (&boxed, json!({ "container": "invoices2" }), 403),
        (&boxed, json!({ "container": "x/invoices" }), 403),
        // Saying nothing is no way around.
        (&within, json!({}), 403),
        (&within, json!({ "path": "" }), 403),
        (&boxed, json!({}), 403),
        // Choosing a place is a call of its own.
        (&json!({ "call": ["pick"] }), json!({}), 200),
        (&json!({ "call": ["pick"] }), json!({ "path": "/a/" }), 403),
        (
            &json!({ "call": ["pick"] }),
            json!({ "container": "a" }),
            403,
        ),
        (
            &json!({ "call": ["pick", "store"] }),
            json!({ "path": "/a/" }),
            200,
        ),
    ] {
        let allowed = policy(&application, limits.clone());
        let (got, body) = pick(&person, store.clone(), &allowed).await;
        assert_eq!(got, status, "{limits} {store}: {body}");
    }
}

#[tokio::test]
async fn a_policys_handle_and_call_limit_what_is_done_with_a_file() {
    let world = World::start(&[]);
    let application = world.application(&["--security"]);
    let all = policy(&application, json!({}));
    let person = connected(&application, &all).await;
    let first = pick(&person, json!({}), &all).await.1["dropbox"]["handle"].clone();
    let second = pick(&person, json!({}), &all).await.1["dropbox"]["handle"].clone();
    let ask = async |method: Method, path: &str, members: &Value| {
        let handle = first.as_str().unwrap();
        let url = format!("{}/api/file/{handle}{path}", application.url);
        let request = http().request(method, url).query(members);
        request.body("").send().await.unwrap().status().as_u16()
    };
    let own = json!({ "handle": first, "call": ["read", "stat"] });
    let foreign = json!({ "handle": second });
    for (method, path, own_status) in [
        (Method::GET, "", 200),
        (Method::GET, "/metadata", 200),
        (Method::DELETE, "", 403),
        (Method::POST, "/remove", 403),
        (Method::POST, "", 403),
    ] {
        let own = policy(&application, own.clone());
        assert_eq!(
            ask(method.clone(), path, &own).await,
            own_status,
            "{method} {path}"
        );
        let foreign = policy(&application, foreign.clone());
        assert_eq!(
            ask(method.clone(), path, &foreign).await,
            403,
            "{method} {path}"
        );
    }
    let revoke = policy(&application, json!({ "handle": first, "call": "revoke" }));
    assert_eq!(ask(Method::DELETE, "", &revoke).await, 200);
}
