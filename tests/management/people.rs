//! People in the portal: first run, signing in and out, second factor, members and their roles,
//! invitations, and the log of what was changed.

use std::time::Duration;

use reqwest::header::ORIGIN;
use serde_json::{Value, json};

use crate::processes::http;
use crate::scene::Scene;
use crate::support::portal::{Browser, code_of};

const PASSWORD: &str = "correct horse battery";

fn problem(answer: &(u16, Value)) -> (u16, &str) {
    let kind = answer.1["type"].as_str().unwrap_or_default();
    (answer.0, kind.trim_start_matches("/problems/"))
}

/// The account of the first run, signed in.
async fn first(scene: &Scene) -> Browser {
    scene.service.command(
        &["account", "create", "--email", "ann@example.org"],
        PASSWORD,
    );
    let mut ann = Browser::new(http(), &scene.service.url);
    let (status, told) = ann.sign_in("Ann@Example.org ", PASSWORD).await;
    assert_eq!(status, 201, "{told}");
    ann
}

/// An application of hers; answers its API key.
async fn application(browser: &mut Browser) -> String {
    let (status, made) = browser
        .post("/applications", json!({ "name": "Ann's" }))
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["role"], "owner");
    made["apikey"].as_str().unwrap().to_owned()
}

/// Somebody with a role on an application, by invitation.
async fn invited(scene: &Scene, by: &mut Browser, apikey: &str, who: &str, role: &str) -> Browser {
    let wish = json!({ "email": who, "role": role });
    let (status, made) = by
        .post(&format!("/applications/{apikey}/invitations"), wish)
        .await;
    assert_eq!(status, 201, "{made}");
    let link = made["url"].as_str().unwrap();
    let (page, token) = link.split_once('#').unwrap();
    assert!(page.ends_with("/portal/join"), "{link}");
    let mut browser = Browser::new(http(), &scene.service.url);
    let (status, found) = browser
        .post("/invitations/look", json!({ "invitation": token }))
        .await;
    assert_eq!(
        (status, &found["application"], &found["role"]),
        (200, &json!("Ann's"), &json!(role))
    );
    let new = json!({ "invitation": token, "email": who, "name": "B", "password": PASSWORD });
    let (status, told) = browser.post("/accounts", new.clone()).await;
    assert_eq!(status, 201, "{told}");
    let again = Browser::new(http(), &scene.service.url)
        .post("/accounts", new)
        .await;
    assert_eq!(problem(&again), (404, "no-invitation"), "a link works once");
    browser
}

#[tokio::test]
async fn the_first_account_is_made_by_the_link_that_the_server_prints() {
    let scene = Scene::start().await;
    let link = scene
        .service
        .running
        .printed("make the first one at ")
        .await;
    let token = link.split_once('#').unwrap().1.to_owned();
    let mut ann = Browser::new(http(), &scene.service.url);
    let short = json!({ "invitation": token, "email": "a@b.c", "password": "123456789" });
    assert_eq!(
        problem(&ann.post("/accounts", short).await),
        (400, "bad-request")
    );
    let new = json!({ "invitation": token, "email": "a@b.c", "password": PASSWORD });
    let (status, told) = ann.post("/accounts", new.clone()).await;
    assert_eq!(
        (status, &told["account"]["operator"]),
        (201, &json!(true)),
        "{told}"
    );
    assert_eq!(ann.get("/session").await.1["account"]["email"], "a@b.c");
    let twice = Browser::new(http(), &scene.service.url)
        .post("/accounts", new)
        .await;
    assert_eq!(problem(&twice), (404, "no-invitation"));
    application(&mut ann).await;
}

