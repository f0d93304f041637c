//! Every route of the simulated API: what it needs, which members its argument may have and what
//! does the work.

use super::{
    batches,
    body::Served,
    call::{Answer, Call},
    content, edits,
    errors::Refusal,
    export, listing, save_url, search, sharing, thumbnails, upload, upload_sessions, users,
    versions,
};

/// Who may call a route.
pub enum Auth {
    /// A user's token with this scope (any token if empty).
    User(&'static str),
    /// The app with its key and secret.
    App,
    /// Anyone.
    None,
}

/// How a route takes its argument and gives its answer.
pub enum Work {
    /// JSON in, JSON out.
    Rpc(fn(&Call) -> Answer),
    /// The one that waits.
    Longpoll,
    /// Argument in a header, bytes in, JSON out.
    Upload(fn(&Call, upload::Spool) -> Answer),
    /// Argument in a header, bytes out.
    Content(fn(&Call) -> Result<Served, Refusal>),
}

/// One route.
pub struct Route {
    /// Its name below `/2/`.
    pub name: &'static str,
    /// Who may call it.
    pub auth: Auth,
    /// The members of its argument; none if it takes no argument.
    pub fields: &'static [&'static str],
    /// What it does.
    pub work: Work,
}

/// The route with this name.
pub fn find(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

const fn user(
    name: &'static str,
    scope: &'static str,
    fields: &'static [&'static str],
    work: Work,
) -> Route {
    Route {
        name,
        auth: Auth::User(scope),
        fields,
        work,
    }
}

const ACCOUNT: &str = "account_info.read";
const META: &str = "files.metadata.read";
const READ: &str = "files.content.read";
const WRITE: &str = "files.content.write";
const SHARE: &str = "sharing.write";
const SHARED: &str = "sharing.read";

const LIST: &[&str] = &[
    "path",
    "recursive",
    "include_media_info",
    "include_deleted",
    "include_has_explicit_shared_members",
    "include_mounted_folders",
    "limit",
    "shared_link",
    "include_property_groups",
    "include_non_downloadable_files",
    "include_restorable_info",
];
const METADATA: &[&str] = &[
    "path",
    "include_media_info",
    "include_deleted",
    "include_has_explicit_shared_members",
    "include_property_groups",
];
const COMMIT: &[&str] = &[
    "path",
    "mode",
    "autorename",
    "client_modified",
    "mute",
    "property_groups",
    "strict_conflict",
    "content_hash",
];
const RELOCATE: &[&str] = &[
    "from_path",
    "to_path",
    "allow_shared_folder",
    "autorename",
    "allow_ownership_transfer",
];
const THUMBNAIL: &[&str] = &[
    "path",
    "format",
    "size",
    "mode",
    "quality",
    "exclude_media_info",
];
const THUMBNAIL_V2: &[&str] = &[
    "resource",
    "format",
    "size",
    "mode",
    "quality",
    "exclude_media_info",
    "preserve_transparency",
];
const SEARCH: &[&str] = &[
    "query",
    "options",
    "match_field_options",
    "include_highlights",
];
const JOB: &[&str] = &["async_job_id"];
const LINKS: &[&str] = &["path", "cursor", "direct_only"];

