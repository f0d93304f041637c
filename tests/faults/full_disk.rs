//! A disk without room: a clear error, nothing left behind, and room again for what fits.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::processes::outgrown;
use crate::scene::{MIB, Scene, bytes};

/// A file system of its own, so small that it can be filled.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: usize) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "a small disk has to be mounted: run this test as root, with CAP_SYS_ADMIN"
        );
        Self(path.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the service may still hold a file.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn refused(status: u16, answer: &Value) {
    assert_eq!(status, 507, "{answer}");
    assert_eq!(answer["code"], "storage-full", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_storage_is_a_clear_error_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&place.path().join("files"), 24 * MIB);
    let url = format!("file://{}", disk.0.display());
    let scene = Scene::start(&[("LONGSHORE_STORAGE_URL", &url)]).await;
    scene.dropbox.add("large", &bytes(12, 40 * MIB));
    scene.dropbox.add("small", &bytes(13, 5 * MIB));
    let (status, answer) = scene.person.pick("/large").await;
    refused(status, &answer);
    let left: Vec<_> = std::fs::read_dir(disk.0.join(".uploads"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    scene.picks("/small", &bytes(13, 5 * MIB)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_that_is_full_recovers_by_itself() {
    if outgrown() {
        println!("not run: a database and a bucket elsewhere do not share a disk with the service");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    // Database and files share the disk: the record has to survive the squeeze.
    let disk = SmallDisk::mount(&place.path().join("data"), 32 * MIB);
    let data = disk.0.display().to_string();
    let scene = Scene::start(&[("LONGSHORE_DATA_DIR", &data)]).await;
    scene.dropbox.add("large", &bytes(14, 64 * MIB));
    scene.dropbox.add("small", &bytes(15, 5 * MIB));
    for _ in 0..3 {
        let (status, answer) = scene.person.pick("/large").await;
        refused(status, &answer);
        scene.picks("/small", &bytes(15, 5 * MIB)).await;
    }
    let tally = scene.agrees().await;
    assert_eq!((tally.files, tally.requests), (3, 3));
}
