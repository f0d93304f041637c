//! Policies: a signed JSON that says what its bearer may do, and until when.
//!
//! Filestack's form (filestack.com/docs/security/policies): base64 of the JSON, and the
//! lower-case hex HMAC-SHA256 of that very string under the application's secret. The official
//! SDKs disagree on the base64 alphabet, so the signature is checked over the string as it came
//! and both alphabets are read.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use regex::Regex;
use serde_json::Value;
use sha2::Sha256;

use super::AccessError;

/// Bytes of a policy string at most; the longest that SDKs make are below 1 KiB.
const LONGEST_POLICY: usize = 16 * 1024;
/// Bytes that a policy's compiled pattern may take.
const LARGEST_PATTERN: usize = 256 * 1024;

/// What a call does, in the policy's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Upload or copy a file from a source.
    Pick,
    /// Read the bytes.
    Read,
    /// Read the metadata.
    Stat,
    /// Overwrite with bytes.
    Write,
    /// Overwrite from a URL.
    WriteUrl,
    /// Write to storage.
    Store,
    /// Convert.
    Convert,
    /// Delete.
    Remove,
    /// See EXIF data in metadata; must be named by the policy.
    Exif,
    /// Run a workflow.
    RunWorkflow,
}

impl Call {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "pick" => Self::Pick,
            "read" => Self::Read,
            "stat" => Self::Stat,
            "write" => Self::Write,
            // The Swift SDK writes it with an underscore.
            "writeUrl" | "write_url" => Self::WriteUrl,
            "store" => Self::Store,
            "convert" => Self::Convert,
            "remove" | "revoke" => Self::Remove,
            "exif" => Self::Exif,
            "runWorkflow" => Self::RunWorkflow,
            _ => return None,
        })
    }
}

/// What a request brought to show that it may.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The policy string, as it came.
    pub policy: Option<String>,
    /// Its signature.
    pub signature: Option<String>,
    /// The application's secret itself (HTTP Basic `app:SECRET`), from a server.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("policy", &self.policy.is_some())
            .field("secret", &self.secret.is_some())
            .finish()
    }
}

/// What a call is about, for the limits of a policy; what is not known stays `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The file.
    pub handle: Option<&'a str>,
    /// Where in the storage it is to lie.
    pub path: Option<&'a str>,
    /// The container (bucket).
    pub container: Option<&'a str>,
    /// The outside address it is read from.
    pub url: Option<&'a str>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// A policy whose signature is right.
#[derive(Clone, Debug)]
pub struct Policy {
    /// In seconds since the epoch.
    expiry: f64,
    calls: Option<Vec<Call>>,
    handle: Option<String>,
    url: Option<Regex>,
    path: Option<Regex>,
    container: Option<Regex>,
    min_size: Option<u64>,
    max_size: Option<u64>,
}

impl Policy {
    /// Checks signature, form and expiry (`now_seconds` since the epoch).
    ///
    /// # Errors
    /// [`AccessError::PolicyInvalid`] or [`AccessError::PolicyExpired`].
    pub fn verify(
        policy: &str,
        signature: &str,
        secret: &str,
        now_seconds: i64,
    ) -> Result<Self, AccessError> {
        if policy.len() > LONGEST_POLICY {
            return Err(AccessError::PolicyInvalid("it is too long"));
        }
        if !super::same_secret(&sign_policy(policy, secret), signature) {
            return Err(AccessError::PolicyInvalid(
                "the signature does not match the policy",
            ));
        }
        let json = decode(policy).ok_or(AccessError::PolicyInvalid("it is not base64"))?;
        let value: Value = serde_json::from_slice(&json)
            .map_err(|_| AccessError::PolicyInvalid("it is not JSON"))?;
        let expiry = value.get("expiry").and_then(Value::as_f64);
        let Some(expiry) = expiry else {
            return Err(AccessError::PolicyInvalid(
                "expiry is missing or not a number",
            ));
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 fit a double"
        )]
        if expiry <= now_seconds as f64 {
            return Err(AccessError::PolicyExpired);
        }
        Self::read(&value, expiry)
    }

    fn read(value: &Value, expiry: f64) -> Result<Self, AccessError> {
        Ok(Self {
            expiry,
            calls: read_calls(value)?,
            handle: read_text(value, "handle")?,
            url: read_pattern(value, "url")?,
            path: read_pattern(value, "path")?,
            container: read_pattern(value, "container")?,
            min_size: read_size(value, "minSize", "min_size")?,
            max_size: read_size(value, "maxSize", "max_size")?,
        })
    }

    /// How many whole seconds the policy still holds at `now_seconds` since the epoch.
    pub fn seconds_left(&self, now_seconds: i64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds since 1970 fit a double; what is out of bounds becomes the bound"
        )]
        let left = (self.expiry - now_seconds as f64).max(0.0) as u64;
        left
    }

    /// Whether the policy lets its bearer do `call` to `subject`.
    ///
    /// # Errors
    /// [`AccessError::NotAllowed`] with the member that forbids it.
    pub fn allows(&self, call: Call, subject: &Subject<'_>) -> Result<(), AccessError> {
        let named = self
            .calls
            .as_ref()
            .is_some_and(|calls| calls.contains(&call));
        // Without a list everything is allowed but EXIF, which may tell where a person lives.
        if !named && (self.calls.is_some() || call == Call::Exif) {
            return Err(refuse(&format!("call does not list {call:?}")));
        }
        if let (Some(only), Some(handle)) = (&self.handle, subject.handle)
            && only != handle
        {
            return Err(refuse("it is for another handle"));
        }
        for (name, pattern, value) in [
            ("url", &self.url, subject.url),
            ("path", &self.path, subject.path),
            ("container", &self.container, subject.container),
        ] {
            if let (Some(pattern), Some(value)) = (pattern, value)
                && !pattern.is_match(value)
            {
                return Err(refuse(&format!("{name} is outside of it")));
            }
        }
        if let Some(size) = subject.size {
            if self.max_size.is_some_and(|most| size > most) {
                return Err(refuse("the file is larger than maxSize"));
            }
            if self.min_size.is_some_and(|least| size < least) {
                return Err(refuse("the file is smaller than minSize"));
            }
        }
        Ok(())
    }

    /// The smallest file it allows, in bytes.
    pub fn min_size(&self) -> Option<u64> {
        self.min_size
    }

    /// The largest file it allows, in bytes.
    pub fn max_size(&self) -> Option<u64> {
        self.max_size
    }
}

