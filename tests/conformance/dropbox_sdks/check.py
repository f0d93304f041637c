"""Drives the simulated Dropbox with Dropbox's own Python SDK.

Arguments: the sandbox's URL, and the folder of its account `Ann`. The only thing that is not the
SDK's own is where requests go: a session sends every `*.dropboxapi.com` host to the sandbox.
"""

import hashlib
import os
import re
import sys
import time
import urllib.parse

import dropbox
import requests
from dropbox import files, common, sharing
from dropbox.exceptions import ApiError, AuthError
from dropbox.dropbox_client import create_session
from dropbox.oauth import DropboxOAuth2Flow

URL, FOLDER = sys.argv[1], sys.argv[2]
KEY, SECRET = "sdk-key", "sdk-secret"
REDIRECT = "http://localhost:9/callback"


class Redirected(requests.adapters.HTTPAdapter):
    """Takes every host of Dropbox to be the sandbox."""

    def send(self, request, **options):
        request.url = re.sub(r"^https://(api|content|notify|www)\.dropbox(api)?\.com", URL, request.url)
        options["verify"] = False
        return super().send(request, **options)


def session():
    made = create_session()
    made.mount("https://", Redirected())
    return made


def consent(url):
    """Presses Allow, as a person would."""
    url = url.replace("https://www.dropbox.com", URL)
    page = requests.get(url)
    assert page.status_code == 200, page.text
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    fields = dict(re.findall(r'<input type="(?:hidden)" name="(\w+)" value="([^"]*)"', page.text))
    answer = requests.post(f"{URL}/oauth2/authorize", data={**fields, "decision": "allow"}, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    query = urllib.parse.urlparse(answer.headers["Location"]).query
    return {name: values[0] for name, values in urllib.parse.parse_qs(query).items()}


def sign_in(pkce):
    jar = {}
    flow = DropboxOAuth2Flow(
        KEY, REDIRECT, jar, "csrf", consumer_secret=None if pkce else SECRET,
        token_access_type="offline", use_pkce=pkce,
    )
    flow.requests_session = session()
    return flow.finish(consent(flow.start("where-i-was")))


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{call} was not refused")


def main():
    result = sign_in(pkce=False)
    assert result.account_id.startswith("dbid:"), result
    assert result.url_state == "where-i-was"
    sign_in(pkce=True)
    dbx = dropbox.Dropbox(
        oauth2_refresh_token=result.refresh_token, app_key=KEY, app_secret=SECRET, session=session()
    )
    account = dbx.users_get_current_account()
    assert account.name.display_name == "Ann" and account.account_id == result.account_id
    assert dbx.users_get_space_usage().used > 0
    assert dbx.check_user("hello").result == "hello"
    assert dbx.users_get_account_batch([account.account_id])[0].email == account.email
    listing(dbx)
    downloads(dbx)
    uploads(dbx)
    edits(dbx)
    batches(dbx)
    links(dbx)
    changes(dbx)
    pictures(dbx)
    tokens(dbx)
    print("python sdk: all well")


def listing(dbx):
    page = dbx.files_list_folder("", limit=2)
    names = [entry.name for entry in page.entries]
    assert len(names) == 2 and page.has_more
    while page.has_more:
        page = dbx.files_list_folder_continue(page.cursor)
        names += [entry.name for entry in page.entries]
    assert {"hello.txt", "Docs", "big.bin", "note.paper", "picture.png"} <= set(names), names
    every = dbx.files_list_folder("", recursive=True).entries
    assert any(entry.path_display == "/Docs/é 😀.txt" for entry in every)
    meta = dbx.files_get_metadata("/HELLO.TXT")
    assert isinstance(meta, files.FileMetadata) and meta.size == 5
    assert dbx.files_get_metadata(meta.id).path_lower == "/hello.txt"
    assert dbx.files_get_metadata("rev:" + meta.rev).id == meta.id
    error = refused(ApiError, lambda: dbx.files_list_folder("/nowhere"))
    assert error.error.is_path() and error.error.get_path().is_not_found()
    matches = dbx.files_search_v2("hello").matches
    assert any(m.metadata.get_metadata().name == "hello.txt" for m in matches)
    options = files.SearchMatchFieldOptions(include_highlights=True)
    found = dbx.files_search_v2("hello", match_field_options=options).matches[0]
    assert [span.highlight_str for span in found.highlight_spans if span.is_highlighted] == ["hello"]


def downloads(dbx):
    meta, answer = dbx.files_download("/Docs/é 😀.txt")
    assert answer.content == "é".encode() and meta.name == "é 😀.txt"
    meta, answer = dbx.files_download("/big.bin")
    with open(os.path.join(FOLDER, "big.bin"), "rb") as file:
        whole = file.read()
    assert answer.content == whole
    hasher = hashlib.sha256()
    for start in range(0, len(whole), 4 << 20):
        hasher.update(hashlib.sha256(whole[start:start + (4 << 20)]).digest())
    assert meta.content_hash == hasher.hexdigest()
    link = dbx.files_get_temporary_link("/big.bin").link
    part = requests.get(link, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole[100:200]
    error = refused(ApiError, lambda: dbx.files_download("/note.paper"))
    assert error.error.is_unsupported_file()
    exported, answer = dbx.files_export("/note.paper")
    assert exported.export_metadata.size == len(answer.content)
    assert exported.file_metadata.is_downloadable is False


def uploads(dbx):
    first = dbx.files_upload(b"one", "/up/a.txt")
    again = dbx.files_upload(b"one", "/up/a.txt")
    assert first.rev == again.rev
    error = refused(ApiError, lambda: dbx.files_upload(b"two", "/up/a.txt"))
    assert error.error.is_path() and error.error.get_path().reason.is_conflict()
    assert error.error.get_path().reason.get_conflict().is_file()
    other = dbx.files_upload(b"two", "/up/a.txt", autorename=True)
    assert other.name == "a (1).txt"
    newer = dbx.files_upload(b"two", "/up/a.txt", mode=files.WriteMode.overwrite)
    assert newer.rev != first.rev and newer.id == first.id
    meta, answer = dbx.files_download("rev:" + first.rev)
    assert meta.rev == first.rev and answer.content == b"one"
    dbx.files_upload(b"three", "/up/a.txt", mode=files.WriteMode.update(newer.rev))
    dbx.files_upload(b"", "/up/nothing.txt")
    with open(os.path.join(FOLDER, "up", "a.txt"), "rb") as file:
        assert file.read() == b"three"
    revisions(dbx, first, newer)
    sessions(dbx)


def revisions(dbx, first, newer):
    listed = dbx.files_list_revisions("/up/a.txt", limit=2)
    assert len(listed.entries) == 2 and listed.entries[1].rev == newer.rev and not listed.is_deleted
    dbx.files_delete_v2("/up/a.txt")
    listed = dbx.files_list_revisions("/up/a.txt", mode=files.ListRevisionsMode.path)
    assert listed.is_deleted and listed.server_deleted and listed.entries[-1].rev == first.rev
    restored = dbx.files_restore("/up/a.txt", listed.entries[0].rev)
    assert restored.content_hash == listed.entries[0].content_hash
    error = refused(ApiError, lambda: dbx.files_restore("/up/nothing.txt", first.rev))
    assert error.error.is_invalid_revision()


def sessions(dbx):
    block = 4 << 20
    started = dbx.files_upload_session_start(b"x" * 10)
    cursor = files.UploadSessionCursor(started.session_id, 5)
    error = refused(ApiError, lambda: dbx.files_upload_session_append_v2(b"y", cursor))
    assert error.error.get_incorrect_offset().correct_offset == 10
    cursor.offset = 10
    dbx.files_upload_session_append_v2(b"y" * 10, cursor)
    cursor.offset = 20
    taken = files.CommitInfo("/hello.txt")
    error = refused(ApiError, lambda: dbx.files_upload_session_finish(b"z", cursor, taken))
    assert error.error.is_path() and error.error.get_path().is_conflict()
    cursor.offset = 21
    done = dbx.files_upload_session_finish(b"", cursor, files.CommitInfo("/up/session.bin"))
    assert done.size == 21
    kind = files.UploadSessionType.concurrent
    started = dbx.files_upload_session_start(b"", session_type=kind)
    cursor = files.UploadSessionCursor(started.session_id, block)
    error = refused(ApiError, lambda: dbx.files_upload_session_append_v2(b"b" * 100, cursor))
    assert error.error.is_concurrent_session_invalid_data_size()
    cursor.offset = 0
    dbx.files_upload_session_append_v2(b"a" * block, cursor)
    cursor.offset = block
    dbx.files_upload_session_append_v2(b"b" * 100, cursor, close=True)
    cursor.offset = block + 100
    finish = files.UploadSessionFinishArg(cursor, files.CommitInfo("/up/both.bin"))
    batch = dbx.files_upload_session_finish_batch_v2([finish])
    assert batch.entries[0].get_success().size == block + 100
    pair = [dbx.files_upload_session_start(b"p", close=True).session_id for _ in range(2)]
    pair = [
        files.UploadSessionFinishArg(files.UploadSessionCursor(session, offset), files.CommitInfo(f"/up/pair {offset}"))
        for offset, session in enumerate(pair)
    ]
    launched = dbx.files_upload_session_finish_batch(pair)
    done = dbx.files_upload_session_finish_batch_check(launched.get_async_job_id()).get_complete()
    assert done.entries[0].get_failure().get_lookup_failed().get_incorrect_offset().correct_offset == 1
    assert done.entries[1].get_success().name == "pair 1"


def edits(dbx):
    folder = dbx.files_create_folder_v2("/made").metadata
    assert folder.path_display == "/made"
    error = refused(ApiError, lambda: dbx.files_create_folder_v2("/made"))
    assert error.error.get_path().get_conflict().is_folder()
    copied = dbx.files_copy_v2("/up", "/made/copy").metadata
    assert isinstance(copied, files.FolderMetadata)
    before = dbx.files_get_metadata("/hello.txt")
    moved = dbx.files_move_v2("/hello.txt", "/made/Hello.txt").metadata
    assert (moved.id, moved.rev) == (before.id, before.rev)
    assert os.path.exists(os.path.join(FOLDER, "made", "Hello.txt"))
    dbx.files_move_v2("/made/Hello.txt", "/hello.txt")
    gone = dbx.files_delete_v2("/made").metadata
    assert isinstance(gone, files.FolderMetadata)
    error = refused(ApiError, lambda: dbx.files_delete_v2("/made"))
    assert error.error.get_path_lookup().is_not_found()
    job = dbx.files_save_url("/saved.bin", dbx.files_get_temporary_link("/big.bin").link)
    while True:
        status = dbx.files_save_url_check_job_status(job.get_async_job_id())
        if not status.is_in_progress():
            break
        time.sleep(0.05)
    assert status.is_complete() and status.get_complete().name == "saved.bin"


def batches(dbx):
    made = dbx.files_create_folder_batch(["/many/a", "/hello.txt"])
    made = dbx.files_create_folder_batch_check(made.get_async_job_id()).get_complete().entries
    assert made[0].get_success().metadata.name == "a"
    assert made[1].get_failure().get_path().get_conflict().is_file()
    wanted = [files.RelocationPath("/hello.txt", "/many/1"), files.RelocationPath("/never", "/many/2")]
    copied = dbx.files_copy_batch_v2(wanted)
    copied = dbx.files_copy_batch_check_v2(copied.get_async_job_id()).get_complete().entries
    assert copied[0].get_success().name == "1"
    assert copied[1].get_failure().get_relocation_error().get_from_lookup().is_not_found()
    moved = dbx.files_move_batch_v2([files.RelocationPath("/many/1", "/many/3")])
    assert moved.get_complete().entries[0].get_success().path_display == "/many/3"
    gone = dbx.files_delete_batch([files.DeleteArg("/many"), files.DeleteArg("/never")])
    gone = dbx.files_delete_batch_check(gone.get_async_job_id()).get_complete().entries
    assert isinstance(gone[0].get_success().metadata, files.FolderMetadata)
    assert gone[1].get_failure().get_path_lookup().is_not_found()
    error = refused(ApiError, lambda: dbx.files_delete_batch_check("nothing"))
    assert error.error.is_invalid_async_job_id()


def links(dbx):
    made = dbx.sharing_create_shared_link_with_settings("/hello.txt")
    error = refused(ApiError, lambda: dbx.sharing_create_shared_link_with_settings("/hello.txt"))
    assert error.error.is_shared_link_already_exists()
    listed = dbx.sharing_list_shared_links(path="/hello.txt").links
    assert [link.url for link in listed] == [made.url]
    assert requests.get(made.url.replace("dl=0", "dl=1")).content == b"hello"
    described, answer = dbx.sharing_get_shared_link_file(made.url)
    assert isinstance(described, sharing.FileLinkMetadata) and answer.content == b"hello"
    assert described.link_permissions.resolved_visibility.is_public()
    assert dbx.sharing_get_shared_link_metadata(made.url).id == made.id
    settings = sharing.SharedLinkSettings(requested_visibility=sharing.RequestedVisibility.team_only)
    error = refused(ApiError, lambda: dbx.sharing_modify_shared_link_settings(made.url, settings))
    assert error.error.get_settings_error().is_not_authorized()
    dbx.sharing_revoke_shared_link(made.url)
    assert requests.get(made.url).status_code == 404


def changes(dbx):
    cursor = dbx.files_list_folder_get_latest_cursor("", recursive=True).cursor
    with open(os.path.join(FOLDER, "by hand.txt"), "w") as file:
        file.write("new")
    assert dbx.files_list_folder_longpoll(cursor, 30).changes
    page = dbx.files_list_folder_continue(cursor)
    assert [entry.name for entry in page.entries] == ["by hand.txt"]
    os.remove(os.path.join(FOLDER, "by hand.txt"))
    page = dbx.files_list_folder_continue(page.cursor)
    assert isinstance(page.entries[0], files.DeletedMetadata)


def pictures(dbx):
    info = dbx.files_get_metadata("/picture.png", include_media_info=True).media_info
    assert info.get_metadata().dimensions.width > 0
    meta, answer = dbx.files_get_thumbnail("/picture.png", size=files.ThumbnailSize.w32h32)
    assert meta.name == "picture.png" and answer.content[:2] == b"\xff\xd8"
    resource = files.PathOrLink.path("/picture.png")
    result, answer = dbx.files_get_thumbnail_v2(resource, format=files.ThumbnailFormat.png)
    assert result.file_metadata.name == "picture.png" and answer.content[1:4] == b"PNG"
    shared = dbx.sharing_create_shared_link_with_settings("/picture.png")
    resource = files.PathOrLink.link(files.SharedLinkFileInfo(shared.url))
    result, answer = dbx.files_get_thumbnail_v2(resource)
    assert result.link_metadata.url == shared.url and answer.content[:2] == b"\xff\xd8"
    batch = dbx.files_get_thumbnail_batch(
        [files.ThumbnailArg("/picture.png"), files.ThumbnailArg("/hello.txt")]
    )
    assert batch.entries[0].is_success() and batch.entries[1].get_failure().is_unsupported_extension()


def tokens(dbx):
    requests.post(f"{URL}/_sandbox/expire_tokens")
    # The SDK refreshes by itself when it is told that the token has expired.
    assert dbx.users_get_current_account().email == "ann@example.com"
    rooted = dbx.with_path_root(common.PathRoot.root("1"))
    try:
        rooted.files_list_folder("")
        raise AssertionError("a foreign root was taken")
    except dropbox.exceptions.PathRootError as error:
        assert error.error.is_invalid_root()
    requests.post(f"{URL}/_sandbox/faults", json={"route": "files/list_folder", "kind": "rate_limited", "retry_after": 1, "times": 1})
    dbx.files_list_folder("")
    dbx.auth_token_revoke()
    refused(AuthError, lambda: dbx.users_get_current_account())


main()
