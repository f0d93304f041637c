//! The demo in a real browser: Chromium at a real `longshore demo`, driven by `web/tests/*.mjs`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/node.rs"]
mod node;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What plays the person's Dropbox. The scripts know these names.
const FILES: [(&str, &str); 6] = [
    ("Documents/Packing list.txt", "tea\n"),
    ("Welcome.txt", "welcome aboard\n"),
    (
        "Curious names/<img src=x onerror=document.title='hacked'>.txt",
        "a",
    ),
    ("Curious names/invoice\u{202e}fdp.exe", "b"),
    (
        "Curious names/a name that is far too long for any screen of any phone and for most \
         screens of most desks as well, so that it has to be cut somewhere.txt",
        "c",
    ),
    ("Curious names/no ending", "d"),
];

#[test]
fn a_person_connects_picks_and_sees_the_signed_webhooks() {
    run("journey");
}

#[test]
fn the_demo_offers_every_source_and_shows_the_code_that_runs() {
    run("demo");
}

#[test]
fn the_examples_of_the_pickers_page_run_as_they_are_written() {
    run("snippets");
}

#[test]
fn files_of_the_device_arrive_whole_edited_and_after_a_pause() {
    run("device");
}

#[test]
fn files_come_by_clipboard_folder_and_camera_and_pictures_as_they_are_wanted() {
    run("given");
}

#[test]
fn the_npm_package_works_as_element_and_in_react() {
    run("packages");
}

#[test]
fn parts_of_the_picker_that_do_not_come_can_be_asked_for_again() {
    run("parts");
}

#[test]
fn files_are_sent_while_one_chooses_and_stored_when_one_has_chosen() {
    run("ahead");
}

#[test]
fn what_goes_wrong_is_said_and_can_be_mended() {
    run("refusals");
}

#[test]
fn everything_can_be_done_without_a_mouse() {
    run("keyboard");
}

#[test]
fn a_failing_subscriber_shows_its_retries() {
    run("retries");
}

#[test]
fn hostile_file_names_do_nothing() {
    run("hostile");
}

#[test]
fn nobody_is_shut_out() {
    run("accessible");
}

#[test]
fn the_unmodified_filestack_sdks_open_the_picker() {
    run("foreign");
}

#[test]
fn a_page_of_strangers_neither_spoils_the_picker_nor_is_spoiled_by_it() {
    run("guest");
}

#[test]
fn what_breaks_on_the_way_mends_itself_or_says_so() {
    run("faults");
}

#[test]
fn what_is_given_up_ends_at_the_server_and_leaves_no_file() {
    run("cancelled");
}

#[test]
fn slips_and_races_lose_nothing() {
    run("slips");
}

#[test]
fn a_killed_server_and_a_withdrawn_grant_end_no_pick() {
    run("restarts");
}

#[test]
fn a_hundred_thousand_entries_stay_smooth() {
    run("many");
}

#[test]
fn the_demo_ends_cleanly_with_pages_open_and_leaves_nothing() {
    let mut demo = Demo::start();
    // An open page: its stream of events must not hold up the end.
    let mut page = Command::new("curl")
        .args(["--silent", "--no-buffer", "--max-time", "60"])
        .arg(format!("{}/demo/events", demo.url))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 6];
    page.stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    assert_eq!(&first, b"retry:");
    assert!(demo.data.exists());
    let begun = Instant::now();
    assert_eq!(demo.stop(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    page.wait().unwrap();
    assert!(!demo.data.exists(), "{} is left", demo.data.display());
}

#[test]
fn a_server_without_the_demo_says_how_to_run_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .arg("serve")
        .env("LONGSHORE_LISTEN", "127.0.0.1:0")
        .env("LONGSHORE_DATA_DIR", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let at = line.split("http://").nth(1).unwrap();
    let url = format!("http://{}/demo", at.split_whitespace().next().unwrap());
    let answer = Command::new("curl")
        .args(["--silent", "--include", &url])
        .output();
    child.kill().unwrap();
    child.wait().unwrap();
    let answer = String::from_utf8(answer.unwrap().stdout).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("longshore demo"), "{answer}");
}

/// Runs one script against a demo of its own.
fn run(script: &str) {
    // One browser at a time: several would fight for the processors and miss their deadlines.
    static BROWSER: Mutex<()> = Mutex::new(());
    let _alone = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    node::prepare();
    let mut demo = Demo::start();
    let output = Command::new("node")
        .arg(node::web().join(format!("tests/{script}.mjs")))
        .arg(&demo.url)
        // For scripts that start and end processes of their own.
        .env("LONGSHORE", env!("CARGO_BIN_EXE_longshore"))
        .output()
        .expect("node is needed: apt-get install nodejs npm");
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "{told}\nthe demo said:\n{}",
        demo.complaints()
    );
    assert_eq!(demo.stop(), Some(0), "the demo did not end cleanly");
}

/// A running `longshore demo`.
struct Demo {
    child: Child,
    url: String,
    data: PathBuf,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dropbox = folder.path().join("dropbox");
        for (name, text) in FILES {
            let file = dropbox.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let picture =
            image::RgbImage::from_fn(96, 64, |x, y| image::Rgb([x as u8 * 2, y as u8 * 3, 160]));
        picture.save(dropbox.join("Harbor at dawn.png")).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .args(["demo", "--listen", "127.0.0.1:0", "--dir"])
            .arg(&dropbox)
            // Its folder is made here, so that it can be seen to be removed.
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines: Vec<String> = out
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.contains("Ctrl-C"))
            .collect();
        let after = |word: &str| {
            let line = lines.iter().find_map(|line| line.split_once(word));
            line.map(|(_, rest)| rest.trim().to_owned())
        };
        let page = after("Open this page:").expect("it says which page to open");
        let data = after("Data      in").unwrap();
        Self {
            child,
            url: page.trim_end_matches("/demo").to_owned(),
            data: data.trim_end_matches(", removed at the end").into(),
            folder,
        }
    }

    fn complaints(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// SIGTERM, and how it ended.
    fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already stopped, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
