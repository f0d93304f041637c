//! The fault switch: rules that make chosen calls go wrong in chosen ways.
//!
//! A rule is data; [`super::dispatch`] carries out the kinds that come before the answer and
//! [`super::body`] those that spoil it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// When to make a call go wrong, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The route, such as `files/download`, `oauth2/token` or `temporary_link`; `*` is any.
    pub route: String,
    /// Only for the file or folder at this path (however the call names it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many calls to spoil; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How many matching calls to let pass first.
    #[serde(default)]
    pub skip: u64,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
}

impl FaultRule {
    /// A rule for every call of a route.
    pub fn new(route: impl Into<String>, kind: FaultKind) -> Self {
        FaultRule {
            route: route.into(),
            path: None,
            times: None,
            skip: 0,
            kind,
        }
    }

    /// The same, only so many times.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The same, after letting so many pass.
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// The same, only for this path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Another status instead of an answer; nothing is done.
    Status {
        /// The status.
        code: u16,
        /// The body, sent as text, or as JSON if it starts with a brace.
        #[serde(default)]
        body: String,
        /// The `Retry-After` header in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 429, as Dropbox words it.
    RateLimited {
        /// The `Retry-After` header in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// In which of Dropbox's forms.
        #[serde(default)]
        form: RateLimitForm,
    },
    /// The connection is closed early, `Content-Length` not met.
    Cut {
        /// After so many bytes of the body.
        #[serde(default)]
        after_bytes: u64,
    },
    /// The connection is reset.
    Reset {
        /// After so many bytes of the body.
        #[serde(default)]
        after_bytes: u64,
    },
    /// The body stands still for a while.
    Stall {
        /// After so many bytes of the body.
        #[serde(default)]
        after_bytes: u64,
        /// For so long.
        seconds: f64,
    },
    /// The body trickles.
    Slow {
        /// So fast.
        bytes_per_second: u64,
    },
    /// One bit of the body is wrong.
    Corrupt {
        /// At this byte: of the file for downloads, of the body otherwise. Calls that do not
        /// send this byte are neither spoiled nor counted.
        #[serde(default)]
        at_byte: u64,
    },
    /// The call's access token has expired.
    ExpireToken,
    /// The call's grant has been revoked.
    RevokeToken,
    /// A page of `list_folder` or `list_folder/continue` is empty although more follows.
    EmptyPage,
}

/// How Dropbox words a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimitForm {
    /// JSON with `too_many_requests` and `retry_after`.
    #[default]
    Json,
    /// JSON with `too_many_write_operations`, without `retry_after` in the body.
    Writes,
    /// Plain text.
    Text,
}

/// A call that rules are matched with.
pub struct Subject<'a> {
    /// The route.
    pub route: &'a str,
    /// The path that the call is about, in lower case, relative to the caller's root.
    pub path: Option<&'a str>,
    /// The bytes of the file that the answer will carry: first and one past the last.
    pub bytes: (u64, u64),
}

#[derive(Debug, Clone)]
struct Kept {
    number: u64,
    rule: FaultRule,
    left_to_skip: u64,
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct All {
    number: u64,
    rules: Vec<Kept>,
}

/// The fault switch of a running sandbox.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    all: Arc<Mutex<All>>,
}

impl Faults {
    /// Adds a rule and says its number.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut all = self.all();
        all.number += 1;
        let number = all.number;
        all.rules.push(Kept {
            number,
            left_to_skip: rule.skip,
            left: rule.times,
            rule,
        });
        number
    }

    /// Takes one rule away; says whether it was there.
    pub fn remove(&self, number: u64) -> bool {
        let mut all = self.all();
        let before = all.rules.len();
        all.rules.retain(|kept| kept.number != number);
        before != all.rules.len()
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.all().rules.clear();
    }

    /// The rules that still hold, as JSON, each with its number and what is left of it.
    pub fn list(&self) -> serde_json::Value {
        let rules = self.all();
        let json = rules.rules.iter().map(|kept| {
            let mut rule = serde_json::to_value(&kept.rule).unwrap_or_default();
            rule["id"] = kept.number.into();
            rule["left"] = kept.left.into();
            rule["left_to_skip"] = kept.left_to_skip.into();
            rule
        });
        json.collect()
    }

    /// Whether some rule looks at paths, which costs a look-up.
    pub fn any_path(&self) -> bool {
        self.all().rules.iter().any(|kept| kept.rule.path.is_some())
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.all().rules.is_empty()
    }

    /// The first fault of the given sort that this call runs into. Counts it.
    pub fn strike(&self, subject: &Subject<'_>, sort: fn(&FaultKind) -> bool) -> Option<FaultKind> {
        let mut all = self.all();
        let place = all.rules.iter_mut().position(|kept| {
            if !sort(&kept.rule.kind) || !matches(&kept.rule, subject) {
                return false;
            }
            if kept.left_to_skip > 0 {
                kept.left_to_skip -= 1;
                return false;
            }
            true
        })?;
        let kept = &mut all.rules[place];
        let kind = kept.rule.kind.clone();
        if let Some(left) = &mut kept.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                all.rules.remove(place);
            }
        }
        Some(kind)
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matches(rule: &FaultRule, subject: &Subject<'_>) -> bool {
    let route = rule.route == "*" || rule.route == subject.route;
    let path = match &rule.path {
        Some(path) => subject.path == Some(path.to_lowercase().as_str()),
        None => true,
    };
    let bytes = match rule.kind {
        FaultKind::Corrupt { at_byte } => (subject.bytes.0..subject.bytes.1).contains(&at_byte),
        _ => true,
    };
    route && path && bytes && rule.times != Some(0)
}

impl FaultKind {
    /// Whether this comes instead of an answer.
    pub fn instead(&self) -> bool {
        matches!(
            self,
            FaultKind::Status { .. }
                | FaultKind::RateLimited { .. }
                | FaultKind::ExpireToken
                | FaultKind::RevokeToken
        )
    }

    /// Whether this spoils the body of an answer.
    pub fn spoils(&self) -> bool {
        !self.instead() && *self != FaultKind::EmptyPage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download<'a>() -> Subject<'a> {
        Subject {
            route: "files/download",
            path: Some("/a.txt"),
            bytes: (0, 10),
        }
    }

    #[test]
    fn a_rule_skips_then_strikes_then_is_spent() {
        let faults = Faults::default();
        let rule = FaultRule::new("files/download", FaultKind::Cut { after_bytes: 1 });
        faults.add(rule.times(1).skip(1));
        assert_eq!(faults.strike(&download(), FaultKind::spoils), None);
        assert!(faults.strike(&download(), FaultKind::spoils).is_some());
        assert_eq!(faults.strike(&download(), FaultKind::spoils), None);
    }

    #[test]
    fn a_corruption_waits_for_the_range_that_holds_its_byte() {
        let faults = Faults::default();
        faults.add(FaultRule::new("*", FaultKind::Corrupt { at_byte: 10 }).times(1));
        assert_eq!(faults.strike(&download(), FaultKind::spoils), None);
        let later = Subject {
            bytes: (10, 20),
            ..download()
        };
        assert!(faults.strike(&later, FaultKind::spoils).is_some());
    }

    #[test]
    fn rules_are_written_in_json_as_documented() {
        let text = r#"{"route":"files/download","path":"/A.txt","times":2,"kind":"stall","after_bytes":5,"seconds":1}"#;
        let rule: FaultRule = serde_json::from_str(text).unwrap();
        assert_eq!(
            rule.kind,
            FaultKind::Stall {
                after_bytes: 5,
                seconds: 1.0
            }
        );
        assert_eq!(rule.skip, 0);
    }
}
