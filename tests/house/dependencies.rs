//! Every direct dependency has its reason in `docs/dependencies.md`.

use std::collections::BTreeSet;

use regex::Regex;

use super::read;

fn names(table: Option<&toml::Value>) -> Vec<String> {
    let table = table.and_then(toml::Value::as_table);
    table
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn every_dependency_has_a_reason_and_every_reason_a_dependency() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        used.extend(names(manifest.get(section)));
    }
    for manifest in [
        "web/package.json",
        "web/picker/package.json",
        "web/portal/package.json",
    ] {
        let package: serde_json::Value = serde_json::from_str(&read(manifest)).unwrap();
        for section in ["dependencies", "devDependencies", "peerDependencies"] {
            let packages = package[section].as_object();
            used.extend(packages.into_iter().flatten().map(|(name, _)| name.clone()));
        }
    }
    let row = Regex::new(r"(?m)^\| `([^`]+)` \| \S.* \|$").unwrap();
    let document = read("docs/dependencies.md");
    let reasons: BTreeSet<String> = row
        .captures_iter(&document)
        .map(|row| row[1].to_owned())
        .collect();
    let without: Vec<_> = used.difference(&reasons).collect();
    assert!(without.is_empty(), "docs/dependencies.md lacks {without:?}");
    let gone: Vec<_> = reasons.difference(&used).collect();
    assert!(gone.is_empty(), "no longer used: {gone:?}");
}
