//! Downloads, links, exports.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::spawn::{read, world};

#[tokio::test]
async fn a_range_is_a_part_of_the_file_and_names_its_version() {
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let world = world(&[("a.bin", &bytes)]).await;
    let whole = world.download("/a.bin").send().await.unwrap();
    assert_eq!(whole.status(), 200);
    let result: Value =
        serde_json::from_str(whole.headers()["dropbox-api-result"].to_str().unwrap()).unwrap();
    let rev = result["rev"].as_str().unwrap().to_owned();
    assert!(whole.headers()["etag"].to_str().unwrap().contains(&rev));
    assert!(whole.bytes().await.unwrap() == bytes);
    let part = world
        .download(&format!("rev:{rev}"))
        .header("Range", "bytes=600000-1199999");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        "bytes 600000-1199999/2000000"
    );
    assert!(part.bytes().await.unwrap() == bytes[600_000..1_200_000]);
    let beyond = world
        .download("/a.bin")
        .header("Range", "bytes=2000000-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), 416);
}

#[tokio::test]
async fn a_file_written_a_moment_ago_downloads_as_it_is_now() {
    let world = world(&[("a.txt", b"old")]).await;
    std::fs::write(world.path("a.txt"), "newer").unwrap();
    std::fs::write(world.path("b.txt"), "b").unwrap();
    let answer = world.download("/a.txt").send().await.unwrap();
    assert!(
        answer.headers()["dropbox-api-result"]
            .to_str()
            .unwrap()
            .contains("\"size\":5")
    );
    assert_eq!(answer.text().await.unwrap(), "newer");
    assert_eq!(world.download("/b.txt").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn cloud_documents_are_exported_and_never_downloaded() {
    let world = world(&[("plan.paper", b"the plan"), ("a.txt", b"1")]).await;
    let metadata = world
        .ok("files/get_metadata", json!({ "path": "/plan.paper" }))
        .await;
    assert_eq!(metadata["is_downloadable"], false);
    let (status, body) = read(world.download("/plan.paper").send().await.unwrap()).await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (409, &json!("unsupported_file"))
    );
    let (status, body) = world
        .rpc("files/get_temporary_link", json!({ "path": "/plan.paper" }))
        .await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (409, &json!("unsupported_file"))
    );
    let export = |path: &str| {
        let call = world
            .http
            .post(format!("{}/2/files/export", world.url))
            .bearer_auth(&world.token);
        call.header("Dropbox-API-Arg", json!({ "path": path }).to_string())
            .send()
    };
    let exported = export("/plan.paper").await.unwrap();
    let result: Value =
        serde_json::from_str(exported.headers()["dropbox-api-result"].to_str().unwrap()).unwrap();
    let bytes = exported.bytes().await.unwrap();
    assert_eq!(result["export_metadata"]["size"], bytes.len());
    assert_ne!(result["file_metadata"]["size"], bytes.len());
    let (status, body) = read(export("/a.txt").await.unwrap()).await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (409, &json!("non_exportable"))
    );
}

