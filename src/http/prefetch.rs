//! `/prefetch`: what a picker asks before it opens.
//!
//! Three generations of clients ask under the same path and read different members of the
//! answer: filestack-js 2 and later (`POST`, `settings` and `permissions`), the mobile SDKs
//! (`POST`, four booleans at the top), filestack-js 1 (`GET`, two more). One answer serves them
//! all. `events: ["picker"]` says that a picker opens; where an endpoint asks for `fp.dialog`,
//! that is told.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::caller;
use super::cloud_request::CloudRequest;
use super::edge::Edge;
use super::problem::{Problem, Refusal};
use crate::access::Application;
use crate::database::DatabaseError;
use crate::events::Happening;

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
    let opens = asked.texts("events")?.iter().any(|event| event == "picker");
    let options = asked.part("picker_config")?;
    let application = asked.application(&edge, &request).await?;
    let credentials = asked.credentials()?;
    // A page that brings no policy learns that it needs one when it lists; a wrong one is better
    // told before the picker opens.
    if credentials.policy.is_some() {
        asked.may_pick(&application, &edge)?;
    }
    if opens {
        let options = options.map_or_else(|| json!({}), |options| told(&options, &application));
        announce(&edge, &application, options).await;
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

/// Records that a picker opens, where somebody wants to hear of it. A picker opens all the same
/// when that fails.
async fn announce(edge: &Edge, application: &Arc<Application>, options: Value) {
    let (webhooks, events) = (edge.webhooks.clone(), edge.events.clone());
    let (database, id) = (edge.database.clone(), application.id);
    let told = edge
        .run(async move {
            if !webhooks.hears(id, "fp.dialog").await? {
                return Ok(());
            }
            let recording = events.clone();
            let event = database
                .write(move |tx| {
                    async move {
                        let happening = Happening::Dialog(id, options);
                        recording.record(tx, &happening).await
                    }
                    .boxed()
                })
                .await
                .map_err(|error: DatabaseError| Problem::from(error))?;
            events.committed(&[event]);
            Ok::<_, Problem>(())
        })
        .await;
    if let Err(problem) = told {
        log::warn!("that a picker opens could not be told: {problem}");
    }
}

/// What may be told of a picker's options, in the words of the documented event. Options that
/// cannot be read are left out: they are the page's business.
fn told(options: &CloudRequest, application: &Application) -> Value {
    let short = |text: String| text.chars().take(100).collect::<String>();
    let list = |name: &str| -> Vec<String> {
        let texts = options.texts(name).unwrap_or_default();
        texts.into_iter().take(MOST_NAMES).map(short).collect()
    };
    let (extensions, mimetypes): (Vec<_>, Vec<_>) = list("accept")
        .into_iter()
        .partition(|word| !word.contains('/'));
    json!({
        "mimetypes": mimetypes,
        "extensions": extensions,
        "services": list("fromSources"),
        "language": options.text("lang").ok().flatten().map(short),
        "maxSize": options.number("maxSize").ok().flatten(),
        "app": { "apikey": application.apikey },
        "dialogType": "open",
    })
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
