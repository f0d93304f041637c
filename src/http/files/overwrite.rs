//! Putting other bytes behind a handle.
//!
//! The new bytes become an object of their own; one transaction then makes the file name it and
//! tells of it. Overwrites that come at once follow one another, each with its event.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::conditions::Version;
use super::permit::{Permit, permit};
use super::remove::collect_soon;
use super::{Asked, safety};
use crate::access::{Call, Subject, random_name};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::{Events, Happening};
use crate::files::{
    Catalog, FileError, Garbage, Handle, Kind, Replacement, Reservation, StoredFile, facts, garbage,
};
use crate::http::{Edge, Problem, Refusal, incoming};
use crate::storage::{Put, Storage, StorageError, StorageKey};

/// How long storing a body may take until its object counts as left behind.
const LONGEST_UPLOAD: Duration = Duration::from_secs(24 * 60 * 60);
/// How often an overwrite is tried again that came second.
const MOST_TRIES: usize = 100;
/// Bytes of a form's other fields at most.
const OTHER_FIELDS: usize = 64 * 1024;
/// Characters of a name at most.
const LONGEST_NAME: usize = 1000;

/// Takes the body and answers with what the file is now.
pub(super) async fn overwrite(
    edge: &Edge,
    request: &HttpRequest,
    asked: &Asked,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let permit = permit(edge, asked, Call::Write, true).await?;
    if asked.query.contains_key("url") {
        return Err(Problem::not_implemented("overwriting from a URL").into());
    }
    if asked.is_on("base64decode") {
        return Err(Problem::not_implemented("decoding base64").into());
    }
    let only_this_version = request.headers().contains_key(header::IF_MATCH);
    Version::of(&permit.file).demand(request.headers())?;
    let limit = limit(edge, &permit);
    check_length(request, limit)?;
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let file = if content_type.starts_with("multipart/") {
        let mut form = Multipart::new(request.headers(), body);
        let field = file_field(&mut form).await?;
        let name = field.content_disposition().and_then(|d| d.get_filename());
        let name = name.map(str::to_owned);
        let mimetype = field.content_type().map(ToString::to_string);
        let mut how = how(asked, &permit, name, mimetype.as_deref(), limit)?;
        how.only_this_version = only_this_version;
        take(edge, permit, how, field).await?
    } else {
        let mut how = how(asked, &permit, None, Some(content_type), limit)?;
        how.only_this_version = only_this_version;
        let body = not_a_url(body, content_type).await?;
        take(edge, permit, how, body).await?
    };
    Ok(HttpResponse::Ok().json(json!({
        "url": edge.links.file(&file.handle),
        "mimetype": file.mimetype,
        "isWriteable": true,
        "size": file.size,
        "filename": file.filename,
    })))
}

/// What the new bytes are to be called, and how many they may be.
struct How {
    filename: String,
    mimetype: String,
    limit: u64,
    /// Whether only the version that was found may be replaced (`If-Match`).
    only_this_version: bool,
}

fn how(
    asked: &Asked,
    permit: &Permit,
    sent_name: Option<String>,
    sent_type: Option<&str>,
    limit: u64,
) -> Result<How, Problem> {
    let name = asked.query.get("filename").cloned().or(sent_name);
    let name = name.map(|name| plain_name(&name)).filter(|n| !n.is_empty());
    // These are what clients send that know of no type.
    let says_nothing = |essence: &str| {
        [
            "application/octet-stream",
            "application/x-www-form-urlencoded",
        ]
        .contains(&essence)
    };
    let sent_type = sent_type.and_then(safety::usable);
    let sent_type = sent_type.filter(|t| !says_nothing(t.split(';').next().unwrap_or_default()));
    let guessed = name.as_ref().and_then(|name| {
        let guess = mime_guess::from_path(name).first();
        guess.map(|mime| mime.to_string())
    });
    let mimetype = match asked.query.get("mimetype") {
        Some(named) => match safety::usable(named) {
            Some(usable) => usable.to_owned(),
            None => return Err(Problem::bad_request("mimetype is not a media type")),
        },
        None => sent_type
            .map(str::to_owned)
            .or(guessed)
            .unwrap_or_else(|| permit.file.mimetype.clone()),
    };
    Ok(How {
        filename: name.unwrap_or_else(|| permit.file.filename.clone()),
        mimetype,
        limit,
        only_this_version: false,
    })
}

