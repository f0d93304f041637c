//! What a request of the management API says: bodies and queries, read strictly.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::http::Problem;

/// Bytes of a body at most: nothing here is long.
const LONGEST_BODY: usize = 64 * 1024;
/// Entries of a page if nothing else is asked for.
const USUAL_PAGE: i64 = 50;
/// Entries of a page at most.
const LONGEST_PAGE: i64 = 200;

/// A body, as its bytes: it is read after the token was checked.
pub(super) struct Body(Bytes);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload).into_inner();
        async move {
            let unreadable = |_| Problem::bad_request("the request body did not arrive");
            let payload = payload.map_err(unreadable)?;
            match payload.to_bytes_limited(LONGEST_BODY).await {
                Ok(bytes) => Ok(Self(bytes.map_err(unreadable)?)),
                Err(_) => Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body-too-large",
                    format!("the request body is larger than {LONGEST_BODY} bytes"),
                )),
            }
        }
        .boxed_local()
    }
}

impl Body {
    /// The JSON object in it. An empty body is an empty object.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let text = match self.0.trim_ascii() {
            b"" => b"{}",
            text => text,
        };
        // serde would take a list for a struct, too.
        if !text.starts_with(b"{") {
            return Err(Problem::bad_request(
                "the request body is not a JSON object",
            ));
        }
        serde_json::from_slice(text).map_err(|error| {
            Problem::bad_request(format!("the request body is not valid: {error}"))
        })
    }
}

/// Reads the parameters of a query; a name that `T` does not know is refused.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    match web::Query::<T>::from_query(request.query_string()) {
        Ok(query) => Ok(query.into_inner()),
        Err(error) => Err(Problem::bad_request(format!(
            "the query is not valid: {error}"
        ))),
    }
}

/// How many entries a page has: as asked, within bounds.
pub(super) fn page_length(limit: Option<i64>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(USUAL_PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        let why = format!("limit is a number from 1 to {LONGEST_PAGE}");
        return Err(Problem::bad_request(why));
    }
    Ok(usize::try_from(limit).unwrap_or_default())
}

/// One row more than a page has, to know whether there is a next one.
pub(super) fn rows(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(LONGEST_PAGE) + 1
}

/// The cursor of a list whose places are numbers.
pub(super) fn number_cursor(cursor: Option<&str>) -> Result<Option<i64>, Problem> {
    let parse = |text: &str| text.parse().map_err(|_| bad_cursor());
    cursor.map(parse).transpose()
}

/// The cursor is none of ours.
pub(super) fn bad_cursor() -> Problem {
    let message = "cursor is not one that this list gave out";
    Problem::new(StatusCode::BAD_REQUEST, "cursor-invalid", message)
}

/// A member that may be left out but not be `null`, which would look like a wish to clear it.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
