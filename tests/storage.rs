//! The promises of `longshore::storage`, kept by a folder, by memory and by object stores alike.
//!
//! The S3 server is s3s-fs, the Azure one is Azurite; both check signatures and are installed by
//! scripts in `tests/support`. Without them these tests fail, they do not skip. Google's store is a
//! double of ours, which checks signatures as well.

#![expect(
    clippy::unwrap_used,
    reason = "a failing test should stop where it fails"
)]

#[path = "support/azure.rs"]
mod azure_server;
#[path = "storage/full.rs"]
mod full;
#[path = "support/gcs.rs"]
mod gcs_server;
#[path = "storage/keys.rs"]
mod keys;
#[path = "storage/middleman.rs"]
mod middleman;
#[path = "storage/only_folder.rs"]
mod only_folder;
#[path = "storage/only_s3.rs"]
mod only_s3;
#[path = "storage/places.rs"]
mod places;
#[path = "storage/promises.rs"]
mod promises;
#[path = "support/s3.rs"]
mod s3_server;

/// Runs every promise against every store.
macro_rules! all_stores_keep {
    ($($promise:ident),* $(,)?) => {
        mod folder {
            $(#[tokio::test]
            async fn $promise() {
                crate::promises::$promise(crate::places::folder().await).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                crate::promises::$promise(crate::places::memory().await).await;
            })*
        }
        mod s3 {
            $(#[tokio::test]
            async fn $promise() {
                crate::promises::$promise(crate::places::s3().await).await;
            })*
        }
        mod gcs {
            $(#[tokio::test]
            async fn $promise() {
                crate::promises::$promise(crate::places::gcs().await).await;
            })*
        }
        mod azure {
            $(#[tokio::test]
            async fn $promise() {
                crate::promises::$promise(crate::places::azure().await).await;
            })*
        }
    };
}

all_stores_keep!(
    parts_written_at_once_and_out_of_order_make_the_file,
    nothing_is_visible_before_the_commit,
    a_part_that_is_missing_keeps_the_file_from_being_stored,
    a_part_takes_neither_more_nor_fewer_bytes_than_its_own,
    a_part_that_failed_can_be_written_again,
    a_key_that_is_taken_is_refused_unless_overwriting_is_asked_for,
    of_two_uploads_of_one_key_the_first_to_commit_wins,
    an_upload_that_is_aborted_or_dropped_leaves_nothing,
    leftovers_of_dead_uploads_are_swept_and_living_ones_stay,
    an_upload_that_was_swept_cannot_become_visible,
    an_empty_file_is_a_file,
    a_stream_of_unknown_length_is_stored_whole,
    a_stream_that_is_too_long_or_breaks_off_leaves_nothing,
    what_is_deleted_is_gone_and_deleting_it_again_is_fine,
    names_of_every_kind_stay_apart,
    a_range_behind_the_end_is_an_error_and_not_fewer_bytes,
    a_check_passes_and_leaves_nothing,
    stored_files_become_one_in_their_order,
    a_piece_that_is_missing_or_of_another_size_makes_no_file,
    a_large_piece_that_is_missing_makes_no_file,
);