/// Lower-case hex HMAC-SHA256 of the policy string under the application's secret.
pub fn sign_policy(policy: &str, secret: &str) -> String {
    hmac_hex(secret.as_bytes(), &[policy.as_bytes()])
}

/// Lower-case hex HMAC-SHA256 of the parts, one after the other.
pub(super) fn hmac_hex(key: &[u8], parts: &[&[u8]]) -> String {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            for part in parts {
                mac.update(part);
            }
            hex::encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of every length. An empty answer would never match a signature.
        Err(_) => String::new(),
    }
}

fn decode(policy: &str) -> Option<Vec<u8>> {
    let text = policy
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()
}

fn refuse(why: &str) -> AccessError {
    AccessError::NotAllowed(why.to_owned())
}

fn read_calls(value: &Value) -> Result<Option<Vec<Call>>, AccessError> {
    let names: Vec<&str> = match value.get("call") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(AccessError::PolicyInvalid("call is not a list of names")),
    };
    // A name that is not known allows nothing; it is no reason to refuse the others.
    Ok(Some(names.into_iter().filter_map(Call::named).collect()))
}

fn read_text(value: &Value, name: &'static str) -> Result<Option<String>, AccessError> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(AccessError::PolicyInvalid(
            "handle, url, path and container are texts",
        )),
    }
}

fn read_pattern(value: &Value, name: &'static str) -> Result<Option<Regex>, AccessError> {
    let Some(text) = read_text(value, name)? else {
        return Ok(None);
    };
    // The whole value must fit: a pattern for `/users/1` must not let `/x/users/1` pass.
    regex::RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(LARGEST_PATTERN)
        .build()
        .map(Some)
        .map_err(|_| AccessError::PolicyInvalid("url, path or container is not a pattern"))
}

