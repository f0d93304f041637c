//! Thumbnails of pictures.

use std::{io::Cursor, sync::Arc};

use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, ImageReader, imageops::FilterType};
use serde_json::{Value, json};

use super::{
    body::{Served, Source},
    call::{Answer, Call},
    content::header_json,
    errors::Refusal,
    metadata,
    paths::View,
    sharing,
    tree::Entry,
};

/// Files above this size have no thumbnails.
const LARGEST: u64 = 20 * 1024 * 1024;

/// `files/get_thumbnail`
pub fn get_thumbnail(call: &Call) -> Result<Served, Refusal> {
    let (entry, bytes, mime) = thumbnail(call, &call.arg["path"])?;
    let result = metadata::plain(call.view()?, &entry)?;
    Ok(served(bytes, mime, &result))
}

/// `files/get_thumbnail_v2`
pub fn get_thumbnail_v2(call: &Call) -> Result<Served, Refusal> {
    let resource = &call.arg["resource"];
    match resource[".tag"].as_str() {
        Some("path") => {}
        Some("link") => return of_link(call, resource),
        _ => {
            return Err(Refusal::BadInput(
                "request body: resource: missing '.tag' key".to_owned(),
            ));
        }
    }
    let (entry, bytes, mime) = thumbnail(call, &resource["path"])?;
    let result = json!({ "file_metadata": metadata::plain(call.view()?, &entry)? });
    Ok(served(bytes, mime, &result))
}

/// A thumbnail of what a shared link leads to.
fn of_link(call: &Call, link: &Value) -> Result<Served, Refusal> {
    let asked = call.with(json!({
        "url": link["url"], "path": link["path"], "link_password": link["password"],
    }));
    let (view, entry) = sharing::linked(&asked).map_err(|refusal| match refusal {
        Refusal::Route(error) if error[".tag"] == "shared_link_not_found" => {
            Refusal::tags(&["not_found"])
        }
        Refusal::Route(_) => Refusal::tags(&["access_denied"]),
        other => other,
    })?;
    let (bytes, mime) = picture_of(call, &view, &entry)?;
    let rev = entry.file.as_ref().map(|state| &state.rev);
    let result = json!({ "link_metadata": { "url": link["url"], "id": entry.id, "rev": rev } });
    Ok(served(bytes, mime, &result))
}

/// `files/get_thumbnail_batch`
pub fn get_thumbnail_batch(call: &Call) -> Answer {
    let wanted = call.list("entries")?;
    if wanted.len() > 25 {
        return Err(Refusal::tags(&["too_many_files"]));
    }
    let mut entries = Vec::new();
    for arg in wanted {
        let one = call.with(arg.clone());
        entries.push(match thumbnail(&one, &arg["path"]) {
            Ok((entry, bytes, _)) => json!({
                ".tag": "success",
                "metadata": metadata::plain(call.view()?, &entry)?,
                "thumbnail": STANDARD.encode(bytes),
            }),
            Err(Refusal::Route(error)) => json!({ ".tag": "failure", "failure": error }),
            Err(other) => return Err(other),
        });
    }
    Ok(json!({ "entries": entries }))
}

/// What Dropbox tells of a picture besides the file; nothing, if it is none.
pub fn media_info(view: &View, entry: &Entry) -> Option<Value> {
    entry.file.as_ref()?;
    let path = view.account.locate(&entry.disk).ok()?;
    let reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    let (width, height) = reader.into_dimensions().ok()?;
    Some(json!({
        ".tag": "metadata",
        "metadata": { ".tag": "photo", "dimensions": { "height": height, "width": width } },
    }))
}

fn served(bytes: Vec<u8>, mime: &str, result: &Value) -> Served {
    let served = Served {
        headers: Vec::new(),
        etag: None,
        source: Source::Memory(Bytes::from(bytes)),
    };
    let api_result = HeaderName::from_static("dropbox-api-result");
    served
        .header(CONTENT_TYPE, mime)
        .header(api_result, &header_json(result))
}

