//! The refusals that clients get wrong.

use serde_json::{Value, json};

use crate::spawn::{read, world, world_with};

#[tokio::test]
async fn the_root_is_not_a_slash() {
    let world = world(&[]).await;
    let (status, body) = world.rpc("files/list_folder", json!({ "path": "/" })).await;
    assert_eq!(status, 400);
    assert!(body.as_str().unwrap().contains("empty string"), "{body}");
}

#[tokio::test]
async fn arguments_are_read_strictly() {
    let world = world(&[]).await;
    for arg in [
        json!({ "path": 1 }),
        json!({}),
        json!({ "path": "", "limit": 0 }),
        json!({ "path": "", "colour": 1 }),
        json!([]),
        json!({ "path": "x" }),
    ] {
        let (status, body) = world.rpc("files/list_folder", arg.clone()).await;
        assert!(status == 400 && body.is_string(), "{arg}: {body}");
    }
    let form = world
        .http
        .post(format!("{}/2/users/get_current_account", world.url))
        .bearer_auth(&world.token);
    assert_eq!(form.form(&[("a", "b")]).send().await.unwrap().status(), 400);
    let json_download = world
        .download("/a")
        .header("Content-Type", "application/json");
    assert_eq!(json_download.send().await.unwrap().status(), 400);
    let raw = world
        .http
        .post(format!("{}/2/files/download", world.url))
        .bearer_auth(&world.token);
    let raw = raw.header("Dropbox-API-Arg", "{\"path\":\"/\u{e9}\"}".as_bytes());
    assert_eq!(raw.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn an_error_names_its_tags_and_ends_in_dots_that_vary() {
    let world = world(&[]).await;
    let mut endings = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let (status, body) = world
            .rpc("files/get_metadata", json!({ "path": "/nowhere" }))
            .await;
        assert_eq!(
            (status, &body["error"]["path"][".tag"]),
            (409, &json!("not_found"))
        );
        endings.insert(body["error_summary"].to_string());
    }
    assert!(endings.len() > 1, "{endings:?}");
}

#[tokio::test]
async fn a_missing_scope_has_two_forms() {
    let world = world_with(&[], |options| {
        options.apps[0].scopes = vec![
            "files.metadata.read".to_owned(),
            "files.content.read".to_owned(),
        ];
    })
    .await;
    // The app itself lacks it: text.
    let (status, body) = world
        .rpc("files/create_folder_v2", json!({ "path": "/a" }))
        .await;
    assert!(
        status == 400 && body.as_str().unwrap().contains("files.content.write"),
        "{body}"
    );
    // The token lacks it: a tag.
    let narrow = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &world.refresh_token),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
        ("scope", "files.metadata.read"),
    ];
    let (_, tokens) = world.token(&narrow).await;
    let call = world.http.post(format!("{}/2/files/download", world.url));
    let call = call.bearer_auth(tokens["access_token"].as_str().unwrap());
    let (status, body) = read(
        call.header("Dropbox-API-Arg", "{\"path\":\"/a\"}")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 401);
    assert_eq!(
        body["error"],
        json!({ ".tag": "missing_scope", "required_scope": "files.content.read" })
    );
}

