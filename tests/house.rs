//! The house in order: documents, compose file and program say the same.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "house/codes.rs"]
mod codes;
#[path = "house/compose.rs"]
mod compose;
#[path = "house/dependencies.rs"]
mod dependencies;
#[path = "house/figures.rs"]
mod figures;
#[path = "house/links.rs"]
mod links;
#[path = "house/picker.rs"]
mod picker;
#[path = "house/routes.rs"]
mod routes;
#[path = "house/settings.rs"]
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the project as text.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All documents: those at the top and those in `docs`.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = [".", "docs"]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.sort();
    assert!(found.len() > 8, "{found:?}");
    found
}

/// All sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
