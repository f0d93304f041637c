//! The OAuth endpoints: the page that asks for consent, and the exchange of codes and refresh
//! tokens.

use std::collections::{BTreeSet, HashMap};
use std::sync::PoisonError;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderValue, SET_COOKIE},
    },
    web,
};
use serde_json::json;
use url::Url;

use super::{
    call::Reply,
    consent::{self, Pending},
    dispatch::{self, basic, header, query},
    grants::{Challenge, Code, Grant, random_text},
    options::AppOptions,
    simulation::{SCOPES, Simulation, app_has},
};

/// Remembers who gave consent in this browser, as Dropbox's session does.
const SESSION: &str = "longshore_sandbox_account";

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    // Dropbox has kept the addresses of its first API, and its Go SDK still uses them.
    config
        .service(
            web::resource(["/oauth2/authorize", "/1/oauth2/authorize"])
                .route(web::get().to(authorize))
                .route(web::post().to(decide)),
        )
        .service(web::resource(["/oauth2/token", "/1/oauth2/token"]).route(web::post().to(token)));
}

type Parameters = HashMap<String, String>;

async fn authorize(request: HttpRequest, simulation: web::Data<Simulation>) -> HttpResponse {
    if let Some(reply) = dispatch::instead(&simulation, "oauth2/authorize", None, None) {
        return reply.response();
    }
    let parameters = query(&request);
    let (response, status) = match read_request(&parameters, &simulation) {
        Ok(pending) => match silently(&request, &parameters, &pending, &simulation) {
            Some(account) => (allow(&simulation, pending, account), StatusCode::FOUND),
            None => (ask(&simulation, pending), StatusCode::OK),
        },
        Err(fault) => (consent::fault_page(&fault), StatusCode::BAD_REQUEST),
    };
    dispatch::note(
        &request,
        &simulation,
        "oauth2/authorize",
        None,
        None,
        status,
    );
    response
}

