//! Builds the picker widget (`web/picker`) and the portal's pages (`web/portal`) by Node and Vite
//! into the crate's own build folder, and lists the outcome for `src/http` to embed. No bundle is
//! kept in the repository.
//!
//! Without Node, or without a network the first time, the crate builds all the same: the routes
//! then say what is missing. Runs again when the sources change, and only then.

#![expect(
    clippy::expect_used,
    reason = "a build that cannot go on stops where it fails"
)]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// One bundle: its name, which is its folder's below `web` as well, and what its build is told
/// before the folder to write to.
struct Bundle {
    name: &'static str,
    kind: &'static [&'static str],
    sources: &'static [&'static str],
}

const BUNDLES: [Bundle; 2] = [
    Bundle {
        name: "picker",
        kind: &["served"],
        sources: &["src", "build.mjs", "package.json", "package-lock.json"],
    },
    Bundle {
        name: "portal",
        kind: &[],
        sources: &[
            "src",
            "index.html",
            "build.mjs",
            "package.json",
            "package-lock.json",
            // Icons and the forms of numbers are the picker's.
            "../picker/src",
        ],
    },
];

fn main() {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("web");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILD_PICKER");
    let node = node();
    for bundle in BUNDLES {
        let home = web.join(bundle.name);
        for source in bundle.sources {
            println!("cargo::rerun-if-changed={}", home.join(source).display());
        }
        let folder = out.join(bundle.name);
        let built = node
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|()| build(&bundle, &home, &folder));
        if let Err(Missing(why)) = &built {
            println!(
                "cargo::warning=built without the {}: {why}. Everything else works; install \
                 Node 20.19 or later (with npm) and build again",
                bundle.name
            );
        }
        let listed = listing(built.is_ok().then_some(&*folder));
        fs::write(out.join(format!("{}.rs", bundle.name)), listed)
            .expect("the build folder can be written");
    }
}

/// Why there is no bundle, where that is nobody's mistake.
#[derive(Clone)]
struct Missing(String);

/// Whether there is a Node that can build.
fn node() -> Result<(), Missing> {
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
    Ok(())
}

/// Makes a bundle in `folder`.
fn build(bundle: &Bundle, home: &Path, folder: &Path) -> Result<(), Missing> {
    install(home)?;
    let status = Command::new("node")
        .arg("build.mjs")
        .args(bundle.kind)
        .arg(folder)
        .current_dir(home)
        .status();
    // The sources are ours: that they do not build is a mistake, and stops here.
    assert!(
        matches!(&status, Ok(status) if status.success()),
        "{} does not build: {status:?}",
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

/// The bundle's files as Rust: `None` without a bundle, else their paths within it, and bytes.
fn listing(folder: Option<&Path>) -> String {
    let Some(folder) = folder else {
        return "None".to_owned();
    };
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let mut text = "Some(&[\n".to_owned();
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path).display();
        writeln!(
            text,
            "    ({:?}, include_bytes!({:?}) as &[u8]),",
            name.to_string().replace('\\', "/"),
            path.display().to_string()
        )
        .expect("text can be written");
    }
    text + "])\n"
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder)
        .expect("the bundle was just made")
        .flatten()
    {
        let path = file.path();
        match path.is_dir() {
            true => collect(&path, paths),
            false => paths.push(path),
        }
    }
}
