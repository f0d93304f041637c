//! People in the portal, as their browsers speak for them.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

/// A browser with its cookie and what its pages know.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    url: String,
    pub cookie: Option<String>,
    pub proof: String,
}

impl Browser {
    /// Of the service at this address.
    pub fn new(client: reqwest::Client, service: &str) -> Self {
        Self {
            client,
            url: format!("{service}/api/v1"),
            cookie: None,
            proof: String::new(),
        }
    }

    pub async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if !self.proof.is_empty() {
            request = request.header("x-longshore-csrf", &self.proof);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if let Some(set) = answer.headers().get(SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(
                set.contains("HttpOnly") && set.contains("SameSite=Lax"),
                "{set}"
            );
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if let Some(proof) = body["csrf"].as_str() {
            self.proof = proof.to_owned();
        }
        (status, body)
    }

    pub async fn get(&mut self, path: &str) -> (u16, Value) {
        self.send("GET", path, None).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, Some(body)).await
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> (u16, Value) {
        let wish = json!({ "email": email, "password": password });
        self.post("/session", wish).await
    }
}

/// A code made independently of the program (RFC 6238).
pub fn code_of(secret: &str) -> String {
    let key = base32(secret);
    let now = longshore::clock::Clock::system().now().timestamp();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let mac = ring::hmac::sign(&key, &(now / 30).to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[mac.len() - 1] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => continue,
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}
