//! What a picker asks of the cloud API: one JSON object, read leniently.
//!
//! SDKs of many years send it, under every content type and with members of their own. Unknown
//! members are passed over, `null` is as good as absent, and a member of the wrong type is a 400
//! that names it.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde_json::{Map, Value};

use super::caller;
use super::edge::Edge;
use super::problem::Problem;
use crate::access::{Application, Call, Credentials, Subject};
use crate::picking::browse::Accept;

/// Clouds in one call at most; pickers know about twenty.
const MOST_CLOUDS: usize = 64;

/// A JSON object, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct CloudRequest {
    /// Where it stands in the request, for errors: empty, or `clouds.dropbox.`.
    place: String,
    members: Map<String, Value>,
}

impl CloudRequest {
    /// The request as it came.
    pub fn read(body: Value) -> Result<Self, Problem> {
        match body {
            Value::Object(members) => Ok(Self {
                place: String::new(),
                members,
            }),
            _ => Err(Problem::bad_request("the request body must be an object")),
        }
    }

    /// A member as it came; none where it is absent.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text; none where the member is absent.
    pub fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// A whole number, or a text that is one.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        let wrong = || self.wrong(name, "a whole number");
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong()),
            Some(value) => value.as_i64().map(Some).ok_or_else(wrong),
        }
    }

    /// The texts of a list; one text counts as a list of it.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let wrong = || self.wrong(name, "a text or a list of texts");
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(list)) => {
                let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// An object within this one.
    pub fn part(&self, name: &str) -> Result<Option<Self>, Problem> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self {
                place: format!("{}{name}.", self.place),
                members: members.clone(),
            })),
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }

    /// The clouds that are asked, each with its own part.
    pub fn clouds(&self) -> Result<Vec<(String, Self)>, Problem> {
        let Some(clouds) = self.part("clouds")? else {
            return Ok(Vec::new());
        };
        if clouds.members.len() > MOST_CLOUDS {
            return Err(Problem::bad_request("clouds names too many clouds"));
        }
        let empty = || Self {
            place: clouds.place.clone(),
            members: Map::new(),
        };
        let names = clouds.members.keys();
        names
            .map(|name| Ok((name.clone(), clouds.part(name)?.unwrap_or_else(empty))))
            .collect()
    }

    /// Which files the picker accepts.
    pub fn accept(&self) -> Result<Accept, Problem> {
        let words = self.texts("accept")?;
        Ok(Accept::new(words.iter().map(String::as_str)))
    }

    /// Who asks.
    pub async fn application(
        &self,
        edge: &Edge,
        request: &HttpRequest,
    ) -> Result<Arc<Application>, Problem> {
        let apikey = self.text("apikey")?;
        caller::application(edge, request, apikey.as_deref()).await
    }

    /// Policy and signature, beside the rest or in `security`.
    pub fn credentials(&self) -> Result<Credentials, Problem> {
        let security = self.part("security")?;
        let find = |name: &str| match self.text(name)? {
            Some(text) => Ok(Some(text)),
            None => security.as_ref().map_or(Ok(None), |part| part.text(name)),
        };
        Ok(Credentials {
            policy: find("policy")?,
            signature: find("signature")?,
            secret: None,
        })
    }

    /// Whether the caller may pick. The cloud API has a refusal of its own for that.
    pub fn may_pick(&self, application: &Application, edge: &Edge) -> Result<(), Problem> {
        let credentials = self.credentials()?;
        let now = edge.clock.now().timestamp();
        match application.authorize(&credentials, Call::Pick, &Subject::default(), false, now) {
            Ok(_) => Ok(()),
            Err(refused) => {
                let refused = Problem::from(refused);
                if refused.status().is_server_error() {
                    return Err(refused);
                }
                let invalid =
                    Problem::new(StatusCode::UNAUTHORIZED, refused.code(), "Invalid Policy");
                Err(invalid.because(refused.message()))
            }
        }
    }

    fn wrong(&self, name: &str, wanted: &str) -> Problem {
        let name: String = name.chars().take(60).collect();
        Problem::bad_request(format!("{}{name} must be {wanted}", self.place))
    }
}