#[tokio::test]
async fn a_temporary_link_needs_no_token() {
    let world = world(&[("a.txt", b"content")]).await;
    let link = world
        .ok("files/get_temporary_link", json!({ "path": "/a.txt" }))
        .await;
    let answer = world
        .http
        .get(link["link"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "content");
    let expire = format!("{}/_sandbox/expire_links", world.url);
    world.http.post(expire).send().await.unwrap();
    let late = world.http.get(link["link"].as_str().unwrap()).send();
    assert_eq!(late.await.unwrap().status(), 410);
    let other = format!("{}/cd/0/get/nothing/file", world.url);
    assert_eq!(world.http.get(other).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn thumbnails_say_what_they_cannot_do() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(400, 100)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let world = world(&[
        ("a.png", png.get_ref()),
        ("b.txt", b"x"),
        ("c.png", b"not a picture"),
    ])
    .await;
    let arg = |path: &str| json!({ "path": path, "size": "w64h64", "format": "png" });
    let entries =
        json!({ "entries": [arg("/a.png"), arg("/b.txt"), arg("/c.png"), arg("/nowhere.png")] });
    let batch = world.ok("files/get_thumbnail_batch", entries).await;
    let tags: Vec<_> = batch["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            entry["failure"][".tag"]
                .as_str()
                .or(entry[".tag"].as_str())
                .unwrap()
        })
        .collect();
    assert_eq!(
        tags,
        [
            "success",
            "unsupported_extension",
            "conversion_error",
            "path"
        ]
    );
    let many: Vec<_> = (0..26).map(|_| arg("/a.png")).collect();
    let (status, body) = world
        .rpc("files/get_thumbnail_batch", json!({ "entries": many }))
        .await;
    assert_eq!(
        (status, &body["error"][".tag"]),
        (409, &json!("too_many_files"))
    );
}

#[tokio::test]
async fn a_thumbnails_mode_says_how_it_fits_its_box() {
    let mut tall = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(600, 1200)
        .write_to(&mut tall, image::ImageFormat::Png)
        .unwrap();
    let world = world(&[("tall.png", tall.get_ref())]).await;
    let arg = json!({ "path": "/tall.png", "include_media_info": true });
    let told = world.ok("files/get_metadata", arg).await;
    let dimensions = &told["media_info"]["metadata"]["dimensions"];
    assert_eq!(*dimensions, json!({ "height": 1200, "width": 600 }));
    let sizes = [
        ("strict", (160, 320)),
        ("bestfit", (240, 480)),
        ("fitone_bestfit", (320, 640)),
        ("original", (600, 1200)),
    ];
    for (mode, size) in sizes {
        let entry = json!({ "path": "/tall.png", "size": "w480h320", "mode": mode });
        let batch = json!({ "entries": [entry] });
        let made = world.ok("files/get_thumbnail_batch", batch).await;
        let jpeg = STANDARD
            .decode(made["entries"][0]["thumbnail"].as_str().unwrap())
            .unwrap();
        let picture = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), size, "{mode}");
    }
}

#[tokio::test]
async fn a_thumbnail_may_be_had_of_what_a_link_leads_to() {
    let mut small = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(100, 50)
        .write_to(&mut small, image::ImageFormat::Png)
        .unwrap();
    let world = world(&[("pics/a.png", small.get_ref()), ("pics/a.txt", b"1")]).await;
    let made = world
        .ok(
            "sharing/create_shared_link_with_settings",
            json!({ "path": "/pics" }),
        )
        .await;
    let thumbnail = |link: Value| {
        let arg = json!({ "resource": link, "size": "w32h32" }).to_string();
        let route = format!("{}/2/files/get_thumbnail_v2", world.url);
        let call = world.http.post(route).bearer_auth(&world.token);
        call.header("Dropbox-API-Arg", arg).send()
    };
    let link = |path: &str| json!({ ".tag": "link", "url": made["url"], "path": path });
    let answer = thumbnail(link("/A.png")).await.unwrap();
    let told = answer.headers()["dropbox-api-result"].to_str().unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["link_metadata"]["url"], made["url"]);
    let picture = image::load_from_memory(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 16));
    for (link, tag) in [
        (link("/b.png"), "not_found"),
        (link("/a.txt"), "unsupported_extension"),
        (link(""), "path"),
    ] {
        let (status, error) = read(thumbnail(link).await.unwrap()).await;
        assert_eq!((status, &error["error"][".tag"]), (409, &json!(tag)));
    }
}

#[tokio::test]
async fn a_search_highlights_what_it_found_by_if_asked() {
    let world = world(&[("My Holiday.txt", b"")]).await;
    let arg = json!({ "query": "holi", "match_field_options": { "include_highlights": true } });
    let found = world.ok("files/search_v2", arg).await;
    let spans = json!([
        { "highlight_str": "My ", "is_highlighted": false },
        { "highlight_str": "Holi", "is_highlighted": true },
        { "highlight_str": "day.txt", "is_highlighted": false },
    ]);
    assert_eq!(found["matches"][0]["highlight_spans"], spans);
    let plain = world
        .ok("files/search_v2", json!({ "query": "holi" }))
        .await;
    assert_eq!(plain["matches"][0].get("highlight_spans"), None);
}
