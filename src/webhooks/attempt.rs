//! One try at a delivery: sign, send, judge the answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use bytesize::ByteSize;
use chrono::DateTime;

use super::jobs::Job;
use super::schedule::{self, Ended, Next, Outcome};
use super::{Room, figures, rows, sign};
use crate::outbound::{Answer, HeaderMap, HeaderName, HeaderValue, OutboundError, Post};

/// An answer that takes longer than this makes its endpoint count as sick, although it is one.
const SLOW: Duration = Duration::from_secs(5);
/// The state of a delivery that is not attempted again.
const EXHAUSTED: i64 = 2;
/// Header lines of an answer that are kept: none that could hold a secret.
const KEPT_HEADERS: [&str; 8] = [
    "content-type",
    "content-length",
    "date",
    "retry-after",
    "server",
    "via",
    "x-request-id",
    "request-id",
];
/// Characters of one kept header line.
const LONGEST_HEADER: usize = 256;

/// What an attempt led to, ready to be written down.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) job: Job,
    pub(super) started_at: i64,
    pub(super) duration_ms: i64,
    pub(super) status: Option<i64>,
    pub(super) error: String,
    pub(super) headers: String,
    pub(super) body: String,
    /// The delivery's new state and, if it is still pending, time.
    pub(super) state: i64,
    pub(super) next_at: i64,
    pub(super) accepted: bool,
    pub(super) gone: bool,
    pub(super) well: bool,
}

/// Makes one attempt. Never fails: what goes wrong is the verdict.
pub(super) async fn make(room: &Room, job: Job) -> Verdict {
    let started_at = room.clock.now_ms();
    let began = Instant::now();
    let answer = send(room, &job, started_at.div_euclid(1000)).await;
    let took = began.elapsed();
    judge(room, job, started_at, took, answer)
}

async fn send(room: &Room, job: &Job, timestamp: i64) -> Result<Answer, OutboundError> {
    if job.body.len() as u64 > room.settings.request_body_limit.as_u64() {
        return Err(OutboundError::BadUrl("the event is larger than the limit"));
    }
    // Judged anew at every attempt: the rules may have changed since the endpoint was made.
    let target = room.outbound.target(&job.url)?;
    room.outbound
        .post(Post {
            target,
            headers: headers(job, timestamp),
            body: Bytes::clone(&job.body),
            deadline: room.settings.timeout,
            answer_limit: bytes(room.settings.response_read_limit),
        })
        .await
}

fn headers(job: &Job, timestamp: i64) -> Vec<(HeaderName, HeaderValue)> {
    let number = job.row.attempts + 1;
    let ours = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "longshore-webhooks/1".to_owned()),
        ("accept", "*/*".to_owned()),
        ("fs-delivery", format!("dlv_{}", job.lease.delivery_id)),
        ("fs-attempt", number.to_string()),
    ];
    let signed = sign::headers(&job.secrets, job.event_id, timestamp, &job.body);
    ours.into_iter()
        .chain(signed)
        .filter_map(|(name, value)| {
            let value = HeaderValue::from_str(&value).ok()?;
            Some((HeaderName::from_static(name), value))
        })
        .collect()
}

fn judge(
    room: &Room,
    job: Job,
    started_at: i64,
    took: Duration,
    answer: Result<Answer, OutboundError>,
) -> Verdict {
    let ended_at = room.clock.now_ms();
    let outcome = match &answer {
        Ok(answer) => outcome_of(answer, ended_at),
        Err(_) => Outcome::Failed(None),
    };
    let (state, next_at) = follow(room, &job, started_at, ended_at, outcome);
    let accepted = outcome == Outcome::Accepted;
    note(
        &job,
        outcome,
        answer.as_ref().map(|answer| answer.status),
        state,
        took,
    );
    let limit = bytes(room.settings.response_body_limit);
    let (status, error, headers, body) = match answer {
        Ok(answer) => (
            Some(i64::from(answer.status)),
            error_of(&answer, accepted),
            rows::headers_json(&kept(&answer.headers)),
            rows::keepable(&answer.body, limit),
        ),
        Err(error) => (None, error.to_string(), "{}".to_owned(), String::new()),
    };
    Verdict {
        job,
        started_at,
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        status,
        error,
        headers,
        body,
        state,
        next_at,
        accepted,
        gone: outcome == Outcome::Gone,
        well: accepted && took < SLOW,
    }
}

