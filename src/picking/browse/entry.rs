//! One file or folder in Filestack's item shape.

use chrono::SecondsFormat;
use serde::Serialize;

use super::thumbnail_link::Signer;
use crate::dropbox::{FileMetadata, Metadata};

/// What Dropbox makes thumbnails of (files.stone, `get_thumbnail_v2`)…
const PICTURED: [&str; 9] = [
    "jpg", "jpeg", "png", "tiff", "tif", "gif", "webp", "ppm", "bmp",
];
/// …up to this size.
const LARGEST_PICTURED: u64 = 20_000_000;

/// One file or folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its name, as the person sees it.
    pub name: String,
    /// Its path, to list or store it by. A folder's ends in `/`.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its media type, guessed from its name.
    pub mimetype: String,
    /// A small picture of it, or of its kind.
    pub thumbnail: String,
    /// Whether that picture shows the file itself.
    pub thumb_exists: bool,
    /// Its size for people; empty for folders.
    pub size: String,
    /// Its size.
    pub bytes: u64,
    /// When it last changed, as RFC 3339; absent for folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Dropbox's id of it, the same for as long as it lives.
    pub id: String,
    /// Whether there are bytes to copy. A cloud document has none: it can be exported at most.
    pub downloadable: bool,
    /// In which format a cloud document can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_as: Option<String>,
}

/// The entry for what Dropbox lists; none for what is gone or unknown.
pub(super) fn of(found: Metadata, signer: &Signer) -> Option<Entry> {
    match found {
        Metadata::File(file) => Some(of_file(file, signer)),
        Metadata::Folder(folder) => {
            let path = folder.path_display.or(folder.path_lower);
            Some(Entry {
                path: path.map_or_else(|| folder.id.clone(), |path| format!("{path}/")),
                name: folder.name,
                folder: true,
                mimetype: "inode/directory".to_owned(),
                thumbnail: signer.icon("folder"),
                thumb_exists: false,
                size: String::new(),
                bytes: 0,
                modified: None,
                id: folder.id,
                downloadable: false,
                export_as: None,
            })
        }
        Metadata::Deleted(_) | Metadata::Other => None,
    }
}

fn of_file(file: FileMetadata, signer: &Signer) -> Entry {
    let mimetype = mime_guess::from_path(&file.name)
        .first_raw()
        .unwrap_or("application/octet-stream");
    let picture = (is_pictured(&file))
        .then(|| signer.thumbnail(&file.rev))
        .flatten();
    let thumb_exists = picture.is_some();
    let export_as = if file.is_downloadable {
        None
    } else {
        file.export_info.and_then(|export| export.export_as)
    };
    let modified = file
        .client_modified
        .to_rfc3339_opts(SecondsFormat::Secs, true);
    Entry {
        path: file
            .path_display
            .or(file.path_lower)
            .unwrap_or_else(|| file.id.clone()),
        folder: false,
        thumbnail: picture.unwrap_or_else(|| signer.icon(icon_kind(&file.name, mimetype))),
        thumb_exists,
        mimetype: mimetype.to_owned(),
        size: human_size(file.size),
        bytes: file.size,
        modified: Some(modified),
        id: file.id,
        downloadable: file.is_downloadable,
        export_as,
        name: file.name,
    }
}

fn is_pictured(file: &FileMetadata) -> bool {
    let ending = file.name.rsplit_once('.').map(|(_, ending)| ending);
    let known = |ending: &str| PICTURED.iter().any(|p| p.eq_ignore_ascii_case(ending));
    file.is_downloadable && file.size <= LARGEST_PICTURED && ending.is_some_and(known)
}

/// The name of the icon for a kind of file.
pub fn icon_kind(name: &str, mimetype: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map_or_else(String::new, |(_, ending)| ending.to_lowercase());
    match ending.as_str() {
        "pdf" => return "pdf",
        "doc" | "docx" | "odt" | "rtf" | "pages" | "paper" | "gdoc" => return "document",
        "xls" | "xlsx" | "ods" | "csv" | "numbers" | "gsheet" => return "sheet",
        "ppt" | "pptx" | "odp" | "key" | "gslides" => return "slides",
        "zip" | "gz" | "tar" | "7z" | "rar" | "bz2" | "xz" | "zst" => return "archive",
        _ => {}
    }
    match mimetype.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        Some("text") => "text",
        _ => "file",
    }
}

/// A size as people write it, in steps of a thousand.
pub(super) fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, in whole numbers: a double would round 999,950 up to `1000.0 KB`.
    let mut tenths = u128::from(bytes) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if whole >= 100 || tenth == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenth} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 KB"),
            (1_234_567, "1.2 MB"),
            (810_400, "810 KB"),
            (999_999, "999 KB"),
            (2_400_000_000, "2.4 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(human_size(bytes), text);
        }
    }
}
