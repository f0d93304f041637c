//! The tasks of a processing link, read into a plain list.
//!
//! Filestack's grammar (its `processing` pages and filestack-js `filelink.ts`): tasks stand between
//! slashes, each `name` or `name=member:value,member:value`. A value is a word, a text in double
//! quotes (which then may hold slashes and commas), or a list in brackets, nested as one likes.
//! What a task means, and whether it is done here, others decide.

use serde_json::{Map, Value};

use super::Problem;

/// Lists within lists at most.
const DEEPEST: usize = 8;

/// One task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub name: String,
    /// In the order in which they stand, each a text or a list of these. `cache=false` has one
    /// without a name.
    pub members: Vec<(String, Value)>,
}

impl Task {
    /// Reads one segment of a link.
    ///
    /// # Errors
    /// 400 with the place of what is wrong.
    pub fn read(segment: &str) -> Result<Self, Problem> {
        let (name, members) = segment.split_once('=').unwrap_or((segment, ""));
        let reader = &mut Reader {
            task: name,
            rest: members,
        };
        let mut task = Self {
            name: name.to_owned(),
            members: Vec::new(),
        };
        while !reader.rest.is_empty() {
            task.members.push(reader.member()?);
            if !reader.rest.is_empty() {
                reader.eat(',')?;
            }
        }
        Ok(task)
    }

    /// A member's text under one of its names; none where it is absent or empty.
    pub fn text(&self, names: &[&str]) -> Option<&str> {
        let is_named = |(name, _): &&(String, Value)| names.contains(&name.as_str());
        let (_, value) = self.members.iter().find(is_named)?;
        value.as_str().filter(|text| !text.is_empty())
    }

    /// All members as the object that `/process` takes for a task; the last of a name counts.
    pub fn params(&self) -> Map<String, Value> {
        self.members.iter().cloned().collect()
    }
}

/// The name of a task as it may be shown in an error.
pub(super) fn shown(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(40)
        .collect()
}

struct Reader<'a> {
    task: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn member(&mut self) -> Result<(String, Value), Problem> {
        // A list or a text is a value without a name.
        if self.rest.starts_with(['[', '"']) {
            return Ok((String::new(), self.value(0)?));
        }
        let end = self.rest.find([':', ',']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if let Some(rest) = rest.strip_prefix(':') {
            let name = name.to_owned();
            self.rest = rest;
            return Ok((name, self.value(0)?));
        }
        Ok((String::new(), self.word(&[','])))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Problem> {
        if let Some(rest) = self.rest.strip_prefix('"') {
            let Some((text, rest)) = rest.split_once('"') else {
                return Err(self.wrong("a quote is not closed"));
            };
            self.rest = rest;
            return Ok(text.into());
        }
        let Some(rest) = self.rest.strip_prefix('[') else {
            let ends: &[char] = if depth == 0 { &[','] } else { &[',', ']'] };
            return Ok(self.word(ends));
        };
        if depth == DEEPEST {
            return Err(self.wrong("its lists are nested too deeply"));
        }
        self.rest = rest;
        let mut list = Vec::new();
        while !self.rest.starts_with(']') {
            if self.rest.is_empty() {
                return Err(self.wrong("a bracket is not closed"));
            }
            list.push(self.value(depth + 1)?);
            if !self.rest.starts_with(']') {
                self.eat(',')?;
            }
        }
        self.eat(']')?;
        Ok(list.into())
    }

    fn word(&mut self, ends: &[char]) -> Value {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.into()
    }

    fn eat(&mut self, wanted: char) -> Result<(), Problem> {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None if self.rest.is_empty() => Err(self.wrong("a bracket is not closed")),
            None => Err(self.wrong("a comma is missing behind a quote or a bracket")),
        }
    }

    fn wrong(&self, why: &str) -> Problem {
        Problem::bad_request(format!(
            "the task `{}` cannot be read: {why}",
            shown(self.task)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(segment: &str) -> Vec<(String, Value)> {
        Task::read(segment).unwrap().members
    }

    #[test]
    fn words_quotes_and_lists_are_told_apart() {
        for (segment, members) in [
            ("flip", json!([])),
            (
                "resize=width:1,height:20",
                json!([["width", "1"], ["height", "20"]]),
            ),
            (
                "store=path:\"a/b, c\",access:public",
                json!([["path", "a/b, c"], ["access", "public"]]),
            ),
            ("crop=dim:[1,2,3,4]", json!([["dim", ["1", "2", "3", "4"]]])),
            (
                "partial_blur=objects:[[1,2],[\"x,y\",[]]],blur:2",
                json!([["objects", [["1", "2"], ["x,y", []]]], ["blur", "2"]]),
            ),
            ("cache=false", json!([["", "false"]])),
            ("cache=expiry:60", json!([["expiry", "60"]])),
            (
                "security=p:a+b==,s:0f",
                json!([["p", "a+b=="], ["s", "0f"]]),
            ),
            (
                "store=workflows:[\"a\"],workflows:[b]",
                json!([["workflows", ["a"]], ["workflows", ["b"]]]),
            ),
            (
                "store=path:,container:x:y",
                json!([["path", ""], ["container", "x:y"]]),
            ),
            ("a=[b]", json!([["", ["b"]]])),
        ] {
            assert_eq!(json!(read(segment)), members, "{segment}");
        }
        let task = Task::read("store=path:\"in/\",path:\"out/\"").unwrap();
        assert_eq!(task.text(&["path"]), Some("in/"));
        assert_eq!(task.params()["path"], "out/");
        assert_eq!(task.text(&["other"]), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_task() {
        let deep = |n: usize| format!("x=a:{}{}", "[".repeat(n), "]".repeat(n));
        assert!(Task::read(&deep(DEEPEST)).is_ok());
        for (segment, why) in [
            ("store=path:\"a", "a quote is not closed"),
            ("crop=dim:[1,2", "a bracket is not closed"),
            ("crop=dim:[1,[2]", "a bracket is not closed"),
            ("store=path:\"a\"b", "a comma is missing"),
            ("crop=dim:[1]2", "a comma is missing"),
            (&deep(DEEPEST + 1), "too deeply"),
        ] {
            let problem = Task::read(segment).unwrap_err();
            assert_eq!(problem.status(), 400);
            assert!(problem.message().contains(why), "{segment}: {problem}");
            let name = segment.split('=').next().unwrap();
            assert!(
                problem.message().contains(&format!("`{name}`")),
                "{problem}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_task_is_too_strange(segment in "[a=:,\"\\[\\]]{0,40}|\\PC{0,40}") {
            drop(Task::read(&segment));
        }
    }
}
