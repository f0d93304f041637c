//! Uploads in several pieces.
//!
//! A session is a file in the account's cache that grows (or, if concurrent, is filled in any
//! order) until it is committed. What arrived stays, even if the commit that came along fails.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    errors::Refusal,
    grants::random_text,
    hash::{self, BLOCK},
    metadata,
    upload::{self, Spool},
};

const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
const LARGEST: u64 = 350 * 1024 * 1024 * 1024;

/// The open sessions.
pub type Sessions = Mutex<HashMap<String, Arc<Mutex<Session>>>>;

/// One upload in several pieces.
pub struct Session {
    account: String,
    path: PathBuf,
    /// The pieces of a concurrent session by their offset; a sequential one has none.
    pieces: Option<BTreeMap<u64, u64>>,
    length: u64,
    closed: bool,
    began: Instant,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It is not there any more if it became a file of the account.
        let _gone = fs::remove_file(&self.path);
    }
}

/// `files/upload_session/start`
pub fn start(call: &Call, spool: Spool) -> Answer {
    upload::check_hash(call, &spool)?;
    let concurrent = concurrent(call)?;
    let closed = call.flag("close")?;
    if concurrent && spool.length > 0 {
        return Err(Refusal::tags(&["concurrent_session_data_not_allowed"]));
    }
    if concurrent && closed {
        return Err(Refusal::tags(&["concurrent_session_close_not_allowed"]));
    }
    let id = open(call, concurrent)?;
    let session = find(call, &id)?;
    let mut session = lock(&session);
    append_at(&mut session, 0, &spool)?;
    session.closed = closed;
    Ok(json!({ "session_id": id }))
}

/// `files/upload_session/start_batch`
pub fn start_batch(call: &Call) -> Answer {
    let count = call.number("num_sessions", 1, 1000)?.ok_or_else(|| {
        Refusal::BadInput("request body: missing required field 'num_sessions'".to_owned())
    })?;
    let concurrent = concurrent(call)?;
    let ids: Result<Vec<String>, Refusal> = (0..count).map(|_| open(call, concurrent)).collect();
    Ok(json!({ "session_ids": ids? }))
}

/// `files/upload_session/append_v2`
pub fn append(call: &Call, spool: Spool) -> Answer {
    upload::check_hash(call, &spool)?;
    let cursor = call.with(call.arg["cursor"].clone());
    let session = find(call, cursor.text("session_id")?)?;
    let mut session = lock(&session);
    let offset = offset(&cursor)?;
    if session.closed {
        return Err(Refusal::tags(&["closed"]));
    }
    let close = call.flag("close")?;
    check_offset(&session, offset, spool.length, close)?;
    append_at(&mut session, offset, &spool)?;
    session.closed = close;
    Ok(Value::Null)
}

/// `files/upload_session/finish`
pub fn finish(call: &Call, spool: Spool) -> Answer {
    upload::check_hash(call, &spool)?;
    let metadata = finish_with(call, &call.arg, Some(&spool))?;
    Ok(metadata)
}

/// `files/upload_session/finish_batch_v2`
pub fn finish_batch_v2(call: &Call) -> Answer {
    Ok(json!({ "entries": finish_all(call)? }))
}

/// Finishes many sessions; a refusal of one is no refusal of the others.
pub fn finish_all(call: &Call) -> Result<Vec<Value>, Refusal> {
    let mut entries = Vec::new();
    for arg in call.list("entries")? {
        entries.push(match finish_with(call, arg, None) {
            Ok(mut metadata) => {
                metadata[".tag"] = json!("success");
                metadata
            }
            Err(Refusal::Route(error)) => json!({ ".tag": "failure", "failure": error }),
            Err(other) => return Err(other),
        });
    }
    Ok(entries)
}

