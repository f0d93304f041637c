//! Paths as callers write them, turned into keys of the index.
//!
//! A caller sees a *view*: the part of an account that is its root. Paths are relative to it,
//! unless they name an `id:`, a `rev:` or a namespace.

use std::sync::Arc;

use super::{
    accounts::Account,
    errors::{Refusal, nested},
    tree::{Entry, Tree, child_key},
};

/// An account as one caller sees it.
#[derive(Clone)]
pub struct View {
    /// The account.
    pub account: Arc<Account>,
    /// The key of what the caller calls the root.
    pub base: String,
    /// The same as written.
    pub base_display: String,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The text is no path at all.
    Pattern(String),
    /// It is one, and this is what is wrong with it.
    Tag(&'static str),
}

impl Lost {
    /// The refusal of a route that puts lookup errors under these tags.
    pub fn under(self, tags: &[&str]) -> Refusal {
        match self {
            Lost::Pattern(text) => Refusal::BadInput(format!("request body: {text}")),
            Lost::Tag(tag) => Refusal::Route(nested(&[tags, &[tag]].concat())),
        }
    }
}

/// A place to write to. Nothing needs to be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folders on the way, below the root of the index, as written.
    pub parents: Vec<String>,
    /// The last component, as written.
    pub name: String,
}

impl Place {
    /// The key of the folder.
    pub fn parent_key(&self) -> String {
        self.parents.iter().fold(String::new(), |key, name| {
            child_key(&key, &name.to_lowercase())
        })
    }

    /// The key of the place itself.
    pub fn key(&self) -> String {
        child_key(&self.parent_key(), &self.name.to_lowercase())
    }

    /// The same folder, another name.
    pub fn renamed(&self, name: String) -> Place {
        let parents = self.parents.clone();
        Place { parents, name }
    }
}

impl View {
    /// The key that a path in this view means, whether or not something lies there.
    pub fn key(&self, tree: &Tree, path: &str) -> Result<String, Lost> {
        if path.is_empty() {
            return Ok(self.base.clone());
        }
        if path == "/" {
            return Err(Lost::Pattern(
                "path: Specify the root folder as an empty string rather than as \"/\".".to_owned(),
            ));
        }
        if let Some(rev) = path.strip_prefix("rev:") {
            let digits = rev.len() >= 9
                && rev
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !digits {
                return Err(pattern(path));
            }
            return found(tree.by_rev(rev), &self.base);
        }
        if path.starts_with("id:") {
            let (id, below) = split(path);
            let key = found(tree.by_id(id), &self.base)?;
            return Ok(components(below)?
                .iter()
                .fold(key, |key, name| child_key(&key, &name.to_lowercase())));
        }
        let (base, below) = self.base_of(path)?;
        Ok(components(below)?
            .iter()
            .fold(base.to_owned(), |key, name| {
                child_key(&key, &name.to_lowercase())
            }))
    }

    /// What lies at a path of any kind.
    pub fn find(&self, tree: &Tree, path: &str) -> Result<Arc<Entry>, Lost> {
        let key = self.key(tree, path)?;
        tree.get(&key).cloned().ok_or(Lost::Tag("not_found"))
    }

    /// The former version of a file that a rev names.
    pub fn former(&self, path: &str) -> Option<Arc<Entry>> {
        let entry = self.account.versions.by_rev(path.strip_prefix("rev:")?)?;
        let inside = entry.path_lower.starts_with(self.base.as_str());
        inside.then_some(entry)
    }

    /// A place to write to.
    pub fn place(&self, path: &str) -> Result<Place, Lost> {
        let (base, below) = self.base_of(path)?;
        let mut names = components(below)?;
        let name = names.pop().ok_or_else(|| pattern(path))?;
        // No disk of ours can keep such a name, and Dropbox none that ends in a blank.
        if name.len() > 255 || name.ends_with(char::is_whitespace) {
            return Err(Lost::Tag("malformed_path"));
        }
        if names.iter().chain([&name]).any(|name| is_ignored(name)) {
            return Err(Lost::Tag("disallowed_name"));
        }
        let display = if base == self.base {
            &self.base_display
        } else {
            base
        };
        let above = display
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned);
        Ok(Place {
            parents: above.chain(names).collect(),
            name,
        })
    }

    /// A path of the index as this view shows it; `None` outside of the view.
    pub fn shown<'a>(
        &self,
        path_lower: &'a str,
        path_display: &'a str,
    ) -> Option<(&'a str, &'a str)> {
        let lower = path_lower.strip_prefix(self.base.as_str())?;
        let display = path_display.get(self.base_display.len()..)?;
        (lower.is_empty() || lower.starts_with('/')).then_some((lower, display))
    }

    fn base_of<'a>(&'a self, path: &'a str) -> Result<(&'a str, &'a str), Lost> {
        let Some(rest) = path.strip_prefix("ns:") else {
            return match path.starts_with('/') && path.len() > 1 {
                true => Ok((&self.base, path)),
                false => Err(pattern(path)),
            };
        };
        let (namespace, below) = split(rest);
        if namespace.is_empty() || !namespace.bytes().all(|b| b.is_ascii_digit()) {
            return Err(pattern(path));
        }
        let account = &self.account;
        if namespace == account.home_namespace {
            return Ok((&account.home, below));
        }
        if namespace == account.root_namespace {
            return Ok(("", below));
        }
        Err(Lost::Tag("not_found"))
    }
}

/// Names that Dropbox takes for the scraps of systems and programs, and never keeps.
pub fn is_ignored(name: &str) -> bool {
    let name = name.to_lowercase();
    let known = [
        "desktop.ini",
        "thumbs.db",
        ".ds_store",
        "icon\r",
        ".dropbox",
        ".dropbox.attr",
        ".dropbox.cache",
    ];
    let temporary = name.starts_with('~') && name.ends_with(".tmp");
    known.contains(&name.as_str()) || temporary || name.starts_with("~$") || name.starts_with(".~")
}

fn found(entry: Option<&Arc<Entry>>, base: &str) -> Result<String, Lost> {
    entry
        .map(|entry| entry.path_lower.clone())
        .filter(|key| key.starts_with(base))
        .ok_or(Lost::Tag("not_found"))
}

fn split(path: &str) -> (&str, &str) {
    path.split_at(path.find('/').unwrap_or(path.len()))
}

/// The names in `/a/b`. Empty for an empty path.
fn components(path: &str) -> Result<Vec<String>, Lost> {
    let Some(path) = path.strip_prefix('/') else {
        return Ok(Vec::new());
    };
    // Dropbox takes doubled slashes for one, but none at the end.
    let names = path.trim_start_matches('/').split('/');
    let last = path.rsplit('/').next();
    let names: Vec<String> = names
        .filter(|name| !name.is_empty() || last == Some(""))
        .map(str::to_owned)
        .collect();
    let wrong = |name: &String| {
        matches!(name.as_str(), "" | "." | "..") || name.contains(['\0', '\\']) || name.len() > 1024
    };
    if names.iter().any(wrong) {
        return Err(Lost::Tag("malformed_path"));
    }
    Ok(names)
}

fn pattern(path: &str) -> Lost {
    Lost::Pattern(format!(
        "path: '{}' did not match pattern '(/(.|[\\r\\n])*)|(ns:[0-9]+(/.*)?)|(id:.*)'",
        path.chars().take(200).collect::<String>()
    ))
}
