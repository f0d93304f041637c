//! Settings: the reference, the documents and the compose file name the same ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use longshore::config::{DEFAULTS, Settings};
use regex::Regex;

use super::{documents, read};

const DOCUMENT: &str = "docs/configuration.md";
const BEGIN: &str = "<!-- settings: begin -->\n";
const END: &str = "<!-- settings: end -->";

/// Variables that documents name and that are no settings of the server: where the file is, and
/// what the receivers in the examples call their secret.
const OTHERS: [&str; 2] = ["LONGSHORE_CONFIG", "LONGSHORE_SECRET"];

/// One setting of the reference.
struct Setting {
    section: String,
    variable: String,
    default: String,
    meaning: String,
}

/// The reference, in its order. A comment tells of the settings up to the next comment.
fn reference() -> Vec<Setting> {
    let (mut section, mut meaning, mut fresh) = (String::new(), String::new(), false);
    let mut settings = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            fresh = false;
        } else if let Some(text) = line.strip_prefix("# ") {
            if !fresh {
                meaning.clear();
            }
            fresh = true;
            meaning = format!("{meaning} {text}").trim().to_owned();
        } else if let Some((key, default)) = line.split_once(" = ") {
            fresh = false;
            let unnamed = ["http", "server", "outbound"].contains(&section.as_str());
            let name = if unnamed {
                key.to_owned()
            } else {
                format!("{section}_{key}")
            };
            settings.push(Setting {
                section: section.clone(),
                variable: format!("LONGSHORE_{}", name.to_uppercase()),
                default: default.to_owned(),
                meaning: meaning
                    .split_once(": ")
                    .map_or("", |(_, text)| text)
                    .to_owned(),
            });
        }
    }
    settings
}

fn variables() -> BTreeSet<String> {
    reference().into_iter().map(|one| one.variable).collect()
}

#[test]
fn every_setting_of_the_reference_is_a_variable_with_a_meaning() {
    let toml: toml::Table = DEFAULTS.parse().unwrap();
    let keys = toml.values().map(|keys| keys.as_table().unwrap().len());
    assert_eq!(reference().len(), keys.sum::<usize>());
    for setting in reference() {
        assert!(!setting.meaning.is_empty(), "{}", setting.variable);
        // A list is written differently in the environment; all else as it stands.
        let value = setting
            .default
            .trim_matches('"')
            .replace(['[', ']', '"'], "");
        let given = [(setting.variable.clone(), value)];
        if let Err(faults) = Settings::load(None, given.into_iter()) {
            panic!("{}: {}", setting.variable, faults[0]);
        }
    }
}

#[test]
fn every_variable_that_is_named_exists() {
    let known = variables();
    let name = Regex::new("LONGSHORE_[A-Z0-9_]*[A-Z0-9]").unwrap();
    let mut files: Vec<String> = documents()
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    for other in [
        "docker-compose.yml",
        ".env.example",
        "Dockerfile",
        "Makefile",
    ] {
        files.push(other.to_owned());
    }
    let mut seen = 0;
    for file in files {
        for found in name.find_iter(&read(&file)) {
            let found = found.as_str();
            seen += 1;
            let fits = known.contains(found) || OTHERS.contains(&found);
            assert!(fits, "{file} names {found}, which does not exist");
        }
    }
    assert!(seen > 50);
}

#[test]
fn the_configuration_document_has_every_setting_with_its_default() {
    let written = read(DOCUMENT);
    let (before, rest) = written.split_once(BEGIN).unwrap();
    let (tables, after) = rest.split_once(END).unwrap();
    let wanted = tables_of(&reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCUMENT, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert!(
        tables == wanted,
        "{DOCUMENT} is not what the reference says: UPDATE_DOCS=1 cargo test --test house"
    );
}

fn tables_of(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in settings {
        if setting.section != section {
            section = &setting.section;
            write!(
                text,
                "\n## {section}\n\n| variable | meaning | default |\n|---|---|---|\n"
            )
            .unwrap();
        }
        let default = match setting.default.as_str() {
            "\"\"" | "[]" => "not set".to_owned(),
            default => format!(
                "`{}`",
                default.replace(['"', '[', ']'], "").replace(", ", ",")
            ),
        };
        let meaning = setting.meaning.trim_end_matches('.').replace('|', "\\|");
        writeln!(text, "| `{}` | {meaning} | {default} |", setting.variable).unwrap();
    }
    text.push('\n');
    text
}
