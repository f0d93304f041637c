//! The grammar of links to files: `[APIKEY/] {task/} HANDLE [/metadata]`, or an address of the web
//! in place of the handle.
//!
//! What a task is `tasks` reads. SDKs write links in several ways: with slashes encoded, the source
//! in quotes, a policy in standard base64 with slashes of its own. Conversions are not done here,
//! which the refusal says; a task that nobody knows is a mistake.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::handle_in;
use crate::files::Handle;
use crate::http::Problem;
use crate::http::tasks::{Task, shown};

/// A double quote as it comes in a path.
const QUOTES: [&str; 2] = ["\"", "%22"];

/// Letters of an API key at least; no task's name is that long without an underscore.
const SHORTEST_KEY: usize = 16;

/// Tasks of Filestack's that are not done here: asking for one of them is no mistake.
const CONVERSIONS: [&str; 64] = [
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
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Bytes,
    Metadata,
    /// A stored file of its own, with these store options.
    Store(Map<String, Value>),
}

/// What a link is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Handle(Handle),
    /// An address of the web.
    Address(String),
}

/// A link, taken apart.
#[derive(Debug)]
pub(super) struct Link {
    pub source: Source,
    pub apikey: Option<String>,
    pub policy: Option<String>,
    pub signature: Option<String>,
    pub cache: Option<String>,
    pub what: What,
}

/// Takes a path apart; `None` when it names no file at all. The query belongs to an address that
/// stands at the end of the path.
///
/// # Errors
/// 400 for a path that is no text or a task that cannot be read, 501 for what this server does not
/// do.
pub(super) fn parse(raw: &str, query: &str) -> Result<Option<Link>, Problem> {
    // An address that was not encoded is taken as it came: what is encoded within it is its own.
    let (raw, mut address) = match address_in(raw) {
        Some((before, address)) => (before, Some(plain_address(address, query))),
        None => (raw, None),
    };
    // Decoded once, as a whole: the Java SDK writes the slashes between tasks as %2F. A plus is
    // a plus here, for policies have some.
    let decoded = percent_decode_str(raw).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::bad_request("the path is not valid UTF-8"))?;
    let chain = match address_in(&decoded) {
        Some((before, encoded)) if address.is_none() => {
            address = Some(plain_address(encoded, query));
            before
        }
        _ => &decoded,
    };
    let mut segments = segments(chain);
    if address.is_none() && segments.len() > 1 && segments.iter().any(|one| is_outside(one)) {
        return Err(elsewhere());
    }
    let mut what = What::Bytes;
    let source = match address {
        Some(address) => Source::Address(address),
        None => {
            if segments.len() > 1 && segments.last().is_some_and(|last| last == "metadata") {
                segments.pop();
                what = What::Metadata;
            }
            let Some(source) = segments.pop() else {
                return Ok(None);
            };
            match handle_in(source.trim_matches('"')) {
                Ok(handle) => Source::Handle(handle),
                Err(_) if chain.matches('"').count() % 2 == 1 => {
                    return Err(Problem::bad_request("a quote in the path is not closed"));
                }
                Err(_) => return Ok(None),
            }
        }
    };
    let mut link = Link {
        source,
        apikey: None,
        policy: None,
        signature: None,
        cache: None,
        what,
    };
    link.apply_all(&segments)?;
    Ok(Some(link))
}

/// Reading and converting what lies elsewhere.
pub(super) fn elsewhere() -> Problem {
    Problem::not_implemented("a source other than a handle")
}

impl Link {
    fn apply_all(&mut self, segments: &[String]) -> Result<(), Problem> {
        let mut tasks = segments;
        if let Some((first, rest)) = tasks.split_first() {
            if first == "file" && rest.is_empty() {
                tasks = rest;
            } else if is_apikey(first) {
                self.apikey = Some(first.clone());
                tasks = rest;
            }
        }
        for task in tasks {
            self.apply(task)?;
        }
        Ok(())
    }

    fn apply(&mut self, segment: &str) -> Result<(), Problem> {
        let (name, value) = segment.split_once('=').unwrap_or((segment, ""));
        match name {
            "security" => {
                let task = Task::read(segment)?;
                self.policy = task.text(&["policy", "p"]).map(str::to_owned);
                self.signature = task.text(&["signature", "s"]).map(str::to_owned);
            }
            "metadata" => self.what = What::Metadata,
            "store" => {
                let params = Task::read(segment)?.params();
                match &mut self.what {
                    // Workflows come as a second task of this name.
                    What::Store(members) => members.extend(params),
                    what => *what = What::Store(params),
                }
            }
            "cache" => self.cache = Some(value.to_owned()),
            known if CONVERSIONS.contains(&known) => {
                return Err(Problem::not_implemented(&format!("the task `{known}`")));
            }
            other => {
                let message = format!("there is no task `{}`", shown(other));
                return Err(Problem::bad_request(message));
            }
        }
        Ok(())
    }
}

