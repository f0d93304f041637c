//! Who may ask: a bearer token or an address, signed with the key of the service account.

use std::process::Command;
use std::sync::OnceLock;

use actix_web::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use longshore::clock::Clock;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

const EMAIL: &str = "longshore@tests.iam.gserviceaccount.com";
/// What a signed address is signed for, wherever it leads.
const HOST: &str = "storage.googleapis.com";
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A private key (PEM) made for this run, and the public half.
fn key() -> &'static (String, Vec<u8>) {
    static KEY: OnceLock<(String, Vec<u8>)> = OnceLock::new();
    KEY.get_or_init(|| {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA"])
            .args(["-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .unwrap();
        assert!(made.status.success(), "openssl makes no key");
        let pem = String::from_utf8(made.stdout).unwrap();
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let public = RsaKeyPair::from_pkcs8(&der).unwrap();
        let public = public.public().as_ref().to_vec();
        (pem, public)
    })
}

pub fn service_account_key() -> String {
    let parts = [
        ("type", "service_account"),
        ("client_email", EMAIL),
        ("private_key_id", "1"),
        ("private_key", key().0.as_str()),
    ];
    serde_json::json!(std::collections::BTreeMap::from(parts)).to_string()
}

fn is_signed(text: &str, signature: &[u8]) -> bool {
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key().1);
    public.verify(text.as_bytes(), signature).is_ok()
}

/// Whether the request is signed in one of the two ways, or the code of the refusal.
pub fn check(request: &HttpRequest) -> Result<(), &'static str> {
    let query = super::query(request);
    if let Some(signature) = super::parameter(&query, "X-Goog-Signature") {
        return check_address(request, query, &signature);
    }
    let header = request.headers().get("authorization");
    let token = header.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
    let (signed, signature) = token
        .and_then(|token| token.rsplit_once('.'))
        .ok_or("AccessDenied")?;
    let signature = URL_SAFE_NO_PAD.decode(signature);
    if !is_signed(signed, &signature.map_err(|_| "AccessDenied")?) {
        return Err("AccessDenied");
    }
    let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap());
    let claims: serde_json::Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    let valid = claims["iss"] == EMAIL
        && claims["sub"] == EMAIL
        && claims["exp"].as_i64().unwrap() > Clock::system().now().timestamp();
    valid.then_some(()).ok_or("AccessDenied")
}

/// [Signatures of the fourth version](https://cloud.google.com/storage/docs/authentication/canonical-requests).
fn check_address(
    request: &HttpRequest,
    mut query: Vec<(String, String)>,
    signature: &str,
) -> Result<(), &'static str> {
    let said = |name: &str| super::parameter(&query, name).ok_or("AuthenticationRequired");
    let (date, expires) = (said("X-Goog-Date")?, said("X-Goog-Expires")?);
    let credential = said("X-Goog-Credential")?;
    let scope = credential
        .strip_prefix(&format!("{EMAIL}/"))
        .ok_or("InvalidSecurity")?;
    let begun = chrono::NaiveDateTime::parse_from_str(&date, "%Y%m%dT%H%M%SZ");
    let until = begun.unwrap().and_utc().timestamp() + expires.parse::<i64>().unwrap();
    if until < Clock::system().now().timestamp() {
        return Err("ExpiredToken");
    }
    query.retain(|(name, _)| name != "X-Goog-Signature");
    let encode = |text: &str| utf8_percent_encode(text, &UNRESERVED).to_string();
    let mut pairs: Vec<_> = query.iter().map(|(k, v)| (encode(k), encode(v))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let (method, path) = (request.method(), request.uri().path());
    let query = pairs.join("&");
    let canonical = format!("{method}\n{path}\n{query}\nhost:{HOST}\n\nhost\nUNSIGNED-PAYLOAD");
    let digest = hex::encode(Sha256::digest(canonical));
    let signed = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{digest}");
    let signature = hex::decode(signature).map_err(|_| "SignatureDoesNotMatch")?;
    is_signed(&signed, &signature)
        .then_some(())
        .ok_or("SignatureDoesNotMatch")
}