/// The last part of a path, without control characters.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.chars().filter(|c| !c.is_control());
    plain
        .take(LONGEST_NAME)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn limit(edge: &Edge, permit: &Permit) -> u64 {
    let own = edge.files.max_file_size.as_u64();
    let policy = permit.policy.as_ref().and_then(|p| p.max_size());
    policy.map_or(own, |policy| policy.min(own))
}

/// Refuses a body that says itself that it is too long, before a byte of it is taken.
fn check_length(request: &HttpRequest, limit: u64) -> Result<(), Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // A form is somewhat longer than the file in it.
    let slack = OTHER_FIELDS as u64;
    if length.is_some_and(|length| length > limit.saturating_add(slack)) {
        return Err(StorageError::TooLarge { limit }.into());
    }
    Ok(())
}

/// The field that holds the file: `fileUpload`, or any that has a file's name.
async fn file_field(form: &mut Multipart) -> Result<Field, Problem> {
    while let Some(mut field) = form.try_next().await.map_err(bad_form)? {
        let named = field.content_disposition();
        let has_name = named.is_some_and(|d| d.get_filename().is_some());
        if field.name() == Some("fileUpload") || has_name {
            return Ok(field);
        }
        if field.name() == Some("url") {
            return Err(Problem::not_implemented("overwriting from a URL"));
        }
        let rest = field.bytes(OTHER_FIELDS).await;
        rest.map_err(|_| Problem::bad_request("a field of the form is too long"))?
            .map_err(bad_form)?;
    }
    Err(Problem::bad_request("the form has no field fileUpload"))
}

fn bad_form(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request(format!("the form is not valid: {error}"))
}

/// Tells a form that names a URL from bytes that a client sends as if they were a form.
async fn not_a_url(
    mut body: web::Payload,
    content_type: &str,
) -> Result<impl Stream<Item = Result<web::Bytes, actix_web::error::PayloadError>>, Problem> {
    let first = body.next().await;
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    if let (true, Some(Ok(bytes))) = (is_form, &first)
        && bytes.starts_with(b"url=")
    {
        return Err(Problem::not_implemented("overwriting from a URL"));
    }
    Ok(stream::iter(first).chain(body))
}

/// Brings the body to the storage and the file to its new bytes.
async fn take<S, E>(edge: &Edge, permit: Permit, how: How, body: S) -> Result<StoredFile, Problem>
where
    S: Stream<Item = Result<web::Bytes, E>>,
    E: std::fmt::Display,
{
    let (feeder, stream) = incoming::pipe();
    let overwriting = Overwriting {
        database: edge.database.clone(),
        catalog: edge.catalog.clone(),
        storage: edge.storage.clone(),
        garbage: edge.garbage.clone(),
        events: edge.events.clone(),
        clock: edge.clock.clone(),
    };
    let policy = permit.policy.clone();
    let allowed = move |handle: &Handle, size: u64| {
        let subject = Subject {
            handle: Some(handle.as_str()),
            size: Some(size),
            ..Subject::default()
        };
        let policy = policy.as_ref();
        policy.map_or(Ok(()), |policy| policy.allows(Call::Write, &subject))
    };
    let file = permit.file;
    let work = edge.run(async move {
        let key = new_key(&file, &how.filename)?;
        let reservation = overwriting.garbage.reserve(&key, LONGEST_UPLOAD).await?;
        let stored = async {
            let replacement = overwriting.store(&key, stream, &how).await?;
            allowed(&file.handle, replacement.size)?;
            overwriting
                .record(
                    file,
                    replacement,
                    reservation.clone(),
                    how.only_this_version,
                )
                .await
        };
        let outcome = stored.await;
        if outcome.is_err() {
            // What cannot be given back now is removed when its time is over.
            drop(overwriting.garbage.release(reservation).await);
        }
        collect_soon(overwriting.garbage.clone());
        outcome
    });
    incoming::until(work, feeder.feed(body)).await
}

