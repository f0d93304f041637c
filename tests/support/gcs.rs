//! A double of Google Cloud Storage that checks signatures, for one test.
//!
//! No server that can be installed from a package speaks the XML API, so this one is written from
//! Google's documents: [the XML API](https://cloud.google.com/storage/docs/xml-api/overview),
//! [signatures](https://cloud.google.com/storage/docs/authentication/signatures) and [self-signed
//! tokens](https://google.aip.dev/auth/4111). The key of the service account is made for each run.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "each test crate uses the part of it that it needs"
)]

#[path = "gcs/bucket.rs"]
mod bucket;
#[path = "gcs/signatures.rs"]
mod signatures;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bucket::Bucket;

/// The bucket that every server has.
pub const BUCKET: &str = "bucket";

/// A server of its own, stopped when dropped.
pub struct Server {
    pub url: String,
    bucket: Arc<Mutex<Bucket>>,
    handle: ServerHandle,
}

impl Server {
    pub fn start() -> Self {
        let bucket = Arc::<Mutex<Bucket>>::default();
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&bucket);
        std::thread::spawn(move || {
            let serve = move || {
                App::new()
                    .app_data(web::Data::from(Arc::clone(&shared)))
                    .app_data(web::PayloadConfig::new(64 * 1024 * 1024))
                    .default_service(web::to(answer))
            };
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(serve).workers(1).disable_signals();
                let server = server.bind(("127.0.0.1", 0)).unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                sender.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = receiver.recv().unwrap();
        Self {
            url: format!("http://{address}"),
            bucket,
            handle,
        }
    }

    /// The key of a service account that the server knows, as the JSON that Google hands out.
    pub fn service_account_key() -> String {
        signatures::service_account_key()
    }

    /// What lies in the bucket.
    pub fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn answer(
    request: HttpRequest,
    body: web::Bytes,
    bucket: web::Data<Mutex<Bucket>>,
) -> HttpResponse {
    if let Err(code) = signatures::check(&request) {
        return refusal(StatusCode::FORBIDDEN, code);
    }
    let path = request.path().trim_start_matches('/');
    let (name, key) = path.split_once('/').unwrap_or((path, ""));
    if name != BUCKET {
        return refusal(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let key = percent_encoding::percent_decode_str(key);
    let key = key.decode_utf8().unwrap().into_owned();
    let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
    bucket.answer(&request, &key, body)
}

/// An error as the XML API tells it.
fn refusal(status: StatusCode, code: &str) -> HttpResponse {
    let body = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>");
    HttpResponse::build(status)
        .content_type("application/xml")
        .body(body)
}

/// The parameters of a request's address, decoded.
fn query(request: &HttpRequest) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.into_owned().collect()
}

fn parameter(query: &[(String, String)], name: &str) -> Option<String> {
    let found = query.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone())
}
