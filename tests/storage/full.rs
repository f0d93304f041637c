//! A disk without room, for real: this test runs itself again on a file system of 8 MiB, or,
//! where none may be mounted, under a limit on file sizes that fails writes just the same.

use crate::{
    places::files_below,
    promises::{key, read, sample, store},
};
use bytes::Bytes;
use futures_util::stream;
use longshore::storage::{Put, Settings, Storage, StorageError, Upload};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const CHILD: &str = "LONGSHORE_TEST_SMALL_DISK";
const TEST: &str = "full::a_full_disk_is_said_so_and_leaves_nothing_behind";

#[tokio::test]
async fn a_full_disk_is_said_so_and_leaves_nothing_behind() {
    if let Some(disk) = env::var_os(CHILD) {
        return on_the_small_disk(&PathBuf::from(disk)).await;
    }
    let folder = TempDir::new().unwrap();
    let mounted = "mount -t tmpfs -o size=8m small \"$0\" && exec \"$@\"";
    let namespace = if can_unshare(&["--mount"]) {
        Some(vec!["--mount"])
    } else if can_unshare(&["--map-root-user", "--mount"]) {
        Some(vec!["--map-root-user", "--mount"])
    } else {
        None
    };
    let mut command = match namespace {
        Some(flags) => {
            let mut command = Command::new("unshare");
            command.args(flags).args(["sh", "-c", mounted]);
            command
        }
        None => {
            let mut command = Command::new("sh");
            // In blocks of 512 bytes; without the signal a write past it is an error.
            command.args(["-c", "trap '' XFSZ; ulimit -f 16384; : \"$0\"; exec \"$@\""]);
            command
        }
    };
    let child = command
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    assert!(said.contains("1 passed"), "the child ran no test: {said}");
}

/// Whether a namespace of its own, with a tmpfs in it, is to be had.
fn can_unshare(flags: &[&str]) -> bool {
    let tried = Command::new("unshare")
        .args(flags)
        .args(["mount", "-t", "tmpfs", "small", "/mnt"])
        .output();
    tried.is_ok_and(|tried| tried.status.success())
}

async fn on_the_small_disk(disk: &Path) {
    let storage = Storage::open(&Settings::default(), disk).await.unwrap();
    let few = sample(1_000_000);
    store(&storage, "few", &few).await;

    let many = sample(10_000_000);
    let upload = storage
        .begin(&key("many"), many.len() as u64, "pick1", false)
        .await
        .unwrap();
    assert_eq!(fill(&upload, &many).await, Err(StorageError::Full));
    assert!(matches!(
        upload.commit().await,
        Err(StorageError::Incomplete { .. })
    ));
    assert_eq!(storage.leftovers().await.unwrap().len(), 0);

    let how = Put {
        upload_id: "put1",
        max_size: u64::MAX,
        overwrite: false,
    };
    let put = storage
        .put(&key("many"), stream::iter([Ok(many)]), how, ())
        .await;
    assert_eq!(put.err(), Some(StorageError::Full));
    assert_eq!(storage.leftovers().await.unwrap().len(), 0);
    assert_eq!(files_below(&disk.join("files")), [disk.join("files/few")]);

    // There is room again for what fits.
    assert!(read(&storage, "few").await.unwrap() == few);
    store(&storage, "more", &few).await;
}

async fn fill(upload: &Upload, bytes: &Bytes) -> Result<(), StorageError> {
    let mut part = upload.part(0);
    for piece in bytes.chunks(100_000) {
        part.write(bytes.slice_ref(piece)).await?;
    }
    part.finish().await
}
