//! What an operator may set about webhooks.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Attempts after the first at most.
const MOST_OFFSETS: usize = 20;
/// The longest offset from the first attempt.
const LONGEST_OFFSET: Duration = Duration::from_secs(30 * 24 * 3600);

/// How deliveries are made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// When retries are due, counted from the first attempt: `["5m", "1h", "12h"]`, or one text
    /// with commas.
    #[serde(deserialize_with = "offsets")]
    pub retry_offsets: Vec<Duration>,
    /// One attempt from name lookup to the last byte of the answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long a lease outlives the timeout: time to write the verdict down.
    #[serde(with = "humantime_serde")]
    pub lease_margin: Duration,
    /// Attempts in flight to one endpoint at most.
    pub max_in_flight_per_endpoint: usize,
    /// Attempts in flight on this node at most; endpoints that fail share half of them. Attempts
    /// that stall may add half as many again, so that they take no place of others.
    pub max_in_flight: usize,
    /// Deliveries of one endpoint's backlog (retries, and what is late) released in a second at
    /// most; what is fresh does not wait for them.
    pub drain_rate: u32,
    /// Deliveries that wait in the queue at most; the others wait in the database.
    pub queue_capacity: usize,
    /// Deliveries that wait in the queue for one endpoint at most.
    pub queue_capacity_per_endpoint: usize,
    /// How often the queue is compared with the record.
    #[serde(with = "humantime_serde")]
    pub reconcile_interval: Duration,
    /// How long a new secret waits to be promoted, and an old one lives on afterwards.
    #[serde(with = "humantime_serde")]
    pub secret_overlap: Duration,
    /// An endpoint that has only failed for this long…
    #[serde(with = "humantime_serde")]
    pub disable_after: Duration,
    /// …and at least this often is switched off.
    pub disable_after_failures: u32,
    /// How much of an answer's body is read; with more the connection is closed.
    pub response_read_limit: ByteSize,
    /// How much of an answer's body is kept.
    pub response_body_limit: ByteSize,
    /// The largest event that is sent.
    pub request_body_limit: ByteSize,
    /// What the keys in Redis begin with, in braces: one tag, one slot of a Cluster.
    pub redis_prefix: String,
}

impl Settings {
    /// How long a lease lasts.
    pub fn lease(&self) -> Duration {
        self.timeout + self.lease_margin
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

fn offsets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(texts) => texts,
        OneOrMany::One(text) => text.split(',').map(str::to_owned).collect(),
    };
    let texts = texts.iter().map(|text| text.trim());
    let offsets = texts
        .filter(|text| !text.is_empty())
        .map(|text| {
            humantime::parse_duration(text)
                .map_err(|_| D::Error::custom(format!("`{text}` is no duration such as `5m`")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let rising = offsets.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || offsets.first().is_some_and(Duration::is_zero) {
        return Err(D::Error::custom(
            "retry offsets must rise, beginning above zero",
        ));
    }
    if offsets.len() > MOST_OFFSETS || offsets.last() > Some(&LONGEST_OFFSET) {
        return Err(D::Error::custom("at most 20 retry offsets, up to 30 days"));
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(offsets: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(&format!(
            "retry_offsets = {offsets}\ntimeout = \"15s\"\nlease_margin = \"15s\"\n\
             max_in_flight_per_endpoint = 16\nmax_in_flight = 256\n\
             drain_rate = 50\nqueue_capacity = 100000\nqueue_capacity_per_endpoint = 5000\nreconcile_interval = \"30s\"\n\
             secret_overlap = \"24h\"\nresponse_body_limit = \"4KiB\"\n\
             disable_after = \"5d\"\ndisable_after_failures = 20\n\
             response_read_limit = \"16KiB\"\n\
             request_body_limit = \"256KiB\"\nredis_prefix = \"longshore\""
        ))
    }

    #[test]
    fn offsets_are_read_from_a_list_and_from_one_text() {
        for text in [r#"["5m", "1h", "12h"]"#, r#""5m,1h, 12h""#] {
            let settings = read(text).unwrap();
            let seconds: Vec<_> = settings
                .retry_offsets
                .iter()
                .map(Duration::as_secs)
                .collect();
            assert_eq!(seconds, [300, 3_600, 43_200]);
        }
        assert!(read(r#""""#).unwrap().retry_offsets.is_empty());
    }

    #[test]
    fn offsets_that_fall_or_are_no_durations_are_refused() {
        for text in [
            r#"["1h", "5m"]"#,
            r#"["0s"]"#,
            r#"["soon"]"#,
            r#"["5m", "5m"]"#,
            r#"["60d"]"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
