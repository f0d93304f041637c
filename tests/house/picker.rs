//! `docs/picker.md` names all that a page can say to the picker and hear from it.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::read;

const PAGE: &str = "docs/picker.md";
const SOURCES: &str = "web/picker/src";

/// What stands between two texts.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text
        .split_once(from)
        .unwrap_or_else(|| panic!("no `{from}`"));
    rest.split_once(to).unwrap_or_else(|| panic!("no `{to}`")).0
}

/// All that a pattern finds in the widget's sources and styles.
fn everywhere(pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(SOURCES).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = read(&path.to_string_lossy());
            found.extend(pattern.captures_iter(&text).map(|one| one[1].to_owned()));
        }
    }
    found
}

/// The page has each name as code: by itself, within a call or with a value.
fn page_names(names: &BTreeSet<String>, what: &str, least: usize) {
    assert!(names.len() >= least, "{what}: {names:?}");
    let page = read(PAGE);
    let code = Regex::new(r"`[^`\n]+`").unwrap();
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let words: BTreeSet<&str> = code
        .find_iter(&page)
        .flat_map(|span| span.as_str().split(word))
        .collect();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !words.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{PAGE} does not name {what}: {missing:?}"
    );
}

#[test]
fn options_and_callbacks_are_named_whether_honored_or_not() {
    let text = read("web/picker/src/options.ts");
    let member = Regex::new(r"(?m)^  ([a-zA-Z]+)\??: ").unwrap();
    for (interface, least) in [("PickerOptions", 45), ("DropPaneOptions", 12)] {
        let body = between(&text, &format!("export interface {interface} {{"), "\n}");
        let names = member.captures_iter(body).map(|one| one[1].to_owned());
        page_names(&names.collect(), interface, least);
    }
    let refused = read("web/picker/src/complaints.ts");
    let refused = member.captures_iter(between(&refused, "export const REFUSED", "\n}"));
    let refused = refused.map(|one| one[1].to_owned()).collect();
    page_names(&refused, "options that are not honored", 14);
    let granted = between(&text, "const GRANTED_WHEN_OFF", "\n}");
    let granted = member.captures_iter(granted);
    page_names(
        &granted.map(|one| one[1].to_owned()).collect(),
        "options",
        5,
    );
}

#[test]
fn looks_and_events_are_named() {
    let variables = everywhere(r"(--longshore-[a-z0-9-]+)");
    page_names(&variables, "variables", 13);
    let parts = everywhere(r#"part(?:="|", ")([a-z]+)""#);
    page_names(&parts, "parts", 7);
    let app = read("web/picker/src/app.ts");
    let happening = between(&app, "export type Happening", ";\n\n");
    let told = Regex::new(r#""([a-z-]+)""#).unwrap();
    let told = told.captures_iter(happening);
    page_names(&told.map(|one| one[1].to_owned()).collect(), "events", 5);
    let languages = between(&read(PAGE), "`lang` is one of ", ";").to_owned();
    for file in std::fs::read_dir("web/picker/src/words").unwrap().flatten() {
        let name = file.file_name().to_string_lossy().replace(".ts", "");
        let named = languages.contains(&format!("`{name}`"));
        assert!(
            named || name == "words",
            "{PAGE} does not name the language {name}"
        );
    }
}

#[test]
fn variables_that_the_page_names_exist() {
    let used = everywhere(r"(--longshore-[a-z0-9-]+)");
    let named = Regex::new(r"--longshore-[a-z0-9-]+").unwrap();
    for name in named.find_iter(&read(PAGE)) {
        assert!(used.contains(name.as_str()), "{PAGE}: {}", name.as_str());
    }
}
