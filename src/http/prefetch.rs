//! `/prefetch`: what a picker asks before it opens.
//!
//! Three generations of clients ask under the same path and read different members of the
//! answer: filestack-js 2 and later (`POST`, `settings` and `permissions`), the mobile SDKs
//! (`POST`, four booleans at the top), filestack-js 1 (`GET`, two more). One answer serves them
//! all.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::caller;
use super::cloud_request::CloudRequest;
use super::edge::Edge;
use super::problem::{Problem, Refusal};

/// Names in a question at most.
const MOST_NAMES: usize = 100;

/// Answers the clients of today and the mobile ones.
pub(super) async fn post(
    edge: web::Data<Edge>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let asked = CloudRequest::read(body.into_inner())?;
    let permissions = asked.texts("permissions")?;
    let settings = asked.texts("settings")?;
    if permissions.len() > MOST_NAMES || settings.len() > MOST_NAMES {
        return Err(Problem::bad_request("permissions or settings names too much").into());
    }
    let application = asked.application(&edge, &request).await?;
    let credentials = asked.credentials()?;
    // A page that brings no policy learns that it needs one when it lists; a wrong one is better
    // told before the picker opens.
    if credentials.policy.is_some() {
        asked.may_pick(&application, &edge)?;
    }
    Ok(answer(&permissions, &settings))
}

/// Answers filestack-js 1.
pub(super) async fn get(
    edge: web::Data<Edge>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let apikey = query
        .into_owned()
        .find(|(name, _)| name == "apikey")
        .map(|(_, apikey)| apikey);
    caller::application(&edge, &request, apikey.as_deref()).await?;
    Ok(answer(&[], &[]))
}

/// `updated_config` is left out: without it the picker keeps the options that its page gave.
fn answer(permissions: &[String], settings: &[String]) -> HttpResponse {
    let granted = |name: &String| (name.clone(), Value::Bool(name == "whitelabel"));
    let permissions: Map<String, Value> = permissions.iter().map(granted).collect();
    let off = |name: &String| (name.clone(), Value::Bool(false));
    let mut settings: Map<String, Value> = settings.iter().map(off).collect();
    settings.insert("inapp_browser".to_owned(), Value::Bool(false));
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({
            "blocked": false,
            "settings": settings,
            "permissions": permissions,
            "intelligent_ingestion": false,
            "whitelabel": true,
            "customsource": false,
            "customsource_name": "",
            "blacklisted": false,
        }))
}
