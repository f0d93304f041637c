//! Files that clients name by an address: fetched through the guarded client, streamed, and told
//! of like all others.

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::ledger::State;
use super::request::Wanted;
use super::{StartRequest, UploadError, Uploading};
use crate::access::{Application, Policy, random_secret, token_hash};
use crate::files::{StoreOptions, StoredFile};
use crate::outbound::{Fetch, Fetched, HeaderMap, HeaderName, HeaderValue};

/// Header lines that a client may have sent along at most, and bytes of one.
const MOST_HEADERS: usize = 20;
const LONGEST_HEADER: usize = 4096;
/// What the connection is made with is ours to say.
const OURS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "upgrade",
];
/// What the key of a repeated request is made with.
pub(super) const LABEL: &str = "upload";

/// A link that is to become a file.
#[derive(Clone, Debug)]
pub struct LinkRequest {
    /// For whom.
    pub application: Arc<Application>,
    /// Where it lies.
    pub url: String,
    /// What to send along.
    pub headers: Vec<(String, String)>,
    /// Another name for the file; empty: what the link says.
    pub filename: String,
    /// Another media type for it; empty: what the link says.
    pub mimetype: String,
    /// Where and how it is to be stored.
    pub store: StoreOptions,
    /// The integrator's tags.
    pub upload_tags: Value,
    /// What the caller sends again when it repeats this very request.
    pub idempotency_key: Option<String>,
    /// The caller's policy, for its limits.
    pub policy: Option<Policy>,
}

/// What a link says of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its name, as `Content-Disposition` or the address has it.
    pub filename: String,
    /// Its media type.
    pub mimetype: String,
    /// Its size, where that is told.
    pub size: Option<u64>,
}

impl Uploading {
    /// Fetches what lies under a link and answers it when it is stored, recorded and announced.
    ///
    /// # Errors
    /// An [`UploadError`]; nothing became visible then, and no event was recorded.
    pub async fn fetch(&self, request: LinkRequest) -> Result<StoredFile, UploadError> {
        // Before anything is asked of the link: options that cannot be used end here.
        let unknown = request.as_start(String::new(), String::new(), None);
        unknown.check(self.inner.max_file_size)?;
        let token = match &request.idempotency_key {
            Some(key) => {
                let text = format!("{}\0{key}", request.application.id.0);
                self.inner.master_key.mac(LABEL, &text)
            }
            None => random_secret(),
        };
        let asked = request.asked();
        match self.inner.ledger.find(&token_hash(&token)).await {
            Ok(entry) if entry.wanted.asked != asked => return Err(UploadError::OtherRequest),
            Ok(entry) if entry.state != State::Open => return self.end(entry, None).await,
            Ok(_) | Err(UploadError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let turns = &self.inner.fetching;
        let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
        let found = self.ask(&request.url, &request.headers, false).await?;
        let facts = facts(&found);
        let start = request.as_start(facts.filename, facts.mimetype, found.length);
        let wanted = Wanted {
            client: "URL".to_owned(),
            source: shown(&request.url),
            asked: asked.clone(),
            ..start.check(self.inner.max_file_size)?
        };
        let entry = self.enter(&request.application, &token, &wanted).await?;
        if entry.wanted.asked != asked {
            return Err(UploadError::OtherRequest);
        }
        let length = found.length;
        let body = found.body.map(|piece| piece.map_err(io::Error::other));
        self.fill(entry, length, body).await
    }

    /// What a link says of its file; nothing is stored.
    ///
    /// # Errors
    /// [`UploadError::Link`] or [`UploadError::LinkStatus`].
    pub async fn look_at(
        &self,
        url: &str,
        headers: &[(String, String)],
    ) -> Result<LinkFacts, UploadError> {
        let turns = &self.inner.fetching;
        let _turn = turns.acquire().await.map_err(|_| UploadError::LeaseLost)?;
        match self.ask(url, headers, true).await {
            Ok(found) if found.length.is_some() => return Ok(facts(&found)),
            Err(error @ UploadError::Link(_)) => return Err(error),
            // Some servers answer HEAD with a refusal, or without a length.
            _ => {}
        }
        let mut headers = headers.to_vec();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("range"));
        headers.push(("range".to_owned(), "bytes=0-0".to_owned()));
        let found = self.ask(url, &headers, false).await?;
        let total = found.headers.get("content-range");
        let total = total.and_then(|range| range.to_str().ok()?.rsplit_once('/')?.1.parse().ok());
        let size = if found.status == 206 {
            total
        } else {
            found.length
        };
        Ok(LinkFacts {
            size,
            ..facts(&found)
        })
    }

    async fn ask(
        &self,
        url: &str,
        headers: &[(String, String)],
        head_only: bool,
    ) -> Result<Fetched, UploadError> {
        let settings = &self.inner.settings;
        let fetch = Fetch {
            target: self.inner.outbound.target(url).map_err(UploadError::Link)?,
            head_only,
            headers: header_lines(headers)?,
            answer_timeout: settings.link_answer_timeout,
            silence: settings.link_silence,
            deadline: settings.link_deadline,
            redirects: settings.link_redirects,
        };
        let found = self.inner.outbound.fetch(fetch).await;
        let found = found.map_err(UploadError::Link)?;
        match found.status {
            200..=299 => Ok(found),
            status => Err(UploadError::LinkStatus(status)),
        }
    }
}

impl LinkRequest {
    /// The upload that comes of it, once the link has said what there is to know.
    fn as_start(&self, filename: String, mimetype: String, size: Option<u64>) -> StartRequest {
        let or = |asked: &String, said| match asked.is_empty() {
            true => said,
            false => asked.clone(),
        };
        StartRequest {
            application: self.application.clone(),
            filename: or(&self.filename, filename),
            mimetype: or(&self.mimetype, mimetype),
            size,
            store: self.store.clone(),
            upload_tags: self.upload_tags.clone(),
            policy: self.policy.clone(),
        }
    }