#[tokio::test]
async fn signing_in_takes_the_right_password_and_not_too_many_wrong_ones() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    assert_eq!(
        problem(
            &Browser::new(http(), &scene.service.url)
                .get("/session")
                .await
        ),
        (401, "wrong-credentials")
    );
    let mut stranger = Browser::new(http(), &scene.service.url);
    let nobody = stranger.sign_in("nobody@example.org", PASSWORD).await;
    assert_eq!(problem(&nobody), (401, "wrong-credentials"));
    for _ in 0..10 {
        let wrong = stranger
            .sign_in("ann@example.org", "wrong horse battery")
            .await;
        assert_eq!(problem(&wrong), (401, "wrong-credentials"));
    }
    let right = stranger.sign_in("ann@example.org", PASSWORD).await;
    assert_eq!(
        problem(&right),
        (429, "too-many-tries"),
        "also the right one has to wait"
    );
    assert_eq!(
        ann.get("/session").await.0,
        200,
        "who is signed in stays so"
    );
}

#[tokio::test]
async fn a_session_ends_for_good() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    let before = ann.clone();
    let mut other = Browser::new(http(), &scene.service.url);
    // A cookie that somebody planted is not taken for the session's.
    other.cookie = Some("longshore=lss_planted".to_owned());
    assert_eq!(other.sign_in("ann@example.org", PASSWORD).await.0, 201);
    assert_ne!(other.cookie.as_deref(), Some("longshore=lss_planted"));
    let (_, listed) = ann.get("/account/sessions").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(ann.send("DELETE", "/session", None).await.0, 204);
    assert_eq!(ann.cookie, None, "the browser forgets it");
    let mut replayed = before;
    assert_eq!(
        problem(&replayed.get("/session").await),
        (401, "signed-out")
    );
    let change = json!({ "password": { "present": PASSWORD, "new": "another horse battery" } });
    let mut third = Browser::new(http(), &scene.service.url);
    third.sign_in("ann@example.org", PASSWORD).await;
    assert_eq!(third.send("PATCH", "/account", Some(change)).await.0, 200);
    assert_eq!(
        problem(&other.get("/session").await),
        (401, "signed-out"),
        "signed out elsewhere"
    );
    assert_eq!(third.get("/session").await.0, 200, "but not here");
    let old = Browser::new(http(), &scene.service.url)
        .sign_in("ann@example.org", PASSWORD)
        .await;
    assert_eq!(problem(&old), (401, "wrong-credentials"));
}

