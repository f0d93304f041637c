//! Builds the picker widget (`web/picker`) by Node and Vite into the crate's own build folder, and
//! lists the outcome for `src/http/widget` to embed. No bundle is kept in the repository.
//!
//! Without Node, or without a network the first time, the crate builds all the same: the
//! widget's routes then say that it is missing. Runs again when the widget's sources change, and
//! only then.

#![expect(
    clippy::expect_used,
    reason = "a build that cannot go on stops where it fails"
)]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// What the bundle is made of, below `web/picker`.
const SOURCES: [&str; 4] = ["src", "build.mjs", "package.json", "package-lock.json"];

fn main() {
    let home =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("web/picker");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", home.join(source).display());
    }
    println!("cargo::rerun-if-env-changed=BUILD_PICKER");
    let bundle = out.join("picker");
    let built = match build(&home, &bundle) {
        Ok(()) => true,
        Err(Missing(why)) => {
            println!(
                "cargo::warning=built without the picker: {why}. Everything else works; install \
                 Node 20.19 or later (with npm) and build again"
            );
            false
        }
    };
    fs::write(out.join("picker.rs"), listing(built.then_some(&*bundle)))
        .expect("the build folder can be written");
}

/// Why there is no bundle, where that is nobody's mistake.
struct Missing(String);

/// Makes the bundle.
fn build(home: &Path, bundle: &Path) -> Result<(), Missing> {
    if env::var("BUILD_PICKER").is_ok_and(|wish| wish == "no") {
        return Err(Missing("BUILD_PICKER=no".to_owned()));
    }
    look_again_for_node();
    let node = Command::new("node").arg("--version").output();
    let version = node
        .ok()
        .filter(|answer| answer.status.success())
        .ok_or_else(|| Missing("node was not found".to_owned()))?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    if !is_new_enough(&version) {
        return Err(Missing(format!("node {version} is too old")));
    }
    install(home)?;
    let status = Command::new("node")
        .args(["build.mjs", "served"])
        .arg(bundle)
        .current_dir(home)
        .status();
    // The sources are ours: that they do not build is a mistake, and stops here.
    assert!(
        matches!(&status, Ok(status) if status.success()),
        "the picker in {} does not build: {status:?}",
        home.display()
    );
    Ok(())
}

/// Vite 8 wants Node 20.19 and later, or 22.12 and later.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.');
    let mut part = || {
        parts
            .next()
            .and_then(|part| part.parse().ok())
            .unwrap_or(0_u32)
    };
    match (part(), part()) {
        (20, minor) => minor >= 19,
        (22, minor) => minor >= 12,
        (major, _) => major > 22,
    }
}

/// Installs what the build needs, when it is missing or older than the lock file. The folder is
/// one for all target folders, so builds that run at once take turns.
fn install(home: &Path) -> Result<(), Missing> {
    let lock = home.join("package-lock.json");
    let turn = File::open(&lock).expect("the lock file is part of the sources");
    turn.lock().expect("a file of ours can be locked");
    let changed = |path: &Path| path.metadata().and_then(|about| about.modified()).ok();
    let installed = changed(&home.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(&lock) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let status: Result<ExitStatus, _> = Command::new(npm)
        .args([
            "ci",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--prefer-offline",
        ])
        .current_dir(home)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => {
            // Tried again at the next build: this file appears when it has worked.
            let appears = home.join("node_modules/.package-lock.json");
            println!("cargo::rerun-if-changed={}", appears.display());
            Err(Missing("npm ci did not work, see above".to_owned()))
        }
    }
}

/// Where Node is missing, a build after it was installed finds it.
fn look_again_for_node() {
    println!("cargo::rerun-if-env-changed=PATH");
    let path = env::var_os("PATH").unwrap_or_default();
    let name = if cfg!(windows) { "node.exe" } else { "node" };
    if let Some(node) = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|node| node.exists())
    {
        println!("cargo::rerun-if-changed={}", node.display());
    } else {
        for folder in ["/usr/bin", "/usr/local/bin"] {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
}

/// The bundle's files as Rust: `None` without a bundle, else names and bytes.
fn listing(bundle: Option<&Path>) -> String {
    let Some(bundle) = bundle else {
        return "None".to_owned();
    };
    let files = fs::read_dir(bundle).expect("the bundle was just made");
    let mut names: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    names.sort();
    let mut text = "Some(&[\n".to_owned();
    for path in names {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        writeln!(
            text,
            "    ({name:?}, include_bytes!({:?}) as &[u8]),",
            path.display().to_string()
        )
        .expect("text can be written");
    }
    text + "])\n"
}
