//! The grammar of links to files: `[APIKEY/] {task/} HANDLE [/metadata]`.
//!
//! A task is a name, or `name=member:value,…`. SDKs write links in several ways: with slashes
//! encoded, the source in quotes, a policy in standard base64 with slashes of its own.
//! Conversions are not done here, which the refusal says; a task that nobody knows is a mistake.

use percent_encoding::percent_decode_str;

use super::handle_in;
use crate::files::Handle;
use crate::http::Problem;

/// Letters of an API key at least; no task's name is that long without an underscore.
const SHORTEST_KEY: usize = 16;

/// Tasks of Filestack's that are not done here: asking for one of them is no mistake.
const CONVERSIONS: [&str; 65] = [
    "resize",
    "crop",
    "smart_crop",
    "rotate",
    "flip",
    "flop",
    "monochrome",
    "negative",
    "redeye",
    "auto_image",
    "no_metadata",
    "tags",
    "sfw",
    "imagesize",
    "compress",
    "enhance",
    "upscale",
    "detect_faces",
    "crop_faces",
    "pixelate_faces",
    "blur_faces",
    "partial_pixelate",
    "partial_blur",
    "rounded_corners",
    "vignette",
    "polaroid",
    "torn_edges",
    "shadow",
    "circle",
    "border",
    "sharpen",
    "blur",
    "blackwhite",
    "sepia",
    "pixelate",
    "oil_paint",
    "modulate",
    "ascii",
    "collage",
    "animate",
    "urlscreenshot",
    "watermark",
    "output",
    "pjpg",
    "quality",
    "store",
    "fallback",
    "zip",
    "pdfinfo",
    "pdfconvert",
    "minify_css",
    "minify_js",
    "video_convert",
    "ocr",
    "caption",
    "copyright",
    "doc_detection",
    "image_sentiment",
    "text_sentiment",
    "doc_to_images",
    "pdfcreate",
    "video_playlist",
    "content",
    "preview",
    "debug",
];

/// What a link asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Bytes,
    Metadata,
}

/// A link, taken apart.
#[derive(Debug)]
pub(super) struct Link {
    pub handle: Handle,
    pub apikey: Option<String>,
    pub policy: Option<String>,
    pub signature: Option<String>,
    pub cache: Option<String>,
    pub what: What,
}

/// Takes a path apart; `None` when it names no file at all.
///
/// # Errors
/// 400 for a path that is no text, 501 for what this server does not do.
pub(super) fn parse(raw: &str) -> Result<Option<Link>, Problem> {
    // Decoded once, as a whole: the Java SDK writes the slashes between tasks as %2F. A plus is
    // a plus here, for policies have some.
    let decoded = percent_decode_str(raw).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::bad_request("the path is not valid UTF-8"))?;
    let mut segments = segments(&decoded);
    let outside = segments.iter().any(|segment| is_outside(segment));
    if outside && segments.len() > 1 {
        return Err(Problem::not_implemented("a source other than a handle"));
    }
    let mut what = What::Bytes;
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "metadata") {
        segments.pop();
        what = What::Metadata;
    }
    let Some(source) = segments.pop() else {
        return Ok(None);
    };
    let Ok(handle) = handle_in(source.trim_matches('"')) else {
        return Ok(None);
    };
    let mut link = Link {
        handle,
        apikey: None,
        policy: None,
        signature: None,
        cache: None,
        what,
    };
    let mut tasks = segments.as_slice();
    if let Some((first, rest)) = tasks.split_first() {
        if first == "file" && rest.is_empty() {
            tasks = rest;
        } else if is_apikey(first) {
            link.apikey = Some(first.clone());
            tasks = rest;
        }
    }
    for task in tasks {
        apply(&mut link, task)?;
    }
    Ok(Some(link))
}

fn apply(link: &mut Link, task: &str) -> Result<(), Problem> {
    let (name, members) = task.split_once('=').unwrap_or((task, ""));
    match name {
        "security" => {
            link.policy = member(members, &["policy", "p"]);
            link.signature = member(members, &["signature", "s"]);
        }
        "metadata" => link.what = What::Metadata,
        "cache" => link.cache = Some(members.to_owned()),
        known if CONVERSIONS.contains(&known) => {
            return Err(Problem::not_implemented(&format!("the task `{known}`")));
        }
        other => {
            let plain: String = other
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                .take(40)
                .collect();
            let message = format!("there is no task `{plain}`");
            return Err(Problem::bad_request(message));
        }
    }
    Ok(())
}

