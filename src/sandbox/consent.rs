//! The pages of the OAuth flow, in plain HTML: the question, the code to copy, and what is wrong.

use std::{
    collections::BTreeSet,
    fmt::Write,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, HttpResponseBuilder, http::header::ContentType};

use super::{grants::Challenge, simulation::Simulation};

/// How long a page waits for a decision.
pub const PATIENCE: Duration = Duration::from_secs(1800);

/// What an app asks a person for.
pub struct Pending {
    /// The app.
    pub app_key: String,
    /// Where the answer goes; on the page itself if absent.
    pub redirect_uri: Option<String>,
    /// What the app wants back with the answer.
    pub state: Option<String>,
    /// What the app wants to do.
    pub scopes: BTreeSet<String>,
    /// What the app must prove at the exchange.
    pub challenge: Option<Challenge>,
    /// Whether the app wants to come back later.
    pub offline: bool,
    /// Whether scopes granted before stay.
    pub keep_granted: bool,
    /// When it asked.
    pub asked: Instant,
}

/// The question.
pub fn page(simulation: &Simulation, pending: &Pending, id: &str) -> HttpResponse {
    let mut body = String::new();
    let app = escape(&pending.app_key);
    let _ = write!(
        body,
        "<h1><b>{app}</b> would like to:</h1><ul class=\"scopes\">"
    );
    for scope in &pending.scopes {
        let _ = write!(
            body,
            "<li>{} <code>{}</code></li>",
            meaning(scope),
            escape(scope)
        );
    }
    body.push_str("</ul><form method=\"post\" action=\"/oauth2/authorize\">");
    let _ = write!(
        body,
        "<input type=\"hidden\" name=\"consent\" value=\"{id}\">"
    );
    match simulation.accounts.as_slice() {
        [only] => {
            let _ = write!(
                body,
                "<p class=\"who\">Signed in as <b>{}</b> · {}</p><input type=\"hidden\" name=\"account\" value=\"{}\">",
                escape(&only.name),
                escape(&only.email),
                escape(&only.id)
            );
        }
        accounts => {
            body.push_str("<fieldset><legend>Which account?</legend>");
            for (number, account) in accounts.iter().enumerate() {
                let _ = write!(
                    body,
                    "<label><input type=\"radio\" name=\"account\" value=\"{}\"{}> <b>{}</b> · {}</label>",
                    escape(&account.id),
                    if number == 0 { " checked" } else { "" },
                    escape(&account.name),
                    escape(&account.email)
                );
            }
            body.push_str("</fieldset>");
        }
    }
    body.push_str(
        "<div class=\"buttons\"><button name=\"decision\" value=\"deny\" id=\"deny\">Deny</button>\
         <button name=\"decision\" value=\"allow\" id=\"allow\" class=\"primary\">Allow</button></div></form>",
    );
    if let Some(uri) = &pending.redirect_uri {
        let host = url::Url::parse(uri).ok();
        let host = host
            .as_ref()
            .and_then(|url| url.host_str())
            .unwrap_or("the app");
        let _ = write!(
            body,
            "<p class=\"small\">Your answer takes you back to {}. Nothing here leaves this computer: \
             this is a simulated Dropbox.</p>",
            escape(host)
        );
    }
    html(HttpResponse::Ok(), "Connect an app", &body)
}

/// A code to copy, for apps without a redirect URI.
pub fn code_page(code: &str) -> HttpResponse {
    let body = format!(
        "<h1>Enter this code in the app to finish</h1><p><input readonly aria-label=\"Code\" id=\"code\" value=\"{}\"></p>",
        escape(code)
    );
    html(HttpResponse::Ok(), "Access code", &body)
}

/// Something that only the app's developer can mend.
pub fn fault_page(reason: &str) -> HttpResponse {
    let body = format!(
        "<h1>Something is not right here</h1><p class=\"fault\">{}</p>\
         <p class=\"small\">If you are the developer of this app, compare what it sends with how it is registered.</p>",
        escape(reason)
    );
    html(HttpResponse::BadRequest(), "Error (400)", &body)
}

/// The headers that Dropbox's own pages bear: nobody frames them, and they cut the tie to the
/// window that opened them.
pub fn with_headers(mut builder: HttpResponseBuilder) -> HttpResponseBuilder {
    builder
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("X-Frame-Options", "DENY"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Cache-Control", "no-store"))
        // Not stricter: the form must say where it comes from.
        .insert_header(("Referrer-Policy", "same-origin"))
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
        ));
    builder
}

fn html(builder: HttpResponseBuilder, title: &str, body: &str) -> HttpResponse {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · Simulated Dropbox</title><style>{STYLE}</style></head><body><main>\
         <header><svg width=\"36\" height=\"30\" viewBox=\"0 0 36 30\" aria-hidden=\"true\"><path fill=\"#0061fe\" d=\"M4 10 \
         18 2l14 8-14 8zM4 15l14 8 14-8v5l-14 8-14-8z\"/></svg><span>Simulated Dropbox</span></header>{body}</main></body></html>"
    );
    with_headers(builder)
        .content_type(ContentType::html())
        .body(page)
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1e1919;--soft:#6b6560;--line:#d9d5ce;--paper:#fff;--ground:#f7f5f2;--blue:#0061fe}\
@media(prefers-color-scheme:dark){:root{--ink:#f7f5f2;--soft:#a8a29a;--line:#45403b;--paper:#242120;--ground:#171514}}\
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif;padding:1rem}main{background:var(--paper);border:1px solid var(--line);border-radius:12px;\
padding:2rem;width:100%;max-width:30rem}header{display:flex;gap:.75rem;align-items:center;color:var(--soft);margin-bottom:1rem}\
h1{font-size:1.35rem;font-weight:500;margin:0 0 1rem}.scopes{padding-left:1.2rem;margin:0 0 1.5rem}.scopes li{margin:.25rem 0}\
code{color:var(--soft);font-size:.8rem}fieldset{border:1px solid var(--line);border-radius:8px;margin:0 0 1.5rem;padding:.5rem 1rem}\
label{display:block;padding:.35rem 0}.buttons{display:flex;gap:.75rem;justify-content:flex-end}button{font:inherit;font-weight:600;\
padding:.6rem 1.4rem;border-radius:8px;border:1px solid var(--line);background:none;color:inherit;cursor:pointer}\
button.primary{background:var(--blue);border-color:var(--blue);color:#fff}button:focus-visible,input:focus-visible{outline:3px solid #80b0ff}\
.small{color:var(--soft);font-size:.85rem;margin:1.5rem 0 0}.fault{overflow-wrap:anywhere}#code{width:100%;font:inherit;padding:.6rem}";

fn meaning(scope: &str) -> &'static str {
    match scope {
        "account_info.read" => "See basic information about your account",
        "account_info.write" => "Change basic information about your account",
        "contacts.read" => "See your contacts",
        "contacts.write" => "Change your contacts",
        "file_requests.read" => "See your file requests",
        "file_requests.write" => "Change your file requests",
        "files.content.read" => "See the content of your files and folders",
        "files.content.write" => "Change the content of your files and folders",
        "files.metadata.read" => "See information about your files and folders",
        "files.metadata.write" => "Change information about your files and folders",
        "sharing.read" => "See your sharing settings and collaborators",
        "sharing.write" => "Change your sharing settings and collaborators",
        _ => "Use",
    }
}

/// Text that cannot become markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
