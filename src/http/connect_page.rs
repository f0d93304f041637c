//! The page at the end of the way to Dropbox.
//!
//! It holds no secret, loads nothing, and runs one line of ours that its policy names by hash.
//! What comes from outside (an address, Dropbox's words) is shown as text.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::connections::Failure;

const PAGE: &str = include_str!("../../web/connect/page.html");
const STYLE: &str = include_str!("../../web/connect/page.css");
const SCRIPT: &str = include_str!("../../web/connect/page.js");

/// Names the script and the style by their hashes, and allows nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| {
        let digest = Sha256::digest(text.as_bytes());
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
});

/// What the page says.
struct Words<'a> {
    kind: &'a str,
    title: &'a str,
    message: String,
    rest: String,
    closes: bool,
}

/// It went well.
pub(super) fn connected(email: &str) -> HttpResponse {
    let message = if email.is_empty() {
        "Your Dropbox is connected.".to_owned()
    } else {
        format!("The Dropbox of {} is connected.", escaped(email))
    };
    let words = Words {
        kind: "success",
        title: "Dropbox is connected",
        message,
        rest: "<p class=\"hint\">This window closes by itself. If it does not, close it and go \
             on where you left off.</p>\n"
            .to_owned(),
        closes: true,
    };
    page(StatusCode::OK, &words)
}

/// It did not; `back` is where the person may go from here.
pub(super) fn failed(failure: &Failure, back: Option<&str>) -> HttpResponse {
    let denied = *failure == Failure::Denied;
    let mut rest = format!("<p>{}</p>\n", escaped(failure.advice()));
    if let Some(back) = back {
        rest.push_str(&format!(
            "<p><a href=\"{}\" rel=\"noreferrer\">Go back</a></p>\n",
            escaped(back)
        ));
    }
    if !denied {
        rest.push_str(&format!("<p class=\"hint\">{}</p>\n", failure.code()));
    }
    let words = Words {
        kind: "failure",
        title: "Dropbox is not connected",
        message: sentence(&escaped(&failure.to_string())),
        rest,
        closes: denied,
    };
    let status = match failure {
        Failure::Denied => StatusCode::FORBIDDEN,
        Failure::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    page(status, &words)
}

fn page(status: StatusCode, words: &Words<'_>) -> HttpResponse {
    let script = if words.closes {
        format!("<script>{SCRIPT}</script>\n")
    } else {
        String::new()
    };
    let html = PAGE
        .replace("{{style}}", STYLE)
        .replace("{{script}}", &script)
        .replace("{{kind}}", words.kind)
        .replace("{{title}}", words.title)
        // Last, because only these hold words from outside.
        .replace("{{rest}}", &words.rest)
        .replacen("{{message}}", &words.message, 1);
    guarded(&mut HttpResponse::build(status))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// Keeps the page, whose address held a code, out of frames, caches and referrers.
pub(super) fn guarded(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((
            HeaderName::from_static("x-frame-options"),
            HeaderValue::from_static("DENY"),
        ))
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // No braces, so that no words from outside look like a place of the page.
            '{' => html.push_str("&#123;"),
            '}' => html.push_str("&#125;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
    html
}

/// An error's words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn words_from_outside_are_never_markup() {
        let failure = Failure::Refused("<script>alert(1)</script>{{script}}'\"".to_owned());
        let response = failed(&failure, Some("https://a.test/?a=\"><img>"));
        let body = actix_web::body::to_bytes(response.into_body())
            .await
            .unwrap();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(!html.contains("<img>"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn the_policy_names_what_the_page_holds() {
        assert!(!SCRIPT.contains("</script"));
        assert!(POLICY.contains("script-src 'sha256-"));
        assert!(!POLICY.contains("unsafe"));
    }
}
