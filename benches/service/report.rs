//! What was measured, as a table on the screen and in `docs/benchmarks.md`.
//!
//! Each part is kept beside the build's output when it has been measured, so that parts measured
//! alone later replace only themselves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Serialize, Deserialize)]
pub struct Line {
    what: String,
    measured: String,
    budget: String,
    /// Whether the budget is met; none where there is no budget.
    met: Option<bool>,
}

/// Figures measured together.
#[derive(Serialize, Deserialize)]
pub struct Part {
    title: String,
    /// How it was measured, in a few sentences.
    how: String,
    lines: Vec<Line>,
    /// Seen besides.
    notes: Vec<String>,
    /// When, and how busy the machine was then.
    at: String,
    load: f64,
}

impl Part {
    /// Begins a part: its name and how it is measured.
    pub fn new(title: &str, how: &str) -> Self {
        Self {
            title: title.to_owned(),
            how: how.to_owned(),
            lines: Vec::new(),
            notes: Vec::new(),
            at: longshore::clock::Clock::system()
                .now()
                .format("%Y-%m-%d %H:%M UTC")
                .to_string(),
            load: crate::machine::load(),
        }
    }

    /// A figure with a budget.
    pub fn judge(&mut self, what: &str, measured: String, budget: &str, met: bool) {
        self.push(what, measured, budget, Some(met));
    }

    /// A figure without one.
    pub fn tell(&mut self, what: &str, measured: String) {
        self.push(what, measured, "", None);
    }

    /// A remark.
    pub fn note(&mut self, text: String) {
        println!("    {text}");
        self.notes.push(text);
    }

    fn push(&mut self, what: &str, measured: String, budget: &str, met: Option<bool>) {
        println!("    {what}: {measured} {}", verdict(budget, met));
        self.lines.push(Line {
            what: what.to_owned(),
            measured,
            budget: budget.to_owned(),
            met,
        });
    }

    /// Keeps it for the document.
    pub fn keep(&self, name: &str) -> anyhow::Result<()> {
        let path = kept(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)?)?)
    }
}

fn verdict(budget: &str, met: Option<bool>) -> String {
    match met {
        Some(true) => format!("(budget: {budget}; met)"),
        Some(false) => format!("(budget: {budget}; NOT met)"),
        None => String::new(),
    }
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("benchmarks/{name}.json"))
}

const HEAD: &str = "\
# Benchmarks

Written by `make bench`. Everything is measured against public tools in the same run on the same
machine, because seconds mean little on another one and ratios mean much. Rounds alternate between
the two sides; the figures are medians. Processor time is that of all processes of a side, memory is
what the kernel says was resident at the highest.

`make bench ROWS=copy,read` measures these parts alone and replaces only them here. The parts are
";

/// Writes the document from all parts that have been measured here.
pub fn write(names: &[&str], machine: &str) -> anyhow::Result<()> {
    let mut text = HEAD.to_owned();
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    writeln!(text, "{}.\n\nMachine: {machine}.", known.join(", "))?;
    for name in names {
        let Ok(kept) = std::fs::read_to_string(kept(name)) else {
            continue;
        };
        let part: Part = serde_json::from_str(&kept)?;
        writeln!(text, "\n## {}\n\n{}\n", part.title, part.how)?;
        writeln!(
            text,
            "| what | measured | budget | met |\n|---|---|---|---|"
        )?;
        for line in &part.lines {
            let met = match line.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            let (what, measured, budget) = (&line.what, &line.measured, &line.budget);
            writeln!(text, "| {what} | {measured} | {budget} | {met} |")?;
        }
        for note in &part.notes {
            writeln!(text, "\n{note}")?;
        }
        writeln!(
            text,
            "\nMeasured {}; load of the machine before it began: {:.1}.",
            part.at, part.load
        )?;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
    std::fs::write(&path, text)?;
    println!("written: {}", path.display());
    Ok(())
}
