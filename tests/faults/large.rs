//! Large files in little memory, and folders of many entries.
//!
//! The files are sparse: they cost the disk of the Dropbox nothing, and their marks lie where a
//! misplaced part would show. By hand, with the sizes of the promise: `LONGSHORE_TEST_COPY_MIB=2048
//! LONGSHORE_TEST_LARGEST_MIB=10240 cargo test --release --test faults large`.

use std::collections::BTreeSet;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::processes::outgrown;
use crate::scene::{Dice, MIB, Scene, bytes, number};

/// Size of each of the four files that are copied at once; in a bucket eight parts, of which four
/// are under way, and a test server that writes 16 MiB in a second.
fn copy_mib() -> u64 {
    if outgrown() { 64 } else { 512 }
}

/// Size of the largest file; 0: not copied.
const LARGEST_MIB: u64 = 0;
/// The most memory that the service may ever have held, as `docs/operations.md` has it.
fn most_memory() -> u64 {
    let mib = if outgrown() { 160 } else { 96 };
    mib * MIB as u64
}

/// Entries of the large folder.
const ENTRIES: usize = 10_000;

/// Makes a sparse file with a mark in every fifth mebibyte; answers its SHA-256.
fn sparse(path: &Path, mib: u64, seed: u64) -> String {
    let mut file = std::fs::File::create(path).unwrap();
    let mut dice = Dice(seed);
    let mut hash = Sha256::new();
    let mut piece = vec![0_u8; MIB];
    for index in 0..mib {
        let mark = if index % 5 == 0 { dice.roll() } else { 0 };
        piece[777..785].copy_from_slice(&mark.to_le_bytes());
        hash.update(&piece);
        if mark != 0 {
            let at = index * MIB as u64 + 777;
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&mark.to_le_bytes()).unwrap();
        }
    }
    file.set_len(mib * MIB as u64).unwrap();
    hex::encode(hash.finalize())
}

/// Picks these files at once and reads them back by their hashes; answers the highest memory.
async fn copied(scene: &Scene, files: &[(String, u64, String)]) -> u64 {
    let begun = Instant::now();
    let picks = files.iter().map(|(name, _, _)| {
        let (person, path) = (scene.person.clone(), format!("/{name}"));
        async move { person.pick(&path).await }
    });
    let answers = futures_util::future::join_all(picks).await;
    let copying = begun.elapsed();
    let (_, memory) = scene.service.running.memory();
    let begun = Instant::now();
    for ((status, picked), (name, mib, hash)) in answers.iter().zip(files) {
        assert_eq!(*status, 200, "{name}: {picked}\n{}", scene.log());
        let url = picked["dropbox"]["url"].as_str().unwrap();
        let read = scene.hash_of(url).await;
        assert_eq!(read, (mib * MIB as u64, hash.clone()), "{name}");
    }
    let (_, after) = scene.service.running.memory();
    println!(
        "{} x {} MiB: copied in {copying:.1?}, read in {:.1?}, {} MiB of memory at most, {} \
         after reading",
        files.len(),
        files[0].1,
        begun.elapsed(),
        memory / MIB as u64,
        after / MIB as u64
    );
    after
}

fn file(scene: &Scene, name: &str, mib: u64, seed: u64) -> (String, u64, String) {
    let draft = scene.dir.path().join("sparse");
    let hash = sparse(&draft, mib, seed);
    std::fs::rename(draft, scene.dropbox.folder.join(name)).unwrap();
    (name.to_owned(), mib, hash)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_large_copies_at_once_take_little_memory() {
    let scene = Scene::start(&[("LONGSHORE_DROPBOX_STALL_TIMEOUT", "20s")]).await;
    let mib = number("COPY_MIB", copy_mib());
    let files: Vec<_> = (0..4)
        .map(|n| file(&scene, &format!("large-{n}"), mib, 100 + n))
        .collect();
    let memory = copied(&scene, &files).await;
    assert!(memory < most_memory(), "{} MiB", memory / MIB as u64);
    assert_eq!(scene.agrees().await.files, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_to_spare_a_file_is_copied_part_after_part() {
    let settings = [
        ("LONGSHORE_STORAGE_URL", "memory:"),
        ("LONGSHORE_STORAGE_UPLOAD_MEMORY", "0B"),
    ];
    let scene = Scene::start(&settings).await;
    let content = bytes(31, 40 * MIB + 1);
    scene.dropbox.add("parts", &content);
    scene.picks("/parts", &content).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_very_large_file_arrives_whole() {
    let mib = number("LARGEST_MIB", LARGEST_MIB);
    if mib == 0 {
        println!("not run: set LONGSHORE_TEST_LARGEST_MIB=10240");
        return;
    }
    let scene = Scene::start(&[("LONGSHORE_DROPBOX_STALL_TIMEOUT", "60s")]).await;
    let files = [file(&scene, "largest", mib, 7)];
    let memory = copied(&scene, &files).await;
    assert!(memory < most_memory(), "{} MiB", memory / MIB as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_entries_are_listed_once_each() {
    let scene = Scene::start(&[]).await;
    let folder = scene.dropbox.folder.join("many");
    let draft = scene.dir.path().join("many");
    std::fs::create_dir(&draft).unwrap();
    for n in 0..ENTRIES {
        if n % 100 == 0 {
            std::fs::create_dir(draft.join(format!("folder {n}"))).unwrap();
        } else {
            std::fs::write(draft.join(format!("entry {n}.txt")), b"").unwrap();
        }
    }
    std::fs::rename(draft, folder).unwrap();
    let begun = Instant::now();
    let (mut seen, mut listed, mut pages) = (BTreeSet::new(), 0, 0);
    let mut next: Option<String> = None;
    loop {
        let body = scene.person.list("/many/", next.as_deref()).await;
        let page = &body["dropbox"];
        for entry in page["contents"].as_array().unwrap() {
            seen.insert(entry["name"].as_str().unwrap().to_owned());
            listed += 1;
        }
        pages += 1;
        assert!(
            pages <= ENTRIES / 500,
            "{listed} entries and no end: {next:?}"
        );
        let more = page["next"].as_str().filter(|next| !next.is_empty());
        next = more.map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    assert_eq!((listed, seen.len()), (ENTRIES, ENTRIES));
    println!(
        "{ENTRIES} entries in {pages} pages: {:.1?}",
        begun.elapsed()
    );
}
