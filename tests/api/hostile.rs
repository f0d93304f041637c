//! Bodies of every bad kind: each gets a clear refusal in the protocol's shape, never a fault of
//! ours, and the server is as healthy afterwards as before.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::processes::{Application, Dropbox, Person, Service};
use crate::wire::{self, Reply};

/// Bytes of a body at most, for these tests.
pub const MAX_BODY: usize = 64 * 1024;
/// Requests at once.
const AT_ONCE: usize = 12;

/// A service that a test is about to treat badly.
pub struct Victim {
    pub service: Service,
    pub dropbox: Dropbox,
    pub application: Application,
    pub person: Person,
    dir: tempfile::TempDir,
}

impl Victim {
    pub async fn start(more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        dropbox.add("a.txt", b"abc");
        dropbox.add("sub/b.txt", b"b");
        let max_body = MAX_BODY.to_string();
        let mut settings = vec![
            ("LONGSHORE_MAX_BODY", max_body.as_str()),
            ("LONGSHORE_PICKING_MAX_WAITING", "100000"),
        ];
        settings.extend_from_slice(more);
        let service = Service::start(dir.path(), &dropbox.url, &settings);
        let application = service.application();
        let person = application.person().await;
        Self {
            service,
            dropbox,
            application,
            person,
            dir,
        }
    }

    /// A file that was picked.
    pub async fn picked(&self) -> String {
        let (status, picked) = self.person.pick("/a.txt").await;
        assert_eq!(status, 200, "{picked}");
        picked["dropbox"]["handle"].as_str().unwrap().to_owned()
    }

    /// Nothing broke: it serves, it complains of nothing, and nothing lies where it should not.
    pub async fn is_unharmed(&self) {
        for path in ["/healthz", "/readyz"] {
            let reply = wire::ask(&self.service.url, "GET", path, &[], b"").await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        }
        let handle = self.picked().await;
        let url = format!("{}/{handle}", self.service.url);
        assert_eq!(self.person.read(&url).await, b"abc");
        let log = self.service.running.read_log();
        for word in ["panicked", " ERROR "] {
            let lines: Vec<_> = log.lines().filter(|line| line.contains(word)).collect();
            assert!(lines.is_empty(), "{lines:#?}");
        }
        // A log line per request, and no request can make up one.
        assert!(!log.lines().any(|line| line.starts_with("FORGED")));
        let lie = names(self.dir.path());
        let known = ["data", "draft", "dropbox", "sandbox.log", "serve.log"];
        let stray: Vec<_> = lie
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        assert!(stray.is_empty(), "{stray:?} lie outside of the data folder");
        let dropbox = names(&self.dropbox.folder);
        assert_eq!(dropbox.into_iter().collect::<Vec<_>>(), ["a.txt", "sub"]);
    }

    async fn post_all(&self, requests: Vec<(String, Vec<u8>)>) {
        let replies = stream::iter(requests).map(async |(route, body)| {
            let reply = wire::post(&self.service.url, &route, &body).await;
            (route, body, reply)
        });
        let mut replies = std::pin::pin!(replies.buffer_unordered(AT_ONCE));
        while let Some((route, body, reply)) = replies.next().await {
            reply.is_fit(&format!("{route} {}", String::from_utf8_lossy(&body)));
            self.is_honest(&reply).await;
        }
    }

