//! How a file or folder is named to Dropbox.

use std::borrow::Cow;

/// The path as Dropbox takes it: its root is `""`, never `"/"`, and folders bear no slash at
/// their end. `id:…`, `rev:…` and `ns:…` pass unchanged.
pub(super) fn for_dropbox(path: &str) -> Cow<'_, str> {
    let trimmed = path.trim_end_matches('/');
    let named = |prefix| trimmed.starts_with(prefix);
    if trimmed.is_empty() || trimmed.starts_with('/') || named("id:") || named("rev:") {
        return Cow::Borrowed(trimmed);
    }
    if named("ns:") {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(format!("/{trimmed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_empty_and_never_a_slash() {
        assert_eq!(for_dropbox("/"), "");
        assert_eq!(for_dropbox(""), "");
        assert_eq!(for_dropbox("//"), "");
    }

    #[test]
    fn paths_begin_with_a_slash_and_ids_do_not() {
        assert_eq!(for_dropbox("/a/b/"), "/a/b");
        assert_eq!(for_dropbox("a/b"), "/a/b");
        assert_eq!(for_dropbox("id:abc"), "id:abc");
        assert_eq!(for_dropbox("rev:abc"), "rev:abc");
        assert_eq!(for_dropbox("ns:1/x"), "ns:1/x");
    }
}
