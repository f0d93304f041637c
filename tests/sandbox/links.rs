//! Shared links: their settings, and what they give to those who follow them.

use longshore::sandbox::AccountOptions;
use serde_json::{Value, json};

use crate::spawn::{World, read, world, world_with};

const CREATE: &str = "sharing/create_shared_link_with_settings";

async fn link(world: &World, path: &str, settings: Value) -> Value {
    world
        .ok(CREATE, json!({ "path": path, "settings": settings }))
        .await
}

async fn file_of(world: &World, token: &str, arg: Value) -> reqwest::Response {
    world
        .http
        .post(format!("{}/2/sharing/get_shared_link_file", world.url))
        .bearer_auth(token)
        .header("Dropbox-API-Arg", arg.to_string())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_link_to_a_folder_leads_to_what_lies_in_it() {
    let world = world(&[("docs/a.txt", b"hello")]).await;
    let made = link(&world, "/docs", json!(null)).await;
    let url = &made["url"];
    let inside = json!({ "url": url, "path": "/A.txt" });
    let described = world
        .ok("sharing/get_shared_link_metadata", inside.clone())
        .await;
    assert_eq!(
        (&described[".tag"], &described["size"]),
        (&json!("file"), &json!(5))
    );
    let answer = file_of(&world, &world.token, inside).await;
    let result = answer.headers()["dropbox-api-result"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        serde_json::from_str::<Value>(&result).unwrap()["name"],
        "a.txt"
    );
    assert_eq!(answer.text().await.unwrap(), "hello");
    for (arg, tag) in [
        (json!({ "url": url }), "shared_link_is_directory"),
        (
            json!({ "url": url, "path": "/b.txt" }),
            "shared_link_not_found",
        ),
        (
            json!({ "url": "http://x/scl/fi/x/x?rlkey=no" }),
            "shared_link_not_found",
        ),
    ] {
        let (status, error) = read(file_of(&world, &world.token, arg).await).await;
        assert_eq!((status, &error["error"][".tag"]), (409, &json!(tag)));
    }
    // Of a file, links to the folders above it are told too, unless only direct ones are wanted.
    let count = |found: Value| found["links"].as_array().unwrap().len();
    let list = "sharing/list_shared_links";
    let found = world.ok(list, json!({ "path": "/docs/a.txt" })).await;
    assert_eq!(count(found), 1);
    let arg = json!({ "path": "/docs/a.txt", "direct_only": true });
    assert_eq!(count(world.ok(list, arg).await), 0);
    assert_eq!(count(world.ok(list, json!({ "path": "" })).await), 1);
    let (_, error) = world.rpc(list, json!({ "cursor": "old" })).await;
    assert_eq!(error["error"][".tag"], "reset");
}

#[tokio::test]
async fn a_basic_account_has_public_links_only() {
    let world = world(&[("a.txt", b"hello")]).await;
    for settings in [
        json!({ "requested_visibility": "team_only" }),
        json!({ "require_password": true, "link_password": "x" }),
        json!({ "expires": "2999-01-01T00:00:00Z" }),
    ] {
        let arg = json!({ "path": "/a.txt", "settings": settings });
        let (status, error) = world.rpc(CREATE, arg).await;
        let reason = &error["error"]["settings_error"][".tag"];
        assert_eq!((status, reason), (409, &json!("not_authorized")));
    }
    for wrong in [
        json!({ "requested_visibility": "everybody" }),
        json!({ "colour": "blue" }),
        json!({ "expires": "tomorrow" }),
        json!("public"),
    ] {
        let (status, _) = world
            .rpc(CREATE, json!({ "path": "/a.txt", "settings": wrong }))
            .await;
        assert_eq!(status, 400);
    }
    let public = json!({ "requested_visibility": { ".tag": "public" }, "audience": "public" });
    let made = link(&world, "/a.txt", public).await;
    let permissions = &made["link_permissions"];
    assert_eq!(permissions["resolved_visibility"][".tag"], "public");
    assert_eq!(permissions["can_set_expiry"], false);
    let (_, error) = world.rpc(CREATE, json!({ "path": "/a.txt" })).await;
    let old = &error["error"]["shared_link_already_exists"];
    assert_eq!(
        (&old[".tag"], &old["metadata"]["url"]),
        (&json!("metadata"), &made["url"])
    );
}

#[tokio::test]
async fn a_teams_links_may_ask_for_a_password_and_end() {
    let other = tempfile::tempdir().unwrap();
    let world = world_with(&[("Ann/a.txt", b"hello")], |options| {
        options.accounts[0].team = true;
        options
            .accounts
            .push(AccountOptions::personal("Bob", other.path()));
    })
    .await;
    let granted: Value = world
        .http
        .post(format!("{}/_sandbox/grant", world.url))
        .json(&json!({ "account": "Bob" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let bob = granted["access_token"].as_str().unwrap();
    for settings in [
        json!({ "require_password": true }),
        json!({ "requested_visibility": "password" }),
        json!({ "expires": "2001-01-01T00:00:00Z" }),
    ] {
        let arg = json!({ "path": "/a.txt", "settings": settings });
        let (_, error) = world.rpc(CREATE, arg).await;
        assert_eq!(error["error"]["settings_error"][".tag"], "invalid_settings");
    }
    let secret = json!({
        "requested_visibility": "password", "link_password": "pw",
        "expires": "2999-01-01T00:00:00Z",
    });
    let made = link(&world, "/a.txt", secret).await;
    assert_eq!(made["expires"], "2999-01-01T00:00:00Z");
    let url = &made["url"];
    let denied = file_of(&world, bob, json!({ "url": url, "link_password": "no" })).await;
    let (status, error) = read(denied).await;
    assert_eq!(
        (status, &error["error"][".tag"]),
        (409, &json!("shared_link_access_denied"))
    );
    let shown = file_of(&world, bob, json!({ "url": url, "link_password": "pw" })).await;
    let told: Value =
        serde_json::from_slice(shown.headers()["dropbox-api-result"].as_bytes()).unwrap();
    assert_eq!(told.get("path_lower"), None, "Bob has no such path");
    assert_eq!(shown.text().await.unwrap(), "hello");
    let page = format!("{}&raw=1", url.as_str().unwrap());
    assert_eq!(world.http.get(page).send().await.unwrap().status(), 404);
    let change =
        json!({ "url": url, "settings": { "audience": "team" }, "remove_expiration": true });
    let changed = world
        .ok("sharing/modify_shared_link_settings", change)
        .await;
    assert_eq!(changed.get("expires"), None);
    let visibility = &changed["link_permissions"]["resolved_visibility"][".tag"];
    assert_eq!(visibility, "team_and_password");
    let outside = file_of(&world, bob, json!({ "url": url, "link_password": "pw" })).await;
    assert_eq!(outside.status(), 409);
}
