//! From an HTTP request under `/2/` to a route and back: who calls, with which argument, and
//! whether a fault strikes.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, HeaderName,
            RANGE, RETRY_AFTER,
        },
    },
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{
    argument::{IN_HEADER, IN_URL, argument, known_fields, read_body},
    body,
    call::{Call, Caller, Reply},
    errors::Refusal,
    faults::{FaultKind, RateLimitForm, Subject},
    grants::{Bearer, Grant, random_text},
    listing::Cursor,
    notify,
    paths::View,
    request_log::Line,
    routes::{self, Auth, Route, Work},
    simulation::{Simulation, app_has},
    upload, users,
};

/// Answers every call under `/2/`.
pub async fn api(
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
    simulation: web::Data<Simulation>,
) -> HttpResponse {
    if request.method() == Method::OPTIONS {
        return preflight(&request);
    }
    let simulation = simulation.into_inner();
    let Some(route) = routes::find(&name) else {
        let text = format!("Unknown API function: \"{}\"", name.as_str());
        return Refusal::BadInput(text).reply(&name).response();
    };
    let (reply, call) = match prepare(&request, route, payload, &simulation).await {
        Ok(prepared) => {
            let call = prepared.call.clone();
            (perform(&request, route, prepared).await, Some(call))
        }
        Err((refusal, call)) => (Err(refusal), call),
    };
    let reply =
        reply.unwrap_or_else(|refusal| refusal.at(place(&request, route)).reply(route.name));
    let path = call.as_ref().and_then(subject_path);
    let reply = finish(&request, &simulation, route.name, path.as_deref(), reply);
    let account = call.and_then(|call| Some(call.caller?.view.account.name.clone()));
    note(
        &request,
        &simulation,
        route.name,
        path,
        account,
        reply.status,
    );
    let id = HeaderName::from_static("x-dropbox-request-id");
    for_any_page(reply).header(id, &random_text(16)).response()
}

/// An answer that the scripts of every page may read.
pub fn for_any_page(reply: Reply) -> Reply {
    reply.header(ACCESS_CONTROL_ALLOW_ORIGIN, "*").header(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        "Dropbox-API-Result, X-Dropbox-Request-Id, Retry-After, Content-Range, ETag",
    )
}

/// Spoils a finished answer if a rule says so. Used for every route of the simulation.
pub fn finish(
    request: &HttpRequest,
    simulation: &Simulation,
    route: &str,
    path: Option<&str>,
    reply: Reply,
) -> Reply {
    let bytes = (reply.offset, reply.offset + reply.length);
    let subject = Subject { route, path, bytes };
    match simulation.faults.strike(&subject, FaultKind::spoils) {
        Some(kind) => body::spoil(reply, &kind, request),
        None => reply,
    }
}

/// The fault that comes instead of an answer, if a rule says so.
pub fn instead(
    simulation: &Simulation,
    route: &str,
    path: Option<&str>,
    caller: Option<&Caller>,
) -> Option<Reply> {
    let subject = Subject {
        route,
        path,
        bytes: (0, 0),
    };
    let grants = &simulation.grants;
    // Only a call with a token can lose it.
    let sort = match caller {
        Some(_) => FaultKind::instead,
        None => FaultKind::instead_without_token,
    };
    match simulation.faults.strike(&subject, sort)? {
        FaultKind::Status {
            code,
            body,
            retry_after,
        } => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let content_type = match body.starts_with('{') {
                true => "application/json",
                false => "text/plain; charset=utf-8",
            };
            Some(later(
                Reply::bytes(status, content_type, body.into()),
                retry_after,
            ))
        }
        FaultKind::RateLimited { retry_after, form } => Some(rate_limited(retry_after, form)),
        FaultKind::ExpireToken => {
            grants.expire(caller.map_or("", |caller| &caller.access_token));
            Some(Refusal::token("expired_access_token").reply(route))
        }
        FaultKind::RevokeToken => {
            grants.revoke(caller.map_or("", |caller| &caller.access_token));
            Some(Refusal::token("invalid_access_token").reply(route))
        }
        _ => None,
    }
}

fn rate_limited(retry_after: Option<u64>, form: RateLimitForm) -> Reply {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let reply = match form {
        RateLimitForm::Json => Reply::json_with_status(
            status,
            &json!({
                "error_summary": "too_many_requests/...",
                "error": { "reason": { ".tag": "too_many_requests" }, "retry_after": retry_after.unwrap_or(1) },
            }),
        ),
        RateLimitForm::Writes => Reply::json_with_status(
            status,
            &json!({
                "error_summary": "too_many_write_operations/..",
                "error": { "reason": { ".tag": "too_many_write_operations" } },
            }),
        ),
        RateLimitForm::Text => Reply::text(status, "Too many requests".to_owned()),
    };
    later(reply, retry_after)
}

fn later(reply: Reply, retry_after: Option<u64>) -> Reply {
    match retry_after {
        Some(seconds) => reply.header(RETRY_AFTER, &seconds.to_string()),
        None => reply,
    }
}

