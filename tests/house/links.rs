//! Links within the documents lead somewhere, and commands that are named exist.

use std::path::Path;

use regex::Regex;

use super::{documents, read};

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    plain
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The text without code, in which nothing is a link.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn every_relative_link_resolves() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut seen = 0;
    for document in documents() {
        let name = document.display().to_string();
        let text = prose(&read(&name));
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => document.clone(),
                path => document.parent().unwrap_or(Path::new(".")).join(path),
            };
            assert!(file.exists(), "{name} leads to {target}");
            if !fragment.is_empty() {
                let there = read(&file.display().to_string());
                let anchors = there
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(anchor);
                let fits = anchors.into_iter().any(|known| known == fragment);
                assert!(fits, "{name} leads to {target}, which has no such heading");
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}

#[test]
fn every_make_command_that_is_named_exists() {
    let named = Regex::new(r"(?m)(?:^|`)(?:[A-Z_]+=\S+ )?make ([a-z-]+)").unwrap();
    let makefile = read("Makefile");
    for document in documents() {
        let name = document.display().to_string();
        for found in named.captures_iter(&read(&name)) {
            let rule = format!("\n{}:", &found[1]);
            assert!(makefile.contains(&rule), "{name}: make {}", &found[1]);
        }
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let heading = format!("\n## {}", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&heading));
}
