//! Looking around in a connected Dropbox, over HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/picker_scene.rs"]
#[expect(
    dead_code,
    reason = "the scene is shared with tests that do more in it"
)]
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use longshore::sandbox::{FaultKind, FaultRule};
use serde_json::{Value, json};

use scene::{Plan, Scene, refusal};

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 7]));
    let mut out = std::io::Cursor::new(&mut bytes);
    picture.write_to(&mut out, image::ImageFormat::Png).unwrap();
    bytes
}

fn names(answer: &Value) -> Vec<String> {
    let contents = answer["dropbox"]["contents"].as_array();
    let contents = contents.unwrap_or_else(|| panic!("{answer}"));
    let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
    contents.iter().map(name).collect()
}

fn entry<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let contents = answer["dropbox"]["contents"].as_array().unwrap();
    contents.iter().find(|entry| entry["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_come_in_filestacks_shape_folders_first_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "img10.jpg",
        "IMG2.jpg",
        "notes.txt",
        "zebra/x",
        "Album/x",
        "Plan.paper",
    ] {
        write(folder.path(), name, &vec![b'x'; 1500]);
    }
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(
        names(&answer),
        [
            "Album",
            "zebra",
            "IMG2.jpg",
            "img10.jpg",
            "notes.txt",
            "Plan.paper"
        ]
    );
    assert_eq!(answer["dropbox"]["client"], "dropbox");
    assert_eq!(answer["dropbox"]["filename"], "Dropbox");
    assert_eq!(answer["dropbox"]["next"], "");
    let album = entry(&answer, "Album");
    assert_eq!(
        (&album["folder"], &album["path"]),
        (&json!(true), &json!("/Album/"))
    );
    let notes = entry(&answer, "notes.txt");
    assert_eq!(notes["path"], "/notes.txt");
    assert_eq!(notes["mimetype"], "text/plain");
    assert_eq!(
        (&notes["size"], &notes["bytes"]),
        (&json!("1.5 KB"), &json!(1500))
    );
    let modified = notes["modified"].as_str().unwrap();
    assert!(
        chrono::DateTime::parse_from_rfc3339(modified).is_ok(),
        "{modified}"
    );
    for entry in answer["dropbox"]["contents"].as_array().unwrap() {
        let picture = entry["thumbnail"].as_str().unwrap();
        assert!(url::Url::parse(picture).is_ok(), "{picture}");
    }
    let plan = entry(&answer, "Plan.paper");
    assert_eq!(
        (&plan["downloadable"], &plan["export_as"]),
        (&json!(false), &json!("docx"))
    );

    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_may_be_sent_back_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "notes.txt", &[b'x'; 1500]);
    write(folder.path(), "Album/x", b"x");
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    let album = entry(&answer, "Album");
    let inside = scene.list(&token, json!({ "path": album["path"] })).await;
    assert_eq!(inside["dropbox"]["filename"], "Album");
    assert_eq!(names(&inside), ["x"]);
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/notes.txt" } } });
    let (status, answer) = scene.post("/metadata", body).await;
    assert_eq!((status, &answer["dropbox"]["bytes"]), (200, &json!(1500)));
    scene.stop().await;
}