/// Notes an answered call.
pub fn note(
    request: &HttpRequest,
    simulation: &Simulation,
    route: &str,
    path: Option<String>,
    account: Option<String>,
    status: StatusCode,
) {
    simulation.log.note(Line {
        route: route.to_owned(),
        status: status.as_u16(),
        path,
        range: header(request, RANGE.as_str()).map(str::to_owned),
        account,
    });
}

/// A call that is ready to be performed.
struct Prepared {
    call: Call,
    /// The bytes that came along, for uploads.
    spool: Option<upload::Spool>,
}

type Refused = (Refusal, Option<Call>);

async fn prepare(
    request: &HttpRequest,
    route: &'static Route,
    payload: web::Payload,
    simulation: &Arc<Simulation>,
) -> Result<Prepared, Refused> {
    let mut payload = Some(payload);
    let prepared = prepare_with(request, route, &mut payload, simulation).await;
    // A client that is still sending would take our early answer for a broken connection.
    if let Some(mut unread) = payload {
        let mut drained = 0;
        while let Some(Ok(piece)) = unread.next().await {
            drained += piece.len();
            if drained > upload::LARGEST {
                break;
            }
        }
    }
    prepared
}

async fn prepare_with(
    request: &HttpRequest,
    route: &'static Route,
    payload: &mut Option<web::Payload>,
    simulation: &Arc<Simulation>,
) -> Result<Prepared, Refused> {
    let early = |refusal| (refusal, None);
    let get_allowed = matches!(route.work, Work::Content(_));
    if request.method() != Method::POST && !(get_allowed && request.method() == Method::GET) {
        let text = format!("The HTTP method {} is not allowed", request.method());
        return Err(early(Refusal::Plain(405, text)));
    }
    let query = query(request);
    let caller = authenticate(request, route, &query, simulation).map_err(early)?;
    let mut call = Call {
        simulation: simulation.clone(),
        function: route.name,
        arg: Value::Null,
        caller,
    };
    let whole = match route.work {
        Work::Rpc(_) | Work::Longpoll => match payload.take() {
            Some(payload) => read_body(payload).await.map_err(early)?,
            None => Bytes::new(),
        },
        Work::Content(_) | Work::Upload(_) => Bytes::new(),
    };
    call.arg = argument(request, route, &query, &whole)
        .map_err(|refusal| (refusal, Some(call.clone())))?;
    let checks = known_fields(route, &call.arg);
    checks.map_err(|refusal| (refusal, Some(call.clone())))?;
    let spool = match (&route.work, payload.take()) {
        (Work::Upload(_), Some(payload)) => {
            let spooled = upload::spool(payload, &call).await;
            Some(spooled.map_err(|refusal| (refusal, Some(call.clone())))?)
        }
        (_, payload_left) => {
            *payload = payload_left;
            None
        }
    };
    Ok(Prepared { call, spool })
}

async fn perform(
    request: &HttpRequest,
    route: &'static Route,
    prepared: Prepared,
) -> Result<Reply, Refusal> {
    let Prepared { call, spool } = prepared;
    let path = match call.simulation.faults.any_path() {
        true => subject_path(&call),
        false => None,
    };
    if let Some(reply) = instead(
        &call.simulation,
        route.name,
        path.as_deref(),
        call.caller.as_ref(),
    ) {
        return Ok(reply);
    }
    match route.work {
        Work::Rpc(work) => Ok(Reply::json(&block(move || work(&call)).await?)),
        Work::Longpoll => Ok(Reply::json(&notify::longpoll(call).await?)),
        Work::Content(work) => {
            let served = block(move || work(&call)).await?;
            Ok(body::serve(request, served))
        }
        Work::Upload(work) => {
            let spool = spool.ok_or_else(|| Refusal::internal("an upload without bytes"))?;
            Ok(Reply::json(&block(move || work(&call, spool)).await?))
        }
    }
}

/// Runs work that waits for the disk where it holds up nobody.
pub async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    web::block(work).await.map_err(Refusal::internal)?
}

fn authenticate(
    request: &HttpRequest,
    route: &Route,
    query: &HashMap<String, String>,
    simulation: &Arc<Simulation>,
) -> Result<Option<Caller>, Refusal> {
    let header_text = header(request, AUTHORIZATION.as_str());
    let scope = match route.auth {
        Auth::None => return Ok(None),
        Auth::App => {
            let known = header_text.and_then(basic).is_some_and(|(key, secret)| {
                simulation.app(&key).is_some_and(|app| app.secret == secret)
            });
            return match known {
                true => Ok(None),
                false => Err(Refusal::Plain(
                    401,
                    "Invalid authorization value in HTTP header \"Authorization\"".to_owned(),
                )),
            };
        }
        Auth::User(scope) => scope,
    };
    let text = match (header_text, query.get("authorization")) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => {
            return Err(Refusal::BadInput(
                "Must provide HTTP header \"Authorization\" or URL parameter \"authorization\"."
                    .to_owned(),
            ));
        }
    };
    let Some(token) = text.strip_prefix("Bearer ").map(str::trim) else {
        return Err(Refusal::BadInput(
            "Invalid authorization value in HTTP header \"Authorization\". Expecting \"Bearer <token>\".".to_owned(),
        ));
    };
    let grant = match simulation.grants.bearer(token) {
        Bearer::Valid(grant) => grant,
        Bearer::Expired => return Err(Refusal::token("expired_access_token")),
        Bearer::Unknown => return Err(Refusal::token("invalid_access_token")),
    };
    check_scope(simulation, &grant, scope)?;
    for name in ["dropbox-api-select-user", "dropbox-api-select-admin"] {
        if header(request, name).is_some() {
            return Err(Refusal::BadInput(format!(
                "The \"{name}\" header needs a team token; this token is linked to a single user."
            )));
        }
    }
    let view = view(request, simulation, &grant)?;
    let access_token = token.to_owned();
    Ok(Some(Caller { access_token, view }))
}