/// Reads what an app asks for. What is wrong is told on a page and never by a redirect.
fn read_request(parameters: &Parameters, simulation: &Simulation) -> Result<Pending, String> {
    let get = |name: &str| {
        parameters
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    let key =
        get("client_id").ok_or("The app did not say which app it is: client_id is missing.")?;
    let app = simulation
        .app(key)
        .ok_or("This app is unknown: no app has this client_id (app key).")?;
    let redirect_uri = get("redirect_uri").map(str::to_owned);
    if let Some(uri) = &redirect_uri {
        let registered = app.redirect_uris.is_empty() || app.redirect_uris.contains(uri);
        let web = Url::parse(uri).is_ok_and(|url| url.fragment().is_none());
        if !registered || !web {
            return Err(format!(
                "Invalid redirect_uri: \"{uri}\" must exactly match one of the redirect URIs \
                 pre-configured for your app (including the path)."
            ));
        }
    }
    match get("response_type") {
        Some("code") => {}
        _ => return Err("Invalid response_type: this app must ask for \"code\".".to_owned()),
    }
    let offline = match get("token_access_type") {
        Some("offline") => true,
        None | Some("online" | "legacy") => false,
        Some(other) => return Err(format!("Invalid token_access_type: \"{other}\".")),
    };
    let challenge = match (get("code_challenge"), get("code_challenge_method")) {
        (None, None) => None,
        (None, Some(_)) => return Err("code_challenge_method without code_challenge.".to_owned()),
        (Some(text), _) if !(43..=128).contains(&text.len()) => {
            return Err("Invalid code_challenge: it must have 43 to 128 characters.".to_owned());
        }
        (Some(text), Some("S256")) => Some(Challenge::S256(text.to_owned())),
        (Some(text), None | Some("plain")) => Some(Challenge::Plain(text.to_owned())),
        (Some(_), Some(other)) => {
            return Err(format!("Invalid code_challenge_method: \"{other}\"."));
        }
    };
    if get("state").is_some_and(|state| state.len() > 2000) {
        return Err("Invalid state: it is longer than 2000 bytes.".to_owned());
    }
    Ok(Pending {
        app_key: key.to_owned(),
        redirect_uri,
        state: get("state").map(str::to_owned),
        scopes: read_scopes(get("scope"), app)?,
        challenge,
        offline,
        keep_granted: get("include_granted_scopes") == Some("user"),
        asked: std::time::Instant::now(),
    })
}

fn read_scopes(text: Option<&str>, app: &AppOptions) -> Result<BTreeSet<String>, String> {
    let mut scopes: BTreeSet<String> = match text {
        None => SCOPES
            .iter()
            .filter(|scope| app_has(app, scope))
            .map(|scope| (*scope).to_owned())
            .collect(),
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
    };
    if let Some(unknown) = scopes.iter().find(|scope| !app_has(app, scope)) {
        return Err(format!(
            "The app requested an invalid scope: \"{unknown}\" is not among the scopes the app is registered with."
        ));
    }
    // Every app may know who somebody is.
    scopes.insert("account_info.read".to_owned());
    Ok(scopes)
}

/// The account to connect without asking again: the browser's last one, if it granted all this
/// before and the app does not insist.
fn silently(
    request: &HttpRequest,
    parameters: &Parameters,
    pending: &Pending,
    simulation: &Simulation,
) -> Option<usize> {
    if parameters
        .get("force_reapprove")
        .is_some_and(|force| force == "true")
        || parameters
            .get("force_reauthentication")
            .is_some_and(|force| force == "true")
        || pending.redirect_uri.is_none()
    {
        return None;
    }
    let session = header(request, "cookie")?
        .split(';')
        .find_map(|cookie| cookie.trim().strip_prefix(SESSION)?.strip_prefix('='))?;
    let account = simulation
        .accounts
        .iter()
        .position(|account| account.id == session)?;
    let granted = simulation.grants.granted(account, &pending.app_key)?;
    pending.scopes.is_subset(&granted).then_some(account)
}

fn ask(simulation: &Simulation, pending: Pending) -> HttpResponse {
    let id = random_text(24);
    let page = consent::page(simulation, &pending, &id);
    let mut waiting = simulation
        .pending
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    waiting.retain(|_, pending| pending.asked.elapsed() < consent::PATIENCE);
    waiting.insert(id, pending);
    page
}

/// What the person pressed.
async fn decide(
    request: HttpRequest,
    simulation: web::Data<Simulation>,
    form: web::Form<Parameters>,
) -> HttpResponse {
    // A form on someone else's page must not press our buttons. Browsers say where a form is from.
    if let Some(origin) = header(&request, "origin") {
        let host = header(&request, "host").unwrap_or_default();
        if origin != format!("http://{host}") && origin != format!("https://{host}") {
            return consent::fault_page("This decision came from another page.");
        }
    }
    let id = form.get("consent").cloned().unwrap_or_default();
    let mut waiting = simulation
        .pending
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let pending = waiting.remove(&id);
    drop(waiting);
    let Some(pending) = pending.filter(|pending| pending.asked.elapsed() < consent::PATIENCE)
    else {
        return consent::fault_page(
            "This page has been answered before, or it is too old. Start again from the app.",
        );
    };
    match form.get("decision").map(String::as_str) {
        Some("allow") => {}
        _ => return deny(&pending),
    }
    let chosen = form.get("account").map(String::as_str).unwrap_or_default();
    let account = match chosen {
        "" => Some(0),
        id => simulation
            .accounts
            .iter()
            .position(|account| account.id == id || account.name == id),
    };
    match account {
        Some(account) => allow(&simulation, pending, account),
        None => consent::fault_page("There is no such account."),
    }
}

fn allow(simulation: &Simulation, pending: Pending, account: usize) -> HttpResponse {
    let mut scopes = pending.scopes.clone();
    if pending.keep_granted {
        scopes.extend(
            simulation
                .grants
                .granted(account, &pending.app_key)
                .unwrap_or_default(),
        );
    }
    let code = simulation.grants.issue_code(Code {
        grant: Grant {
            account,
            app_key: pending.app_key.clone(),
            scopes,
        },
        redirect_uri: pending.redirect_uri.clone(),
        challenge: pending.challenge.clone(),
        offline: pending.offline,
    });
    let Some(uri) = &pending.redirect_uri else {
        return consent::code_page(&code);
    };
    let mut response = redirect(uri, &[("code", &code)], pending.state.as_deref());
    let id = simulation
        .accounts
        .get(account)
        .map_or("", |account| &account.id);
    let cookie = format!("{SESSION}={id}; Path=/oauth2/; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn deny(pending: &Pending) -> HttpResponse {
    let reason = "The user chose not to give your app access to their Dropbox account.";
    match &pending.redirect_uri {
        Some(uri) => redirect(
            uri,
            &[("error", "access_denied"), ("error_description", reason)],
            pending.state.as_deref(),
        ),
        None => consent::fault_page("You did not give the app access. You can close this window."),
    }
}

fn redirect(uri: &str, parameters: &[(&str, &str)], state: Option<&str>) -> HttpResponse {
    let Ok(mut url) = Url::parse(uri) else {
        return consent::fault_page("The redirect URI is no URL.");
    };
    let mut pairs = url.query_pairs_mut();
    pairs.extend_pairs(parameters);
    if let Some(state) = state {
        pairs.append_pair("state", state);
    }
    drop(pairs);
    consent::with_headers(HttpResponse::Found())
        .insert_header(("Location", url.as_str()))
        .finish()
}

/// A refused exchange: OAuth's error and a sentence.
type Refused = (&'static str, &'static str);

async fn token(
    request: HttpRequest,
    simulation: web::Data<Simulation>,
    body: web::Bytes,
) -> HttpResponse {
    let name = "oauth2/token";
    let reply = match dispatch::instead(&simulation, name, None, None) {
        Some(reply) => reply,
        None => match exchange(&request, &body, &simulation) {
            Ok(value) => Reply::json(&value),
            Err((error, description)) => Reply::json_with_status(
                StatusCode::BAD_REQUEST,
                &json!({ "error": error, "error_description": description }),
            ),
        },
    };
    let reply = dispatch::finish(&request, &simulation, name, None, reply);
    dispatch::note(&request, &simulation, name, None, None, reply.status);
    // Public apps exchange their codes in the browser.
    dispatch::for_any_page(reply).response()
}

fn exchange(
    request: &HttpRequest,
    body: &[u8],
    simulation: &Simulation,
) -> Result<serde_json::Value, Refused> {
    let content_type = header(request, "content-type").unwrap_or_default();
    if !body.is_empty() && !content_type.starts_with("application/x-www-form-urlencoded") {
        let reason = "the parameters must come as application/x-www-form-urlencoded";
        return Err(("invalid_request", reason));
    }
    // Dropbox's own JavaScript SDK sends everything in the URL, so that has to be taken too.
    let in_url = request.query_string();
    if in_url.contains("client_secret=") {
        log::warn!("sandbox: an app sent its secret in a URL, where logs would keep it");
    }
    let parts = url::form_urlencoded::parse(in_url.as_bytes());
    let mut form = Parameters::new();
    for (name, value) in parts.chain(url::form_urlencoded::parse(body)) {
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(("invalid_request", "a parameter is given more than once"));
        }
    }
    let (app, secret_shown) = client(request, &form, simulation)?;
    match form.get("grant_type").map(String::as_str) {
        Some("authorization_code") => exchange_code(&form, simulation, app, secret_shown),
        Some("refresh_token") => exchange_refresh(&form, simulation, app, secret_shown),
        Some(_) => Err(("unsupported_grant_type", "unsupported grant_type")),
        None => Err(("invalid_request", "missing required field \"grant_type\"")),
    }
}

/// Which app asks, and whether it showed its secret. A wrong secret is refused at once.
fn client<'a>(
    request: &HttpRequest,
    form: &Parameters,
    simulation: &'a Simulation,
) -> Result<(&'a AppOptions, bool), Refused> {
    let in_header = header(request, AUTHORIZATION.as_str()).and_then(basic);
    let (key, secret) = match (in_header, form.get("client_id")) {
        (Some((key, secret)), None) => (key, Some(secret)),
        (Some((key, secret)), Some(id)) if key == *id && !form.contains_key("client_secret") => {
            (key, Some(secret))
        }
        (Some(_), Some(_)) => {
            return Err((
                "invalid_request",
                "more than one way of client authentication",
            ));
        }
        (None, Some(id)) => (id.clone(), form.get("client_secret").cloned()),
        (None, None) => return Err(("invalid_request", "No client_id provided")),
    };
    let wrong = ("invalid_client", "Invalid client_id or client_secret");
    let app = simulation.app(&key).ok_or(wrong)?;
    match secret {
        Some(secret) if secret != app.secret => Err(wrong),
        secret => Ok((app, secret.is_some())),
    }
}