/// What stands before an address at the end of a path, and the address. Addresses begin a segment
/// outside of all quotes, and may be in quotes themselves.
fn address_in(path: &str) -> Option<(&str, &str)> {
    let mut segments = path.match_indices('/').map(|(at, _)| at + 1);
    segments.find_map(|at| {
        let (before, rest) = (path.get(..at)?, path.get(at..)?);
        let bare = QUOTES.iter().find_map(|quote| rest.strip_prefix(quote));
        let bare = bare.unwrap_or(rest);
        let begins = |scheme: &str| {
            let begin = bare.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        let is_address = begins("http:/") || begins("https:/");
        let quotes = QUOTES.map(|quote| before.matches(quote).count());
        let quoted = quotes.iter().sum::<usize>() % 2 == 1;
        (is_address && !quoted).then_some((before, bare))
    })
}

/// An address with its query, without the quote behind it, and with both slashes behind its scheme:
/// proxies make one of two.
fn plain_address(address: &str, query: &str) -> String {
    let whole = match query {
        "" => address.to_owned(),
        query => format!("{address}?{query}"),
    };
    let unquoted = QUOTES.iter().find_map(|quote| whole.strip_suffix(quote));
    let (scheme, rest) = unquoted
        .unwrap_or(&whole)
        .split_once(':')
        .unwrap_or_default();
    format!(
        "{}://{}",
        scheme.to_ascii_lowercase(),
        rest.trim_start_matches('/')
    )
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
    let has = |names: [&str; 2]| {
        let begins = |member: &str| {
            let name = member.split(':').next().unwrap_or_default();
            names.contains(&name) && member.len() > name.len() + 1
        };
        members.split(',').any(begins)
    };
    has(["policy", "p"]) && !has(["signature", "s"])
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
    use serde_json::json;

    const HANDLE: &str = "abcdefghij0123456789";
    const KEY: &str = "Aabcdefghijklmnopqrstuv";

    fn of_handle() -> Source {
        Source::Handle(Handle::parse(HANDLE).unwrap())
    }

    fn link(path: &str) -> Link {
        parse(&path.replace("H", HANDLE).replace("KEY", KEY), "")
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
            assert_eq!(link.source, of_handle(), "{path}");
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
            assert!(parse(path, "").unwrap().is_none(), "{path}");
        }
        let refused = parse(&format!("/resize=width:1/{HANDLE}"), "").unwrap_err();
        assert_eq!(refused.status(), 501);
        assert!(refused.message().contains("`resize`"));
        let mistaken = parse(&format!("/resise=width:1/{HANDLE}"), "").unwrap_err();
        assert_eq!(mistaken.status(), 400);
        assert!(mistaken.message().contains("`resise`"));
        for outside in ["src://alias/x.jpg", "wf://abc", "[H,H]", "b64://aHR0cA=="] {
            let outside = format!("/{KEY}/{outside}");
            assert_eq!(parse(&outside, "").unwrap_err().status(), 501, "{outside}");
        }
        assert_eq!(parse("/%ff", "").unwrap_err().status(), 400);
        let broken = format!("/store=workflows:[a/{HANDLE}");
        assert_eq!(parse(&broken, "").unwrap_err().status(), 400);
    }

    #[test]
    fn a_store_task_is_read_with_its_source_in_every_spelling() {
        for path in [
            "/KEY/store=path:\"in/a, b\",access:public/H",
            "/store=path:%22in/a,%20b%22,access:public/H",
            "/KEY/store=path:\"in/a, b\"/store=access:public/security=p:a/b,s:0f/H",
            "/store%3Daccess%3Apublic%2Cpath%3A%22in%2Fa%2C%20b%22%2FH",
        ] {
            let link = link(path);
            assert_eq!(link.source, of_handle(), "{path}");
            let wanted = json!({ "path": "in/a, b", "access": "public" });
            assert_eq!(link.what, What::Store(wanted.as_object().unwrap().clone()));
        }
        assert_eq!(link("/store/H").what, What::Store(Map::new()));
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let address = |path: &str, query: &str| {
            let path = path.replace("KEY", KEY);
            match parse(&path, query).unwrap().unwrap().source {
                Source::Address(address) => address,
                other => panic!("{other:?}"),
            }
        };
        let plain = "https://a.test/in/b%20c.png";
        for path in [
            "/KEY/store=location:S3/https://a.test/in/b%20c.png",
            // filestack-js puts it in quotes, which browsers encode.
            "/KEY/store/\"https://a.test/in/b%20c.png\"",
            "/KEY/store/%22https://a.test/in/b%20c.png%22",
            // Proxies make one slash of two.
            "/KEY/store/https:/a.test/in/b%20c.png",
            // The Java SDK encodes the whole.
            "/KEY/store%3Dlocation%3AS3/https:%2F%2Fa.test%2Fin%2Fb%2520c.png",
            "/KEY/store=path:\"http://x\"/HTTPS://a.test/in/b%20c.png",
            "/KEY/store/security=p:a//b/c,s:0f/https://a.test/in/b%20c.png",
        ] {
            assert_eq!(address(path, ""), plain, "{path}");
        }
        let asked = address("/KEY/store/https://a.test/in//b", "x=1&y=%2F");
        assert_eq!(asked, "https://a.test/in//b?x=1&y=%2F");
        let quoted = address("/KEY/store/%22https://a.test/b", "x=1%22");
        assert_eq!(quoted, "https://a.test/b?x=1");
        let link = parse(&format!("/{KEY}/https://a.test/b"), "")
            .unwrap()
            .unwrap();
        assert_eq!(link.apikey.as_deref(), Some(KEY));
        assert_eq!(link.what, What::Bytes, "what is elsewhere is not read");
    }

    proptest! {
        #[test]
        fn no_path_is_too_strange(path in "[/%=:,\"+a-zA-Z0-9\\[\\]]{0,80}|\\PC{0,60}") {
            drop(parse(&path, &path));
        }
    }
}
