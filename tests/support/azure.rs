//! An Azure Blob Storage server that checks signatures (Azurite), shared by the tests of one
//! process, and containers in it.
//!
//! `tests/support/install-azurite.sh` installs it; `LONGSHORE_TEST_AZURITE` may name another one.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use longshore::clock::Clock;

pub const ACCOUNT: &str = "longshoretest";

/// The server of this process.
pub struct Server {
    /// The account's address, as the setting `azure_endpoint` takes it.
    pub endpoint: String,
    /// The account's key, made up for this run.
    pub access_key: String,
    /// Stops the server once our end of its input is closed, with this process at the latest.
    _watch: Child,
}

impl Server {
    /// Starts it for whoever comes first.
    pub fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let access_key = STANDARD.encode(rand::random::<[u8; 32]>());
        // A static is never dropped: the shell waits for the end of its input and stops it then.
        let script = "\"$0\" \"$@\" </dev/null & server=$!; cat >/dev/null; kill -9 $server";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(binary())
            .args(["--inMemoryPersistence", "--blobPort", "0", "--silent"])
            .args(["--disableTelemetry", "--skipApiVersionCheck"])
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{access_key}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("successfully listens on ")?;
            Some(address.trim().to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            endpoint: format!("{}/{ACCOUNT}", said.unwrap()),
            access_key,
            _watch: child,
        }
    }

    /// A shared access signature that lets its bearer do everything in one container for an hour,
    /// as the portal hands it out: <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>.
    pub fn shared_access(&self, container: &str) -> String {
        let (may, version) = ("rcwdl", "2021-12-02");
        let expiry = Clock::system().now() + chrono::Duration::hours(1);
        let expiry = expiry.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let resource = format!("/blob/{ACCOUNT}/{container}");
        let signed = format!("{may}\n\n{expiry}\n{resource}\n\n\n\n{version}\nc\n\n\n\n\n\n\n");
        let signature = self.sign(&signed);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("sv", version)
            .append_pair("sr", "c")
            .append_pair("sp", may)
            .append_pair("se", &expiry)
            .append_pair("sig", &signature);
        query.finish()
    }

    fn sign(&self, text: &str) -> String {
        let key = STANDARD.decode(&self.access_key).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Makes a container that no other test has, and says its name.
    pub async fn new_container(&self) -> String {
        let name = format!("c{:016x}", rand::random::<u64>());
        let url = format!("{}/{name}?restype=container", self.endpoint);
        let date = Clock::system().now().format("%a, %d %b %Y %T GMT");
        // The rules of Shared Key: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container");
        let headers = format!("x-ms-date:{date}\nx-ms-version:2021-12-02");
        let signed = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}\n{resource}");
        let signature = self.sign(&signed);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .put(url)
            .header("x-ms-date", date.to_string())
            .header("x-ms-version", "2021-12-02")
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .header("content-length", "0")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        name
    }
}

fn binary() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let installed = || tools.join("azurite/node_modules/.bin/azurite-blob");
    let binary = env::var_os("LONGSHORE_TEST_AZURITE").map_or_else(installed, PathBuf::from);
    let hint = "run tests/support/install-azurite.sh, or set LONGSHORE_TEST_AZURITE";
    assert!(
        binary.is_file(),
        "no Azurite at {}: {hint}",
        binary.display()
    );
    binary
}