#[tokio::test]
async fn pages_of_strangers_can_change_nothing() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    let wish = json!({ "name": "Theirs" });
    let mut without = ann.clone();
    without.proof = String::new();
    assert_eq!(
        problem(&without.post("/applications", wish.clone()).await),
        (403, "csrf")
    );
    let mut others = ann.clone();
    let mut bob = Browser::new(http(), &scene.service.url);
    scene.service.command(
        &["account", "create", "--email", "bob@example.org"],
        PASSWORD,
    );
    bob.sign_in("bob@example.org", PASSWORD).await;
    others.proof = bob.proof;
    assert_eq!(
        problem(&others.post("/applications", wish.clone()).await),
        (403, "csrf")
    );
    let url = format!("{}/api/v1/session", scene.service.url);
    let login = json!({ "email": "ann@example.org", "password": PASSWORD }).to_string();
    let strange = http()
        .post(url)
        .header(ORIGIN, "https://evil.example")
        .body(login);
    let strange = strange.send().await.unwrap();
    assert_eq!(
        strange.status(),
        403,
        "nobody is signed in by a page of strangers"
    );
    assert!(
        strange
            .headers()
            .get("access-control-allow-origin")
            .is_none()
    );
    assert_eq!(ann.post("/applications", wish).await.0, 201);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_counts_once() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    let (status, offer) = ann
        .post("/account/second-factor", json!({ "password": PASSWORD }))
        .await;
    assert_eq!(status, 201, "{offer}");
    let secret = offer["secret"].as_str().unwrap().to_owned();
    assert!(
        offer["url"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/"),
        "{offer}"
    );
    let early = Browser::new(http(), &scene.service.url)
        .sign_in("ann@example.org", PASSWORD)
        .await;
    assert_eq!(early.0, 201, "an offer alone locks nobody out");
    let wrong = ann
        .post(
            "/account/second-factor/confirm",
            json!({ "code": "000000" }),
        )
        .await;
    assert_eq!(problem(&wrong), (401, "wrong-code"));
    let code = code_of(&secret);
    let (status, on) = ann
        .post("/account/second-factor/confirm", json!({ "code": code }))
        .await;
    assert_eq!(status, 201, "{on}");
    let mut browser = Browser::new(http(), &scene.service.url);
    let asked = browser.sign_in("ann@example.org", PASSWORD).await;
    assert_eq!(problem(&asked), (401, "code-needed"));
    let with =
        |code: &str| json!({ "email": "ann@example.org", "password": PASSWORD, "code": code });
    let used = browser.post("/session", with(&code)).await;
    assert_eq!(
        problem(&used),
        (401, "wrong-code"),
        "the code that switched it on is used up"
    );
    let recovery = on["recovery_codes"][0].as_str().unwrap();
    assert_eq!(browser.post("/session", with(recovery)).await.0, 201);
    let again = Browser::new(http(), &scene.service.url)
        .post("/session", with(recovery))
        .await;
    assert_eq!(problem(&again), (401, "wrong-code"));
    let off = json!({ "password": PASSWORD });
    assert_eq!(
        browser.post("/account/second-factor/withdraw", off).await.0,
        204
    );
    assert_eq!(
        Browser::new(http(), &scene.service.url)
            .sign_in("ann@example.org", PASSWORD)
            .await
            .0,
        201
    );
}

#[tokio::test]
async fn roles_say_who_may_do_what() {
    roles(Scene::start().await).await;
}

#[tokio::test]
async fn roles_say_who_may_do_what_on_postgresql() {
    roles(Scene::on_postgres().await).await;
}

async fn roles(scene: Scene) {
    let mut ann = first(&scene).await;
    let apikey = application(&mut ann).await;
    let here = |rest: &str| format!("/applications/{apikey}{rest}");
    let mut dev = invited(&scene, &mut ann, &apikey, "dev@example.org", "developer").await;
    let mut viewer = invited(&scene, &mut ann, &apikey, "view@example.org", "viewer").await;
    for browser in [&mut dev, &mut viewer] {
        let (_, listed) = browser.get("/applications").await;
        assert_eq!(listed["items"][0]["apikey"], apikey.as_str());
        let made = browser.post("/applications", json!({ "name": "x" })).await;
        assert_eq!(
            problem(&made),
            (403, "scope-too-narrow"),
            "guests make no applications"
        );
        let tokens = browser.get(&here("/tokens")).await;
        assert_eq!(problem(&tokens), (403, "role-too-low"));
    }
    let endpoint = json!({ "url": "https://example.org/hook" });
    assert_eq!(dev.post(&here("/endpoints"), endpoint.clone()).await.0, 201);
    changes_nothing(&scene, &mut viewer, &apikey).await;
    let token = json!({ "name": "ci", "role": "viewer" });
    let (status, made) = ann.post(&here("/tokens"), token).await;
    assert_eq!(status, 201, "{made}");
    let mut ci = scene.all();
    ci.token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(ci.get("/token").await["role"], "viewer");
    ci.get(&here("/endpoints")).await;
    assert_eq!(
        problem(&ci.post(&here("/endpoints"), endpoint).await),
        (403, "role-too-low")
    );
    let revoked = here(&format!("/tokens/{}", made["id"].as_str().unwrap()));
    assert_eq!(ann.send("DELETE", &revoked, None).await.0, 204);
    assert_eq!(ci.send("GET", "/token", None).await.0, 401);
    members_come_and_go(&mut ann, &mut dev, &here("")).await;
    let (_, log) = ann.get(&here("/log?limit=200")).await;
    let did = |who: &str, what: &str| {
        let mut items = log["items"].as_array().unwrap().iter();
        assert!(
            items.any(|e| e["actor"] == who && e["action"] == what),
            "{what}: {log}"
        );
    };
    did("ann@example.org", "application.create");
    did("ann@example.org", "member.invite");
    did("dev@example.org", "member.join");
    did("dev@example.org", "endpoint.create");
    did("ann@example.org", "token.create");
    did("ann@example.org", "token.revoke");
    did("ann@example.org", "member.role");
    did("ann@example.org", "member.remove");
}

