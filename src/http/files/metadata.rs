//! What is told of a file.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use serde_json::{Map, Value, json};

use super::Asked;
use super::permit::{Permit, permit};
use crate::access::Call;
use crate::files::{Algorithm, ContentError, Facts, InspectError, Kind, StoredFile};
use crate::http::{Edge, Problem, Refusal};

/// Everything that can be asked for, apart from hashes.
const MEMBERS: [&str; 17] = [
    "size",
    "mimetype",
    "filename",
    "width",
    "height",
    "uploaded",
    "writeable",
    "cloud",
    "sourceUrl",
    "source_url",
    "location",
    "path",
    "container",
    "key",
    "exif",
    "created",
    "modified",
];

/// What is told when nothing is asked for by name.
const DEFAULT: [&str; 5] = ["size", "mimetype", "filename", "uploaded", "writeable"];

/// What is told beside it of files that lie in our storage.
const DEFAULT_STORED: [&str; 4] = ["location", "path", "container", "key"];

/// Answers with the members that were asked for.
pub(super) async fn tell(edge: &Edge, asked: &Asked) -> Result<HttpResponse, Refusal> {
    let mut permit = permit(edge, asked, Call::Stat, false).await?;
    permit.file = current(edge, &permit).await?;
    let members = wanted(asked, permit.file.kind);
    if members.contains(&"exif") && !permit.may_see_exif() {
        let message = "exif needs a policy that lists exif in its calls";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed", message).into());
    }
    let facts = facts(edge, &permit, &members).await?;
    let mut hashes = hashes(edge, &permit, asked).await?;
    let mut told = Map::new();
    for member in members {
        told.insert(member.to_owned(), value(&permit, &facts, member));
    }
    for algorithm in algorithms(asked) {
        let hash = hashes.remove(algorithm.name()).unwrap_or_default();
        told.insert(algorithm.name().to_owned(), hash);
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .json(told))
}

/// The file as it is now. What is known of a symlink does while its Dropbox cannot be asked.
async fn current(edge: &Edge, permit: &Permit) -> Result<StoredFile, Problem> {
    let (inspector, now) = (edge.inspector.clone(), edge.clock.now_ms());
    let known = permit.file.clone();
    edge.run(async move {
        match inspector.current(known.clone(), now).await {
            Err(InspectError::Content(ContentError::Dropbox(_) | ContentError::SourceClosed)) => {
                Ok(known)
            }
            outcome => outcome,
        }
    })
    .await
}

fn wanted(asked: &Asked, kind: Kind) -> Vec<&'static str> {
    let named: Vec<_> = MEMBERS
        .into_iter()
        .filter(|name| asked.is_on(name))
        .collect();
    if !named.is_empty() || !algorithms(asked).is_empty() {
        return named;
    }
    let mut default = DEFAULT.to_vec();
    if kind == Kind::Stored {
        default.extend(DEFAULT_STORED);
    }
    default
}

fn algorithms(asked: &Asked) -> Vec<Algorithm> {
    let all = Algorithm::ALL.into_iter();
    all.filter(|algorithm| asked.is_on(algorithm.name()))
        .collect()
}

/// Width, height and EXIF, looked for when first asked about.
async fn facts(edge: &Edge, permit: &Permit, members: &[&str]) -> Result<Facts, Problem> {
    let about = ["width", "height", "exif"];
    if !about.iter().any(|name| members.contains(name)) {
        return Ok(Facts::default());
    }
    let (inspector, file) = (edge.inspector.clone(), permit.file.clone());
    edge.run(async move { inspector.facts(&file).await }).await
}

async fn hashes(
    edge: &Edge,
    permit: &Permit,
    asked: &Asked,
) -> Result<Map<String, Value>, Problem> {
    let wanted = algorithms(asked);
    if wanted.is_empty() {
        return Ok(Map::new());
    }
    let (inspector, file) = (edge.inspector.clone(), permit.file.clone());
    edge.run(async move { inspector.hashes(&file, &wanted).await })
        .await
}

fn value(permit: &Permit, facts: &Facts, member: &str) -> Value {
    let file = &permit.file;
    let of_stored = |text: &str| match file.kind {
        Kind::Stored => json!(text),
        Kind::Symlink => Value::Null,
    };
    match member {
        "size" => json!(file.size),
        "mimetype" => json!(file.mimetype),
        "filename" => json!(file.filename),
        "width" => json!(facts.width),
        "height" => json!(facts.height),
        "uploaded" | "created" => json!(file.created_at.timestamp_millis()),
        "modified" => json!(file.modified_at.timestamp_millis()),
        "writeable" => json!(true),
        "cloud" => json!(file.client),
        // Where a person keeps a file is not for everyone who has its link.
        "sourceUrl" | "source_url" if permit.has_authority() && !file.source_path.is_empty() => {
            json!(file.source_path)
        }
        "location" => json!(file.provider),
        "path" | "key" => of_stored(file.key()),
        "container" => of_stored(&file.container),
        "exif" => {
            let text = facts.exif.as_deref();
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        }
        _ => Value::Null,
    }
}