/// A key of its own for the new bytes, beside the old ones.
fn new_key(file: &StoredFile, filename: &str) -> Result<StorageKey, Problem> {
    let tame = |c: char| {
        if c.is_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let mut name = format!("{}_", random_name(20));
    for c in filename.chars().map(tame) {
        if name.len() + c.len_utf8() > 200 {
            break;
        }
        name.push(c);
    }
    let folder = match file.kind {
        Kind::Stored => file.storage_key.rsplit_once('/').map(|(folder, _)| folder),
        Kind::Symlink => None,
    };
    let beside = folder.and_then(|folder| StorageKey::parse(&format!("{folder}/{name}")).ok());
    match beside {
        Some(key) => Ok(key),
        None => Ok(StorageKey::parse(&name)?),
    }
}

/// The rooms that an overwrite passes through.
struct Overwriting {
    database: Database,
    catalog: Catalog,
    storage: Storage,
    garbage: Garbage,
    events: Events,
    clock: Clock,
}

impl Overwriting {
    /// Stores the bytes as a new object.
    async fn store(
        &self,
        key: &StorageKey,
        stream: impl Stream<Item = std::io::Result<web::Bytes>> + Send,
        how: &How,
    ) -> Result<Replacement, Problem> {
        // The time in its name tells a cleaner whether it may still be under way.
        let upload_id = format!("overwrite-{}-{}", self.clock.now_ms(), random_name(8));
        let put = Put {
            upload_id: &upload_id,
            max_size: how.limit,
            overwrite: false,
        };
        let stored = self.storage.put(key, stream, put, ()).await;
        let (size, ()) = stored.map_err(|error| match error {
            StorageError::Incomplete { message } => {
                let message = format!("the body did not arrive: {message}");
                Problem::new(StatusCode::BAD_REQUEST, "incomplete-body", message)
            }
            other => other.into(),
        })?;
        let facts = facts::read(&self.storage, key, size, &how.mimetype).await?;
        Ok(Replacement {
            provider: self.storage.provider().to_owned(),
            container: self.storage.container(),
            storage_key: key.to_string(),
            filename: how.filename.clone(),
            mimetype: how.mimetype.clone(),
            size,
            facts,
            old_kept_for: self.storage.redirects().unwrap_or_default(),
        })
    }

    /// Makes the file name the new object and records the event, in one transaction.
    async fn record(
        &self,
        mut current: StoredFile,
        with: Replacement,
        reservation: Reservation,
        only_this_version: bool,
    ) -> Result<StoredFile, Problem> {
        for _ in 0..MOST_TRIES {
            let outcome = self.replace(&current, &with, &reservation).await;
            match outcome {
                Err(FileError::Changed) if !only_this_version => {
                    current = self.catalog.find(&current.handle).await?;
                }
                outcome => return Ok(outcome?),
            }
        }
        Err(FileError::Changed.into())
    }

    async fn replace(
        &self,
        current: &StoredFile,
        with: &Replacement,
        reservation: &Reservation,
    ) -> Result<StoredFile, FileError> {
        let (current, with, reservation) = (current.clone(), with.clone(), reservation.clone());
        let (recording, now) = (self.events.clone(), self.clock.now_ms());
        let written = self.database.write(move |tx| {
            async move {
                garbage::adopt(tx, &reservation).await?;
                let file = Catalog::overwrite(tx, &current, &with, now).await?;
                let happening = Happening::Overwrite(file.clone());
                let event = recording.record(tx, &happening).await?;
                Ok::<_, FileError>((file, event))
            }
            .boxed()
        });
        let (file, event) = written.await?;
        self.events.committed(&[event]);
        Ok(file)
    }
}