fn exchange_code(
    form: &Parameters,
    simulation: &Simulation,
    app: &AppOptions,
    secret_shown: bool,
) -> Result<serde_json::Value, Refused> {
    let text = form
        .get("code")
        .ok_or(("invalid_request", "missing required field \"code\""))?;
    let gone = ("invalid_grant", "code doesn't exist or has expired");
    let code = simulation.grants.take_code(text).ok_or(gone)?;
    if code.grant.app_key != app.key {
        return Err(("invalid_grant", "code was issued to another client_id"));
    }
    if code.redirect_uri.as_ref() != form.get("redirect_uri") {
        return Err(("invalid_grant", "redirect_uri mismatch"));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (Some(_), None) => return Err(("invalid_grant", "code_verifier is missing")),
        (Some(challenge), Some(verifier)) => {
            if !(43..=128).contains(&verifier.len()) || !challenge.accepts(verifier) {
                return Err(("invalid_grant", "invalid code verifier"));
            }
        }
        (None, Some(_)) => return Err(("invalid_grant", "code_verifier without code_challenge")),
        (None, None) if !secret_shown => {
            return Err((
                "invalid_client",
                "client_secret or code_verifier is missing",
            ));
        }
        (None, None) => {}
    }
    let account = simulation.accounts.get(code.grant.account).ok_or(gone)?;
    let scope: Vec<String> = code.grant.scopes.iter().cloned().collect();
    let issued = simulation
        .grants
        .open(code.grant, code.offline, secret_shown);
    let mut answer = json!({
        "access_token": issued.access_token,
        "token_type": "bearer",
        "expires_in": simulation.grants.expires_in(),
        "scope": scope.join(" "),
        "uid": account.uid.to_string(),
        "account_id": account.id,
    });
    if let Some(refresh_token) = issued.refresh_token {
        answer["refresh_token"] = json!(refresh_token);
    }
    Ok(answer)
}

fn exchange_refresh(
    form: &Parameters,
    simulation: &Simulation,
    app: &AppOptions,
    secret_shown: bool,
) -> Result<serde_json::Value, Refused> {
    let missing = (
        "invalid_request",
        "missing required field \"refresh_token\"",
    );
    let text = form.get("refresh_token").ok_or(missing)?;
    let dead = ("invalid_grant", "refresh token is invalid or revoked");
    let confidential = simulation
        .grants
        .refresh_needs_secret(text, &app.key)
        .ok_or(dead)?;
    if confidential && !secret_shown {
        return Err(("invalid_client", "client_secret is missing"));
    }
    let narrower = form
        .get("scope")
        .map(|scope| scope.split_whitespace().map(str::to_owned).collect());
    let refreshed = simulation.grants.refresh(text, narrower);
    let access_token = refreshed.ok_or((
        "invalid_scope",
        "a scope was asked for that was not granted",
    ))?;
    Ok(json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": simulation.grants.expires_in(),
    }))
}
