//! Node, Chromium and the driver between them, for tests that need a browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

/// Installs the browser's driver when it is missing or older than the lock file.
pub fn prepare() {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        let chromium = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".to_owned());
        assert!(
            Path::new(&chromium).exists(),
            "chromium is needed: apt-get install chromium, or name another with CHROMIUM=…"
        );
        let changed = |path: &str| web().join(path).metadata().and_then(|m| m.modified()).ok();
        let installed = changed("node_modules/.package-lock.json");
        if installed.is_some() && installed >= changed("package-lock.json") {
            return;
        }
        let npm = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(web())
            .status()
            .expect("npm is needed: apt-get install nodejs npm");
        assert!(npm.success(), "npm ci failed");
    });
}