fn check_scope(simulation: &Simulation, grant: &Grant, scope: &str) -> Result<(), Refusal> {
    if scope.is_empty() {
        return Ok(());
    }
    if !simulation
        .app(&grant.app_key)
        .is_some_and(|app| app_has(app, scope))
    {
        return Err(Refusal::BadInput(format!(
            "Your app (ID: {}) is not permitted to access this endpoint because it does not have the required scope '{scope}'. \
             The owner of the app can enable the scope for the app using the Permissions tab on the App Console.",
            grant.app_key
        )));
    }
    match grant.scopes.contains(scope) {
        true => Ok(()),
        false => Err(Refusal::Token(
            json!({ ".tag": "missing_scope", "required_scope": scope }),
        )),
    }
}

/// The part of the account that the path root header asks for.
fn view(request: &HttpRequest, simulation: &Simulation, grant: &Grant) -> Result<View, Refusal> {
    let home = simulation
        .home_view(grant.account)
        .ok_or_else(|| Refusal::token("invalid_access_token"))?;
    let Some(text) = header(request, "dropbox-api-path-root") else {
        return Ok(home);
    };
    let bad = || {
        Refusal::BadInput("Invalid value in HTTP header \"Dropbox-API-Path-Root\": could not decode input as JSON".to_owned())
    };
    let root: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let whole = View {
        account: home.account.clone(),
        base: String::new(),
        base_display: String::new(),
    };
    let account = &home.account;
    let tag = root[".tag"].as_str().ok_or_else(bad)?;
    let namespace = |field: &str| root[field].as_str().unwrap_or_default().to_owned();
    match tag {
        "home" => Ok(home),
        "root" if namespace("root") == account.root_namespace => Ok(whole),
        "root" => Err(Refusal::PathRoot(json!({
            ".tag": "invalid_root",
            "invalid_root": users::root_info(account),
        }))),
        "namespace_id" if namespace("namespace_id") == account.home_namespace => Ok(home),
        "namespace_id" if namespace("namespace_id") == account.root_namespace => Ok(whole),
        "namespace_id" => Err(Refusal::PathRoot(json!({ ".tag": "no_permission" }))),
        _ => Err(bad()),
    }
}

/// Where this call has its argument, for texts that complain of it.
fn place(request: &HttpRequest, route: &Route) -> &'static str {
    match route.work {
        Work::Rpc(_) | Work::Longpoll => "request body",
        _ if request.headers().contains_key("dropbox-api-arg") => IN_HEADER,
        _ => IN_URL,
    }
}

/// The path that a call is about, for fault rules and the log.
fn subject_path(call: &Call) -> Option<String> {
    let arg = &call.arg;
    let places = [
        &arg["path"],
        &arg["resource"]["path"],
        &arg["commit"]["path"],
        &arg["from_path"],
    ];
    let Some(path) = places.iter().find_map(|place| place.as_str()) else {
        let cursor = arg["cursor"].as_str()?;
        return Some(Cursor::decode(cursor).ok()?.folder().to_owned());
    };
    let view = &call.caller.as_ref()?.view;
    let key = view
        .key(&view.account.tree(), path)
        .unwrap_or_else(|_| path.to_lowercase());
    Some(match view.shown(&key, &key) {
        Some((lower, _)) => lower.to_owned(),
        None => key,
    })
}

/// A request header that is text.
pub fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// Key and secret from a Basic `Authorization` header.
pub fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD
        .decode(header.strip_prefix("Basic ")?.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (key, secret) = text.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}

/// The parameters of the URL.
pub fn query(request: &HttpRequest) -> HashMap<String, String> {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .into_owned()
        .collect()
}

fn preflight(request: &HttpRequest) -> HttpResponse {
    // SDKs send headers of their own besides Dropbox's.
    let wanted = header(request, "access-control-request-headers");
    HttpResponse::Ok()
        .insert_header(("Access-Control-Allow-Origin", "*"))
        .insert_header(("Access-Control-Allow-Methods", "POST, GET, OPTIONS"))
        .insert_header((
            "Access-Control-Allow-Headers",
            wanted.unwrap_or("Authorization, Content-Type, Dropbox-API-Arg"),
        ))
        .insert_header(("Access-Control-Max-Age", "86400"))
        .finish()
}
