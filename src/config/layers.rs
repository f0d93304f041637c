//! Lays settings over one another, and finds every fault instead of the first.
//!
//! The reference tells which keys exist and of what type each is. Every value that differs from
//! its default is first tried alone over the defaults, so that each wrong one is named.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use bytesize::ByteSize;
use toml::{Table, Value};

use super::Settings;

/// What all environment variables of ours begin with.
const PREFIX: &str = "LONGSHORE_";
/// Sections that do not appear in the names of environment variables.
const UNNAMED: [&str; 3] = ["http", "server", "outbound"];
/// Settings that are something by default and may be nothing.
const MAY_BE_ZERO: [&str; 26] = [
    "browsing.thumbnail_cache",
    "browsing.thumbnail_gathering",
    "connections.refresh_margin",
    "connections.revoke_patience",
    "database.idle_in_transaction_timeout",
    "database.idle_timeout",
    "database.keepalive",
    "database.lock_timeout",
    "database.max_lifetime",
    "database.reserved_connections",
    "database.statement_timeout",
    "http.body_min_rate",
    "http.cors_max_age",
    "retention.connections",
    "retention.deleted_files",
    "retention.events",
    "retention.pause",
    "retention.picks",
    "retention.response_bodies",
    "storage.check_interval",
    "storage.upload_memory",
    "uploading.link_redirects",
    "uploading.max_staged_bytes",
    "webhook.lease_margin",
    "webhook.response_body_limit",
    "webhook.secret_overlap",
];
/// Variables that are ours but are no settings.
const NOT_SETTINGS: [&str; 2] = ["LONGSHORE_CONFIG", "LONGSHORE_TEST_"];

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    key: String,
    source: String,
    why: String,
}

impl Fault {
    pub(super) fn new(key: &str, source: &str, why: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            source: source.to_owned(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.source, self.why)
    }
}

impl std::error::Error for Fault {}

/// A value that is to replace a default.
struct Override {
    section: String,
    key: String,
    value: Value,
    source: String,
}

/// Defaults, file and environment as one.
pub(super) fn gather(
    defaults: &str,
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Settings, Vec<Fault>> {
    let reference: Table = defaults
        .parse()
        .map_err(|error| vec![Fault::new("defaults.toml", "built in", format!("{error}"))])?;
    let mut faults = Vec::new();
    let mut overrides = Vec::new();
    if let Some(path) = file {
        from_file(path, &reference, &mut overrides, &mut faults);
    }
    from_environment(environment, &reference, &mut overrides, &mut faults);
    let mut together = reference.clone();
    for change in &overrides {
        let mut alone = reference.clone();
        put(&mut alone, change);
        match Value::Table(alone).try_into::<Settings>() {
            Ok(_) if is_none_at_all(&reference, change) => faults.push(Fault::new(
                &format!("{}.{}", change.section, change.key),
                &change.source,
                "must be more than zero",
            )),
            Ok(_) => put(&mut together, change),
            Err(error) => faults.push(refused(change, &error)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Value::Table(together)
        .try_into()
        .map_err(|error| vec![Fault::new("settings", "together", error.message())])
}

/// The environment variable of a setting.
pub(super) fn variable(section: &str, key: &str) -> String {
    let name = if UNNAMED.contains(&section) {
        key.to_owned()
    } else {
        format!("{section}_{key}")
    };
    format!("{PREFIX}{}", name.to_uppercase())
}

fn from_file(
    path: &Path,
    reference: &Table,
    overrides: &mut Vec<Override>,
    faults: &mut Vec<Fault>,
) {
    let source = path.display().to_string();
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        // The message alone: the error's own text quotes the file, where secrets may stand.
        text.parse::<Table>()
            .map_err(|error| format!("is not TOML: {}", error.message()))
    });
    let table = match parsed {
        Ok(table) => table,
        Err(why) => return faults.push(Fault::new("the file", &source, why)),
    };
    for (section, value) in table {
        let Value::Table(keys) = value else {
            faults.push(Fault::new(&section, &source, "is not in a section"));
            continue;
        };
        for (key, value) in keys {
            match lookup(reference, &section, &key) {
                Some(_) => overrides.push(Override {
                    section: section.clone(),
                    key,
                    value,
                    source: source.clone(),
                }),
                None => {
                    let name = format!("{section}.{key}");
                    faults.push(Fault::new(&name, &source, "there is no such setting"));
                }
            }
        }
    }
}

fn from_environment(
    environment: impl Iterator<Item = (String, String)>,
    reference: &Table,
    overrides: &mut Vec<Override>,
    faults: &mut Vec<Fault>,
) {
    let mut known = BTreeMap::new();
    for (section, keys) in reference {
        for (key, default) in keys.as_table().into_iter().flatten() {
            known.insert(variable(section, key), (section, key, default));
        }
    }
    for (name, text) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
        if NOT_SETTINGS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let source = format!("environment {name}");
        let Some((section, key, default)) = known.get(&name) else {
            faults.push(Fault::new(&name, "environment", "there is no such setting"));
            continue;
        };
        match typed(&text, default) {
            Ok(value) => overrides.push(Override {
                section: (*section).clone(),
                key: (*key).clone(),
                value,
                source,
            }),
            Err(why) => faults.push(Fault::new(&format!("{section}.{key}"), &source, why)),
        }
    }
}

/// Reads a variable's text as the type that the default has.
fn typed(text: &str, default: &Value) -> Result<Value, &'static str> {
    match default {
        Value::Integer(_) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| "is not a whole number"),
        Value::Boolean(_) => match text.trim() {
            "true" | "1" | "yes" | "on" => Ok(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Boolean(false)),
            _ => Err("is neither true nor false"),
        },
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Ok(Value::Array(
                items.map(|item| Value::String(item.to_owned())).collect(),
            ))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Whether a count, size or time was set to nothing that cannot do without.
fn is_none_at_all(reference: &Table, change: &Override) -> bool {
    let name = format!("{}.{}", change.section, change.key);
    let default = lookup(reference, &change.section, &change.key).and_then(quantity);
    let needed = default.is_some_and(|default| default > 0) && !MAY_BE_ZERO.contains(&&*name);
    needed && quantity(&change.value).is_some_and(|given| given <= 0)
}

/// A number, or how much a time or size amounts to.
fn quantity(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(number) => Some(i128::from(*number)),
        Value::String(text) => {
            let time = humantime::parse_duration(text).map(|time| time.as_nanos());
            let amount = time.ok().and_then(|nanos| i128::try_from(nanos).ok());
            amount.or_else(|| Some(i128::from(text.parse::<ByteSize>().ok()?.as_u64())))
        }
        _ => None,
    }
}

fn lookup<'a>(table: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    table.get(section)?.as_table()?.get(key)
}

fn put(table: &mut Table, change: &Override) {
    if let Some(keys) = table.get_mut(&change.section).and_then(Value::as_table_mut) {
        keys.insert(change.key.clone(), change.value.clone());
    }
}

fn refused(change: &Override, error: &toml::de::Error) -> Fault {
    let mut why = error.message().to_owned();
    // A wrong value is quoted in the message; a secret must not be.
    let secret = ["secret", "key", "url", "password"]
        .iter()
        .any(|part| change.key.ends_with(part));
    if let (true, Some(text)) = (secret, change.value.as_str())
        && !text.is_empty()
    {
        why = why.replace(text, "(hidden)");
    }
    Fault::new(
        &format!("{}.{}", change.section, change.key),
        &change.source,
        why,
    )
}