const ROUTES: &[Route] = &[
    Route {
        name: "check/app",
        auth: Auth::App,
        fields: &["query"],
        work: Work::Rpc(users::check),
    },
    user("check/user", ACCOUNT, &["query"], Work::Rpc(users::check)),
    user("auth/token/revoke", "", &[], Work::Rpc(users::revoke)),
    user(
        "users/get_current_account",
        ACCOUNT,
        &[],
        Work::Rpc(users::get_current_account),
    ),
    user(
        "users/get_account",
        SHARED,
        &["account_id"],
        Work::Rpc(users::get_account),
    ),
    user(
        "users/get_account_batch",
        SHARED,
        &["account_ids"],
        Work::Rpc(users::get_account_batch),
    ),
    user(
        "users/get_space_usage",
        ACCOUNT,
        &[],
        Work::Rpc(users::get_space_usage),
    ),
    user(
        "files/list_folder",
        META,
        LIST,
        Work::Rpc(listing::list_folder),
    ),
    user(
        "files/list_folder/continue",
        META,
        &["cursor"],
        Work::Rpc(listing::list_folder_continue),
    ),
    user(
        "files/list_folder/get_latest_cursor",
        META,
        LIST,
        Work::Rpc(listing::get_latest_cursor),
    ),
    Route {
        name: "files/list_folder/longpoll",
        auth: Auth::None,
        fields: &["cursor", "timeout"],
        work: Work::Longpoll,
    },
    user(
        "files/get_metadata",
        META,
        METADATA,
        Work::Rpc(listing::get_metadata),
    ),
    user(
        "files/list_revisions",
        META,
        &[
            "path",
            "mode",
            "limit",
            "before_rev",
            "include_restorable_info",
        ],
        Work::Rpc(versions::list),
    ),
    user(
        "files/restore",
        WRITE,
        &["path", "rev"],
        Work::Rpc(versions::restore),
    ),
    user("files/search_v2", META, SEARCH, Work::Rpc(search::search)),
    user(
        "files/search/continue_v2",
        META,
        &["cursor"],
        Work::Rpc(search::search_continue),
    ),
    user(
        "files/download",
        READ,
        &["path", "rev"],
        Work::Content(content::download),
    ),
    user(
        "files/export",
        READ,
        &["path", "export_format"],
        Work::Content(export::export),
    ),
    user(
        "files/get_temporary_link",
        READ,
        &["path"],
        Work::Rpc(content::get_temporary_link),
    ),
    user(
        "files/get_thumbnail",
        READ,
        THUMBNAIL,
        Work::Content(thumbnails::get_thumbnail),
    ),
    user(
        "files/get_thumbnail_v2",
        READ,
        THUMBNAIL_V2,
        Work::Content(thumbnails::get_thumbnail_v2),
    ),
    user(
        "files/get_thumbnail_batch",
        READ,
        &["entries"],
        Work::Rpc(thumbnails::get_thumbnail_batch),
    ),
    user("files/upload", WRITE, COMMIT, Work::Upload(upload::upload)),
    user(
        "files/upload_session/start",
        WRITE,
        &["close", "session_type", "content_hash"],
        Work::Upload(upload_sessions::start),
    ),
    user(
        "files/upload_session/start_batch",
        WRITE,
        &["num_sessions", "session_type"],
        Work::Rpc(upload_sessions::start_batch),
    ),
    user(
        "files/upload_session/append_v2",
        WRITE,
        &["cursor", "close", "content_hash"],
        Work::Upload(upload_sessions::append),
    ),
    user(
        "files/upload_session/finish",
        WRITE,
        &["cursor", "commit", "content_hash"],
        Work::Upload(upload_sessions::finish),
    ),
    user(
        "files/upload_session/finish_batch",
        WRITE,
        &["entries"],
        Work::Rpc(batches::finish_uploads),
    ),
    user(
        "files/upload_session/finish_batch/check",
        WRITE,
        JOB,
        Work::Rpc(batches::finish_check),
    ),
    user(
        "files/upload_session/finish_batch_v2",
        WRITE,
        &["entries"],
        Work::Rpc(upload_sessions::finish_batch_v2),
    ),
    user(
        "files/create_folder_v2",
        WRITE,
        &["path", "autorename"],
        Work::Rpc(edits::create_folder),
    ),
    user(
        "files/delete_v2",
        WRITE,
        &["path", "parent_rev"],
        Work::Rpc(edits::delete),
    ),
    user(
        "files/delete_batch",
        WRITE,
        &["entries"],
        Work::Rpc(batches::delete),
    ),
    user(
        "files/delete_batch/check",
        WRITE,
        JOB,
        Work::Rpc(batches::delete_check),
    ),
    user(
        "files/create_folder_batch",
        WRITE,
        &["paths", "autorename", "force_async"],
        Work::Rpc(batches::create_folders),
    ),
    user(
        "files/create_folder_batch/check",
        WRITE,
        JOB,
        Work::Rpc(batches::create_folders_check),
    ),
    user(
        "files/move_batch_v2",
        WRITE,
        &["entries", "autorename", "allow_ownership_transfer"],
        Work::Rpc(batches::move_entries),
    ),
    user(
        "files/move_batch/check_v2",
        WRITE,
        JOB,
        Work::Rpc(batches::move_check),
    ),
    user(
        "files/copy_batch_v2",
        WRITE,
        &["entries", "autorename"],
        Work::Rpc(batches::copy_entries),
    ),
    user(
        "files/copy_batch/check_v2",
        WRITE,
        JOB,
        Work::Rpc(batches::copy_check),
    ),
    user(
        "files/move_v2",
        WRITE,
        RELOCATE,
        Work::Rpc(edits::move_entry),
    ),
    user("files/copy_v2", WRITE, RELOCATE, Work::Rpc(edits::copy)),
    user(
        "files/save_url",
        WRITE,
        &["path", "url"],
        Work::Rpc(save_url::save_url),
    ),
    user(
        "files/save_url/check_job_status",
        WRITE,
        JOB,
        Work::Rpc(save_url::check_job_status),
    ),
    user(
        "sharing/create_shared_link_with_settings",
        SHARE,
        &["path", "settings"],
        Work::Rpc(sharing::create),
    ),
    user(
        "sharing/list_shared_links",
        SHARED,
        LINKS,
        Work::Rpc(sharing::list),
    ),
    user(
        "sharing/get_shared_link_metadata",
        SHARED,
        &["url", "path", "link_password"],
        Work::Rpc(sharing::get_metadata),
    ),
    user(
        "sharing/get_shared_link_file",
        SHARED,
        &["url", "path", "link_password"],
        Work::Content(sharing::get_file),
    ),
    user(
        "sharing/modify_shared_link_settings",
        SHARE,
        &["url", "settings", "remove_expiration"],
        Work::Rpc(sharing::modify),
    ),
    user(
        "sharing/revoke_shared_link",
        SHARE,
        &["url"],
        Work::Rpc(sharing::revoke),
    ),
];