fn read_size(value: &Value, name: &str, alias: &str) -> Result<Option<u64>, AccessError> {
    match value.get(name).or_else(|| value.get(alias)) {
        None | Some(Value::Null) => Ok(None),
        Some(size) => match size.as_u64().or_else(|| whole(size.as_f64())) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(AccessError::PolicyInvalid(
                "a size is not a number of bytes",
            )),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a number of bytes that a double holds exactly"
)]
fn whole(size: Option<f64>) -> Option<u64> {
    size.filter(|s| (0.0..9.0e15).contains(s)).map(|s| s as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "testAppSecret";

    fn verified(json: &str, now: i64) -> Result<Policy, AccessError> {
        let policy = URL_SAFE.encode(json);
        Policy::verify(&policy, &sign_policy(&policy, SECRET), SECRET, now)
    }

    #[test]
    fn the_javascript_sdks_vector_is_signed_as_there() {
        let json = r#"{"expiry":1523595600,"call":["pick","read","stat","write","writeUrl","store","convert","remove","exif","runWorkflow"],"handle":"TEST_HANDLE"}"#;
        assert_eq!(
            sign_policy(&STANDARD.encode(json), SECRET),
            "7df0536104cdcc16370ad6494cdbda30c9773a62eec6e5153fa539544db6206e"
        );
    }

    #[test]
    fn the_python_sdks_vector_is_signed_as_there() {
        let policy = "eyJjYWxsIjogWyJyZWFkIl0sICJleHBpcnkiOiAxNTYyNzYzMTQ2fQ==";
        assert_eq!(
            sign_policy(policy, "SECURITY-SECRET"),
            "89f1325dca54cfce976163fb692bb266f28129525b8c6bb0eeadf4b7d450e2f0"
        );
    }

    #[test]
    fn both_base64_alphabets_are_read_with_and_without_padding() {
        let json = r#"{"expiry":10,"path":"/a?>?>ÿÿ"}"#;
        for policy in [
            STANDARD.encode(json),
            URL_SAFE.encode(json),
            URL_SAFE.encode(json).trim_end_matches('=').to_owned(),
        ] {
            let signature = sign_policy(&policy, SECRET);
            assert!(
                Policy::verify(&policy, &signature, SECRET, 1).is_ok(),
                "{policy}"
            );
        }
    }

    #[test]
    fn a_policy_ends_in_the_second_of_its_expiry() {
        let json = r#"{"expiry":100}"#;
        assert!(verified(json, 99).is_ok());
        assert!(matches!(
            verified(json, 100),
            Err(AccessError::PolicyExpired)
        ));
    }

    #[test]
    fn a_wrong_signature_is_refused_before_the_policy_is_read() {
        let policy = URL_SAFE.encode(r#"{"expiry":1}"#);
        let outcome = Policy::verify(&policy, "00", SECRET, 5);
        assert!(matches!(outcome, Err(AccessError::PolicyInvalid(_))));
    }

    #[test]
    fn without_a_call_list_everything_is_allowed_but_exif() {
        let policy = verified(r#"{"expiry":100}"#, 1).unwrap();
        assert!(policy.allows(Call::Remove, &Subject::default()).is_ok());
        assert!(policy.allows(Call::Exif, &Subject::default()).is_err());
    }

    #[test]
    fn one_call_may_be_a_text_and_limits_to_it() {
        let policy = verified(r#"{"expiry":100,"call":"read"}"#, 1).unwrap();
        assert!(policy.allows(Call::Read, &Subject::default()).is_ok());
        assert!(policy.allows(Call::Remove, &Subject::default()).is_err());
    }

    #[test]
    fn other_sdks_spellings_are_understood() {
        let json = r#"{"expiry":100.5,"call":["write_url","revoke","invented"],"max_size":10}"#;
        let policy = verified(json, 100).unwrap();
        assert!(policy.allows(Call::WriteUrl, &Subject::default()).is_ok());
        assert!(policy.allows(Call::Remove, &Subject::default()).is_ok());
        assert!(
            policy
                .allows(
                    Call::Remove,
                    &Subject {
                        size: Some(11),
                        ..Subject::default()
                    }
                )
                .is_err()
        );
    }

    #[test]
    fn handle_path_container_url_and_sizes_limit_at_their_edges() {
        let json = r#"{"expiry":100,"handle":"H","path":"/users/1/.*","container":"b","url":"https://ok\\.test/.*","minSize":5,"maxSize":10}"#;
        let policy = verified(json, 1).unwrap();
        let may = |subject: Subject<'_>| policy.allows(Call::Pick, &subject).is_ok();
        let nothing = Subject::default();
        assert!(may(Subject {
            handle: Some("H"),
            ..nothing
        }));
        assert!(!may(Subject {
            handle: Some("G"),
            ..nothing
        }));
        assert!(may(Subject {
            path: Some("/users/1/a"),
            ..nothing
        }));
        assert!(!may(Subject {
            path: Some("/x/users/1/a"),
            ..nothing
        }));
        assert!(!may(Subject {
            container: Some("bb"),
            ..nothing
        }));
        assert!(!may(Subject {
            url: Some("https://ok.test.evil/"),
            ..nothing
        }));
        assert!(!may(Subject {
            size: Some(4),
            ..nothing
        }));
        assert!(may(Subject {
            size: Some(5),
            ..nothing
        }));
        assert!(may(Subject {
            size: Some(10),
            ..nothing
        }));
        assert!(!may(Subject {
            size: Some(11),
            ..nothing
        }));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason_and_never_a_panic() {
        for json in [
            "",
            "[]",
            "7",
            r#"{"expiry":"soon"}"#,
            r#"{"expiry":9,"call":7}"#,
            r#"{"expiry":9,"path":"("}"#,
            r#"{"expiry":9,"maxSize":-1}"#,
            r#"{"expiry":9,"handle":[]}"#,
        ] {
            assert!(verified(json, 1).is_err(), "{json}");
        }
    }
}