/// Every route of the document that is no reading is refused to a viewer.
async fn changes_nothing(scene: &Scene, viewer: &mut Browser, apikey: &str) {
    let document = scene.service.run(&["openapi"]);
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else {
            continue;
        };
        if !path.contains("{apikey}") {
            continue;
        }
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|m| *m != "get" && *m != "parameters")
        {
            let filled = path.replace("{apikey}", apikey);
            let filled = filled
                .split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part });
            let filled = filled.collect::<Vec<_>>().join("/");
            let refused = viewer
                .send(&method.to_uppercase(), &filled, Some(json!({})))
                .await;
            assert_eq!(problem(&refused), (403, "role-too-low"), "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 14, "{tried}");
}

async fn members_come_and_go(ann: &mut Browser, dev: &mut Browser, here: &str) {
    let (_, members) = ann.get(&format!("{here}/members")).await;
    let id = |email: &str| {
        let mut items = members["items"].as_array().unwrap().iter();
        items.find(|m| m["email"] == email).unwrap()["id"]
            .as_i64()
            .unwrap()
    };
    let (own, other) = (id("ann@example.org"), id("dev@example.org"));
    let leave = ann
        .send("DELETE", &format!("{here}/members/{own}"), None)
        .await;
    assert_eq!(problem(&leave), (409, "last-owner"));
    let role = |role: &str| Some(json!({ "role": role }));
    let lower = ann
        .send("PATCH", &format!("{here}/members/{own}"), role("viewer"))
        .await;
    assert_eq!(problem(&lower), (409, "last-owner"));
    let raised = ann
        .send("PATCH", &format!("{here}/members/{other}"), role("owner"))
        .await;
    assert_eq!((raised.0, &raised.1["role"]), (200, &json!("owner")));
    assert_eq!(dev.get(&format!("{here}/tokens")).await.0, 200);
    assert_eq!(
        ann.send("DELETE", &format!("{here}/members/{other}"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        problem(&dev.get(here).await),
        (404, "not-found"),
        "as if it did not exist"
    );
}

#[tokio::test]
async fn nothing_of_one_account_is_there_for_another() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    let apikey = application(&mut ann).await;
    scene.service.command(
        &["account", "create", "--email", "eve@example.org"],
        PASSWORD,
    );
    let mut eve = Browser::new(http(), &scene.service.url);
    eve.sign_in("eve@example.org", PASSWORD).await;
    let document = scene.service.run(&["openapi"]);
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else {
            continue;
        };
        if !path.contains("{apikey}") {
            continue;
        }
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|m| *m != "parameters")
        {
            let filled = path.replace("{apikey}", &apikey);
            let filled = filled
                .split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part });
            let filled = filled.collect::<Vec<_>>().join("/");
            let body = (method != "get").then(|| json!({}));
            let answer = eve.send(&method.to_uppercase(), &filled, body).await;
            assert_eq!(problem(&answer), (404, "not-found"), "{method} {path}");
        }
    }
    assert_eq!(eve.get("/applications").await.1["items"], json!([]));
    let (_, hers) = ann.get("/account/sessions").await;
    let session = hers["items"][0]["id"].as_i64().unwrap();
    let ended = eve
        .send("DELETE", &format!("/account/sessions/{session}"), None)
        .await;
    assert_eq!(problem(&ended), (404, "not-found"));
}