    /// A pick that a strange request was granted is a file like every other.
    async fn is_honest(&self, reply: &Reply) {
        let picked = reply.json();
        if let (200, Some(handle)) = (reply.status, picked["dropbox"]["handle"].as_str()) {
            let url = format!("{}/api/file/{handle}", self.service.url);
            let answer = self.person.http.get(url).send().await.unwrap();
            let headers = answer.headers();
            let named = headers["content-disposition"].to_str().unwrap().to_owned();
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(!named.contains(['/', '\\', '\r', '\n']), "{named}");
            assert_eq!(answer.bytes().await.unwrap(), "abc", "{picked}");
        }
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect()
}

/// The routes that take a JSON body, each with a body that it takes well.
fn well_formed(victim: &Victim) -> Vec<(&'static str, Value)> {
    let (apikey, token) = (&victim.application.apikey, &victim.person.token);
    let store = json!({
        "location": "s3", "region": "x", "path": "/in/", "container": "box", "filename": "n.txt",
        "access": "private", "mimetype": "text/plain", "disableStorageKey": false,
        "workflows": ["w"],
    });
    let list = json!({
        "apikey": apikey, "token": token, "flow": "web", "accept": ["image/*", ".txt"],
        "appurl": "https://shop.test/?fs-tab=init", "policy": null, "signature": null,
        "clouds": { "dropbox": { "path": "/", "next": "", "search": "" }, "box": {} },
    });
    let pick = json!({
        "apikey": apikey, "token": token, "flow": "web", "upload_tags": { "a": "b" },
        "clouds": { "dropbox": { "path": "/a.txt", "picker_session_id": null, "store": store } },
    });
    vec![
        (
            "/prefetch",
            json!({
                "apikey": apikey, "permissions": ["whitelabel"], "settings": ["inapp_browser"],
                "picker_config": {}, "events": ["picker"], "security": {},
            }),
        ),
        ("/folder/list", list.clone()),
        ("/metadata", list),
        (
            "/auth/status",
            json!({ "apikey": apikey, "token": token, "wait": 0, "since": 0 }),
        ),
        // Of nobody: the person of the other requests stays connected.
        (
            "/auth/logout",
            json!({ "apikey": apikey, "token": "x", "flow": "web", "clouds": { "dropbox": {} } }),
        ),
        ("/store/", pick.clone()),
        ("/link/", pick),
    ]
}

/// Texts that have broken somebody's server.
fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "..",
        "../../x",
        "/../../x",
        "/in/../../../x",
        "..\\..\\x",
        "\0",
        "a\0b",
        "a\r\nFORGED: line",
        "\nFORGED line",
        "\u{202e}gpj.exe",
        "\u{200f}\u{2066}x",
        "\u{feff}\u{fffe}\u{10ffff}",
        "%2e%2e%2f%00",
        "%",
        "/",
        "//",
        "\\",
        "~/.ssh",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "<script>alert(1)</script>",
        "'; DROP TABLE files; --",
        "${jndi:ldap://x/}",
        "{{7*7}}",
        "id:",
        "id:../../x",
        "rev:1",
        "ns:1/x",
        ".uploads/x",
        "AAAAAAAAAAAAAAAAAAAA",
        "9223372036854775808",
        "-1",
        "NaN",
        "*/*;q=",
    ]
    .map(str::to_owned)
    .into();
    texts.push("a".repeat(4_000));
    texts.push("/é".repeat(4_000));
    texts.push("\u{1f600}".repeat(4_000));
    texts.push("/".repeat(4_000));
    texts
}

fn hostile_values() -> Vec<Value> {
    let mut values: Vec<Value> = hostile_texts().into_iter().map(Value::from).collect();
    values.extend([
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(1e308),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null, 7, "x"]),
        json!({ "dropbox": "x", "path": {} }),
        json!(vec!["image/*"; 5_000]),
    ]);
    values
}

/// The pointers to every member of a value, of its members, and so on.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, member) in members {
        let at = format!("{here}/{name}");
        pointers(member, &at, found);
        found.push(at);
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let victim = Victim::start(&[]).await;
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let mut bodies: Vec<Vec<u8>> = [
        &b""[..],
        b" ",
        b"null",
        b"[]",
        b"[{}]",
        b"7",
        b"-",
        b"\"x\"",
        b"{",
        b"{}",
        b"{\"apikey\"",
        b"{\"apikey\":\"\xff\xfe\"}",
        b"{\"apikey\":\"\\ud800\"}",
        b"{\"apikey\":1e999}",
        b"{\"apikey\":\"Aa\",}",
        b"{\"apikey\":\"a\",\"apikey\":\"b\"}",
        b"\xef\xbb\xbf{}",
        b"\x1f\x8b\x08\0",
        b"apikey=x&token=y",
        b"--x\r\nContent-Disposition: form-data; name=\"apikey\"\r\n\r\nx\r\n--x--",
    ]
    .map(<[u8]>::to_vec)
    .into();
    bodies.push(nested("[", "]", 30_000));
    bodies.push(nested("{\"clouds\":", "}", 5_000));
    bodies.push(nested("{\"apikey\":", "}", 126));
    bodies.push(vec![b'9'; 30_000]);
    let mut requests = Vec::new();
    for (route, _) in well_formed(&victim) {
        for body in &bodies {
            let reply = wire::post(&victim.service.url, route, body).await;
            let asked = format!("{route} {}", String::from_utf8_lossy(body));
            assert!((400..500).contains(&reply.status), "{asked:.300}");
            requests.push((route.to_owned(), body.clone()));
        }
    }
    victim.post_all(requests).await;
    victim.is_unharmed().await;
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit_and_not_a_byte_beyond() {
    let victim = Victim::start(&[]).await;
    for (route, body) in well_formed(&victim) {
        let text = body.to_string();
        let plain = wire::post(&victim.service.url, route, text.as_bytes()).await;
        let mut padded = text.into_bytes();
        padded.resize(MAX_BODY, b' ');
        let full = wire::post(&victim.service.url, route, &padded).await;
        assert_eq!(full.status, plain.status, "{route}: {}", full.text());
        padded.push(b' ');
        let over = wire::post(&victim.service.url, route, &padded).await;
        assert_eq!(over.status, 413, "{route}");
        over.is_fit(route);
        // One who does not say how long it is, is counted.
        let mut chunked = format!(
            "POST {route} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            padded.len()
        )
        .into_bytes();
        chunked.extend_from_slice(&padded);
        chunked.extend_from_slice(b"\r\n0\r\n\r\n");
        let over = wire::send(&victim.service.url, &chunked).await;
        assert_eq!(over.status, 413, "{route}: {}", over.text());
    }
    victim.is_unharmed().await;
}

