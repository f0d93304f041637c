//! The proxy of the compose file, as it is delivered: Caddy with its Caddyfile, before nodes of a
//! test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::processes::{eventually, free_port, http};

/// A proxy of one test's own.
pub struct Proxy {
    pub url: String,
    child: Option<Child>,
    _dir: tempfile::TempDir,
}

impl Proxy {
    /// Chooses its address; it does not listen yet.
    pub fn new() -> Self {
        Self {
            url: format!("http://127.0.0.1:{}", free_port()),
            child: None,
            _dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts before these nodes, and waits until it finds one ready.
    pub async fn start(&mut self, nodes: &[&str]) {
        let nodes: Vec<_> = nodes.iter().map(|url| &url["http://".len()..]).collect();
        let child = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/docs/operations/Caddyfile"
            ))
            .env("PROXY_SITE", &self.url)
            .env("PROXY_NODES", nodes.join(" "))
            .env("XDG_DATA_HOME", self._dir.path())
            .env("XDG_CONFIG_HOME", self._dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("caddy is missing: apt-get install caddy");
        self.child = Some(child);
        let ready = format!("{}/readyz", self.url);
        let asking = http();
        eventually("the proxy answers", Duration::from_secs(20), async || {
            let answer = asking.get(&ready).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
