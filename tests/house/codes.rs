//! Every code of an error is a heading of `docs/API.md`, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::{read, sources};

/// What `PickError::code` keeps for errors of other rooms; outside these bear their own codes.
const KEPT: [&str; 3] = ["connection", "dropbox", "storage"];

/// The codes that the sources answer with.
fn codes() -> BTreeSet<String> {
    let patterns = [
        // Problem::new(status, "code", …)
        r#"(?:Problem|Self)::new\(\s*[\w:]+,\s*"([a-z-]+)""#,
        // (status, "code") of a match
        r#"\(StatusCode::\w+, "([a-z-]+)"\)"#,
        // "code": "…" and code: "…" in answers
        r#""?code"?:\s*"([a-z-]+)""#,
    ]
    .map(|pattern| Regex::new(pattern).unwrap());
    let arm = Regex::new(r#"Self::\w+[^=\n]*=> "([a-z-]+)""#).unwrap();
    let mut found = BTreeSet::new();
    for source in sources(Path::new("src/http")) {
        let text = read(&source.display().to_string());
        // What a test of ours invents is not answered.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for pattern in &patterns {
            found.extend(pattern.captures_iter(text).map(|code| code[1].to_owned()));
        }
    }
    for source in ["src/picking/error.rs", "src/connections/failure.rs"] {
        let text = read(source);
        found.extend(arm.captures_iter(&text).map(|code| code[1].to_owned()));
    }
    found.retain(|code| !KEPT.contains(&code.as_str()));
    found
}

#[test]
fn every_code_is_a_heading_and_every_heading_a_code() {
    let heading = Regex::new(r"(?m)^#### ([a-z-]+)$").unwrap();
    let document = read("docs/API.md");
    let headings: BTreeSet<String> = heading
        .captures_iter(&document)
        .map(|code| code[1].to_owned())
        .collect();
    let codes = codes();
    assert!(codes.len() > 40, "{codes:?}");
    let unexplained: Vec<_> = codes.difference(&headings).collect();
    assert!(unexplained.is_empty(), "docs/API.md lacks {unexplained:?}");
    let invented: Vec<_> = headings.difference(&codes).collect();
    assert!(invented.is_empty(), "nothing answers {invented:?}");
}