#[tokio::test]
async fn invitations_are_for_one_person_and_can_be_withdrawn() {
    let scene = Scene::start().await;
    let mut ann = first(&scene).await;
    let apikey = application(&mut ann).await;
    let here = format!("/applications/{apikey}/invitations");
    let invite = json!({ "email": "bob@example.org", "role": "viewer" });
    let (_, made) = ann.post(&here, invite.clone()).await;
    let token = |made: &Value| {
        made["url"]
            .as_str()
            .unwrap()
            .split_once('#')
            .unwrap()
            .1
            .to_owned()
    };
    let eve =
        json!({ "invitation": token(&made), "email": "eve@example.org", "password": PASSWORD });
    let taken = Browser::new(http(), &scene.service.url)
        .post("/accounts", eve)
        .await;
    assert_eq!(problem(&taken), (404, "no-invitation"));
    let (_, second) = ann.post(&here, invite.clone()).await;
    let old = Browser::new(http(), &scene.service.url)
        .post("/invitations/look", json!({ "invitation": token(&made) }))
        .await;
    assert_eq!(
        problem(&old),
        (404, "no-invitation"),
        "a new link ends the old one"
    );
    let gone = format!("{here}/{}", second["id"].as_i64().unwrap());
    assert_eq!(ann.send("DELETE", &gone, None).await.0, 204);
    let look = Browser::new(http(), &scene.service.url)
        .post("/invitations/look", json!({ "invitation": token(&second) }))
        .await;
    assert_eq!(problem(&look), (404, "no-invitation"));
    // Somebody who has an account signs in and accepts.
    scene.service.command(
        &["account", "create", "--email", "bob@example.org"],
        PASSWORD,
    );
    let (_, third) = ann.post(&here, invite.clone()).await;
    let again =
        json!({ "invitation": token(&third), "email": "bob@example.org", "password": PASSWORD });
    let again = Browser::new(http(), &scene.service.url)
        .post("/accounts", again)
        .await;
    assert_eq!(problem(&again), (409, "email-taken"));
    let mut bob = Browser::new(http(), &scene.service.url);
    bob.sign_in("bob@example.org", PASSWORD).await;
    let followed = json!({ "invitation": token(&third) });
    let (status, accepted) = bob.post("/invitations/accept", followed).await;
    assert_eq!(
        (status, &accepted["apikey"]),
        (200, &json!(apikey)),
        "{accepted}"
    );
    assert_eq!(problem(&ann.post(&here, invite).await), (409, "is-member"));
}

#[tokio::test]
async fn an_application_has_so_many_members_and_no_more() {
    let scene = Scene::set(&[("LONGSHORE_ACCOUNTS_MAX_MEMBERS", "2")]).await;
    let mut ann = first(&scene).await;
    let apikey = application(&mut ann).await;
    let here = format!("/applications/{apikey}/invitations");
    let invite = |who: &str| json!({ "email": who, "role": "viewer" });
    assert_eq!(ann.post(&here, invite("b@example.org")).await.0, 201);
    let more = ann.post(&here, invite("c@example.org")).await;
    assert_eq!(problem(&more), (409, "too-many-members"));
}

#[tokio::test]
async fn somebody_who_does_nothing_is_signed_out() {
    let scene = Scene::set(&[
        ("LONGSHORE_ACCOUNTS_SESSION_IDLE", "1s"),
        ("LONGSHORE_ACCOUNTS_MAX_SESSIONS", "1"),
    ])
    .await;
    let mut ann = first(&scene).await;
    let mut other = Browser::new(http(), &scene.service.url);
    other.sign_in("ann@example.org", PASSWORD).await;
    assert_eq!(
        problem(&ann.get("/session").await),
        (401, "signed-out"),
        "one browser at a time"
    );
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(problem(&other.get("/session").await), (401, "signed-out"));
}
