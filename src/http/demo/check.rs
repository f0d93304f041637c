//! Checks a webhook's two signatures, as a subscriber would who has only read the documentation.
//!
//! On purpose shares no code with the room that signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// How old a signature may be: older ones may be a recording.
const TOLERANCE_SECONDS: i64 = 300;

/// The header lines that a signature is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Signed {
    pub fs_timestamp: String,
    pub fs_signature: String,
    pub id: String,
    pub timestamp: String,
    pub signatures: String,
}

/// What came of the check, with the values to do it again by hand.
pub(super) struct Verdict {
    pub genuine: bool,
    pub shown: Value,
}

/// Checks both signatures over the raw body.
pub(super) fn verify(signed: &Signed, secret: &str, body: &[u8], now: i64) -> Verdict {
    let filestack = mac(
        secret.as_bytes(),
        &[signed.fs_timestamp.as_bytes(), b".", body],
    );
    let filestack_agrees = filestack
        .as_ref()
        .is_some_and(|mac| same(&hex::encode(mac), &signed.fs_signature));
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|key| STANDARD.decode(key).ok())
        .unwrap_or_default();
    let parts: [&[u8]; 5] = [
        signed.id.as_bytes(),
        b".",
        signed.timestamp.as_bytes(),
        b".",
        body,
    ];
    let expected = mac(&key, &parts).map(|mac| format!("v1,{}", STANDARD.encode(mac)));
    let standard_agrees = expected.as_ref().is_some_and(|expected| {
        let mut listed = signed.signatures.split(' ');
        !key.is_empty() && listed.any(|one| same(expected, one))
    });
    let times = [&signed.fs_timestamp, &signed.timestamp];
    let fresh = times.iter().all(|time| {
        let time = time.parse::<i64>().ok();
        time.is_some_and(|time| (now - time).abs() <= TOLERANCE_SECONDS)
    });
    Verdict {
        genuine: filestack_agrees && standard_agrees && fresh,
        shown: json!({
            "filestack": {
                "agrees": filestack_agrees,
                "timestamp": signed.fs_timestamp,
                "signature": signed.fs_signature,
            },
            "standard": {
                "agrees": standard_agrees,
                "id": signed.id,
                "timestamp": signed.timestamp,
                "signature": signed.signatures,
                "key_hex": hex::encode(&key),
            },
            "fresh": fresh,
        }),
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

/// Compares without telling by its time where they differ.
fn same(expected: &str, given: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW: i64 = 1_614_265_330;

    /// The standard signature is the published example of Standard Webhooks; the other was made
    /// with `openssl dgst -sha256 -hmac`.
    fn example() -> Signed {
        Signed {
            fs_timestamp: NOW.to_string(),
            fs_signature: "2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
                .to_owned(),
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            timestamp: NOW.to_string(),
            signatures: "v1,other v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned(),
        }
    }

    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn a_published_example_verifies_and_a_changed_byte_does_not() {
        let genuine = verify(&example(), SECRET, BODY, NOW);
        assert_eq!(genuine.shown["filestack"]["agrees"], true);
        assert_eq!(genuine.shown["standard"]["agrees"], true);
        assert!(genuine.genuine);
        let forged = verify(&example(), SECRET, br#"{"test": 2432232315}"#, NOW);
        assert_eq!(forged.shown["filestack"]["agrees"], false);
        assert_eq!(forged.shown["standard"]["agrees"], false);
    }

    #[test]
    fn an_old_signature_is_not_taken() {
        let late = verify(&example(), SECRET, BODY, NOW + 301);
        assert!(!late.genuine);
    }

    #[test]
    fn missing_lines_are_no_panic() {
        assert!(!verify(&Signed::default(), "", b"", NOW).genuine);
    }
}
