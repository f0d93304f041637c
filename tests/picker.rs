//! The picker widget as the server sends it out, and the package that is made of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a page loads for a journey through Dropbox and the device may weigh, gzipped: the door,
/// and the widget's module with what it imports. The rest is loaded when it is needed.
const BUDGET: usize = 40 * 1024;

/// A server, and what `curl` gets from it.
struct Server {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .arg("serve")
            .env("LONGSHORE_LISTEN", "127.0.0.1:0")
            .env("LONGSHORE_DATA_DIR", data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let at = line.split("http://").nth(1).unwrap();
        let url = format!("http://{}", at.split_whitespace().next().unwrap());
        Self {
            child,
            url,
            _data: data,
        }
    }

    /// Head and body of an answer.
    fn get(&self, path: &str, more: &[&str]) -> (String, String) {
        let answer = Command::new("curl")
            .args(["--silent", "--include"])
            .args(more)
            .arg(format!("{}{path}", self.url))
            .output()
            .unwrap();
        let text = String::from_utf8(answer.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone, unless the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(found, _)| *found == name)
        .map_or("", |(_, value)| value)
}

/// The module that a door names.
fn widget_of(door: &str) -> String {
    let at = door.find("widget-").expect("it names the widget's module");
    let name = &door[at..];
    name[..name.find(".js").unwrap() + 3].to_owned()
}

/// The scripts of the bundle that a script names, itself left out.
fn named_in(script: &str) -> Vec<String> {
    let names = script.split(['`', '"', '\'']);
    let names = names.filter_map(|name| name.strip_prefix("./"));
    names
        .filter(|name| name.ends_with(".js"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn any_site_gets_the_scripts_below_any_version_and_may_keep_them() {
    let server = Server::start();
    for version in ["4.5.2", "1.36.10", "whatever"] {
        let (head, body) = server.get(&format!("/picker/{version}/picker.js"), &[]);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert_eq!(
            line(&head, "content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(line(&head, "access-control-allow-origin"), "*");
        assert!(line(&head, "cache-control").contains("max-age=300"));
        let (head, _) = server.get(&format!("/picker/{version}/{}", widget_of(&body)), &[]);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(line(&head, "cache-control").contains("immutable"));
    }
    let (head, loader) = server.get("/longshore.js", &[]);
    assert!(loader.contains("longshore"));
    let tag = format!("If-None-Match: {}", line(&head, "etag"));
    let (head, body) = server.get("/longshore.js", &["-H", &tag]);
    assert!(head.starts_with("http/1.1 304"), "{head}");
    assert_eq!(body, "");
    let (head, _) = server.get("/longshore.js", &["--head"]);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (head, body) = server.get("/picker/1/nothing.js", &[]);
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(body.contains("not-found"));
}

#[test]
fn a_door_of_another_version_finds_the_widget_there_is() {
    let server = Server::start();
    let (_, door) = server.get("/longshore.js", &[]);
    let (_, widget) = server.get(&format!("/picker/1/{}", widget_of(&door)), &[]);
    let (head, body) = server.get("/picker/1/widget-0fAnEarlierOne.js", &[]);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(line(&head, "cache-control"), "no-store");
    assert!(body == widget, "it is not the widget");
}

#[test]
fn a_page_loads_less_than_its_budget() {
    let server = Server::start();
    let (_, door) = server.get("/picker/1/picker.js", &[]);
    let script = |name: &str| server.get(&format!("/picker/1/{name}"), &[]).1;
    let (_, loader) = server.get("/longshore.js", &[]);
    let widget = widget_of(&door);
    let mut loaded = BTreeSet::from([widget.clone()]);
    loaded.extend(imported_at_once(&script(&widget)));
    let door = gzipped(&door).max(gzipped(&loader));
    let weight = door
        + loaded
            .iter()
            .map(|name| gzipped(&script(name)))
            .sum::<usize>();
    println!("the picker weighs {weight} bytes gzipped");
    assert!(weight <= BUDGET, "{weight} bytes are more than {BUDGET}");
    assert!(gzipped(&loader) < 1024, "the loader is tiny");
}

/// What a module imports before its first statement; the rest waits until it is used.
fn imported_at_once(module: &str) -> Vec<String> {
    let imports = module
        .split(';')
        .take_while(|line| line.starts_with("import"));
    imports.flat_map(named_in).collect()
}

fn gzipped(text: &str) -> usize {
    let mut child = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let size = child.wait_with_output().unwrap().stdout.len();
    writing.join().unwrap();
    size
}

#[test]
fn the_widgets_parts_do_what_they_promise() {
    install("web/picker");
    run(Command::new("node")
        .arg("test.mjs")
        .current_dir(root().join("web/picker")));
}

#[test]
fn the_package_holds_modules_and_types_and_nothing_else() {
    install("web/picker");
    install("web");
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("web/picker");
    let told = packed_in(scratch.path(), &home);
    // What the build says comes before.
    let told = &told[told.find("[\n").expect("npm tells as JSON")..];
    let packed: serde_json::Value = serde_json::from_str(told).unwrap();
    let files = packed[0]["files"].as_array().unwrap();
    let names: BTreeSet<&str> = files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    for needed in ["index", "element", "react"] {
        assert!(
            names.contains(format!("dist/npm/{needed}.js").as_str()),
            "{names:?}"
        );
        assert!(
            names.contains(format!("dist/npm/types/doors/{needed}.d.ts").as_str()),
            "{names:?}"
        );
    }
    let foreign: Vec<_> = names
        .iter()
        .filter(|name| {
            !name.starts_with("dist/npm/") && **name != "package.json" && **name != "README.md"
        })
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    // Loaded where there is no page it does nothing, and React is asked for by its entry alone.
    let check = "const { init } = await import('./dist/npm/index.js'); \
         if (init('K', { url: 'https://x' }) !== null) throw new Error('not null'); \
         await import('./dist/npm/element.js');";
    run(Command::new("node")
        .args(["--input-type=module", "-e", check])
        .current_dir(&home));
    let index = std::fs::read_to_string(home.join("dist/npm/index.js")).unwrap();
    assert!(!index.contains("from \"react\""));
    let react = std::fs::read_to_string(home.join("dist/npm/react.js")).unwrap();
    assert!(react.contains("from \"react\""));
}

/// Packs the package in a copy, so that nothing is left among the sources; answers what npm says.
fn packed_in(scratch: &Path, home: &Path) -> String {
    std::fs::create_dir_all(home).unwrap();
    for name in [
        "src",
        "build.mjs",
        "package.json",
        "tsconfig.json",
        "tsconfig.types.json",
    ] {
        run(Command::new("cp")
            .arg("-r")
            .arg(root().join("web/picker").join(name))
            .arg(home));
    }
    for folder in ["web", "web/picker"] {
        let modules = root().join(folder).join("node_modules");
        std::os::unix::fs::symlink(modules, scratch.join(folder).join("node_modules")).unwrap();
    }
    let path = format!(
        "{}:{}",
        root().join("web/node_modules/.bin").display(),
        std::env::var("PATH").unwrap()
    );
    run(Command::new("npm")
        .args(["pack", "--json"])
        .env("PATH", path)
        .current_dir(home))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Installs a package's tools when they are missing or older than the lock file.
fn install(folder: &str) {
    let home = root().join(folder);
    let lock = std::fs::File::open(home.join("package-lock.json")).unwrap();
    lock.lock().unwrap();
    let changed = |path: &str| {
        home.join(path)
            .metadata()
            .and_then(|about| about.modified())
            .ok()
    };
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_none() || installed < changed("package-lock.json") {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&home));
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("node and npm are needed");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{told}\n{complaints}");
    told
}
