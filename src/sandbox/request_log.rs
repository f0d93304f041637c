//! What was asked of the simulation, so that a test can count calls.
//!
//! Keeps routes, paths and statuses only: never a token, a secret or a query.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::time;

/// How many calls are remembered; the counters go on.
const REMEMBERED: usize = 2000;

/// One answered call.
pub struct Line {
    /// Which route, as in `files/download`.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
    /// The path in the argument.
    pub path: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// Whose account.
    pub account: Option<String>,
}

#[derive(Default)]
struct Kept {
    number: u64,
    lines: VecDeque<Value>,
    counters: BTreeMap<String, u64>,
}

/// The log.
#[derive(Default)]
pub struct RequestLog {
    kept: Mutex<Kept>,
}

impl RequestLog {
    /// Notes an answered call.
    pub fn note(&self, line: Line) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.number += 1;
        let value = json!({
            "number": kept.number,
            "at": time::timestamp(time::now()),
            "route": line.route,
            "status": line.status,
            "path": line.path,
            "range": line.range,
            "account": line.account,
        });
        *kept.counters.entry(line.route).or_default() += 1;
        if kept.lines.len() == REMEMBERED {
            kept.lines.pop_front();
        }
        kept.lines.push_back(value);
    }

    /// The calls remembered, oldest first, and how often each route was called.
    pub fn json(&self) -> Value {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        json!({ "requests": kept.lines, "counters": kept.counters })
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept::default();
    }
}
