//! Redis in the shapes in which it is really run: with TLS, watched by Sentinel, as a Cluster.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::free_port;
use super::redis::RedisServer;

/// An authority of its own with a certificate for a server on 127.0.0.1, which serves as a
/// client's too.
pub struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    pub fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
        let made = Self { dir };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        made.openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"
        ));
        made.openssl(&format!(
            "req {key} -keyout key.pem -out request -subj /CN=redis"
        ));
        made.openssl(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem \
             -days 2 -extfile names",
        );
        made
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn openssl(&self, args: &str) {
        let done = Command::new("openssl")
            .args(args.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .expect("openssl is missing: apt-get install openssl");
        assert!(done.status.success(), "{done:?}");
    }

    /// A server that speaks TLS alone, and with `clients` only to those who show a certificate.
    pub fn server(&self, clients: bool) -> RedisServer {
        let text = |name: &str| self.path(name).to_string_lossy().into_owned();
        let (cert, key, ca) = (text("cert.pem"), text("key.pem"), text("ca.pem"));
        let clients = if clients { "yes" } else { "no" };
        RedisServer::start_with(&[
            "--port",
            "0",
            "--tls-port",
            "PORT",
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            clients,
        ])
    }
}

/// A master, a replica of it, and a sentinel that makes the replica the master when that dies.
/// Servers and sentinel have passwords of their own.
pub struct Watched {
    pub master: RedisServer,
    pub replica: RedisServer,
    pub sentinel: RedisServer,
    _dir: tempfile::TempDir,
}

impl Watched {
    pub const PASSWORD: &str = "of-the-servers";
    pub const SENTINEL_PASSWORD: &str = "of-the-sentinel";

    pub fn start() -> Self {
        let password = [
            "--requirepass",
            Self::PASSWORD,
            "--masterauth",
            Self::PASSWORD,
        ];
        let master = RedisServer::start_with(&password);
        let port = master.port().to_string();
        let of_master = [
            "--replicaof",
            "127.0.0.1",
            &port,
            "--repl-diskless-sync-delay",
            "0",
        ];
        let replica = RedisServer::start_with(&[&password[..], &of_master[..]].concat());
        let synced = || replica.command_as(Self::PASSWORD, &["INFO", "replication"]);
        wait_until("the replica follows", || {
            synced().contains("master_link_status:up")
        });
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sentinel.conf");
        let text = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\nsentinel auth-pass main {}\n\
             sentinel down-after-milliseconds main 400\nsentinel failover-timeout main 2000\n\
             requirepass {}\n",
            Self::PASSWORD,
            Self::SENTINEL_PASSWORD
        );
        std::fs::write(&file, text).unwrap();
        let sentinel = RedisServer::sentinel(&file);
        let known = || {
            // A sentinel knows no QUIT, on which the servers' helper relies.
            let said = Command::new("redis-cli")
                .args([
                    "-p",
                    &sentinel.port().to_string(),
                    "--no-auth-warning",
                    "-a",
                ])
                .args([Self::SENTINEL_PASSWORD, "SENTINEL", "REPLICAS", "main"])
                .output();
            String::from_utf8_lossy(&said.unwrap().stdout).contains("slave-repl-offset")
        };
        wait_until("the sentinel knows the replica", known);
        Self {
            master,
            replica,
            sentinel,
            _dir: dir,
        }
    }

    /// How it is found.
    pub fn url(&self) -> String {
        format!(
            "redis+sentinel://:{}@{}/main",
            Self::PASSWORD,
            self.sentinel.host()
        )
    }
}

/// A Cluster of three masters.
pub struct RedisCluster {
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub fn start() -> Self {
        let nodes = (0..3).map(|_| {
            let bus = free_port().to_string();
            RedisServer::start_with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "1000",
            ])
        });
        let cluster = Self {
            nodes: nodes.collect(),
        };
        create(&cluster.hosts());
        cluster
    }

    fn hosts(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::host).collect()
    }

    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.hosts().join(","))
    }

    /// The node that holds a key.
    pub fn holder(&mut self, key: &str) -> &mut RedisServer {
        let holds = |node: &RedisServer| !node.command(&["GET", key]).starts_with("-MOVED");
        let at = self.nodes.iter().position(holds).unwrap();
        &mut self.nodes[at]
    }
}

/// Makes a Cluster of empty nodes, and waits until each knows.
fn create(hosts: &[String]) {
    let done = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(hosts)
        .arg("--cluster-yes")
        .output()
        .expect("redis-cli is missing: apt-get install redis-tools");
    assert!(done.status.success(), "{done:?}");
    for host in hosts {
        let ready = || super::redis::said_by(host, None, &["CLUSTER", "INFO"]);
        wait_until("the Cluster is whole", || {
            ready().contains("cluster_state:ok")
        });
    }
}

/// The address of a Cluster that all tests of this binary share, each under a prefix of its own.
/// It hangs on a pipe of the test process and ends with it.
pub fn shared_cluster() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let dir = tempfile::Builder::new()
            .prefix("cluster")
            .tempdir()
            .unwrap()
            .keep();
        let ports: Vec<String> = (0..6).map(|_| free_port().to_string()).collect();
        let mut child = Command::new("sh")
            .args(["-c", SHARED])
            .env("DIR", &dir)
            .env(
                "PORTS",
                format!(
                    "{}:{} {}:{} {}:{}",
                    ports[0], ports[1], ports[2], ports[3], ports[4], ports[5]
                ),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Held open until the process ends.
        std::mem::forget(child.stdin.take());
        std::thread::spawn(move || child.wait());
        let hosts = [0, 2, 4].map(|at| format!("127.0.0.1:{}", ports[at]));
        for host in &hosts {
            wait_until("a node listens", || {
                std::net::TcpStream::connect(host.as_str()).is_ok()
            });
        }
        create(&hosts);
        format!("redis+cluster://{}", hosts.join(","))
    })
}

const SHARED: &str = r#"
trap '' INT TERM HUP
for both in $PORTS; do
    mkdir "$DIR/${both%:*}"
    redis-server --port "${both%:*}" --cluster-port "${both#*:}" --bind 127.0.0.1 --save '' \
        --appendonly no --cluster-enabled yes --dir "$DIR/${both%:*}" </dev/null &
    servers="$servers $!"
done
cat >/dev/null || true
kill -9 $servers
rm -rf "$DIR"
"#;

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "not so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
