//! Cloud documents: files that Dropbox keeps in a form of its own and can only export.
//!
//! Here they are files that end in `.paper`, `.gdoc` and their kin. What the file on disk holds
//! is the document's text; exporting wraps it, so that size and hash are others than the file's.

use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    accounts::modified,
    body::{Served, Source},
    call::Call,
    content::header_json,
    errors::Refusal,
    hash::ContentHasher,
    metadata,
};

/// A kind of cloud document.
pub struct Document {
    /// The extension of the default export.
    export_as: &'static str,
    /// All forms it can be exported in.
    options: &'static [&'static str],
    /// The words before the text.
    opening: &'static str,
}

const PAPER: Document = Document {
    export_as: "docx",
    options: &["docx", "html", "markdown"],
    opening: "Exported from Dropbox Paper\n\n",
};

const GOOGLE: Document = Document {
    export_as: "docx",
    options: &["docx", "pdf", "html"],
    opening: "Exported from Google Docs\n\n",
};

const SHEET: Document = Document {
    export_as: "xlsx",
    options: &["xlsx", "pdf"],
    opening: "Exported from Google Sheets\n\n",
};

impl Document {
    /// What metadata says of the export.
    pub fn info(&self) -> Value {
        json!({ "export_as": self.export_as, "export_options": self.options })
    }
}

/// Which cloud document a name means, if any.
pub fn document(name: &str) -> Option<&'static Document> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "paper" | "papert" => Some(&PAPER),
        "gdoc" | "gslides" => Some(&GOOGLE),
        "gsheet" => Some(&SHEET),
        _ => None,
    }
}

/// `files/export`
pub fn export(call: &Call) -> Result<Served, Refusal> {
    let view = call.view()?;
    let path = call.text("path")?;
    let entry = view
        .find(&view.account.tree(), path)
        .map_err(|lost| lost.under(&["path"]))?;
    if entry.is_folder() {
        return Err(Refusal::tags(&["path", "not_file"]));
    }
    let Some(document) = document(&entry.name) else {
        return Err(Refusal::tags(&["non_exportable"]));
    };
    let format = call
        .optional_text("export_format")?
        .unwrap_or(document.export_as);
    if !document.options.contains(&format) {
        return Err(Refusal::tags(&["invalid_export_format"]));
    }
    let mut bytes = document.opening.as_bytes().to_vec();
    bytes.extend(std::fs::read(view.account.locate(&entry.disk)?)?);
    let mut hasher = ContentHasher::default();
    hasher.update(&bytes);
    let stem = entry.name.rsplit_once('.').map_or("", |(stem, _)| stem);
    let extension = if format == "markdown" { "md" } else { format };
    let result = json!({
        "export_metadata": {
            "name": format!("{stem}.{extension}"),
            "size": bytes.len(),
            "export_hash": hasher.finish(),
            "paper_revision": modified(&entry)
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        },
        "file_metadata": metadata::plain(view, &entry)?,
    });
    let served = Served {
        headers: Vec::new(),
        etag: None,
        source: Source::Memory(Bytes::from(bytes)),
    };
    let api_result = HeaderName::from_static("dropbox-api-result");
    Ok(served
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(api_result, &header_json(&result)))
}
