//! `POST /folder/list`, `POST /folder/files` and `POST /metadata`: looking around.
//!
//! Filestack's cloud API (filestack-js `src/lib/api/cloud.ts`): one object per cloud goes in, one
//! comes out, with the session's token beside them. A cloud's object is a listing, or `auth` with
//! the address of the consent page, or `error`; one cloud's error does not keep another's
//! listing away, so the status is 200 for all of these.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::cloud_request::CloudRequest;
use super::edge::Edge;
use super::links;
use super::problem::{Problem, Refusal};
use crate::access::Application;
use crate::connections::{Absence, Connection, ConnectionError, Connections, Intent, Session};
use crate::dropbox::DropboxError;
use crate::picking::browse::{Accept, Below, BrowseError, Browser, Entry, Listing, Wish};

/// One cloud's part of an answer.
#[derive(Serialize)]
#[serde(untagged)]
enum CloudAnswer {
    Listing(Listing),
    Below(Below),
    Entry(Box<Entry>),
    Auth { auth: Auth },
    Error { error: CloudError },
}

/// Where the person connects.
#[derive(Serialize)]
struct Auth {
    redirect_url: String,
    /// Why they connect although they have before: `reconnect`, `session-expired` or
    /// `missing-scope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct CloudError {
    code: &'static str,
    message: String,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The whole answer: each cloud under its name, and the token.
struct Answer {
    clouds: Vec<(String, CloudAnswer)>,
    token: String,
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, answer) in &self.clouds {
            // A cloud of that name would hide the token.
            if name != "token" {
                map.serialize_entry(name, answer)?;
            }
        }
        map.serialize_entry("token", &self.token)?;
        map.end()
    }
}

/// What is asked of one cloud.
enum Question {
    List(Wish),
    Below {
        path: String,
        accept: Accept,
        limit: Option<usize>,
    },
    Stat(String),
    Unknown,
}

/// What answering a cloud takes.
struct Asking {
    application: std::sync::Arc<Application>,
    connections: Connections,
    browser: Browser,
    return_url: Option<String>,
}

/// Lists a folder of each cloud, page by page, or says where to connect.
pub(super) async fn list(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let accept = asked.accept()?;
    let mut questions = Vec::new();
    for (name, part) in asked.clouds()? {
        let question = match name.as_str() {
            "dropbox" => Question::List(Wish {
                path: part.text("path")?.unwrap_or_default(),
                next: part.text("next")?.unwrap_or_default(),
                search: match part.text("search")? {
                    Some(search) => search,
                    None => part.text("query")?.unwrap_or_default(),
                },
                accept: accept.clone(),
            }),
            _ => Question::Unknown,
        };
        questions.push((name, question));
    }
    answer(&edge, &request, &asked, questions).await
}

/// The files below a folder of each cloud, so that it can be picked whole.
pub(super) async fn files(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let accept = asked.accept()?;
    let mut questions = Vec::new();
    for (name, part) in asked.clouds()? {
        let question = match name.as_str() {
            "dropbox" => Question::Below {
                path: part.text("path")?.unwrap_or_default(),
                accept: accept.clone(),
                limit: limit(&part)?,
            },
            _ => Question::Unknown,
        };
        questions.push((name, question));
    }
    answer(&edge, &request, &asked, questions).await
}

fn limit(part: &CloudRequest) -> Result<Option<usize>, Problem> {
    match part.number("limit")?.map(usize::try_from) {
        None => Ok(None),
        Some(Ok(limit)) if limit > 0 => Ok(Some(limit)),
        Some(_) => Err(Problem::bad_request(
            "clouds.dropbox.limit must be a whole number above 0",
        )),
    }
}

/// What lies at one path of a cloud, or under an address.
pub(super) async fn metadata(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    if asked.text("url")?.is_some() {
        return links::metadata(&edge, &request, &asked).await;
    }
    let mut questions = Vec::new();
    for (name, part) in asked.clouds()? {
        let question = match name.as_str() {
            "dropbox" => Question::Stat(part.text("path")?.unwrap_or_default()),
            _ => Question::Unknown,
        };
        questions.push((name, question));
    }
    answer(&edge, &request, &asked, questions).await
}