/// Counts the attempt and tells the log: what is as it should be to those who look closely.
fn note(
    job: &Job,
    outcome: Outcome,
    status: Result<u16, &OutboundError>,
    state: i64,
    took: Duration,
) {
    let counted = match (outcome, &status) {
        (Outcome::Accepted, _) => "accepted",
        (Outcome::Gone, _) => "gone",
        (Outcome::Failed(_), Ok(_)) => "refused",
        (Outcome::Failed(_), Err(_)) => "no_answer",
    };
    figures::attempted(counted, took);
    // One asked for by hand only goes back to where it was.
    let is_last = state == EXHAUSTED && job.row.asked_state.is_none();
    let level = match outcome {
        Outcome::Accepted => log::Level::Debug,
        _ if is_last => log::Level::Warn,
        _ => log::Level::Info,
    };
    if is_last {
        figures::exhausted();
    }
    let answered = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    log::log!(
        level,
        "webhooks: delivery {} of event {} to endpoint {}, attempt {}: {counted} ({answered}) in {} ms",
        job.lease.delivery_id,
        job.event_id,
        job.lease.endpoint_id,
        job.row.attempts + 1,
        took.as_millis()
    );
}

/// The state and time that follow: 0 pending, 1 delivered, 2 exhausted, 4 held.
fn follow(room: &Room, job: &Job, started_at: i64, ended_at: i64, outcome: Outcome) -> (i64, i64) {
    let row = &job.row;
    if let Some(asked_state) = row.asked_state {
        // Asked for by hand: it succeeds, or everything is as it was before.
        return match (outcome, asked_state) {
            (Outcome::Accepted, _) => (1, row.next_at),
            (Outcome::Gone, 0) => (4, row.next_at),
            (_, state) => (state, row.asked_next_at.unwrap_or(row.next_at)),
        };
    }
    let ended = Ended {
        delivery_id: job.lease.delivery_id,
        attempt: usize::try_from(row.attempts - row.manual + 1).unwrap_or(1),
        first_at: row.first_at.unwrap_or(started_at),
        ended_at,
    };
    match schedule::after(ended, outcome, &room.settings.retry_offsets) {
        Next::Delivered => (1, row.next_at),
        Next::RetryAt(at) => (0, at),
        Next::Exhausted => (EXHAUSTED, row.next_at),
        Next::DisableEndpoint => (4, row.next_at),
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

fn outcome_of(answer: &Answer, now: i64) -> Outcome {
    match answer.status {
        200..=299 => Outcome::Accepted,
        410 => Outcome::Gone,
        429 | 503 => Outcome::Failed(retry_after(&answer.headers, now)),
        _ => Outcome::Failed(None),
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    u64::try_from(at - now).ok().map(Duration::from_millis)
}

fn error_of(answer: &Answer, accepted: bool) -> String {
    match answer.status {
        _ if accepted => String::new(),
        status @ 300..=399 => format!("answered {status}; redirects are not followed"),
        status => format!("answered {status}"),
    }
}

fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| rows::keepable(value.as_bytes(), LONGEST_HEADER);
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text(headers.get(*name)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(text).unwrap());
        retry_after(&headers, 1_445_412_400_000)
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            after("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::from_secs(80))
        );
        for nonsense in ["", "-5", "soon", "Wed, 21 Oct 2009 07:28:00 GMT"] {
            assert_eq!(after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn cookies_of_a_subscriber_are_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", HeaderValue::from_static("session=1"));
        headers.insert("server", HeaderValue::from_static("nginx"));
        assert_eq!(rows::headers_json(&kept(&headers)), r#"{"server":"nginx"}"#);
    }
}
