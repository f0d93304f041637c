//! Reads an answer that is not a success: status, headers and tags become a [`DropboxError`].
//!
//! Dropbox's unions are open, so the tags are walked one by one and unknown ones are passed over;
//! `error_summary` is never compared, since it ends in varying dots.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;
use url::Url;

use super::{DropboxError, Refusal};

/// How much of a text answer is kept.
const TEXT_KEPT: usize = 500;

/// An answer that is not a success, taken apart.
pub(super) struct Refused {
    refusal: Refusal,
    /// The tags from the outermost to the innermost: `path`, `not_found`.
    tags: Vec<String>,
    /// The member `error` of the body.
    error: Value,
    retry_after: Option<Duration>,
}

impl Refused {
    /// Takes the answer apart.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(body)
            .chars()
            .take(TEXT_KEPT)
            .collect();
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = json.get("error").cloned().unwrap_or(Value::Null);
        let summary = json.get("error_summary").and_then(Value::as_str);
        let tags = match tags_of(&error) {
            tags if tags.is_empty() => tags_of_summary(summary.unwrap_or_default()),
            tags => tags,
        };
        let retry_after = retry_after(headers, &error);
        let text = match (300..400).contains(&status) {
            true => redirected(headers),
            false => text,
        };
        let user_message = json.pointer("/user_message/text").and_then(Value::as_str);
        Self {
            refusal: Refusal {
                status,
                summary: summary.map_or(text, str::to_owned),
                user_message: user_message.map(str::to_owned),
                request_id: request_id(headers),
            },
            tags,
            error,
            retry_after,
        }
    }

    /// The wait that Dropbox asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The way out for the caller of `route`.
    pub fn into_error(self, route: &str) -> DropboxError {
        match self.refusal.status {
            400 => self.bad_request(),
            401 => self.unauthorized(),
            403 => self.forbidden(),
            409 => self.conflict(route),
            416 => DropboxError::RangeNotSatisfiable,
            422 => self.bad_root(),
            429 => self.rate_limited(),
            // 408 comes from a proxy that has waited too long for us.
            408 | 500.. => DropboxError::Unavailable {
                cause: format!("status {}", self.refusal.status),
                retry_after: self.retry_after,
            },
            _ => DropboxError::Unexpected(self.refusal),
        }
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|seen| seen == tag)
    }

    /// 400 is plain text, so its words are all there is to go by.
    fn bad_request(self) -> DropboxError {
        let message = self.refusal.summary;
        let lower = message.to_lowercase();
        if lower.contains("required scope") || lower.contains("not permitted to access") {
            return DropboxError::AppMisconfigured { message };
        }
        if lower.contains("access token is malformed") {
            return DropboxError::LinkRevoked;
        }
        DropboxError::BadRequest { message }
    }

    fn unauthorized(self) -> DropboxError {
        // Without any tag, whether the token has expired or died is for the refresh to tell.
        if self.has("expired_access_token") || self.tags.is_empty() {
            return DropboxError::TokenExpired;
        }
        if self.has("missing_scope") {
            return self.missing_scope();
        }
        if self.has("invalid_access_token") {
            return DropboxError::LinkRevoked;
        }
        let barred = [
            "user_suspended",
            "invalid_select_user",
            "invalid_select_admin",
        ];
        if barred.iter().any(|tag| self.has(tag)) || self.has("route_access_denied") {
            return DropboxError::NoPermission(self.refusal);
        }
        DropboxError::Unexpected(self.refusal)
    }

    fn missing_scope(&self) -> DropboxError {
        DropboxError::MissingScope {
            scope: find_text(&self.error, "required_scope").unwrap_or_default(),
        }
    }

    fn forbidden(self) -> DropboxError {
        if self.has("missing_scope") {
            return self.missing_scope();
        }
        DropboxError::NoPermission(self.refusal)
    }

    fn bad_root(self) -> DropboxError {
        if self.has("no_permission") {
            return DropboxError::NoPermission(self.refusal);
        }
        DropboxError::PathRootChanged {
            root_namespace_id: find_text(&self.error, "root_namespace_id"),
        }
    }

    fn rate_limited(self) -> DropboxError {
        DropboxError::RateLimited {
            // Dropbox's specification gives one second as the default.
            retry_after: self.retry_after.unwrap_or(Duration::from_secs(1)),
        }
    }

    fn conflict(self, route: &str) -> DropboxError {
        let in_session = route.starts_with("files/upload_session");
        // Every tag of the chain is tried, the outermost first: which of them says what matters
        // differs between routes.
        for tag in &self.tags {
            let error = match tag.as_str() {
                "not_found" | "closed" if in_session => DropboxError::UploadSessionGone,
                "not_found" => DropboxError::PathNotFound,
                "reset" => DropboxError::CursorReset,
                "not_file" => DropboxError::NotAFile,
                "not_folder" => DropboxError::NotAFolder,
                "unsupported_file"
                | "unsupported_content_type"
                | "non_exportable"
                | "unsupported_extension" => DropboxError::NotDownloadable { export: None },
                "restricted_content" => DropboxError::RestrictedContent,
                "conflict" => DropboxError::Conflict(self.refusal),
                "insufficient_space"
                | "insufficient_quota"
                | "member_folder_insufficient_space"
                | "member_folder_insufficient_quota"
                | "team_folder_insufficient_space"
                | "team_folder_insufficient_quota"
                | "upload_traffic_limit_reached" => DropboxError::InsufficientSpace,
                "incorrect_offset" | "correct_offset" => match self.correct_offset() {
                    Some(correct_offset) => DropboxError::IncorrectOffset { correct_offset },
                    None => DropboxError::Unexpected(self.refusal),
                },
                "shared_link_already_exists" => DropboxError::SharedLinkExists {
                    url: find_text(&self.error, "url"),
                },
                "too_many_write_operations" | "too_many_requests" => return self.rate_limited(),
                "internal_error" | "retry_error" => DropboxError::Unavailable {
                    cause: format!("Dropbox reports {tag}"),
                    retry_after: self.retry_after,
                },
                "no_write_permission"
                | "no_permission"
                | "access_denied"
                | "access_error"
                | "access_restricted"
                | "not_allowed"
                | "operation_suppressed"
                | "encrypted_content"
                | "locked"
                | "team_folder"
                | "email_not_verified"
                | "settings_error" => DropboxError::NoPermission(self.refusal),
                "malformed_path"
                | "disallowed_name"
                | "invalid_export_format"
                | "content_hash_mismatch"
                | "payload_too_large" => DropboxError::BadRequest {
                    message: self.refusal.summary,
                },
                _ => continue,
            };
            return error;
        }
        DropboxError::Unexpected(self.refusal)
    }

    fn correct_offset(&self) -> Option<u64> {
        find(&self.error, "correct_offset")?.as_u64()
    }
}

