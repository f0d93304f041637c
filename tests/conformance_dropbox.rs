//! Dropbox's own SDKs, unmodified, take the sandbox for Dropbox.
//!
//! Installs what it needs into `target/conformance` (from PyPI and npm) and runs the scripts in
//! `tests/conformance/dropbox_sdks`.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use longshore::sandbox::{AccountOptions, AppOptions, Options, Sandbox};

const SCRIPTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/conformance/dropbox_sdks"
);

#[test]
fn the_python_sdk_takes_the_sandbox_for_dropbox() {
    let home = workshop("python");
    if !home.join("bin/python").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    }
    let requirements = Path::new(SCRIPTS).join("requirements.txt");
    run(Command::new(home.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements));
    with_sandbox(|url, folder| {
        let script = Path::new(SCRIPTS).join("check.py");
        run(Command::new(home.join("bin/python"))
            .arg(script)
            .arg(url)
            .arg(folder));
    });
}

#[test]
fn the_javascript_sdk_takes_the_sandbox_for_dropbox() {
    let home = workshop("node");
    for name in ["package.json", "package-lock.json", "check.mjs"] {
        fs::copy(Path::new(SCRIPTS).join(name), home.join(name)).unwrap();
    }
    run(Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(&home));
    with_sandbox(|url, _| {
        run(Command::new("node")
            .arg("check.mjs")
            .arg(url)
            .current_dir(&home));
    });
}

fn workshop(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/conformance")
        .join(name);
    fs::create_dir_all(&home).unwrap();
    home
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn with_sandbox(check: impl FnOnce(&str, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    fs::create_dir(folder.path().join("Docs")).unwrap();
    put("Docs/é 😀.txt", "é".as_bytes());
    put("hello.txt", b"hello");
    put("note.paper", b"a note");
    let big: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 253) as u8).collect();
    put("big.bin", &big);
    let picture = image::RgbImage::from_fn(300, 200, |x, y| image::Rgb([x as u8, y as u8, 7]));
    picture.save(folder.path().join("picture.png")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options {
        accounts: vec![AccountOptions::personal("Ann", folder.path())],
        apps: vec![AppOptions {
            key: "sdk-key".to_owned(),
            secret: "sdk-secret".to_owned(),
            redirect_uris: vec!["http://localhost:9/callback".to_owned()],
            ..AppOptions::default()
        }],
        ..Options::default()
    };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    check(&sandbox.url(), folder.path());
    runtime.block_on(sandbox.stop());
}