#[tokio::test]
async fn an_expired_token_is_told_from_one_that_never_was() {
    let world = world(&[]).await;
    let account = || world.rpc("users/get_current_account", Value::Null);
    let expire = world
        .http
        .post(format!("{}/_sandbox/expire_tokens", world.url));
    expire.send().await.unwrap();
    let (status, body) = account().await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (401, &json!("expired_access_token"))
    );
    let stranger = world
        .http
        .post(format!("{}/2/users/get_current_account", world.url))
        .bearer_auth("x");
    let (status, body) = read(stranger.send().await.unwrap()).await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (401, &json!("invalid_access_token"))
    );
    let nobody = world
        .http
        .post(format!("{}/2/users/get_current_account", world.url));
    assert_eq!(nobody.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_complaint_names_the_place_of_the_argument() {
    let world = world(&[]).await;
    let (_, text) = world
        .rpc("files/get_metadata", json!({ "path": "x" }))
        .await;
    assert!(
        text.as_str()
            .unwrap()
            .contains("\": request body: path: 'x' did not match")
    );
    let (_, text) = read(world.download("x").send().await.unwrap()).await;
    let place = "\"files/download\": HTTP header \"Dropbox-API-Arg\": path: 'x' did not match";
    assert!(text.as_str().unwrap().contains(place), "{text}");
    let in_url = world
        .http
        .post(format!(
            "{}/2/files/upload?arg=%7B%22colour%22%3A1%7D",
            world.url
        ))
        .bearer_auth(&world.token)
        .header("Content-Type", "application/octet-stream");
    let (_, text) = read(in_url.send().await.unwrap()).await;
    let place = "\"files/upload\": URL parameter \"arg\": unknown field 'colour'";
    assert!(text.as_str().unwrap().contains(place), "{text}");
}

#[tokio::test]
async fn the_scraps_of_systems_are_neither_written_nor_seen() {
    let scraps = [
        ".DS_Store",
        "Thumbs.db",
        "~$letter.docx",
        ".~lock",
        "~x.tmp",
    ];
    let world = world(&scraps.map(|name| (name, b"1" as &[u8]))).await;
    let page = world.ok("files/list_folder", json!({ "path": "" })).await;
    assert_eq!(page["entries"], json!([]));
    for path in ["/.dropbox.cache/x", "/a/desktop.ini", "/.Dropbox", "/~$x"] {
        let (status, error) = world
            .send("files/upload", json!({ "path": path }), b"1")
            .await;
        let reason = &error["error"]["reason"][".tag"];
        assert_eq!((status, reason), (409, &json!("disallowed_name")), "{path}");
        let (_, error) = world
            .rpc("files/create_folder_v2", json!({ "path": path }))
            .await;
        assert_eq!(error["error"]["path"][".tag"], "disallowed_name", "{path}");
    }
}

#[tokio::test]
async fn several_accounts_are_described_at_once_or_not_at_all() {
    let world = world(&[]).await;
    let own = world.ok("users/get_current_account", Value::Null).await;
    let id = &own["account_id"];
    let found = world
        .ok(
            "users/get_account_batch",
            json!({ "account_ids": [id, id] }),
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(
        (&found[0]["email"], &found[0]["is_teammate"]),
        (&own["email"], &json!(true))
    );
    let (status, error) = world
        .rpc(
            "users/get_account_batch",
            json!({ "account_ids": [id, "dbid:nobody"] }),
        )
        .await;
    assert_eq!(status, 409);
    assert_eq!(
        error["error"],
        json!({ ".tag": "no_account", "no_account": "dbid:nobody" })
    );
}

#[tokio::test]
async fn a_route_that_is_not_there_is_refused_in_text() {
    let world = world(&[]).await;
    for route in ["files/properties/add", "team/get_info", "nonsense"] {
        let (status, text) = world.rpc(route, json!({})).await;
        assert_eq!(status, 400);
        assert!(
            text.as_str().unwrap().contains("Unknown API function"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn slashes_may_be_doubled_but_not_stand_at_the_end() {
    let world = world(&[("a/b.txt", b"1")]).await;
    for path in ["/a/b.txt", "//a/b.txt", "/a//b.txt", "///A///B.TXT"] {
        let found = world
            .ok("files/get_metadata", json!({ "path": path }))
            .await;
        assert_eq!(found["path_display"], "/a/b.txt", "{path}");
    }
    for path in ["/a/", "/a//", "//", "/a/b.txt/", "/a//b.txt/"] {
        let (status, error) = world
            .rpc("files/get_metadata", json!({ "path": path }))
            .await;
        let reason = &error["error"]["path"][".tag"];
        assert_eq!((status, reason), (409, &json!("malformed_path")), "{path}");
    }
    for path in ["/new/", "/blank ", "/tab\t"] {
        let (status, error) = world
            .rpc("files/create_folder_v2", json!({ "path": path }))
            .await;
        let reason = &error["error"]["path"][".tag"];
        assert_eq!((status, reason), (409, &json!("malformed_path")), "{path}");
    }
    let (_, made) = world
        .send("files/upload", json!({ "path": "//a//c.txt" }), b"2")
        .await;
    assert_eq!(made["path_display"], "/a/c.txt");
}