/// The id under which Dropbox's support finds the call.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-dropbox-request-id")?;
    Some(value.to_str().ok()?.chars().take(100).collect())
}

/// Where an answer points that we do not follow: most likely a base URL is not quite right.
fn redirected(headers: &HeaderMap) -> String {
    let to = header_text(headers, LOCATION).and_then(|to| Url::parse(to).ok());
    let host = to.as_ref().and_then(Url::host_str);
    format!("redirected to {}", host.unwrap_or("another place"))
}

/// The header comes first: `too_many_write_operations` has no such member in its body, and a text
/// answer has no members at all.
pub(super) fn retry_after(headers: &HeaderMap, error: &Value) -> Option<Duration> {
    let seconds = header_text(headers, RETRY_AFTER)
        .and_then(|text| text.parse::<f64>().ok().or_else(|| until(headers, text)))
        .or_else(|| error.get("retry_after")?.as_f64())?;
    match seconds.is_sign_negative() || seconds.is_nan() {
        true => None,
        // Too long for a number of ours is too long for every caller.
        false => Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
    }
}

/// The seconds until a date, by the clock of whoever wrote it.
fn until(headers: &HeaderMap, date: &str) -> Option<f64> {
    let then = DateTime::parse_from_rfc2822(date).ok()?;
    let now = DateTime::parse_from_rfc2822(header_text(headers, DATE)?).ok()?;
    u32::try_from((then - now).num_seconds().max(0))
        .ok()
        .map(f64::from)
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

/// Follows the tags of nested unions: `{".tag": "path", "path": {".tag": "not_found"}}`.
fn tags_of(error: &Value) -> Vec<String> {
    let mut tags = Vec::new();
    let mut at = error;
    loop {
        // A member without content may also be written as its bare name.
        let Some(tag) = at.as_str().or_else(|| at.get(".tag")?.as_str()) else {
            // Rate limits are a structure around their union.
            match at.get("reason") {
                Some(reason) => at = reason,
                None => return tags,
            }
            continue;
        };
        tags.push(tag.to_owned());
        let inner = at
            .get(tag)
            .filter(|inner| inner.is_object() || inner.is_string());
        // A member that is a structure is written flat, its own union under a field's name.
        let fields = ["reason", "cause"];
        let Some(next) = inner.or_else(|| fields.iter().find_map(|field| at.get(*field))) else {
            return tags;
        };
        at = next;
    }
}

/// The tags of a body that has only its summary: `path/not_found/...`.
fn tags_of_summary(summary: &str) -> Vec<String> {
    let parts = summary.split('/').map(|part| part.trim_matches('.'));
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first member of that name, at any depth.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members
        .get(name)
        .filter(|found| !found.is_object())
        .or_else(|| members.values().find_map(|inner| find(inner, name)))
}

fn find_text(value: &Value, name: &str) -> Option<String> {
    find(value, name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(HeaderName, &str)], error: &Value) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(name, value.parse().unwrap());
        }
        retry_after(&headers, error)
    }

    #[test]
    fn the_wait_may_be_a_whole_number_a_fraction_or_a_date() {
        let of = |text| asked(&[(RETRY_AFTER, text)], &Value::Null);
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of(" 0.25 "), Some(Duration::from_millis(250)));
        assert_eq!(of("-3"), None);
        assert_eq!(of("NaN"), None);
        assert_eq!(of("soon"), None);
        let now = (DATE, "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = (RETRY_AFTER, "Wed, 21 Oct 2015 07:28:30 GMT");
        let wait = asked(&[now, later.clone()], &Value::Null);
        assert_eq!(wait, Some(Duration::from_secs(30)));
        assert_eq!(asked(&[later], &Value::Null), None, "by whose clock?");
    }

    #[test]
    fn a_wait_too_long_for_a_number_is_not_no_wait() {
        let wait = asked(&[(RETRY_AFTER, "1e30")], &Value::Null);
        assert_eq!(wait, Some(Duration::MAX));
    }

    #[test]
    fn what_the_header_does_not_say_the_body_may() {
        let body = serde_json::json!({"retry_after": 1.5});
        let wait = Some(Duration::from_millis(1500));
        assert_eq!(asked(&[], &body), wait);
        assert_eq!(asked(&[(RETRY_AFTER, "soon")], &body), wait);
    }
}
