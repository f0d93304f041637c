//! Looking at a file.

use std::io::Cursor;

use reqwest::Method;
use serde_json::{Value, json};

use crate::file_service::Service;

#[tokio::test]
async fn the_default_set_is_told_on_every_route() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"0123456789").await;
    let (handle, key) = (&file.handle, &service.application.apikey);
    let expected = json!({
        "size": 10, "mimetype": "text/plain", "filename": "a.txt",
        "uploaded": file.created_at.timestamp_millis(), "writeable": true,
        "location": service.storage.provider(), "path": file.storage_key,
        "container": service.storage.container(),
        "key": file.storage_key,
    });
    for path in [
        format!("/api/file/{handle}/metadata"),
        format!("/{handle}/metadata"),
        format!("/file/{handle}/metadata"),
        format!("/{key}/metadata/{handle}"),
        format!("/{key}/{handle}/metadata"),
    ] {
        assert_eq!(service.json(&path).await, expected, "{path}");
        let posted = service
            .ask(Method::POST, &path)
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(posted.json::<Value>().await.unwrap(), expected, "{path}");
        let head = service.ask(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
    service.stop().await;
}

#[tokio::test]
async fn the_key_is_told_within_its_container() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let sql = "UPDATE files SET container = 'docs' WHERE handle = $1";
    service.change(sql, file.handle.as_str()).await;
    let told = service.json(&format!("/{}/metadata", file.handle)).await;
    let key = file.storage_key.strip_prefix("docs/").unwrap();
    assert_eq!(told["container"], "docs");
    assert_eq!((&told["key"], &told["path"]), (&json!(key), &json!(key)));
    service.stop().await;
}

#[tokio::test]
async fn only_what_is_asked_for_is_told() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let path = format!(
        "/api/file/{}/metadata?size=true&md5=true&sha1=true&sha224=true&sha256=true&sha384=true\
         &sha512=true&width=true&cloud=true&filename=false&source_url=true&modified=true",
        file.handle
    );
    for _ in 0..2 {
        let told = service.json(&path).await;
        let expected = json!({
            "size": 3, "width": null, "cloud": "Dropbox", "source_url": null,
            "modified": file.modified_at.timestamp_millis(),
            "md5": "900150983cd24fb0d6963f7d28e17f72",
            "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
            "sha224": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072\
                       ba1e7cc2358baeca134c825a7",
            "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a27\
                       4fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        });
        assert_eq!(told, expected);
    }
    service.stop().await;
}

#[tokio::test]
async fn hashes_are_computed_once_and_forgotten_with_the_bytes() {
    let service = Service::start().await;
    let file = service.store("a.txt", "text/plain", b"abc").await;
    let path = format!("/{}/metadata?md5=true", file.handle);
    let asks = (0..8).map(|_| service.json(&path));
    let all = futures_util::future::join_all(asks).await;
    assert!(all.iter().all(|told| told == &all[0]));
    // What is known needs no bytes any more.
    let object = service.object(&file.storage_key);
    let hidden = object.with_extension("hidden");
    std::fs::rename(&object, &hidden).unwrap();
    assert_eq!(service.json(&path).await, all[0]);
    let unknown = format!("/{}/metadata?sha1=true", file.handle);
    assert_eq!(service.get(&unknown).await.status(), 500);
    std::fs::rename(&hidden, &object).unwrap();
    let overwrite = service.ask(Method::POST, &format!("/api/file/{}", file.handle));
    let overwrite = overwrite.query(&service.allowing(&["write"])).body("other");
    assert_eq!(overwrite.send().await.unwrap().status(), 200);
    assert_ne!(service.json(&path).await, all[0]);
    service.stop().await;
}

#[tokio::test]
async fn images_tell_their_size_and_exif_only_to_those_who_may_see_it() {
    let service = Service::start().await;
    let photo = photo();
    let file = service.store("p.jpg", "image/jpeg", &photo).await;
    let size = format!("/{}/metadata?width=true&height=true", file.handle);
    assert_eq!(
        service.json(&size).await,
        json!({ "width": 40, "height": 30 })
    );
    assert_eq!(
        service.json(&size).await,
        json!({ "width": 40, "height": 30 })
    );
    let exif = format!("/api/file/{}/metadata?exif=true", file.handle);
    assert_eq!(service.get(&exif).await.status(), 403);
    let ask = async |calls: &[&str]| {
        let ask = service.ask(Method::GET, &exif);
        ask.query(&service.allowing(calls)).send().await.unwrap()
    };
    assert_eq!(ask(&["stat"]).await.status(), 403);
    assert_eq!(ask(&["exif"]).await.status(), 403);
    let told: Value = ask(&["stat", "exif"]).await.json().await.unwrap();
    assert_eq!(told["exif"]["Make"], "Ours");
    assert_eq!(told["exif"]["Orientation"], 6);
    let by_secret = service.ask(Method::GET, &exif);
    let by_secret = by_secret.basic_auth("app", Some(&service.secret));
    assert_eq!(by_secret.send().await.unwrap().status(), 200);
    service.stop().await;
}

#[tokio::test]
async fn a_hostile_image_is_a_file_like_others() {
    let service = Service::start().await;
    for bytes in [
        &b"\xff\xd8\xff\xe1\xff\xffExif\0\0MM\0*\xff\xff\xff\xff"[..],
        b"GIF89a",
        b"\x89PNG",
    ] {
        let file = service.store("x.png", "image/png", bytes).await;
        let path = format!("/{}/metadata?width=true&height=true", file.handle);
        let told = service.json(&path).await;
        assert_eq!(told["height"], Value::Null);
    }
    service.stop().await;
}

/// A JPEG of 40 x 30 pixels with EXIF in front.
fn photo() -> Vec<u8> {
    let mut plain = Vec::new();
    let image = image::RgbImage::new(40, 30);
    image
        .write_to(&mut Cursor::new(&mut plain), image::ImageFormat::Jpeg)
        .unwrap();
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    tiff.extend(b"\x01\x0f\0\x02\0\0\0\x05\0\0\0\x26");
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    tiff.extend(b"\0\0\0\0Ours\0");
    let mut photo = vec![0xff, 0xd8, 0xff, 0xe1];
    photo.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
    photo.extend(b"Exif\0\0");
    photo.extend(tiff);
    photo.extend(&plain[2..]);
    photo
}