/// Follows `next` to the end; answers all names and how many pages there were.
async fn all_pages(scene: &Scene, token: &str, wish: Value) -> (Vec<String>, usize) {
    let (mut all, mut pages, mut next) = (Vec::new(), 0, json!(""));
    loop {
        let mut wish = wish.clone();
        wish["next"] = next;
        let answer = scene.list(token, wish).await;
        all.extend(names(&answer));
        pages += 1;
        next = answer["dropbox"]["next"].clone();
        if next == "" {
            return (all, pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_folders_come_in_pages_that_miss_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..450 {
        write(folder.path(), &format!("f{n}.txt"), b"x");
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.browsing.page_entries = 200;
    let scene = plan.start().await;
    let token = scene.connect().await;
    scene.fault(FaultRule::new("files/list_folder/continue", FaultKind::EmptyPage).times(1));
    let (all, pages) = all_pages(&scene, &token, json!({ "path": "/" })).await;
    assert_eq!(all.len(), 450);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 450);
    assert_eq!(pages, 3);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_ours_is_one_call_to_dropbox() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..2500 {
        fs::write(folder.path().join(format!("f{n}.jpg")), b"x").unwrap();
    }
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let (all, pages) = all_pages(&scene, &token, json!({ "path": "/" })).await;
    assert_eq!((all.len(), pages), (2500, 2));
    let calls =
        scene.asked("files/list_folder").await + scene.asked("files/list_folder/continue").await;
    assert_eq!(calls, 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_accepted_files_are_shown_and_folders_always() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "b.png", "c.PDF", "d.txt", "deep/x.txt"] {
        write(folder.path(), name, b"x");
    }
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    for (accept, shown) in [
        (json!(["image/*"]), vec!["deep", "a.jpg", "b.png"]),
        (json!(".pdf"), vec!["deep", "c.PDF"]),
        (json!(["image/png", ".txt"]), vec!["deep", "b.png", "d.txt"]),
        (json!([]), vec!["deep", "a.jpg", "b.png", "c.PDF", "d.txt"]),
    ] {
        let body = json!({ "token": token, "accept": accept, "clouds": { "dropbox": {} } });
        let (_, answer) = scene.post("/folder/list", body).await;
        assert_eq!(names(&answer), shown, "{accept}");
    }
    scene.stop().await;
}

/// What `/folder/files` says of `/Album`: paths, bytes, whether there is more.
async fn below(scene: &Scene, token: &str, dropbox: Value, accept: Value) -> (Vec<String>, Value) {
    let body = json!({ "token": token, "accept": accept, "clouds": { "dropbox": dropbox } });
    let (status, answer) = scene.post("/folder/files", body).await;
    assert_eq!(status, 200, "{answer}");
    let files = answer["dropbox"]["files"].as_array();
    let files = files.unwrap_or_else(|| panic!("{answer}"));
    let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
    let told = json!([answer["dropbox"]["bytes"], answer["dropbox"]["more"]]);
    (files.iter().map(path).collect(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_below_a_folder_are_listed_at_whatever_depth_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "Album/b.jpg",
        "Album/2/10.jpg",
        "Album/2/9.jpg",
        "Album/x/y/z.txt",
        "no.jpg",
    ] {
        write(folder.path(), name, &[b'x'; 100]);
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.browsing.folder_files = 3;
    let scene = plan.start().await;
    let token = scene.connect().await;
    let ask = async |dropbox, accept| below(&scene, &token, dropbox, accept).await;
    let album = || json!({ "path": "/Album/" });
    let (all, told) = ask(album(), json!(["image/*"])).await;
    assert_eq!(all, ["/Album/2/9.jpg", "/Album/2/10.jpg", "/Album/b.jpg"]);
    assert_eq!(
        told,
        json!([300, false]),
        "three, which is just what may be"
    );
    let (all, told) = ask(album(), json!(null)).await;
    assert_eq!((all.len(), told), (3, json!([300, true])), "there are four");
    let (all, told) = ask(json!({ "path": "/Album", "limit": 2 }), json!(null)).await;
    assert_eq!((all.len(), told), (2, json!([200, true])));
    let (all, told) = ask(json!({ "path": "/Album/x", "limit": 9 }), json!(".jpg")).await;
    assert_eq!((all.len(), told), (0, json!([0, false])));
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/", "limit": 0 } } });
    assert_eq!(scene.post("/folder/files", body).await.0, 400);
    let body = json!({ "token": token, "clouds": { "dropbox": { "path": "/none" } } });
    let (_, answer) = scene.post("/folder/files", body).await;
    assert_eq!(answer["dropbox"]["error"]["code"], "path-not-found");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_looked_at_below_a_folder_than_may_be_however_few_files_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..250 {
        write(folder.path(), &format!("f{n}.txt"), b"x");
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.dropbox.page_limit = 100;
    plan.settings.browsing.folder_entries = 200;
    let scene = plan.start().await;
    let token = scene.connect().await;
    let (_, told) = below(&scene, &token, json!({ "path": "/" }), json!(".jpg")).await;
    assert_eq!(told, json!([0, true]));
    let calls =
        scene.asked("files/list_folder").await + scene.asked("files/list_folder/continue").await;
    assert_eq!(calls, 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_below_a_folder_that_dropbox_resets_are_each_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..250 {
        write(folder.path(), &format!("f{n}.txt"), b"x");
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.dropbox.page_limit = 100;
    let scene = plan.start().await;
    let token = scene.connect().await;
    let body = json!({ "error_summary": "reset/..", "error": { ".tag": "reset" } });
    scene.fault(FaultRule::new("files/list_folder/continue", refusal(409, body)).times(1));
    let (all, told) = below(&scene, &token, json!({ "path": "/" }), json!(null)).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 250);
    assert_eq!((all.len(), told), (250, json!([250, false])));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_below_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["harbor.jpg", "deep/harbor plan.txt", "deep/other.txt"] {
        write(folder.path(), name, b"x");
    }
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene
        .list(&token, json!({ "path": "/", "search": "harbor" }))
        .await;
    let found: BTreeSet<String> = names(&answer).into_iter().collect();
    assert_eq!(
        found,
        BTreeSet::from(["harbor plan.txt".to_owned(), "harbor.jpg".to_owned()])
    );
    let answer = scene
        .list(&token, json!({ "path": "/deep/", "query": "harbor" }))
        .await;
    assert_eq!(names(&answer), ["harbor plan.txt"]);
    let answer = scene
        .list(&token, json!({ "path": "/", "search": "nothing-like-it" }))
        .await;
    assert!(names(&answer).is_empty());
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_somebody_else_or_of_nobody_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..250 {
        write(folder.path(), &format!("f{n}"), b"x");
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.browsing.page_entries = 100;
    let scene = plan.start().await;
    let (mine, theirs) = (scene.connect().await, scene.connect().await);
    let page = scene.list(&theirs, json!({ "path": "/" })).await;
    let foreign = page["dropbox"]["next"].as_str().unwrap();
    assert!(!foreign.is_empty());
    for next in [foreign, "AAAA", "%00", &"x".repeat(3000)] {
        let answer = scene
            .list(&mine, json!({ "path": "/", "next": next }))
            .await;
        assert_eq!(
            answer["dropbox"]["error"]["code"], "cursor-invalid",
            "{answer}"
        );
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_dropbox_resets_begins_anew_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..250 {
        write(folder.path(), &format!("f{n}"), b"x");
    }
    let mut plan = Plan::new(folder.path());
    plan.settings.browsing.page_entries = 100;
    let scene = plan.start().await;
    let token = scene.connect().await;
    let first = scene.list(&token, json!({ "path": "/" })).await;
    let body = json!({ "error_summary": "reset/..", "error": { ".tag": "reset" } });
    scene.fault(FaultRule::new("files/list_folder/continue", refusal(409, body)).times(1));
    let wish = json!({ "path": "/", "next": first["dropbox"]["next"] });
    let again = scene.list(&token, wish).await;
    assert_eq!(again["dropbox"]["restarted"], true);
    assert_eq!(names(&again), names(&first));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_a_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", b"x");
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let code = async |path: &str| {
        let answer = scene.list(&token, json!({ "path": path })).await;
        assert_eq!(answer["token"], json!(token));
        answer["dropbox"]["error"].clone()
    };
    assert_eq!(code("/gone").await["code"], "path-not-found");
    assert!(code("/a.txt").await["code"].is_string());
    assert!(
        code("/a\u{0}").await["message"]
            .as_str()
            .unwrap()
            .contains("NUL")
    );

    let limited = FaultKind::RateLimited {
        retry_after: Some(12),
        form: Default::default(),
    };
    scene.fault(FaultRule::new("files/list_folder", limited).times(1));
    let error = code("/").await;
    assert_eq!(error["code"], "dropbox-rate-limited");
    assert_eq!(error["retry_after"], 12);

    let denied = json!({
        "error_summary": "path/no_permission/.",
        "error": { ".tag": "path", "path": { ".tag": "no_permission" } },
    });
    scene.fault(FaultRule::new("files/list_folder", refusal(409, denied)).times(1));
    assert_eq!(code("/").await["code"], "dropbox-no-permission");

    let scope = json!({
        "error_summary": "missing_scope/.",
        "error": { ".tag": "missing_scope", "required_scope": "files.metadata.read" },
    });
    scene.fault(FaultRule::new("files/list_folder", refusal(401, scope)).times(1));
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(
        answer["dropbox"]["auth"]["reason"], "missing-scope",
        "{answer}"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_clouds_are_answered_each_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", b"x");
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let clouds = json!({ "facebook": {}, "dropbox": {}, "googledrive": null, "token": {} });
    let body = json!({ "token": token, "clouds": clouds, "invented": [1] });
    for route in ["/folder/list", "/folder/list/"] {
        let (status, answer) = scene.post(route, body.clone()).await;
        assert_eq!(status, 200);
        assert_eq!(names(&answer), ["a.txt"]);
        assert_eq!(answer["facebook"]["error"]["code"], "unknown-cloud");
        assert_eq!(answer["googledrive"]["error"]["code"], "unknown-cloud");
        assert_eq!(answer["token"], json!(token));
    }
    let (status, answer) = scene
        .post("/metadata", json!({ "url": "file:///etc/passwd" }))
        .await;
    assert_eq!((status, &answer["code"]), (400, &json!("link-refused")));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_are_fetched_together_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let png = png();
    for n in 0..30 {
        write(
            folder.path(),
            &format!("p{n}.png"),
            &[&png[..], format!("{n}").as_bytes()].concat(),
        );
    }
    write(folder.path(), "broken.png", b"not a picture");
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    let links: Vec<String> = answer["dropbox"]["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["thumbnail"].as_str().unwrap().to_owned())
        .collect();
    for link in &links {
        assert!(
            link.contains("/thumbnail/") && !link.contains(&token),
            "{link}"
        );
    }
    for _ in 0..2 {
        let pictures =
            futures_util::future::join_all(links.iter().map(|link| scene.get(link))).await;
        let mut jpegs = 0;
        for picture in pictures {
            assert_eq!(picture.status(), 200);
            assert_eq!(picture.headers()["x-content-type-options"], "nosniff");
            assert!(
                picture.headers()["cache-control"]
                    .to_str()
                    .unwrap()
                    .starts_with("private")
            );
            jpegs += usize::from(picture.headers()["content-type"] == "image/jpeg");
        }
        assert_eq!(jpegs, 30);
    }
    let calls = scene.asked("files/get_thumbnail_batch").await;
    assert!(
        (2..=8).contains(&calls),
        "{calls} calls for 31 thumbnails, asked twice"
    );

    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnails_link_stays_the_same_for_a_while_and_then_expires() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.png", &png());
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    let links = [entry(&answer, "p.png")["thumbnail"]
        .as_str()
        .unwrap()
        .to_owned()];
    // The same folder listed again gives the same links, so that browsers find them kept.
    let again = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(
        again["dropbox"]["contents"][0]["thumbnail"],
        json!(links[0])
    );
    let bent = format!("{}0", &links[0][..links[0].len() - 1]);
    for wrong in [bent.as_str(), "/thumbnail/x", "/thumbnail/%00"] {
        let url = if wrong.starts_with('/') {
            format!("{}{wrong}", scene.base)
        } else {
            wrong.to_owned()
        };
        if url != links[0] {
            assert_eq!(scene.get(&url).await.status(), 404, "{wrong}");
        }
    }
    scene.hand.advance(Duration::from_secs(2 * 3600));
    assert_eq!(scene.get(&links[0]).await.status(), 404);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnails_link_is_dead_when_the_person_has_signed_out() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.png", &png());
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    let link = entry(&answer, "p.png")["thumbnail"]
        .as_str()
        .unwrap()
        .to_owned();
    scene.post("/auth/logout", json!({ "token": token })).await;
    assert_eq!(scene.get(&link).await.status(), 401);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_has_an_icon() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "a.pdf", "b.docx", "c.xlsx", "d.key", "e.zip", "f.mp4", "g.mp3", "h.txt", "i.svg", "j",
        "k/x",
    ] {
        write(folder.path(), name, b"x");
    }
    let scene = Scene::start(folder.path()).await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    let mut icons = BTreeSet::new();
    for entry in answer["dropbox"]["contents"].as_array().unwrap() {
        let link = entry["thumbnail"].as_str().unwrap();
        let icon = scene.get(link).await;
        assert_eq!(icon.status(), 200, "{link}");
        assert_eq!(icon.headers()["content-type"], "image/svg+xml");
        icons.insert(link.to_owned());
    }
    assert_eq!(icons.len(), 11);
    assert_eq!(
        scene
            .get(&format!("{}/icons/x.svg", scene.base))
            .await
            .status(),
        404
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_team_sees_the_teams_space() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "Team folder/shared.txt", b"x");
    write(folder.path(), "Franz/own.txt", b"x");
    let mut plan = Plan::new(folder.path());
    plan.sandbox.accounts[0].team = true;
    let scene = plan.start().await;
    let token = scene.connect().await;
    let answer = scene.list(&token, json!({ "path": "/" })).await;
    assert_eq!(names(&answer), ["Franz", "Team folder"]);
    let answer = scene.list(&token, json!({ "path": "/Franz/" })).await;
    assert_eq!(names(&answer), ["own.txt"]);
    scene.stop().await;
}
