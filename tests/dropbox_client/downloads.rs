//! Content on its way to us, whole and in parts, and how it fails.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use longshore::dropbox::{ContentStream, Download, DropboxError, FileMetadata, Metadata};
use serde_json::{Value, json};

use crate::{
    DOWNLOAD, METADATA, World, conflict, file,
    stub::{Fault, Reply},
};

/// Everything that comes, and how it ends.
async fn read(mut stream: ContentStream) -> (Vec<u8>, Option<DropboxError>) {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (bytes, Some(error));
            }
        }
    }
    assert_eq!(stream.received(), bytes.len() as u64);
    (bytes, None)
}

fn content(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

fn described(size: usize) -> FileMetadata {
    match serde_json::from_value(file(size)).unwrap() {
        Metadata::File(file) => file,
        other => panic!("{other:?}"),
    }
}

async fn download(
    world: &World,
    range: Option<std::ops::Range<u64>>,
) -> Result<Download, DropboxError> {
    world.dropbox.download(&world.account, "id:a", range).await
}

#[tokio::test]
async fn a_whole_file_comes_with_its_description() {
    let world = World::new().await;
    let bytes = content(3_000_000);
    world.stub.on(
        DOWNLOAD,
        [Reply::content(&file(bytes.len()), bytes.clone())],
    );
    let download = download(&world, None).await.unwrap();
    assert_eq!(download.status, 200);
    assert_eq!(download.content_range, None);
    assert_eq!(download.length, Some(3_000_000));
    assert_eq!(download.metadata, Some(described(3_000_000)));
    assert_eq!(read(download.stream).await, (bytes.to_vec(), None));
}

#[tokio::test]
async fn an_answer_without_a_description_is_judged_by_size_and_hash() {
    let world = World::new().await;
    let bytes = content(1000);
    let bare = || Reply::content(&file(1000), bytes.clone()).undescribed();
    world.stub.on(DOWNLOAD, [bare(), bare(), bare()]);
    let pinned = described(1000);
    let pinned_download = async |pinned: &FileMetadata| {
        let download = world
            .dropbox
            .download_pinned(&world.account, pinned, Some(100..200));
        Ok::<_, DropboxError>(read(download.await?.stream).await.0)
    };
    assert_eq!(pinned_download(&pinned).await.unwrap(), bytes[100..200]);
    let longer = FileMetadata {
        size: 1001,
        ..pinned.clone()
    };
    assert_eq!(pinned_download(&longer).await, Err(DropboxError::Changed));
    let unhashed = FileMetadata {
        content_hash: None,
        ..pinned
    };
    assert_eq!(pinned_download(&unhashed).await.unwrap(), bytes[100..200]);
    let gone = conflict(json!({ ".tag": "path", "path": { ".tag": "not_found" } }));
    world.stub.on(DOWNLOAD, [gone, bare()]);
    assert_eq!(pinned_download(&unhashed).await, Err(DropboxError::Changed));
}

#[tokio::test]
async fn a_range_brings_these_bytes_and_no_others() {
    let world = World::new().await;
    let bytes = content(1000);
    world
        .stub
        .on(DOWNLOAD, [Reply::content(&file(1000), bytes.clone())]);
    let middle = download(&world, Some(100..200)).await.unwrap();
    assert_eq!(middle.status, 206);
    assert_eq!(middle.content_range.unwrap().total, Some(1000));
    assert_eq!(read(middle.stream).await.0, bytes[100..200]);
    assert_eq!(world.stub.only().header("range"), Some("bytes=100-199"));
    let tail = download(&world, Some(900..5000)).await.unwrap();
    assert_eq!(read(tail.stream).await.0, bytes[900..]);
}

#[tokio::test]
async fn an_answer_with_another_range_is_not_taken() {
    let world = World::new().await;
    let whole = Reply::content(&file(1000), content(1000)).ignoring_ranges();
    let shifted = whole.clone().header("Content-Range", "bytes 0-999/1000");
    let of_another_size = Reply::content(&file(1000), content(900)).ignoring_ranges();
    world.stub.on(DOWNLOAD, [shifted, of_another_size, whole]);
    for range in [100..200, 100..200, 1000..1001] {
        let outcome = download(&world, Some(range)).await;
        assert!(
            matches!(outcome, Err(DropboxError::Unexpected(_))),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn from_a_server_without_ranges_the_range_is_cut_out() {
    let world = World::new().await;
    let bytes = content(1_000_000);
    let whole = Reply::content(&file(bytes.len()), bytes.clone()).ignoring_ranges();
    world.stub.on(DOWNLOAD, [whole]);
    for range in [
        0..1_000_000,
        0..10,
        300_000..300_001,
        999_000..1_000_000,
        5..2_000_000,
    ] {
        let part = download(&world, Some(range.clone())).await.unwrap();
        let range = range.start..range.end.min(1_000_000);
        assert_eq!(part.length, Some(range.end - range.start));
        let told = part.content_range.unwrap();
        assert_eq!((told.start, told.end), (range.start, range.end));
        let wanted = &bytes[range.start as usize..range.end as usize];
        assert_eq!(
            read(part.stream).await,
            (wanted.to_vec(), None),
            "{range:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_not_made_to_send_a_large_file_again_and_again() {
    let world = World::new().await;
    let large = 300 << 20;
    // Only its head is looked at.
    let whole = Reply::content(&file(large), "").ignoring_ranges().chunked();
    world.stub.on(DOWNLOAD, [whole]);
    let at_the_end = Some(large as u64 - 1..large as u64);
    let outcome = download(&world, at_the_end).await;
    assert!(
        matches!(outcome, Err(DropboxError::Unexpected(_))),
        "{outcome:?}"
    );
    let near = Some((256 << 20)..(256 << 20) + 1);
    assert!(download(&world, near).await.is_ok());
}

#[tokio::test]
async fn where_the_length_is_not_announced_an_early_end_is_noticed_all_the_same() {
    let world = World::new().await;
    let bytes = content(5000);
    let right = Reply::content(&file(5000), bytes.clone());
    let short = Reply::content(&file(5000), bytes.slice(..4000)).ignoring_ranges();
    let long = Reply::content(&file(4000), bytes.clone()).ignoring_ranges();
    world.stub.on(
        DOWNLOAD,
        [
            right.clone().chunked(),
            right.clone().closing(),
            right.clone().closing(),
            short.clone().chunked(),
            short.closing(),
            long.chunked(),
        ],
    );
    for range in [None, None, Some(1000..3000)] {
        let wanted = match &range {
            Some(range) => bytes.slice(range.start as usize..range.end as usize),
            None => bytes.clone(),
        };
        let download = download(&world, range).await.unwrap();
        assert_eq!(download.length, Some(wanted.len() as u64));
        assert_eq!(read(download.stream).await, (wanted.to_vec(), None));
    }
    for _ in 0..2 {
        let (got, error) = read(download(&world, None).await.unwrap().stream).await;
        assert_eq!(got, bytes[..4000]);
        assert!(matches!(error, Some(DropboxError::Cut { .. })), "{error:?}");
    }
    let (got, error) = read(download(&world, None).await.unwrap().stream).await;
    assert!(got.len() <= 4000);
    let more = matches!(error, Some(DropboxError::Unexpected(_)));
    assert!(more, "{error:?}");
}

#[tokio::test]
async fn compressed_bytes_are_not_taken_for_the_file() {
    let world = World::new().await;
    let zipped = Reply::content(&file(3), "abc").header("Content-Encoding", "gzip");
    let plain = Reply::content(&file(3), "abc").header("Content-Encoding", "identity");
    world.stub.on(DOWNLOAD, [zipped, plain]);
    let outcome = download(&world, None).await;
    assert!(
        matches!(&outcome, Err(DropboxError::Unexpected(told)) if told.summary.contains("compressed")),
        "{outcome:?}"
    );
    assert!(download(&world, None).await.is_ok());
    let asked = &world.stub.seen()[0];
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_version_that_is_not_known_by_its_rev_is_asked_for_by_id_and_checked() {
    let world = World::new().await;
    let gone = conflict(json!({".tag": "path", "path": {".tag": "not_found"}}));
    let mut edited = file(3);
    edited["rev"] = json!("9999999999");
    let no_such_form = Reply::new(400, "path: did not match pattern");
    world.stub.on(
        DOWNLOAD,
        [
            gone.clone(),
            Reply::content(&file(3), "abc"),
            no_such_form,
            Reply::content(&edited, "abd"),
            gone,
        ],
    );
    let pinned = described(3);
    let again = || world.dropbox.download_pinned(&world.account, &pinned, None);
    let download = again().await.unwrap();
    assert_eq!(read(download.stream).await.0, b"abc");
    assert_eq!(world.stub.seen()[1].argument()["path"], "id:a");
    let edited = again().await;
    assert!(matches!(edited, Err(DropboxError::Changed)), "{edited:?}");
    let nowhere = again().await;
    assert!(
        matches!(nowhere, Err(DropboxError::PathNotFound)),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn a_range_outside_of_the_file_is_told() {
    let world = World::new().await;
    world.stub.on(DOWNLOAD, [Reply::new(416, "")]);
    let outcome = download(&world, Some(5000..6000)).await;
    assert!(
        matches!(outcome, Err(DropboxError::RangeNotSatisfiable)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_empty_file_comes_without_a_byte() {
    let world = World::new().await;
    world.stub.on(DOWNLOAD, [Reply::content(&file(0), "")]);
    let download = download(&world, None).await.unwrap();
    assert_eq!(download.length, Some(0));
    assert_eq!(read(download.stream).await, (vec![], None));
}

#[tokio::test]
async fn a_download_that_is_cut_keeps_what_came_and_is_resumed_by_range() {
    let world = World::new().await;
    let bytes = content(1_000_000);
    let whole = Reply::content(&file(bytes.len()), bytes.clone());
    world.stub.on(
        DOWNLOAD,
        [whole.clone().fault(Fault::CutAfter(600_000)), whole],
    );
    let (mut got, error) = read(download(&world, None).await.unwrap().stream).await;
    let error = error.unwrap();
    assert!(matches!(error, DropboxError::Cut { .. }), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(got, bytes[..got.len()]);
    // The client itself has not asked again.
    world.stub.only();
    let rest = download(&world, Some(got.len() as u64..1_000_000))
        .await
        .unwrap();
    got.extend(read(rest.stream).await.0);
    assert_eq!(got, bytes);
}

#[tokio::test]
async fn a_download_that_stalls_ends_after_the_stall_timeout() {
    let world = World::with(|settings| settings.stall_timeout = Duration::from_millis(200)).await;
    let stalled = Reply::content(&file(100), content(100)).fault(Fault::StallAfter(40));
    world.stub.on(DOWNLOAD, [stalled]);
    let began = Instant::now();
    let (got, error) = read(download(&world, None).await.unwrap().stream).await;
    let silence = Duration::from_millis(200);
    assert_eq!(error, Some(DropboxError::Stalled { silence }));
    assert_eq!(got.len(), 40);
    assert!((silence..silence * 10).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_not_a_stall() {
    let world = World::with(|settings| settings.stall_timeout = Duration::from_millis(50)).await;
    let bytes = content(1_000_000);
    world
        .stub
        .on(DOWNLOAD, [Reply::content(&file(bytes.len()), bytes)]);
    let mut stream = download(&world, None).await.unwrap().stream;
    let mut got = stream.next().await.unwrap().unwrap().len();
    tokio::time::sleep(Duration::from_millis(150)).await;
    while let Some(chunk) = stream.next().await {
        got += chunk.unwrap().len();
    }
    assert_eq!(got, 1_000_000);
}

#[tokio::test]
async fn the_head_of_a_download_is_asked_for_again_like_any_call() {
    let world = World::new().await;
    let good = Reply::content(&file(3), "abc");
    let lost = good.clone().fault(Fault::Silence);
    world.stub.on(DOWNLOAD, [Reply::new(503, ""), lost, good]);
    let download = download(&world, None).await.unwrap();
    assert_eq!(read(download.stream).await.0, b"abc");
    assert_eq!(world.stub.seen().len(), 3);
}

#[tokio::test]
async fn a_pinned_download_asks_for_its_rev_and_takes_no_other_version() {
    let changed = |name: &str, value: Value| {
        let mut other = file(3);
        other[name] = value;
        Reply::content(&other, "abc")
    };
    let world = World::new().await;
    world.stub.on(
        DOWNLOAD,
        [
            Reply::content(&file(3), "abc"),
            changed("rev", json!("9999999999")),
            changed("size", json!(4)),
            changed("content_hash", json!("bb")),
        ],
    );
    let pinned = described(3);
    let again = || {
        world
            .dropbox
            .download_pinned(&world.account, &pinned, Some(0..3))
    };
    again().await.unwrap();
    assert_eq!(world.stub.only().argument()["path"], "rev:0123456789");
    for _ in 0..3 {
        let outcome = again().await;
        assert!(matches!(outcome, Err(DropboxError::Changed)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_downloaded_says_how_it_can_be_had() {
    let world = World::new().await;
    let refused = conflict(json!({".tag": "unsupported_file"}));
    let mut paper = file(3);
    paper["is_downloadable"] = json!(false);
    paper["export_info"] = json!({"export_as": "md", "export_options": ["html"]});
    world.stub.on(DOWNLOAD, [refused.clone()]);
    world.stub.on("/api/2/files/get_temporary_link", [refused]);
    world.stub.on(METADATA, [Reply::json(paper)]);
    let link = world
        .dropbox
        .get_temporary_link(&world.account, "id:a")
        .await
        .unwrap_err();
    for error in [download(&world, None).await.unwrap_err(), link] {
        let DropboxError::NotDownloadable {
            export: Some(export),
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(export.export_as.as_deref(), Some("md"));
    }
}

#[tokio::test]
async fn an_export_has_a_size_and_a_hash_of_its_own() {
    let world = World::new().await;
    let result = json!({
        "export_metadata": {"name": "a.md", "size": 5, "export_hash": "ee", "paper_revision": 7},
        "file_metadata": file(99),
    });
    world.stub.on(
        "/content/2/files/export",
        [Reply::content(&result, "# Hi\n")],
    );
    let export = world
        .dropbox
        .export(&world.account, "id:a", Some("md"))
        .await
        .unwrap();
    assert_eq!((export.export.size, export.metadata.size), (5, 99));
    assert_eq!(export.export.export_hash.as_deref(), Some("ee"));
    assert_eq!(read(export.stream).await.0, b"# Hi\n");
    let asked = world.stub.only();
    assert_eq!(
        asked.argument(),
        json!({"path": "id:a", "export_format": "md"})
    );
}

#[tokio::test]
async fn an_answer_with_a_description_that_cannot_be_read_is_not_taken() {
    let world = World::new().await;
    let garbled = Reply::new(200, "abc").header("Dropbox-API-Result", "{");
    world.stub.on(DOWNLOAD, [garbled]);
    let outcome = download(&world, None).await;
    assert!(
        matches!(outcome, Err(DropboxError::Unexpected(_))),
        "{outcome:?}"
    );
}