    /// What tells this request from others. A hash: addresses may hold secrets.
    fn asked(&self) -> String {
        let what = serde_json::json!([
            self.url,
            self.filename,
            self.mimetype,
            self.store,
            self.upload_tags
        ]);
        token_hash(&what.to_string())
    }
}

fn header_lines(given: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>, UploadError> {
    let bad = |why: &str| UploadError::Invalid(format!("headers: {why}"));
    if given.len() > MOST_HEADERS {
        return Err(bad("there are too many"));
    }
    let mut lines = Vec::with_capacity(given.len());
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("a name is wrong"))?;
        if OURS.contains(&name.as_str()) {
            continue;
        }
        let value = HeaderValue::from_str(value).ok();
        let value = value.filter(|value| value.len() <= LONGEST_HEADER);
        lines.push((name, value.ok_or_else(|| bad("a value is wrong"))?));
    }
    Ok(lines)
}

fn facts(found: &Fetched) -> LinkFacts {
    let text = |name: &str| {
        found
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let named = disposition_name(&found.headers);
    let filename = named.unwrap_or_else(|| last_segment(&found.url));
    let said = text("content-type").unwrap_or_default().trim();
    let essence = said.split(';').next().unwrap_or_default();
    // These are what servers send that know of no type.
    let says_nothing = ["", "application/octet-stream", "binary/octet-stream"].contains(&essence);
    let mimetype = match says_nothing {
        true => mime_guess::from_path(&filename)
            .first_or_octet_stream()
            .to_string(),
        false => said.to_owned(),
    };
    LinkFacts {
        filename,
        mimetype,
        size: found.length,
    }
}

/// The name in a `Content-Disposition`; that in UTF-8 before the plain one (RFC 6266).
fn disposition_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("content-disposition")?;
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let parameter = |wanted: &str| {
        value.split(';').skip(1).find_map(|one| {
            let (name, value) = one.split_once('=')?;
            let value = value.trim().trim_matches('"').to_owned();
            (name.trim().eq_ignore_ascii_case(wanted) && !value.is_empty()).then_some(value)
        })
    };
    let extended = parameter("filename*").and_then(|text| {
        let encoded = text.get(..7)?.eq_ignore_ascii_case("utf-8''");
        let decoded = percent_decode_str(text.get(7..)?).decode_utf8().ok()?;
        encoded.then(|| decoded.into_owned())
    });
    extended.or_else(|| parameter("filename"))
}

/// The last segment of an address's path, decoded.
fn last_segment(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let last = path.split_once('/').map_or("", |(_, path)| path);
    let last = last.rsplit('/').next().unwrap_or_default();
    percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// An address as it may be shown: what stands behind `?` often opens doors.
fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    plain.trim().chars().take(2048).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_links_file_is_called_as_it_says_or_as_its_address_ends() {
        for (said, name) in [
            (r#"attachment; filename="a b.txt""#, Some("a b.txt")),
            ("inline; filename=a.txt", Some("a.txt")),
            (
                "attachment; filename=\"x.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt",
                Some("größe.txt"),
            ),
            ("attachment; filename*=latin1''x", None),
            ("attachment", None),
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(said).unwrap();
            headers.insert("content-disposition", value);
            assert_eq!(disposition_name(&headers).as_deref(), name, "{said}");
        }
        for (url, name) in [
            ("https://a.test/in/b%20c.png?x=/y.gif#z", "b c.png"),
            ("https://a.test/", ""),
            ("https://a.test", ""),
        ] {
            assert_eq!(last_segment(url), name);
        }
        assert_eq!(shown("https://a.test/x?secret=1"), "https://a.test/x");
    }
}
