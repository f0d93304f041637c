//! How a stranger's bytes are served: as data, never as a page of ours.
//!
//! On a host of their own (`cdn.` of a cname) types that can act may be shown; on the origin that
//! also bears the portal they are saved instead, and scripts are text.

use actix_web::HttpRequest;

use crate::http::Edge;

/// What a document made of a stranger's bytes may do: show itself.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; \
     style-src 'unsafe-inline'";

/// The longest media type that is passed on.
const LONGEST_TYPE: usize = 150;

/// How a file is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub content_type: String,
    pub attachment: bool,
    pub policy: Option<&'static str>,
}

/// How a file of this type is sent; `own_host` where nothing of ours lives on the host.
pub(super) fn manner(mimetype: &str, own_host: bool) -> Manner {
    let content_type = usable(mimetype).unwrap_or("application/octet-stream");
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let script = essence.contains("javascript") || essence.contains("ecmascript");
    let active = is_active(&essence) && !own_host;
    Manner {
        content_type: if script && !own_host {
            // With `nosniff` no page can run it.
            "text/plain; charset=utf-8".to_owned()
        } else {
            content_type.to_owned()
        },
        attachment: active,
        // Browsers show PDF in a viewer of their own, which does not start in a sandbox.
        policy: (essence != "application/pdf").then_some(POLICY),
    }
}

/// Whether a file of this type may be fetched from the store itself, whose answers bear neither
/// `nosniff` nor a policy of ours.
///
/// Only what no browser makes a page of, and what none runs as a script even without `nosniff`:
/// browsers refuse scripts of just these families by their type alone ([Fetch, section
/// 2.9](https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-mime-type)).
/// Pictures written in XML are pages that can act.
pub(super) fn may_leave(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let family = essence.split('/').next().unwrap_or_default();
    matches!(family, "image" | "audio" | "video")
        && !essence.contains("xml")
        && !essence.contains("svg")
}

/// Whether the request came to the host that serves nothing but files.
pub(super) fn is_own_host(edge: &Edge, request: &HttpRequest) -> bool {
    let cname = &edge.settings.cname;
    let info = request.connection_info();
    let host = info.host().split(':').next().unwrap_or_default();
    !cname.is_empty() && host.eq_ignore_ascii_case(&format!("cdn.{cname}"))
}

/// Types that a browser would let act, or read as a page.
fn is_active(essence: &str) -> bool {
    let known = [
        "text/html",
        "text/xml",
        "text/xsl",
        "text/vtt+html",
        "application/xml",
        "application/x-shockwave-flash",
        "application/x-mimearchive",
        "application/vnd.wap.xhtml+xml",
        "message/rfc822",
    ];
    essence.ends_with("+xml")
        || essence.starts_with("multipart/")
        || known.contains(&essence)
        || essence.contains("xhtml")
}

/// A media type that can stand in a header and means one thing.
pub(super) fn usable(mimetype: &str) -> Option<&str> {
    let mimetype = mimetype.trim();
    let plain = mimetype.bytes().all(|b| (b' '..0x7f).contains(&b));
    let essence = mimetype.split(';').next().unwrap_or_default().trim();
    let (kind, form) = essence.split_once('/')?;
    let is_token = |text: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
        !text.is_empty() && text.bytes().all(fits)
    };
    let fits = plain && mimetype.len() <= LONGEST_TYPE && is_token(kind) && is_token(form);
    fits.then_some(mimetype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_act_is_saved_and_not_shown() {
        for mimetype in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/atom+xml",
            "multipart/related",
            "message/rfc822",
        ] {
            let manner = manner(mimetype, false);
            assert!(manner.attachment, "{mimetype}");
            assert!(manner.policy.unwrap().starts_with("sandbox"));
        }
        assert!(!manner("image/svg+xml", true).attachment);
    }

    #[test]
    fn scripts_are_text() {
        for mimetype in [
            "text/javascript",
            "application/x-javascript",
            "application/ecmascript",
        ] {
            assert_eq!(
                manner(mimetype, false).content_type,
                "text/plain; charset=utf-8"
            );
        }
    }

    #[test]
    fn ordinary_files_are_shown_as_what_they_are() {
        for mimetype in ["image/png", "video/mp4", "text/plain", "application/pdf"] {
            let manner = manner(mimetype, false);
            assert_eq!(
                (manner.content_type.as_str(), manner.attachment),
                (mimetype, false)
            );
        }
    }

    #[test]
    fn only_pictures_sound_and_video_may_be_fetched_from_elsewhere() {
        for mimetype in [
            "image/png",
            "IMAGE/JPEG",
            "audio/mpeg",
            "video/mp4; codecs=x",
        ] {
            assert!(may_leave(mimetype), "{mimetype}");
        }
        for mimetype in [
            "image/svg+xml",
            "image/svg",
            "IMAGE/SVG+XML; charset=utf-8",
            "text/html",
            "text/plain",
            "text/javascript",
            "application/pdf",
            "application/zip",
            "application/octet-stream",
            "",
        ] {
            assert!(!may_leave(mimetype), "{mimetype}");
        }
    }

    #[test]
    fn types_that_are_none_become_bytes() {
        for mimetype in [
            "",
            "html",
            "a/b\r\nX: y",
            "text/html,text/plain",
            "/",
            "ä/b",
            "a b/c",
        ] {
            let sent = manner(mimetype, false).content_type;
            assert_eq!(sent, "application/octet-stream", "{mimetype}");
        }
    }
}