fn finish_with(call: &Call, arg: &Value, spool: Option<&Spool>) -> Answer {
    let cursor = call.with(arg["cursor"].clone());
    let commit = call.with(arg["commit"].clone());
    let id = cursor.text("session_id")?;
    let shared = find(call, id).map_err(lookup_failed)?;
    let mut session = lock(&shared);
    let offset = offset(&cursor)?;
    let length = spool.map_or(0, |spool| spool.length);
    if session.pieces.is_some() {
        if length > 0 {
            return Err(Refusal::tags(&["concurrent_session_data_not_allowed"]));
        }
        if !session.closed {
            return Err(Refusal::tags(&["concurrent_session_not_closed"]));
        }
        if !whole(&session) {
            return Err(Refusal::tags(&["concurrent_session_missing_data"]));
        }
    }
    if session.closed && length > 0 {
        return Err(lookup_failed(Refusal::tags(&["closed"])));
    }
    if offset != session.length {
        return Err(lookup_failed(incorrect_offset(session.length)));
    }
    if let Some(spool) = spool {
        append_at(&mut session, offset, spool).map_err(lookup_failed)?;
    }
    let file = File::open(&session.path)?;
    let content_hash = hash::content_hash(&file, session.length)?;
    let entry = upload::commit(&commit, &session.path, &content_hash)?;
    drop(session);
    sessions(call).remove(id);
    metadata::plain(call.view()?, &entry)
}

fn open(call: &Call, concurrent: bool) -> Result<String, Refusal> {
    let account = &call.view()?.account;
    let id = format!("pid_upload_session:{}", random_text(24));
    let path = account.cache()?.join(random_text(12));
    File::create_new(&path)?;
    let session = Session {
        account: account.id.clone(),
        path,
        pieces: concurrent.then(BTreeMap::new),
        length: 0,
        closed: false,
        began: Instant::now(),
    };
    sessions(call).insert(id.clone(), Arc::new(Mutex::new(session)));
    Ok(id)
}

fn find(call: &Call, id: &str) -> Result<Arc<Mutex<Session>>, Refusal> {
    let mut sessions = sessions(call);
    sessions.retain(|_, session| {
        session
            .try_lock()
            .map_or(true, |session| session.began.elapsed() < LIFETIME)
    });
    let session = sessions.get(id).cloned();
    drop(sessions);
    let own = &call.view()?.account.id;
    session
        .filter(|session| lock(session).account == *own)
        .ok_or_else(|| Refusal::tags(&["not_found"]))
}

fn check_offset(session: &Session, offset: u64, length: u64, close: bool) -> Result<(), Refusal> {
    if session.pieces.is_none() {
        return match offset == session.length {
            true => Ok(()),
            false => Err(incorrect_offset(session.length)),
        };
    }
    let block = BLOCK as u64;
    if !offset.is_multiple_of(block) {
        return Err(Refusal::tags(&["concurrent_session_invalid_offset"]));
    }
    if !close && !length.is_multiple_of(block) {
        return Err(Refusal::tags(&["concurrent_session_invalid_data_size"]));
    }
    Ok(())
}

fn append_at(session: &mut Session, offset: u64, spool: &Spool) -> Result<(), Refusal> {
    let end = offset + spool.length;
    if end > LARGEST {
        return Err(Refusal::tags(&["too_large"]));
    }
    if spool.length > 0 {
        let mut to = File::options().write(true).open(&session.path)?;
        to.seek(SeekFrom::Start(offset))?;
        io::copy(&mut File::open(&spool.path)?, &mut to)?;
    }
    if let Some(pieces) = &mut session.pieces {
        pieces.insert(offset, end);
    }
    session.length = session.length.max(end);
    Ok(())
}

/// Whether a concurrent session has no holes.
fn whole(session: &Session) -> bool {
    let pieces = session.pieces.iter().flatten();
    let reached = pieces.fold(0, |reached, (start, end)| match *start <= reached {
        true => reached.max(*end),
        false => reached,
    });
    reached == session.length
}

fn incorrect_offset(correct: u64) -> Refusal {
    Refusal::Route(json!({ ".tag": "incorrect_offset", "correct_offset": correct }))
}

/// Where `finish` puts what is wrong with the session.
fn lookup_failed(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Route(error) => {
            Refusal::Route(json!({ ".tag": "lookup_failed", "lookup_failed": error }))
        }
        other => other,
    }
}

fn concurrent(call: &Call) -> Result<bool, Refusal> {
    match call.tag("session_type")? {
        None | Some("sequential") => Ok(false),
        Some("concurrent") => Ok(true),
        Some(other) => Err(Refusal::BadInput(format!(
            "request body: session_type: unknown tag '{other}'"
        ))),
    }
}

fn offset(cursor: &Call) -> Result<u64, Refusal> {
    cursor.number("offset", 0, u64::MAX)?.ok_or_else(|| {
        Refusal::BadInput("request body: cursor: missing required field 'offset'".to_owned())
    })
}

fn sessions(call: &Call) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Session>>>> {
    call.simulation
        .sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}
