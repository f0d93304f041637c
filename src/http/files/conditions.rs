//! Conditions a request makes on the version of a file (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HttpDate};

use crate::files::StoredFile;
use crate::http::Problem;

/// How a version of a file is told from another.
pub(super) struct Version {
    /// Strong: a handle's bytes of one version never change.
    pub etag: String,
    /// When the bytes came, in whole seconds.
    pub modified: SystemTime,
}

/// What conditions come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Go on.
    Proceed,
    /// The client has this version already.
    NotModified,
    /// The client wants to deal with another version only.
    Failed,
}

impl Version {
    pub fn of(file: &StoredFile) -> Self {
        let seconds = u64::try_from(file.modified_at.timestamp()).unwrap_or_default();
        Self {
            etag: format!("\"{}-{}\"", file.handle, file.version),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        }
    }

    /// Whether a request with these headers goes on.
    pub fn check(&self, headers: &HeaderMap) -> Outcome {
        let failed = match text(headers, &header::IF_MATCH) {
            Some(tags) => !self.is_listed(&tags, false),
            None => date(headers, &header::IF_UNMODIFIED_SINCE)
                .is_some_and(|since| self.modified > since),
        };
        if failed {
            return Outcome::Failed;
        }
        let known = match text(headers, &header::IF_NONE_MATCH) {
            Some(tags) => self.is_listed(&tags, true),
            None => date(headers, &header::IF_MODIFIED_SINCE)
                .is_some_and(|since| self.modified <= since),
        };
        if known {
            Outcome::NotModified
        } else {
            Outcome::Proceed
        }
    }

    /// Refuses a change that was meant for another version.
    pub fn demand(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self.check(headers) {
            Outcome::Failed => Err(other_version()),
            Outcome::Proceed | Outcome::NotModified => Ok(()),
        }
    }

    /// Whether a range may be taken: `If-Range` names this very version, or is not there.
    pub fn fits_range(&self, headers: &HeaderMap) -> bool {
        match text(headers, &header::IF_RANGE) {
            None => true,
            Some(tag) if tag.contains('"') => tag.trim() == self.etag,
            Some(_) => date(headers, &header::IF_RANGE) == Some(self.modified),
        }
    }

    fn is_listed(&self, tags: &str, weakly: bool) -> bool {
        tags.split(',').map(str::trim).any(|tag| {
            let strong = match tag.strip_prefix("W/") {
                Some(rest) if weakly => rest,
                _ => tag,
            };
            tag == "*" || strong == self.etag
        })
    }
}

/// The refusal of a request that is about another version.
pub(super) fn other_version() -> Problem {
    let message = "the file is not of the version that was asked for";
    let status = StatusCode::PRECONDITION_FAILED;
    Problem::new(status, "other-version", message)
}

/// All values of a header, as one list.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let date: HttpDate = headers.get(name)?.to_str().ok()?.parse().ok()?;
    Some(date.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn check(pairs: &[(HeaderName, &'static str)]) -> Outcome {
        version().check(&headers(pairs))
    }

    fn version() -> Version {
        Version {
            etag: "\"H-2\"".to_owned(),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
        }
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn a_version_that_is_known_is_not_sent_again() {
        for tags in ["\"H-2\"", "W/\"H-2\"", "\"x\", \"H-2\"", "*"] {
            assert_eq!(
                check(&[(header::IF_NONE_MATCH, tags)]),
                Outcome::NotModified
            );
        }
        assert_eq!(
            check(&[(header::IF_NONE_MATCH, "\"H-1\"")]),
            Outcome::Proceed
        );
        assert_eq!(
            check(&[(header::IF_MODIFIED_SINCE, THEN)]),
            Outcome::NotModified
        );
        assert_eq!(
            check(&[(header::IF_MODIFIED_SINCE, BEFORE)]),
            Outcome::Proceed
        );
    }

    #[test]
    fn a_tag_counts_more_than_a_date() {
        let both = [
            (header::IF_NONE_MATCH, "\"x\""),
            (header::IF_MODIFIED_SINCE, THEN),
        ];
        assert_eq!(check(&both), Outcome::Proceed);
    }

    #[test]
    fn a_version_that_is_not_wanted_fails() {
        assert_eq!(check(&[(header::IF_MATCH, "\"H-1\"")]), Outcome::Failed);
        assert_eq!(check(&[(header::IF_MATCH, "W/\"H-2\"")]), Outcome::Failed);
        assert_eq!(check(&[(header::IF_MATCH, "\"H-2\"")]), Outcome::Proceed);
        assert_eq!(
            check(&[(header::IF_UNMODIFIED_SINCE, BEFORE)]),
            Outcome::Failed
        );
    }

    #[test]
    fn a_range_is_taken_only_from_the_version_it_was_meant_for() {
        let fits = |value| version().fits_range(&headers(&[(header::IF_RANGE, value)]));
        assert!(fits("\"H-2\"") && fits(THEN));
        assert!(!fits("W/\"H-2\"") && !fits("\"H-1\"") && !fits(BEFORE) && !fits("nonsense"));
        assert!(version().fits_range(&HeaderMap::new()));
    }
}
