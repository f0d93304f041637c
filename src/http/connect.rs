//! `GET /api/client/dropbox/authCallback/{open,saveas}`: where Dropbox sends the person back to.
//!
//! The page that opened this one cannot be reached from here (Dropbox's pages cut the tie), so
//! it asks `/auth/status` for itself; this page says what happened and closes.

use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use url::Url;

use super::connect_page;
use super::edge::Edge;
use super::problem::Problem;
use crate::access::Application;
use crate::connections::{Answer, Failure, Finished, Intent};

/// Bytes of a parameter at most; Dropbox gives back at most 2,000 of state.
const LONGEST_PARAMETER: usize = 4_096;

/// Ends the way that began at a listing, for picking.
pub(super) async fn open(edge: web::Data<Edge>, request: HttpRequest) -> HttpResponse {
    finish(&edge, &request, Intent::Open).await
}

/// The same for exporting.
pub(super) async fn saveas(edge: web::Data<Edge>, request: HttpRequest) -> HttpResponse {
    finish(&edge, &request, Intent::SaveAs).await
}

async fn finish(edge: &Edge, request: &HttpRequest, intent: Intent) -> HttpResponse {
    let answer = answer_in(request.query_string());
    let connections = edge.connections.clone();
    let ended = edge
        .run(async move { Ok::<_, Problem>(connections.finish(intent, answer).await) })
        .await;
    let Ok(finished) = ended else {
        return connect_page::failed(&Failure::Internal, None);
    };
    let back = finished.application.as_ref().and_then(|application| {
        let wanted = finished.return_url.as_deref()?;
        allowed_return(wanted, application, edge.links.public())
    });
    shown(&finished, back)
}

/// A person who was connected, or who chose not to be, goes back by themselves; one who could
/// not be is told why first.
fn shown(finished: &Finished, back: Option<String>) -> HttpResponse {
    let by_choice = matches!(&finished.result, Ok(_) | Err(Failure::Denied));
    if let (true, Some(Ok(location))) = (by_choice, back.as_deref().map(HeaderValue::from_str)) {
        return connect_page::guarded(&mut HttpResponse::Found())
            .insert_header((LOCATION, location))
            .finish();
    }
    match &finished.result {
        Ok(email) => connect_page::connected(email),
        Err(failure) => connect_page::failed(failure, back.as_deref()),
    }
}

fn answer_in(query: &str) -> Answer {
    let mut answer = Answer::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let member = match &*name {
            "code" => &mut answer.code,
            "state" => &mut answer.state,
            "error" => &mut answer.error,
            "error_description" => &mut answer.error_description,
            _ => continue,
        };
        if member.is_none() && value.len() <= LONGEST_PARAMETER {
            *member = Some(value.into_owned());
        }
    }
    answer
}

/// The address that a page asked to return to, if the application lets its people be sent there:
/// a page of an allowed origin, or an app's own scheme. `fs-tab=init` becomes the cloud's name;
/// nothing else is touched, since mobile apps compare the whole address.
fn allowed_return(wanted: &str, application: &Application, own: &str) -> Option<String> {
    // Addresses that run or read something instead of leading somewhere.
    const NEVER: [&str; 8] = [
        "javascript",
        "data",
        "vbscript",
        "blob",
        "file",
        "about",
        "view-source",
        "filesystem",
    ];
    let url = Url::parse(wanted).ok()?;
    match url.scheme() {
        "http" | "https" => {
            let origin = url.origin().ascii_serialization();
            let listed = &application.allowed_origins;
            let allowed = listed.is_empty()
                || origin.eq_ignore_ascii_case(own)
                || listed.iter().any(|o| o.eq_ignore_ascii_case(&origin));
            allowed.then_some(())?;
        }
        scheme if NEVER.contains(&scheme) => return None,
        _ => {}
    }
    let plain = wanted.bytes().all(|b| b.is_ascii_graphic());
    let address = if plain { wanted } else { url.as_str() };
    Some(with_tab(address))
}

fn with_tab(address: &str) -> String {
    const INIT: &str = "fs-tab=init";
    let place = address.match_indices(INIT).find(|(at, _)| {
        let before = address[..*at].chars().next_back();
        let after = address[at + INIT.len()..].chars().next();
        matches!(before, Some('?' | '&')) && matches!(after, None | Some('&' | '#'))
    });
    match place {
        Some((at, _)) => format!(
            "{}fs-tab=dropbox{}",
            &address[..at],
            &address[at + INIT.len()..]
        ),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tab_of_a_return_address_is_changed() {
        assert_eq!(
            with_tab("https://a.test/?x=%20&fs-tab=init#y"),
            "https://a.test/?x=%20&fs-tab=dropbox#y"
        );
        assert_eq!(with_tab("filestack://done"), "filestack://done");
        assert_eq!(with_tab("a://b?fs-tab=initial"), "a://b?fs-tab=initial");
    }

    #[test]
    fn the_first_of_each_parameter_counts() {
        let answer = answer_in("code=a&code=b&state=s%20t&x=1");
        assert_eq!(answer.code.as_deref(), Some("a"));
        assert_eq!(answer.state.as_deref(), Some("s t"));
        assert_eq!(answer_in(&format!("code={}", "x".repeat(5000))).code, None);
    }
}
