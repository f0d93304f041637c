//! Signatures, two families in every request.
//!
//! Filestack's: `FS-Signature`, lower-case hex of HMAC-SHA256 over `timestamp.body`, keyed with
//! the secret's whole text (filestack.com/docs/webhooks). Its receivers compare one value with
//! `===`, so the header never holds a list; a second signature has a header of its own.
//! Standard Webhooks': `webhook-signature`, `v1,` and base64 over `id.timestamp.body`, keyed
//! with the bytes that the text after `whsec_` encodes; several stand in one header.
//!
//! The two keys come from one secret and differ: the text here, the decoded bytes there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A fresh secret: `whsec_` and 32 random bytes in base64.
pub fn new_secret() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The value of `FS-Signature`.
pub fn filestack(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let text = timestamp.to_string();
    hex::encode(hmac(secret.as_bytes(), &[text.as_bytes(), b".", body]))
}

/// One entry of `webhook-signature`.
pub fn standard(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = standard_key(secret);
    let text = timestamp.to_string();
    let mac = hmac(&key, &[id.as_bytes(), b".", text.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(mac))
}

/// The bytes behind `whsec_`; a secret of another form is its own key.
fn standard_key(secret: &str) -> Vec<u8> {
    secret
        .strip_prefix(PREFIX)
        .and_then(|text| STANDARD.decode(text).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length, so there is no other arm to take.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The secrets in force for one endpoint at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Signs `FS-Signature`.
    pub primary: String,
    /// Signs beside it while a rotation is open.
    pub secondary: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// The signature headers of one attempt, in the spelling in which they are documented.
pub fn headers(
    secrets: &Secrets,
    event_id: i64,
    timestamp: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let id = format!("evt_{event_id}");
    let mut standards = standard(&secrets.primary, &id, timestamp, body);
    let mut headers = vec![
        ("fs-timestamp", timestamp.to_string()),
        ("fs-signature", filestack(&secrets.primary, timestamp, body)),
    ];
    if let Some(secret) = &secrets.secondary {
        headers.push(("fs-signature-secondary", filestack(secret, timestamp, body)));
        standards = format!("{standards} {}", standard(secret, &id, timestamp, body));
    }
    headers.push(("webhook-id", id));
    headers.push(("webhook-timestamp", timestamp.to_string()));
    headers.push(("webhook-signature", standards));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Filestack's webhooks.
    #[test]
    fn filestacks_published_example_gives_its_published_signature() {
        let body = r#"{"id": 6844, "action": "fp.upload", "timestamp": 1559199901, "text": {"url": "http://cdn.filestackapi.dev/xK88QArxRiyVvFzo4p33", "client": "Computer", "data": {"filename": "01 (1).png", "type": "image/png", "size": 881855}}}"#;
        assert_eq!(
            filestack("Y5cWb1rdRDSTSqEjF5pv", 1_559_199_901, body.as_bytes()),
            "14495b54b246e1352bb69cd91c5c1bfe2221f2d0330414b3df8f5fb2903db730"
        );
    }

    /// From the specification of Standard Webhooks.
    #[test]
    fn the_standards_published_example_gives_its_published_signature() {
        let signed = standard(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_32_random_bytes() {
        let secret = new_secret();
        assert_eq!(standard_key(&secret).len(), 32);
        assert_ne!(secret, new_secret());
    }

    #[test]
    fn while_a_rotation_is_open_both_secrets_sign_and_fs_signature_stays_one_value() {
        let secrets = Secrets {
            primary: new_secret(),
            secondary: Some(new_secret()),
        };
        let headers = headers(&secrets, 7, 1_700_000_000, b"{}");
        let value = |name: &str| &headers.iter().find(|(n, _)| *n == name).unwrap().1;
        assert_eq!(value("fs-signature").len(), 64);
        assert_eq!(value("fs-signature-secondary").len(), 64);
        assert_eq!(value("webhook-signature").split(' ').count(), 2);
        assert_eq!(value("webhook-id"), "evt_7");
    }
}
