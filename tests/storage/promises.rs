//! What every store promises, each promise a function that takes a fresh store.

use crate::places::Place;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use longshore::storage::{BlockSink, Piece, Put, Storage, StorageError, StorageKey, Upload};
use std::{collections::BTreeSet, io};

/// A sink that keeps what it saw.
#[derive(Default)]
pub struct Seen(Vec<u8>);

impl BlockSink for Seen {
    fn update(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

pub fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

/// Bytes that differ from block to block, so that a swap would show.
pub fn sample(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(next).collect::<Vec<_>>().into()
}

fn slice(bytes: &Bytes, range: std::ops::Range<u64>) -> Bytes {
    bytes.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
}

/// Writes one part in uneven pieces, as a network would bring them.
async fn write_part(upload: &Upload, index: u64, whole: &Bytes) -> Result<Bytes, StorageError> {
    let bytes = slice(whole, upload.part_range(index));
    let mut part = upload.part(index).with_hasher(Seen::default());
    for piece in bytes.chunks(70_001) {
        part.write(bytes.slice_ref(piece)).await?;
    }
    assert_eq!(part.written(), bytes.len() as u64);
    Ok(part.finish().await?.0.into())
}

/// Writes all parts, the last first, several at once.
async fn write_all(upload: &Upload, whole: &Bytes) {
    let parts = (0..upload.parts())
        .rev()
        .map(|index| write_part(upload, index, whole));
    let mut seen = try_join_all(parts).await.unwrap();
    seen.reverse();
    assert!(seen.concat() == *whole, "the sink saw other bytes");
}

pub async fn store(storage: &Storage, name: &str, bytes: &Bytes) {
    let upload = storage
        .begin(&key(name), bytes.len() as u64, "test", false)
        .await
        .unwrap();
    write_all(&upload, bytes).await;
    upload
        .commit()
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

pub async fn read(storage: &Storage, name: &str) -> Result<Bytes, StorageError> {
    let size = storage.size(&key(name)).await?;
    read_range(storage, name, 0..size).await
}

async fn read_range(
    storage: &Storage,
    name: &str,
    range: std::ops::Range<u64>,
) -> Result<Bytes, StorageError> {
    let pieces: Vec<_> = storage.read(&key(name), range).await?.try_collect().await?;
    Ok(pieces.concat().into())
}

/// A size that takes three parts, the last a short one.
async fn three_parts(storage: &Storage) -> Bytes {
    let probe = storage
        .begin(&key("probe"), 1, "probe", false)
        .await
        .unwrap();
    let size = probe.part_size() * 2 + 12_345;
    probe.abort().await;
    sample(usize::try_from(size).unwrap())
}

pub async fn assert_nothing_lies_there(place: &Place) {
    assert_eq!(place.storage.leftovers().await.unwrap(), BTreeSet::new());
    assert_eq!(place.files_on_disk(), Vec::<std::path::PathBuf>::new());
}

pub async fn parts_written_at_once_and_out_of_order_make_the_file(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let upload = storage
        .begin(&key("a/b.bin"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    assert_eq!(upload.parts(), 3);
    write_all(&upload, &bytes).await;
    upload.commit().await.unwrap();
    assert!(read(storage, "a/b.bin").await.unwrap() == bytes);
    let border = upload_border(&bytes);
    for range in [
        0..1,
        border - 7..border + 9,
        bytes.len() as u64 - 1..bytes.len() as u64,
        5..5,
    ] {
        let found = read_range(storage, "a/b.bin", range.clone()).await.unwrap();
        assert!(found == slice(&bytes, range));
    }
    assert_eq!(storage.leftovers().await.unwrap(), BTreeSet::new());
}

fn upload_border(bytes: &Bytes) -> u64 {
    (bytes.len() as u64 - 12_345) / 2
}

pub async fn nothing_is_visible_before_the_commit(place: Place) {
    let storage = &place.storage;
    let upload = storage.begin(&key("a/b"), 3, "pick1", false).await.unwrap();
    write_all(&upload, &Bytes::from_static(b"abc")).await;
    assert_eq!(storage.size(&key("a/b")).await, Err(StorageError::NotFound));
    assert!(matches!(
        read(storage, "a/b").await,
        Err(StorageError::NotFound)
    ));
    upload.commit().await.unwrap();
    assert_eq!(read(storage, "a/b").await.unwrap(), "abc");
}

pub async fn a_part_that_is_missing_keeps_the_file_from_being_stored(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let upload = storage
        .begin(&key("f"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    write_part(&upload, 2, &bytes).await.unwrap();
    write_part(&upload, 0, &bytes).await.unwrap();
    assert!(matches!(
        upload.commit().await,
        Err(StorageError::Incomplete { .. })
    ));
    assert_eq!(storage.size(&key("f")).await, Err(StorageError::NotFound));
    assert_nothing_lies_there(&place).await;
}

pub async fn a_part_takes_neither_more_nor_fewer_bytes_than_its_own(place: Place) {
    let upload = place
        .storage
        .begin(&key("f"), 4, "pick1", false)
        .await
        .unwrap();
    let mut part = upload.part(0);
    part.write(Bytes::from_static(b"abc")).await.unwrap();
    let more = part.write(Bytes::from_static(b"de")).await;
    assert_eq!(more, Err(StorageError::TooLarge { limit: 4 }));
    assert!(matches!(
        part.finish().await,
        Err(StorageError::Incomplete { .. })
    ));
    let beyond = upload.part(1).write(Bytes::from_static(b"x")).await;
    assert_eq!(beyond, Err(StorageError::TooLarge { limit: 0 }));
    upload.abort().await;
    assert_nothing_lies_there(&place).await;
}

pub async fn a_part_that_failed_can_be_written_again(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let upload = storage
        .begin(&key("f"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    let mut cut = upload.part(1);
    cut.write(sample(3_000_000)).await.unwrap();
    drop(cut);
    write_all(&upload, &bytes).await;
    write_part(&upload, 1, &bytes).await.unwrap();
    upload.commit().await.unwrap();
    assert!(read(storage, "f").await.unwrap() == bytes);
}

pub async fn a_key_that_is_taken_is_refused_unless_overwriting_is_asked_for(place: Place) {
    let storage = &place.storage;
    store(storage, "f", &Bytes::from_static(b"first")).await;
    let refused = storage.begin(&key("f"), 2, "pick2", false).await;
    assert_eq!(refused.err(), Some(StorageError::Exists));
    let bytes = three_parts(storage).await;
    for second in [bytes, Bytes::from_static(b"second")] {
        let size = second.len() as u64;
        let upload = storage.begin(&key("f"), size, "pick2", true).await.unwrap();
        write_all(&upload, &second).await;
        upload.commit().await.unwrap();
        assert!(read(storage, "f").await.unwrap() == second);
    }
}

pub async fn of_two_uploads_of_one_key_the_first_to_commit_wins(place: Place) {
    let storage = &place.storage;
    let one = storage.begin(&key("f"), 3, "pick1", false).await.unwrap();
    let two = storage.begin(&key("f"), 3, "pick1", false).await.unwrap();
    write_all(&one, &Bytes::from_static(b"one")).await;
    write_all(&two, &Bytes::from_static(b"two")).await;
    two.commit().await.unwrap();
    assert_eq!(one.commit().await, Err(StorageError::Exists));
    assert_eq!(read(storage, "f").await.unwrap(), "two");
    assert_eq!(storage.leftovers().await.unwrap(), BTreeSet::new());
}

pub async fn an_upload_that_is_aborted_or_dropped_leaves_nothing(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let upload = storage
        .begin(&key("f"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    write_part(&upload, 1, &bytes).await.unwrap();
    upload.abort().await;
    assert_nothing_lies_there(&place).await;

    let upload = storage
        .begin(&key("f"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    write_part(&upload, 1, &bytes).await.unwrap();
    drop(upload);
    // Dropping cannot wait; the removal is on its way.
    for _ in 0..200 {
        if storage.leftovers().await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_nothing_lies_there(&place).await;
}

pub async fn leftovers_of_dead_uploads_are_swept_and_living_ones_stay(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let size = bytes.len() as u64;
    let dead = storage
        .begin(&key("dead"), size, "pick-dead", false)
        .await
        .unwrap();
    write_part(&dead, 0, &bytes).await.unwrap();
    // As a crash would: nothing gets to clean up.
    std::mem::forget(dead);
    let alive = storage
        .begin(&key("alive"), size, "pick-alive", false)
        .await
        .unwrap();
    write_part(&alive, 2, &bytes).await.unwrap();
    let ids = storage.leftovers().await.unwrap();
    assert_eq!(
        ids.into_iter().collect::<Vec<_>>(),
        ["pick-alive", "pick-dead"]
    );
    assert_eq!(storage.sweep(|id| id == "pick-alive").await, Ok(1));
    write_all(&alive, &bytes).await;
    alive.commit().await.unwrap();
    assert!(read(storage, "alive").await.unwrap() == bytes);
    storage.delete(&key("alive")).await.unwrap();
    assert_nothing_lies_there(&place).await;
}

pub async fn an_upload_that_was_swept_cannot_become_visible(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    let upload = storage
        .begin(&key("f"), bytes.len() as u64, "pick1", false)
        .await
        .unwrap();
    write_all(&upload, &bytes).await;
    storage.remove_leftovers("pick1").await.unwrap();
    assert!(upload.commit().await.is_err());
    assert_eq!(storage.size(&key("f")).await, Err(StorageError::NotFound));
    assert_nothing_lies_there(&place).await;
}

pub async fn an_empty_file_is_a_file(place: Place) {
    let storage = &place.storage;
    let upload = storage
        .begin(&key("empty"), 0, "pick1", false)
        .await
        .unwrap();
    assert_eq!(upload.parts(), 0);
    upload.commit().await.unwrap();
    assert_eq!(storage.size(&key("empty")).await, Ok(0));
    assert_eq!(read(storage, "empty").await.unwrap(), "");
}

fn how(max_size: u64) -> Put<'static> {
    Put {
        upload_id: "put1",
        max_size,
        overwrite: false,
    }
}

pub async fn a_stream_of_unknown_length_is_stored_whole(place: Place) {
    let storage = &place.storage;
    let large = three_parts(storage).await;
    let full_part = large.slice(..usize::try_from(upload_border(&large)).unwrap());
    let small = Bytes::from_static(b"small");
    for (name, bytes) in [
        ("large", large),
        ("full", full_part),
        ("small", small),
        ("empty", Bytes::new()),
    ] {
        let size = bytes.len() as u64;
        let pieces: Vec<_> = bytes
            .chunks(999_999)
            .map(|piece| Ok(bytes.slice_ref(piece)))
            .collect();
        for limit in [size, u64::MAX] {
            let pieces = stream::iter(&pieces).map(|piece: &io::Result<Bytes>| match piece {
                Ok(bytes) => Ok(bytes.clone()),
                Err(error) => Err(error.kind().into()),
            });
            let put = storage
                .put(&key(name), pieces, how(limit), Seen::default())
                .await;
            let (stored, seen) = put.unwrap();
            assert_eq!(stored, size);
            assert!(seen.0 == bytes, "the sink saw other bytes");
            assert!(read(storage, name).await.unwrap() == bytes);
            storage.delete(&key(name)).await.unwrap();
        }
    }
    assert_nothing_lies_there(&place).await;
}

pub async fn a_stream_that_is_too_long_or_breaks_off_leaves_nothing(place: Place) {
    let storage = &place.storage;
    let bytes = three_parts(storage).await;
    for limit in [0, 10, bytes.len() as u64 - 1] {
        let whole = stream::iter([Ok(bytes.clone())]);
        let put = storage.put(&key("f"), whole, how(limit), ()).await;
        assert_eq!(put.err(), Some(StorageError::TooLarge { limit }));
    }
    let broken = stream::iter([Ok(bytes), Err(io::ErrorKind::ConnectionReset.into())]);
    let put = storage.put(&key("f"), broken, how(u64::MAX), ()).await;
    assert!(matches!(put.err(), Some(StorageError::Incomplete { .. })));
    assert_eq!(storage.size(&key("f")).await, Err(StorageError::NotFound));
    assert_nothing_lies_there(&place).await;
}

pub async fn what_is_deleted_is_gone_and_deleting_it_again_is_fine(place: Place) {
    let storage = &place.storage;
    store(storage, "a/b/c", &Bytes::from_static(b"x")).await;
    storage.delete(&key("a/b/c")).await.unwrap();
    assert_eq!(
        storage.size(&key("a/b/c")).await,
        Err(StorageError::NotFound)
    );
    assert!(matches!(
        read(storage, "a/b/c").await,
        Err(StorageError::NotFound)
    ));
    storage.delete(&key("a/b/c")).await.unwrap();
    assert_nothing_lies_there(&place).await;
}

pub async fn names_of_every_kind_stay_apart(place: Place) {
    let storage = &place.storage;
    let names = [
        "a/b",
        "a%2Fb",
        "a%252Fb",
        "A/b",
        "a b+c&d=e?f#g",
        "Größe/日本/😀.png",
        "\u{202e}gnp.exe",
        "\\..\\x",
        "~",
        "...",
        "*",
        "'\"<>|",
    ];
    for name in names {
        store(storage, name, &Bytes::copy_from_slice(name.as_bytes())).await;
    }
    for name in names {
        assert_eq!(read(storage, name).await.unwrap(), name);
    }
}

pub async fn a_range_behind_the_end_is_an_error_and_not_fewer_bytes(place: Place) {
    let storage = &place.storage;
    store(storage, "f", &Bytes::from_static(b"abc")).await;
    let cut = read_range(storage, "f", 1..9).await;
    assert!(matches!(cut, Err(StorageError::Incomplete { .. })));
    assert!(read_range(storage, "f", 3..4).await.is_err());
}

pub async fn a_check_passes_and_leaves_nothing(place: Place) {
    place.storage.check(0).await.unwrap();
    assert_nothing_lies_there(&place).await;
}

pub async fn pieces(storage: &Storage, whole: &Bytes, sizes: &[usize]) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    for (number, size) in sizes.iter().enumerate() {
        let name = format!("pieces/{size}-{number}");
        store(storage, &name, &whole.slice(at..at + size)).await;
        at += size;
        pieces.push(Piece {
            key: key(&name),
            size: *size as u64,
        });
    }
    pieces
}

pub async fn stored_files_become_one_in_their_order(place: Place) {
    let storage = &place.storage;
    // Neither the pieces nor the whole are multiples of any part.
    let whole = sample(21_000_003);
    for (number, sizes) in [
        &[][..],
        &[0],
        &[1_000_003],
        &[5_300_000, 1, 0, 9_699_999, 6_000_003],
        &[6_000_000, 6_000_000, 6_000_000, 3_000_003],
        &[3_000_000, 1_000_000, 9_000_000, 8_000_003],
    ]
    .into_iter()
    .enumerate()
    {
        let size: usize = sizes.iter().sum();
        let pieces = pieces(storage, &whole, sizes).await;
        let name = key(&format!("joined/{number}"));
        storage.join(&pieces, &name, "test", false).await.unwrap();
        assert!(read(storage, name.as_str()).await.unwrap() == whole.slice(..size));
        assert_eq!(storage.size(&name).await.unwrap(), size as u64);
        let again = storage.join(&pieces, &name, "test", false).await;
        assert_eq!(again, Err(StorageError::Exists));
        storage.join(&pieces, &name, "test", true).await.unwrap();
        for piece in pieces {
            assert_eq!(storage.size(&piece.key).await.unwrap(), piece.size);
            storage.delete(&piece.key).await.unwrap();
        }
        assert!(read(storage, name.as_str()).await.unwrap() == whole.slice(..size));
    }
    assert_eq!(storage.leftovers().await.unwrap(), BTreeSet::new());
}

pub async fn a_large_piece_that_is_missing_makes_no_file(place: Place) {
    let storage = &place.storage;
    let whole = sample(18_000_000);
    let pieces = pieces(storage, &whole, &[6_000_000, 6_000_000, 6_000_000]).await;
    storage.delete(&pieces[1].key).await.unwrap();
    let joined = storage.join(&pieces, &key("broken"), "test", true).await;
    assert_eq!(joined, Err(StorageError::NotFound));
    let there = storage.size(&key("broken")).await;
    assert_eq!(there, Err(StorageError::NotFound));
    for piece in pieces {
        storage.delete(&piece.key).await.unwrap();
    }
    assert_nothing_lies_there(&place).await;
}

pub async fn a_piece_that_is_missing_or_of_another_size_makes_no_file(place: Place) {
    let storage = &place.storage;
    let whole = sample(300);
    for wrong in [0, 1] {
        for count in [1, 3] {
            let mut pieces = pieces(storage, &whole, &[100, 100, 100][..count]).await;
            match wrong {
                0 => storage.delete(&pieces[count - 1].key).await.unwrap(),
                _ => pieces[count - 1].size += 1,
            }
            let name = key("broken");
            let joined = storage.join(&pieces, &name, "test", true).await;
            assert!(
                matches!(
                    joined,
                    Err(StorageError::NotFound | StorageError::Incomplete { .. })
                ),
                "{joined:?}"
            );
            for piece in pieces {
                storage.delete(&piece.key).await.unwrap();
            }
            // A copy that the store made is the caller's to remove, as with an upload whose answer
            // was lost.
            if wrong == 0 || count == 3 {
                assert_eq!(storage.size(&name).await, Err(StorageError::NotFound));
            }
            storage.delete(&name).await.unwrap();
        }
    }
    assert_eq!(storage.leftovers().await.unwrap(), BTreeSet::new());
}