/// The value of a member under one of its names. Policies and signatures hold no comma.
fn member(members: &str, names: &[&str]) -> Option<String> {
    members.split(',').find_map(|member| {
        let (name, value) = member.split_once(':')?;
        let value = value.trim_matches('"');
        (names.contains(&name) && !value.is_empty()).then(|| value.to_owned())
    })
}

/// Splits at slashes outside of quotes, and puts a security task together again whose policy
/// had slashes of its own.
fn segments(path: &str) -> Vec<String> {
    let mut quoted = false;
    let pieces = path.split(move |c| {
        quoted ^= c == '"';
        c == '/' && !quoted
    });
    let mut segments: Vec<String> = Vec::new();
    for piece in pieces {
        match segments.last_mut() {
            Some(last) if is_unfinished_security(last) => {
                last.push('/');
                last.push_str(piece);
            }
            _ if piece.is_empty() => {}
            _ => segments.push(piece.to_owned()),
        }
    }
    segments
}

fn is_unfinished_security(segment: &str) -> bool {
    let Some(members) = segment.strip_prefix("security=") else {
        return false;
    };
    let has_policy = member(members, &["policy", "p"]).is_some();
    has_policy && member(members, &["signature", "s"]).is_none()
}

fn is_apikey(segment: &str) -> bool {
    segment.len() >= SHORTEST_KEY && segment.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a segment begins a source that is not a handle.
fn is_outside(segment: &str) -> bool {
    let begin = segment.trim_start_matches(['"', '[']);
    let schemes = ["http:", "https:", "src:", "wf:", "b64:"];
    schemes.iter().any(|scheme| begin.starts_with(scheme)) || segment.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HANDLE: &str = "abcdefghij0123456789";
    const KEY: &str = "Aabcdefghijklmnopqrstuv";

    fn link(path: &str) -> Link {
        parse(&path.replace("H", HANDLE).replace("KEY", KEY))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn every_form_of_a_link_names_the_same_file() {
        for path in [
            "/H",
            "/file/H",
            "/KEY/H",
            "/H+jpg",
            "//H",
            "/H/",
            "/KEY/\"H\"",
            "/KEY/%22H%22",
        ] {
            let link = link(path);
            assert_eq!(link.handle.as_str(), HANDLE, "{path}");
            assert_eq!(link.what, What::Bytes);
        }
        for path in [
            "/H/metadata",
            "/file/H/metadata",
            "/KEY/metadata/H",
            "/metadata/H",
        ] {
            assert_eq!(link(path).what, What::Metadata, "{path}");
        }
    }

    #[test]
    fn a_security_task_is_read_in_all_its_spellings() {
        for path in [
            "/security=policy:a+b==,signature:0f/H",
            "/KEY/security=p:a+b==,s:0f/H",
            "/KEY/security=s:0f,p:a+b==/H",
            "/KEY/security%3Dpolicy:a%2Bb%3D%3D,signature:0f%2FH",
            "/security=policy:\"a+b==\",signature:0f/H/metadata",
        ] {
            let link = link(path);
            assert_eq!(link.policy.as_deref(), Some("a+b=="), "{path}");
            assert_eq!(link.signature.as_deref(), Some("0f"));
        }
        let slashed = link("/KEY/security=policy:a/b//c,signature:0f/H");
        assert_eq!(slashed.policy.as_deref(), Some("a/b//c"));
        let quoted = link("/KEY/security=policy:\"a/b//c\",signature:0f/H");
        assert_eq!(quoted.policy.as_deref(), Some("a/b//c"));
    }

    #[test]
    fn what_is_not_a_link_to_a_file_is_told_from_what_is_not_done() {
        for path in [
            "/",
            "/favicon.ico",
            "/foo/bar",
            "/resize=width:1/short",
            "/a/b/metadata",
        ] {
            assert!(parse(path).unwrap().is_none(), "{path}");
        }
        let refused = parse(&format!("/resize=width:1/{HANDLE}")).unwrap_err();
        assert_eq!(refused.status(), 501);
        assert!(refused.message().contains("`resize`"));
        let mistaken = parse(&format!("/resise=width:1/{HANDLE}")).unwrap_err();
        assert_eq!(mistaken.status(), 400);
        assert!(mistaken.message().contains("`resise`"));
        let outside = format!("/{KEY}/https://example.test/{HANDLE}");
        assert_eq!(parse(&outside).unwrap_err().status(), 501);
        assert_eq!(parse("/%ff").unwrap_err().status(), 400);
    }

    proptest! {
        #[test]
        fn no_path_is_too_strange(path in "[/%=:,\"+a-zA-Z0-9\\[\\]]{0,80}|\\PC{0,60}") {
            drop(parse(&path));
        }
    }
}