async fn every_member_may_hold_anything(victim: &Victim) {
    let mut requests = Vec::new();
    for (route, body) in well_formed(victim) {
        let mut members = Vec::new();
        pointers(&body, "", &mut members);
        for member in members {
            for value in hostile_values() {
                let mut body = body.clone();
                *body.pointer_mut(&member).unwrap() = value;
                requests.push((route.to_owned(), body.to_string().into_bytes()));
            }
        }
        // As names of members they are no better.
        for name in hostile_texts() {
            let mut body = body.clone();
            for object in ["", "/clouds", "/upload_tags", "/clouds/dropbox/store"] {
                if let Some(Value::Object(members)) = body.pointer_mut(object) {
                    members.insert(name.clone(), json!("x"));
                }
            }
            requests.push((route.to_owned(), body.to_string().into_bytes()));
        }
    }
    victim.post_all(requests).await;
    victim.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_may_hold_anything_and_nothing_breaks() {
    every_member_may_hold_anything(&Victim::start(&[]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_does_anything_where_the_database_is_postgresql() {
    // It refuses texts that SQLite takes, with a NUL for instance.
    let key = longshore::access::MasterKey::generate();
    let database = crate::postgres::database();
    let settings = [
        ("LONGSHORE_DATABASE_URL", database.as_str()),
        ("LONGSHORE_MASTER_KEY", key.as_str()),
    ];
    every_member_may_hold_anything(&Victim::start(&settings).await).await;
}

#[tokio::test]
async fn unknown_members_are_passed_over() {
    let victim = Victim::start(&[]).await;
    for (route, body) in well_formed(&victim) {
        let plain = wire::post(&victim.service.url, route, body.to_string().as_bytes()).await;
        let mut more = body.clone();
        let mut objects = Vec::new();
        pointers(&body, "", &mut objects);
        objects.push(String::new());
        for object in objects {
            // These are lists of what the caller names, so a new name has a meaning.
            if object.ends_with("upload_tags") || object.ends_with("/clouds") {
                continue;
            }
            if let Some(Value::Object(members)) = more.pointer_mut(&object) {
                members.insert("fromTheFuture".to_owned(), json!({ "x": [1, null] }));
            }
        }
        let reply = wire::post(&victim.service.url, route, more.to_string().as_bytes()).await;
        assert_eq!(reply.status, plain.status, "{route}: {}", reply.text());
    }
    victim.is_unharmed().await;
}

/// A source of chance that gives the same again for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }

    /// A body as it may come out of a broken client.
    fn mangle(&mut self, body: &Value, values: &[Value]) -> Vec<u8> {
        let mut body = body.clone();
        let mut members = Vec::new();
        pointers(&body, "", &mut members);
        for _ in 0..self.roll(4) {
            let member = &members[self.roll(members.len())];
            if let Some(place) = body.pointer_mut(member) {
                *place = values[self.roll(values.len())].clone();
            }
        }
        let mut bytes = body.to_string().into_bytes();
        for _ in 0..self.roll(4) {
            let (from, length) = (self.roll(bytes.len()), self.roll(24));
            let to = (from + length).min(bytes.len());
            match self.roll(4) {
                0 => drop(bytes.drain(from..to)),
                1 => bytes.insert(from, u8::try_from(self.roll(256)).unwrap()),
                2 => {
                    let piece = bytes[from..to].to_vec();
                    bytes.splice(from..from, piece);
                }
                _ => bytes.truncate(from.max(1)),
            }
        }
        bytes
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broken_client_may_send_breaks_nothing() {
    let victim = Victim::start(&[]).await;
    let values = hostile_values();
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut dice = Dice(seed);
    let routes = well_formed(&victim);
    let requests = (0..1_500)
        .map(|_| {
            let (route, body) = &routes[dice.roll(routes.len())];
            ((*route).to_owned(), dice.mangle(body, &values))
        })
        .collect();
    victim.post_all(requests).await;
    victim.is_unharmed().await;
}
