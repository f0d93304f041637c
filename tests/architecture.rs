//! The house plan: which room may use which.
//!
//! Rust forbids circles between crates but not between modules, so a single crate needs this
//! test. To let a room use another, say so here, in the same change, where a reviewer sees it.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use. A room may name only rooms above it in this list, so a
/// circle cannot be written down.
const PLAN: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("figures", &[]),
    ("sandbox", &[]),
    ("outbound", &[]),
    ("dropbox", &["figures"]),
    ("storage", &["figures"]),
    ("database", &["clock"]),
    ("access", &["clock", "database"]),
    ("connections", &["clock", "database", "access", "dropbox"]),
    (
        "files",
        &[
            "clock",
            "database",
            "access",
            "storage",
            "dropbox",
            "connections",
        ],
    ),
    ("events", &["clock", "database", "access", "files"]),
    ("leases", &["clock", "database", "access", "files"]),
    (
        "picking",
        &[
            "clock",
            "figures",
            "database",
            "access",
            "dropbox",
            "connections",
            "storage",
            "files",
            "events",
            "leases",
        ],
    ),
    (
        "uploading",
        &[
            "clock", "figures", "database", "outbound", "access", "storage", "files", "events",
            "leases",
        ],
    ),
    (
        "webhooks",
        &[
            "clock", "figures", "database", "outbound", "access", "events",
        ],
    ),
    ("retention", &["clock", "figures", "database"]),
    (
        "http",
        &[
            "clock",
            "figures",
            "database",
            "outbound",
            "access",
            "dropbox",
            "connections",
            "storage",
            "files",
            "events",
            "picking",
            "uploading",
            "webhooks",
        ],
    ),
    (
        "config",
        &[
            "access",
            "database",
            "outbound",
            "dropbox",
            "connections",
            "storage",
            "files",
            "picking",
            "uploading",
            "webhooks",
            "retention",
            "http",
        ],
    ),
    (
        "app",
        &[
            "clock",
            "sandbox",
            "database",
            "outbound",
            "access",
            "dropbox",
            "connections",
            "storage",
            "files",
            "events",
            "picking",
            "uploading",
            "webhooks",
            "retention",
            "http",
            "config",
        ],
    ),
];

/// Crates that only some rooms may know.
const CONFINED: &[(&str, &[&str])] = &[
    ("actix_web", &["http", "sandbox", "app"]),
    ("reqwest", &["dropbox", "outbound", "sandbox"]),
    ("object_store", &["storage"]),
    ("deadpool_redis", &["webhooks"]),
    ("clap", &["app", "sandbox"]),
    ("prometheus", &["figures"]),
];

#[test]
fn the_plan_has_no_circles() {
    for (place, (room, uses)) in PLAN.iter().enumerate() {
        for used in *uses {
            let above = PLAN[..place].iter().any(|(name, _)| name == used);
            assert!(
                above,
                "`{room}` uses `{used}`, which stands below it in the plan"
            );
        }
    }
}

#[test]
fn every_room_is_in_the_plan() {
    let planned: BTreeSet<_> = PLAN.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms_built(), planned);
}

#[test]
fn every_room_keeps_to_the_plan() {
    for (room, allowed) in PLAN {
        for source in sources_of(room) {
            let faults = arrows(&fs::read_to_string(&source).unwrap(), room, allowed);
            assert!(
                faults.is_empty(),
                "{} uses {faults:?}; the plan does not let `{room}`",
                source.display()
            );
        }
    }
}

#[test]
fn a_planted_arrow_is_found() {
    let planted = "use crate::{clock, http::Problem};\nfn f() { super::super::webhooks::x(); }";
    let faults = arrows(planted, "picking", &["clock"]);
    assert_eq!(faults, ["http", "webhooks"].map(str::to_owned).into());
    let commented = "/// See [`crate::http`].\n// crate::http\nuse crate::clock;";
    assert!(arrows(commented, "picking", &["clock"]).is_empty());
}

#[test]
fn only_the_rooms_that_own_a_crate_know_it() {
    for (name, owners) in CONFINED {
        for (room, _) in PLAN.iter().filter(|(room, _)| !owners.contains(room)) {
            for source in sources_of(room) {
                let text = code_of(&fs::read_to_string(&source).unwrap());
                let named = text.contains(&format!("{name}::"));
                assert!(!named, "{} knows {name}", source.display());
            }
        }
    }
}

#[test]
fn every_source_says_what_it_is_for() {
    for (room, _) in PLAN {
        for source in sources_of(room) {
            let text = fs::read_to_string(&source).unwrap();
            assert!(
                text.starts_with("//! "),
                "{} does not open with //!",
                source.display()
            );
        }
    }
}

/// The rooms that a source names without leave.
fn arrows(source: &str, room: &str, allowed: &[&str]) -> BTreeSet<String> {
    rooms_named_in(source)
        .into_iter()
        .filter(|used| used != room && !allowed.contains(&used.as_str()))
        .collect()
}

/// Every folder and file at the top of `src`, but for the crate's two roots.
fn rooms_built() -> BTreeSet<String> {
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    fs::read_dir("src")
        .unwrap()
        .flatten()
        .map(|entry| stem(&entry.path()))
        .filter(|name| name != "lib" && name != "main")
        .collect()
}

fn sources_of(room: &str) -> Vec<PathBuf> {
    let folder = Path::new("src").join(room);
    let sources = if folder.is_dir() {
        sources_in(&folder)
    } else {
        vec![folder.with_extension("rs")]
    };
    assert!(!sources.is_empty());
    sources
}

fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let sources = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"));
    sources
        .chain(folders.iter().flat_map(|folder| sources_in(folder)))
        .collect()
}

/// A source without its comments: a doc may point anywhere, only code makes an arrow.
fn code_of(source: &str) -> String {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// The rooms a source names: `crate::files::File`, `crate::{files::File, events}`.
fn rooms_named_in(source: &str) -> BTreeSet<String> {
    let rooms = rooms_built();
    let code = code_of(source);
    ["crate::", "super::"]
        .iter()
        .flat_map(|root| {
            code.match_indices(root)
                .map(|(at, root)| &code[at + root.len()..])
        })
        .flat_map(first_names)
        .filter(|name| rooms.contains(name))
        .collect()
}

/// `files::File` gives `files`; `{files::{A, B}, events}` gives both.
fn first_names(path: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix('{') else {
        return vec![first_word(path)];
    };
    let mut depth = 0;
    let mut names = vec![first_word(inside)];
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(first_word(&inside[at + 1..])),
            _ => {}
        }
    }
    names
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
