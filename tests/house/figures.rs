//! The dashboard and the alert rules ask for figures that the program has.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::read;

/// Names of figures where the sources make them.
fn counted(folder: &Path, names: &mut BTreeSet<String>) {
    let name = Regex::new(r#"figures::(?:counts?|gauge|times?)\(\s*"([a-z_]+)""#).unwrap();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            counted(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            names.extend(name.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
}

#[test]
fn dashboard_alerts_and_page_name_figures_that_exist() {
    let mut names = BTreeSet::new();
    counted(Path::new("src"), &mut names);
    assert!(names.len() > 12, "{names:?}");
    let asked = Regex::new(r"longshore_[a-z_]+").unwrap();
    let mut shown = BTreeSet::new();
    for file in ["grafana.json", "alerts.yml"] {
        for found in asked.find_iter(&read(&format!("docs/operations/{file}"))) {
            let name = found.as_str().trim_end_matches("_bucket");
            assert!(names.contains(name), "{file} asks for {name}");
            shown.insert(name.to_owned());
        }
    }
    let page = read("docs/operations.md");
    for name in &names {
        assert!(
            page.contains(name),
            "docs/operations.md does not tell of {name}"
        );
        let seen = shown.contains(name) || name.ends_with("_call_seconds");
        assert!(seen, "no dashboard shows {name}");
    }
}

#[test]
fn the_dashboard_is_json_and_the_alerts_are_yaml() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("docs/operations/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        assert!(panel["description"].is_string(), "{}", panel["title"]);
    }
    let alerts = read("docs/operations/alerts.yml");
    assert!(alerts.matches("- alert: ").count() >= 8);
    assert_eq!(
        alerts.matches("- alert: ").count(),
        alerts.matches("summary: ").count()
    );
}