async fn answer(
    edge: &Edge,
    request: &HttpRequest,
    asked: &CloudRequest,
    questions: Vec<(String, Question)>,
) -> Result<HttpResponse, Refusal> {
    let application = asked.application(edge, request).await?;
    asked.may_pick(&application, edge)?;
    if questions.is_empty() {
        return Err(Problem::bad_request("clouds must name a cloud").into());
    }
    let token = asked.text("token")?;
    let asking = Asking {
        application,
        connections: edge.connections.clone(),
        browser: edge.browser.clone(),
        return_url: asked.text("appurl")?.filter(|url| !url.is_empty()),
    };
    let body = edge
        .run(async move {
            let connections = &asking.connections;
            let session = connections
                .session(&asking.application, token.as_deref())
                .await?;
            let mut clouds = Vec::with_capacity(questions.len());
            for (name, question) in questions {
                let answer = asking.ask(&session, &name, question).await;
                clouds.push((name, answer));
            }
            let answer = Answer {
                clouds,
                token: session.token,
            };
            serde_json::to_string(&answer).map_err(|error| {
                log::error!("an answer could not be written: {error}");
                Problem::internal()
            })
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .content_type("application/json")
        .body(body))
}

impl Asking {
    async fn ask(&self, session: &Session, name: &str, question: Question) -> CloudAnswer {
        let connection = match (&question, &session.connection) {
            (Question::Unknown, _) => return unknown(name),
            (_, Ok(connection)) => connection,
            (_, Err(absence)) => return self.auth(session, reason(*absence)),
        };
        match self.look(connection, question).await {
            Ok(answer) => answer,
            Err(BrowseError::Connection(ConnectionError::Reconnect)) => {
                self.auth(session, Some("reconnect"))
            }
            Err(BrowseError::Dropbox(DropboxError::MissingScope { .. })) => {
                self.auth(session, Some("missing-scope"))
            }
            Err(error) => refuse(error.into()),
        }
    }

    async fn look(
        &self,
        connection: &Connection,
        question: Question,
    ) -> Result<CloudAnswer, BrowseError> {
        Ok(match question {
            Question::List(wish) => {
                CloudAnswer::Listing(self.browser.list(connection, &wish).await?)
            }
            Question::Below {
                path,
                accept,
                limit,
            } => CloudAnswer::Below(
                self.browser
                    .below(connection, &path, &accept, limit)
                    .await?,
            ),
            Question::Stat(path) => {
                CloudAnswer::Entry(Box::new(self.browser.stat(connection, &path).await?))
            }
            Question::Unknown => unknown(""),
        })
    }

    fn auth(&self, session: &Session, reason: Option<&'static str>) -> CloudAnswer {
        let link = self.connections.authorization_link(
            &self.application,
            session,
            Intent::Open,
            self.return_url.as_deref(),
        );
        match link {
            Ok(url) => CloudAnswer::Auth {
                auth: Auth {
                    redirect_url: url.into(),
                    reason,
                },
            },
            Err(error) => refuse(error.into()),
        }
    }
}

fn reason(absence: Absence) -> Option<&'static str> {
    match absence {
        Absence::NotConnected => None,
        Absence::Reconnect => Some("reconnect"),
        Absence::InvalidSession => Some("session-expired"),
    }
}

fn unknown(name: &str) -> CloudAnswer {
    let name: String = name.chars().take(40).collect();
    CloudAnswer::Error {
        error: CloudError {
            code: "unknown-cloud",
            message: format!("{name:?} is not served here; only dropbox is"),
            retry_after: None,
        },
    }
}

fn refuse(problem: Problem) -> CloudAnswer {
    CloudAnswer::Error {
        error: CloudError {
            code: problem.code(),
            message: problem.message().to_owned(),
            retry_after: problem.wait_seconds(),
        },
    }
}
