//! Everything that people, servers, owners and our own sweeps do, once.

use std::time::Duration;

use base64::Engine as _;
use serde_json::json;

use super::world::World;
use crate::processes::{eventually, http};
use crate::support::portal::{Browser, code_of};

/// What people and servers ask.
pub async fn pick_read_change(world: &World) {
    let person = &world.person;
    person.list("/", None).await;
    for _ in 0..7 {
        let (status, picked) = person.pick("/a.txt").await;
        assert_eq!(status, 200, "{picked}");
    }
    let (status, picked) = person.pick("/a.txt").await;
    assert_eq!(status, 200, "{picked}");
    assert_eq!(person.pick("/nowhere").await.0, 404);
    let link = json!({ "clouds": { "dropbox": { "path": "/b.txt" } } });
    let (status, linked) = person.call("/link/", link.clone()).await;
    assert_eq!(status, 200, "{linked}");
    let linked = linked["dropbox"]["url"].as_str().unwrap().to_owned();
    person.read(&linked).await;
    // The link's file changes, so that what is known of it does, too.
    world.dropbox.add("b.txt", b"other bytes, and more of them");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    person.read(&linked).await;
    let body = json!({ "clouds": { "dropbox": { "path": "/a.txt" } } });
    person.call("/metadata", body).await;
    person.call("/prefetch", json!({})).await;
    person.call("/auth/status", json!({})).await;
    for which in [
        json!({}),
        json!({ "path": "/a.txt" }),
        json!({ "idempotency_keys": ["k"] }),
    ] {
        let mut body = which;
        body["picker_session_id"] = json!("p1");
        person.call("/progress", body.clone()).await;
        let (status, told) = person.call("/cancel", body).await;
        assert_eq!(status, 200, "{told}");
    }
    let handle = picked["dropbox"]["handle"].as_str().unwrap();
    let file = format!("{}/api/file/{handle}", world.service.url);
    let facts = format!("{file}/metadata?md5=true&width=true&size=true");
    let expiry = longshore::clock::Clock::system().now().timestamp() + 600;
    let policy = json!({ "expiry": expiry, "call": ["write", "remove"] }).to_string();
    let policy = base64::engine::general_purpose::URL_SAFE.encode(policy);
    let signature = longshore::access::sign_policy(&policy, &person.application.secret);
    let allowed = [("policy", policy), ("signature", signature)];
    for request in [
        http().get(&file),
        http().get(&facts),
        http().get(&facts),
        http().post(&file).query(&allowed).body("new bytes"),
        http().delete(&file).query(&allowed),
    ] {
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

/// What a device sends: an upload that is completed, and one that is not.
pub async fn upload(world: &World) {
    let (person, root) = (&world.person, &world.service.url);
    let call = async |name: &str, body: serde_json::Value| {
        let url = format!("{root}/multipart/{name}");
        let answer = http().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let apikey = &person.application.apikey;
    for (path, finished) in [("in/", true), ("/plain/a.bin", true), ("in/", false)] {
        let body = json!({ "apikey": apikey, "filename": "a.bin", "store": { "path": path } });
        let started = call("start", body).await;
        let known = |more: serde_json::Value| {
            let mut body = more;
            body["apikey"] = apikey.as_str().into();
            body["upload_id"] = started["upload_id"].clone();
            body
        };
        for part in [1, 2, 2] {
            let place = call("upload", known(json!({ "part": part, "size": 4 }))).await;
            // The hosts of the public address are not reached from here.
            let url = place["url"].as_str().unwrap();
            let path = &url[url.find("/multipart").unwrap()..];
            let authorization = place["headers"]["Authorization"].as_str().unwrap();
            let put = http().put(format!("{root}{path}"));
            let put = put.header("authorization", authorization).body("four");
            assert_eq!(put.send().await.unwrap().status(), 200);
        }
        call("commit", known(json!({ "part": 2 }))).await;
        if finished {
            call("complete", known(json!({}))).await;
            call("complete", known(json!({}))).await;
        }
    }
}

/// What an owner looks at.
pub async fn look(world: &World) {
    let (well, off) = (world.endpoints[0], world.endpoints[3]);
    let root = format!("{}/api/v1", world.service.url);
    for path in ["/token", "/applications", "/applications?limit=2"] {
        world.ask_at("GET", &format!("{root}{path}"), None).await;
    }
    let handle = world.ask("GET", "/files?limit=3", None).await;
    let handle = handle["items"][0]["handle"].as_str().unwrap().to_owned();
    let mut paths = vec![
        String::new(),
        "/usage".to_owned(),
        "/usage?since=0".to_owned(),
        "/endpoints".to_owned(),
        format!("/endpoints/{well}"),
        "/files".to_owned(),
        format!("/files/{handle}"),
        "/events".to_owned(),
        "/events?action=fp.delete".to_owned(),
        "/events?action=fp.upload&limit=5".to_owned(),
        format!("/events?handle={handle}"),
        "/events/190000".to_owned(),
        "/deliveries".to_owned(),
        "/deliveries?event=190000".to_owned(),
        "/deliveries/190000".to_owned(),
    ];
    for state in ["pending", "delivered", "exhausted", "cancelled", "held"] {
        paths.push(format!("/deliveries?state={state}"));
        for endpoint in [well, off] {
            paths.push(format!("/deliveries?state={state}&endpoint={endpoint}"));
        }
    }
    for path in paths {
        world.ask("GET", &path, None).await;
    }
    let metrics = &world.service.environment["LONGSHORE_METRICS_LISTEN"];
    for url in [
        format!("{}/readyz", world.service.url),
        format!("http://{metrics}/metrics"),
    ] {
        let answer = http().get(url).send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

/// What an owner changes.
pub async fn change(world: &World) {
    let [well, failing, gone, off] = world.endpoints[..] else {
        panic!("four endpoints");
    };
    let mut asked = vec![("PATCH", String::new(), json!({ "name": "Another" }))];
    for (endpoint, rest) in [(well, "rotate-secret"), (well, "promote-secret")] {
        asked.push(("POST", format!("/endpoints/{endpoint}/{rest}"), json!({})));
    }
    let since = json!({ "since": 0 });
    asked.push((
        "POST",
        format!("/endpoints/{failing}/resend-failed"),
        since.clone(),
    ));
    asked.push(("POST", format!("/endpoints/{well}/resend-failed"), since));
    asked.push(("POST", "/deliveries/2004/resend".to_owned(), json!({})));
    for enabled in [false, true] {
        let path = format!("/endpoints/{well}");
        asked.push(("PATCH", path, json!({ "enabled": enabled })));
    }
    let path = format!("/endpoints/{off}");
    asked.push(("PATCH", path, json!({ "enabled": true })));
    for (method, path, body) in asked {
        world.ask(method, &path, Some(body)).await;
    }
    world
        .ask("DELETE", &format!("/endpoints/{gone}"), None)
        .await;
}

/// What people do in the portal.
pub async fn people(world: &World) {
    let password = "correct horse battery";
    let service = &world.service;
    let (email, other) = ("ann@example.org", "bob@example.org");
    service.command(&["account", "create", "--email", email], password);
    let mut ann = Browser::new(http(), &service.url);
    assert_eq!(ann.sign_in(email, password).await.0, 201);
    let (_, made) = ann.post("/applications", json!({ "name": "Ann's" })).await;
    let apikey = made["apikey"].as_str().unwrap().to_owned();
    let here = format!("/applications/{apikey}");
    let wish = json!({ "email": other, "role": "viewer" });
    let (_, invited) = ann.post(&format!("{here}/invitations"), wish).await;
    let token = invited["url"].as_str().unwrap().split_once('#').unwrap().1;
    let new = json!({ "invitation": token, "email": other, "password": password });
    assert_eq!(
        Browser::new(http(), &service.url)
            .post("/accounts", new)
            .await
            .0,
        201
    );
    for list in ["members", "invitations", "tokens", "log"] {
        assert_eq!(ann.get(&format!("{here}/{list}")).await.0, 200, "{list}");
    }
    let (_, offer) = ann
        .post("/account/second-factor", json!({ "password": password }))
        .await;
    let code = code_of(offer["secret"].as_str().unwrap());
    let on = ann.post("/account/second-factor/confirm", json!({ "code": code }));
    assert_eq!(on.await.0, 201);
    // With a code of the app, which was used already.
    let wish = json!({ "email": email, "password": password, "code": code });
    assert_eq!(
        Browser::new(http(), &service.url)
            .post("/session", wish)
            .await
            .0,
        401
    );
    service.run(&["token", "list", "--json"]);
}

/// A copy whose node stops, and one whose node dies: both are taken up again.
pub async fn stop_and_die(world: &mut World) {
    for kill in [false, true] {
        let slow = json!({ "route": "files/download", "path": "/slow.bin", "kind": "slow",
            "bytes_per_second": 2_000_000 });
        world.dropbox.fault(slow).await;
        let person = world.person.clone();
        let asking = tokio::spawn(async move {
            let path = json!({ "clouds": { "dropbox": { "path": "/slow.bin" } },
                "apikey": person.application.apikey, "token": person.token });
            let url = format!("{}/store/", person.application.url);
            drop(person.http.post(url).json(&path).send().await);
        });
        tokio::time::sleep(Duration::from_millis(1500)).await;
        if kill {
            world.service.running.kill();
        } else {
            world.service.running.terminate();
        }
        asking.await.unwrap();
        world.dropbox.clear_faults().await;
        world.service.restart();
        let under_way = "SELECT COUNT(*) FROM picks WHERE source_path = '/slow.bin' AND state = 0";
        let done = async || world.number(under_way).await == 0;
        eventually("the copy is taken up", Duration::from_secs(30), done).await;
    }
}

/// A token that has run out, one that Dropbox refuses, and a person who leaves.
pub async fn come_and_go(world: &World) {
    let expire = "UPDATE connections SET access_expires_at = 0 WHERE id = 1 RETURNING id";
    world.postgres.rows(expire).await;
    world.person.list("/", None).await;
    let mut another = world.person.application.person().await;
    let refused = json!({ "route": "oauth2/token", "kind": "status", "code": 400 });
    world
        .postgres
        .rows("UPDATE connections SET access_expires_at = 0 RETURNING 1")
        .await;
    world.dropbox.fault(refused).await;
    another
        .call(
            "/folder/list",
            json!({ "clouds": { "dropbox": { "path": "/" } } }),
        )
        .await;
    world.dropbox.clear_faults().await;
    let link = json!({ "clouds": { "dropbox": { "path": "/a.txt" } } });
    let (status, linked) = another.call("/link/", link).await;
    assert_eq!(status, 200, "{linked}");
    let revoked = json!({ "route": "files/list_folder", "kind": "revoke_token", "times": 1 });
    world.dropbox.fault(revoked).await;
    another
        .call(
            "/folder/list",
            json!({ "clouds": { "dropbox": { "path": "/" } } }),
        )
        .await;
    world.dropbox.clear_faults().await;
    another.connect().await;
    another
        .read(linked["dropbox"]["url"].as_str().unwrap())
        .await;
    let renew = "UPDATE sessions SET expires_at = expires_at - 864000000 \
         WHERE expires_at > 0 AND connection_id IN (SELECT MAX(id) FROM connections) RETURNING 1";
    world.postgres.rows(renew).await;
    another.call("/auth/status", json!({})).await;
    another.call("/auth/logout", json!({})).await;
}