type Thumbnail = (Arc<Entry>, Vec<u8>, &'static str);

fn thumbnail(call: &Call, path: &Value) -> Result<Thumbnail, Refusal> {
    let view = call.view()?;
    let path = path
        .as_str()
        .ok_or_else(|| Refusal::BadInput("request body: path: expected string".to_owned()))?;
    let entry = view
        .find(&view.account.tree(), path)
        .map_err(|lost| lost.under(&["path"]))?;
    let (bytes, mime) = picture_of(call, view, &entry)?;
    Ok((entry, bytes, mime))
}

/// A small picture of a file, in the size and format that the call asks for.
fn picture_of(call: &Call, view: &View, entry: &Entry) -> Result<(Vec<u8>, &'static str), Refusal> {
    let (width, height) = size(call.tag("size")?)?;
    let (format, mime) = format(call.tag("format")?)?;
    let Some(state) = &entry.file else {
        return Err(Refusal::tags(&["path", "not_file"]));
    };
    let extension = entry
        .name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase());
    match extension.as_deref() {
        Some("jpg" | "jpeg" | "png" | "gif" | "webp") => {}
        // Dropbox knows these as pictures; this simulation cannot read them.
        Some("tif" | "tiff" | "bmp" | "ppm" | "heic") => {
            return Err(Refusal::tags(&["unsupported_image"]));
        }
        _ => return Err(Refusal::tags(&["unsupported_extension"])),
    }
    if state.fingerprint.size > LARGEST {
        return Err(Refusal::tags(&["unsupported_image"]));
    }
    let bytes = std::fs::read(view.account.locate(&entry.disk)?)?;
    let broken = |_| Refusal::tags(&["conversion_error"]);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let picture = reader.decode().map_err(broken)?;
    let small = shrink(&picture, width, height, call.tag("mode")?)?;
    let small = match format {
        ImageFormat::Jpeg => DynamicImage::ImageRgb8(small.to_rgb8()),
        _ => DynamicImage::ImageRgba8(small.to_rgba8()),
    };
    let mut out = Cursor::new(Vec::new());
    small.write_to(&mut out, format).map_err(broken)?;
    Ok((out.into_inner(), mime))
}

/// Pictures are never made larger than they are.
fn shrink(
    picture: &DynamicImage,
    width: u32,
    height: u32,
    mode: Option<&str>,
) -> Result<DynamicImage, Refusal> {
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let (width, height) = (f64::from(width), f64::from(height));
    let fit = |width: f64, height: f64| (width / w).min(height / h);
    let cover = |width: f64, height: f64| (width / w).max(height / h);
    let scale = match mode {
        None | Some("strict") => fit(width, height),
        // Within the box or, if that leaves more of the picture, within the box on its side.
        Some("bestfit") => fit(width, height).max(fit(height, width)),
        // Over the whole box, upright or on its side, whichever takes less.
        Some("fitone_bestfit") => cover(width, height).min(cover(height, width)),
        Some("original") => 1.0,
        Some(other) => {
            return Err(Refusal::BadInput(format!(
                "request body: mode: unknown tag '{other}'"
            )));
        }
    };
    if scale >= 1.0 {
        return Ok(picture.clone());
    }
    let pixels = |length: f64| ((length * scale).round() as u32).max(1);
    Ok(picture.resize_exact(pixels(w), pixels(h), FilterType::Triangle))
}

fn format(tag: Option<&str>) -> Result<(ImageFormat, &'static str), Refusal> {
    match tag {
        None | Some("jpeg") => Ok((ImageFormat::Jpeg, "image/jpeg")),
        Some("png") => Ok((ImageFormat::Png, "image/png")),
        Some("webp") => Ok((ImageFormat::WebP, "image/webp")),
        Some(other) => Err(Refusal::BadInput(format!(
            "request body: format: unknown tag '{other}'"
        ))),
    }
}

fn size(tag: Option<&str>) -> Result<(u32, u32), Refusal> {
    Ok(match tag.unwrap_or("w64h64") {
        "w32h32" => (32, 32),
        "w64h64" => (64, 64),
        "w128h128" => (128, 128),
        "w256h256" => (256, 256),
        "w480h320" => (480, 320),
        "w640h480" => (640, 480),
        "w960h640" => (960, 640),
        "w1024h768" => (1024, 768),
        "w2048h1536" => (2048, 1536),
        "w3200h2400" => (3200, 2400),
        other => {
            return Err(Refusal::BadInput(format!(
                "request body: size: unknown tag '{other}'"
            )));
        }
    })
}
