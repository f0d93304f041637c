//! Plans as the server wrote them down, and what is wrong with them; and the statements that
//! stand in the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::{LARGE, MAY_READ_MORE, MOST_READ};

/// The plans as they were carried out, by statement.
pub struct Plans(pub BTreeMap<String, Vec<Value>>);

impl Plans {
    /// Reads the server's log: what sessions of ours had explained.
    pub fn read(log: &str) -> Self {
        let mut plans: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for entry in log
            .split("\n@@")
            .filter(|entry| entry.starts_with("longshore@"))
        {
            let Some((_, json)) = entry.split_once(" plan:\n") else {
                continue;
            };
            let explained: Value = serde_json::from_str(json.trim()).unwrap();
            let text = spaced(explained["Query Text"].as_str().unwrap());
            plans
                .entry(text)
                .or_default()
                .push(explained["Plan"].clone());
        }
        Self(plans)
    }

    /// What reads too much, in words.
    pub fn faults(&self) -> BTreeSet<String> {
        let mut faults = BTreeSet::new();
        for (text, plans) in &self.0 {
            let more = MAY_READ_MORE
                .iter()
                .find(|(begins, ..)| text.starts_with(begins));
            let most = more.map_or(MOST_READ, |(_, most, _)| *most);
            for plan in plans {
                let mut wrong = Vec::new();
                judge(plan, None, most, &mut wrong);
                faults.extend(wrong.iter().map(|wrong| format!("{wrong}: {text}")));
            }
        }
        faults
    }
}

/// Looks at one node of a plan and at those below it.
fn judge(node: &Value, above: Option<&str>, most: f64, wrong: &mut Vec<String>) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let table = node["Relation Name"].as_str().or(above);
    if let Some(table) = table.filter(|table| LARGE.contains(table)) {
        let kind = node["Node Type"].as_str().unwrap();
        // One that was only explained has none.
        let loops = node["Actual Loops"].as_f64().unwrap_or(1.0);
        let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        let read = (number("Actual Rows") + removed) * loops;
        if kind == "Seq Scan" && loops > 0.0 && most <= MOST_READ {
            wrong.push(format!("reads all of {table}"));
        } else if read > most && kind.contains("Scan") {
            let index = node["Index Name"].as_str().unwrap_or_default();
            wrong.push(format!("reads many rows of {table} by {kind} {index}"));
        }
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        // A bitmap's indices are of the table that it is for.
        let of_bitmap = node["Node Type"]
            .as_str()
            .is_some_and(|kind| kind.starts_with("Bitmap"));
        judge(below, table.filter(|_| of_bitmap), most, wrong);
    }
}

fn spaced(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every statement that stands in a folder of the sources, as a pattern: what is filled in at
/// run time may be anything.
pub fn written(folder: &Path, found: &mut BTreeMap<String, Regex>) {
    let text = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).unwrap();
    let joint = Regex::new(r"\\\n\s*").unwrap();
    let begins = Regex::new(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) ").unwrap();
    let filled = Regex::new(r"\\\{[a-z_A-Z]*\\\}").unwrap();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            written(&path, found);
        }
        let is_source = path.extension().is_some_and(|ending| ending == "rs");
        if !is_source || path.ends_with("tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for literal in text.captures_iter(source) {
            let sql = joint.replace_all(&literal[1], "");
            if !begins.is_match(&sql) {
                continue;
            }
            let is_format = sql.contains('{');
            let sql = spaced(&sql);
            let mut pattern = regex::escape(&sql);
            if is_format {
                pattern = pattern.replace(r"\{\{", "\u{1}").replace(r"\}\}", "\u{2}");
                pattern = filled.replace_all(&pattern, ".*").into_owned();
                pattern = pattern.replace('\u{1}', r"\{").replace('\u{2}', r"\}");
            }
            found.insert(sql, Regex::new(&format!("^{pattern}")).unwrap());
        }
    }
}

/// The large table that SQLite reads from end to end, in the words of its plan, if it does.
pub fn scans(does: &str, sql: &str) -> Option<&'static str> {
    let scanned = does.strip_prefix("SCAN ")?;
    if scanned.contains(" USING ") {
        return None;
    }
    let name = scanned.split_whitespace().next()?;
    let is_called = |table: &str| {
        let alias = Regex::new(&format!(r"\b{table} (AS )?{name}\b")).unwrap();
        table == name || alias.is_match(sql)
    };
    LARGE.into_iter().find(|table| is_called(table))
}
