//! What the values of an application may be like.
//!
//! Checked where they are written, so that the command line and the management API have the
//! same rules and no room behind has to check again.

use url::Url;

use super::{AccessError, OwnDropboxApp};

/// Origins of one application at most.
const MOST_ORIGINS: usize = 100;
/// Bytes of a storage path at most; the rest of a key needs room, too.
const LONGEST_PATH: usize = 512;

fn invalid(why: impl Into<String>) -> AccessError {
    AccessError::Invalid(why.into())
}

/// The name without blanks around it.
pub(super) fn name(name: &str) -> Result<String, AccessError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(invalid("a name has 1 to 200 characters"));
    }
    Ok(name.to_owned())
}

/// What a management token is for, without blanks around it.
pub(super) fn token_name(name: &str) -> Result<String, AccessError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(invalid("a token's name has 1 to 100 characters"));
    }
    Ok(name.to_owned())
}

/// Origins as browsers send them: `https://example.org`, `http://localhost:3000`.
pub(super) fn origins(origins: &[String]) -> Result<Vec<String>, AccessError> {
    if origins.len() > MOST_ORIGINS {
        return Err(invalid(format!(
            "an application has at most {MOST_ORIGINS} allowed origins"
        )));
    }
    origins.iter().map(|text| origin(text)).collect()
}

fn origin(text: &str) -> Result<String, AccessError> {
    let shaped = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let shown: String = text.chars().take(100).collect();
    match shaped {
        Some(url) => Ok(url.origin().ascii_serialization()),
        None => Err(invalid(format!(
            "an allowed origin is scheme, host and port, such as https://example.org; `{shown}` is not"
        ))),
    }
}

/// A key and a secret that can stand in a request to Dropbox.
pub(super) fn dropbox_app(app: &OwnDropboxApp) -> Result<(), AccessError> {
    let plain = |text: &str| {
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if plain(&app.key) && plain(&app.secret) {
        return Ok(());
    }
    Err(invalid(
        "the key and the secret of a Dropbox app are 1 to 128 letters and digits",
    ))
}

/// A folder below which all files of an application are stored, without slashes around it.
pub(super) fn storage_path(path: &str) -> Result<String, AccessError> {
    let path = path.trim_matches('/');
    let bad = |segment: &str| matches!(segment, "" | "." | "..") || segment.len() > 255;
    let wrong = path.len() > LONGEST_PATH
        || path.chars().any(char::is_control)
        || path.split('/').next() == Some(".uploads")
        || (!path.is_empty() && path.split('/').any(bad));
    if wrong {
        return Err(invalid(
            "a storage path is made of names with `/` between them, at most 512 bytes",
        ));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        let given = [
            "https://Example.org/",
            "http://localhost:3000",
            "https://a.b:443",
        ];
        let kept = origins(&given.map(str::to_owned)).unwrap();
        assert_eq!(
            kept,
            [
                "https://example.org",
                "http://localhost:3000",
                "https://a.b"
            ]
        );
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "example.org",
            "*",
            "https://a/b",
            "ftp://a",
            "https://u@a",
            "https://a?x",
            "",
        ] {
            assert!(origins(&[text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_storage_path_cannot_climb() {
        for path in ["..", "a/../b", "a//b", "a\0b", ".uploads/x", "./a"] {
            assert!(storage_path(path).is_err(), "{path}");
        }
        assert_eq!(storage_path("/team/inbox/").unwrap(), "team/inbox");
        assert_eq!(storage_path("").unwrap(), "");
    }
}
