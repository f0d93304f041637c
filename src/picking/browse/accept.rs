//! Which files a picker accepts: by media type, by group of types, by extension.

/// A picker's filter. Folders always pass: what is wanted may lie in them.
#[derive(Clone, Debug, Default)]
pub struct Accept(Vec<Wanted>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Everything,
    /// `image/*`: all types that begin so, the slash included.
    Group(String),
    Type(String),
    /// `.pdf`, with its dot.
    Ending(String),
}

impl Accept {
    /// Reads the words of a picker: `image/*`, `application/pdf`, `.pdf`, also `pdf`, also several
    /// in one text with commas. No word at all accepts everything.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words = words.into_iter().flat_map(|words| words.split(','));
        Self(words.filter_map(wanted).collect())
    }

    /// Whether a file of this name passes.
    pub fn passes(&self, name: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let lower = name.to_lowercase();
        let types: Vec<&str> = mime_guess::from_path(&lower).iter_raw().collect();
        self.0.iter().any(|wanted| match wanted {
            Wanted::Everything => true,
            Wanted::Group(group) => types.iter().any(|kind| kind.starts_with(group.as_str())),
            Wanted::Type(kind) if types.is_empty() => kind == "application/octet-stream",
            Wanted::Type(kind) => types.contains(&kind.as_str()),
            Wanted::Ending(ending) => lower.ends_with(ending.as_str()),
        })
    }
}

fn wanted(word: &str) -> Option<Wanted> {
    let word = word.trim().to_lowercase();
    if word.is_empty() {
        return None;
    }
    if word == "*" || word == "*/*" {
        return Some(Wanted::Everything);
    }
    Some(match word.strip_suffix('*') {
        Some(group) if group.ends_with('/') => Wanted::Group(group.to_owned()),
        _ if word.contains('/') => Wanted::Type(word),
        _ if word.starts_with('.') => Wanted::Ending(word),
        _ => Wanted::Ending(format!(".{word}")),
    })
}

#[cfg(test)]
mod tests {
    use super::Accept;

    #[test]
    fn types_groups_and_extensions_are_understood() {
        let accept = Accept::new(["image/*", ".PDF"]);
        assert!(accept.passes("a.jpg"));
        assert!(accept.passes("A.JPEG"));
        assert!(accept.passes("b.pdf"));
        assert!(!accept.passes("c.txt"));
        assert!(!accept.passes("pdf"));
        assert!(Accept::new(["application/pdf"]).passes("x.pdf"));
        assert!(Accept::new([".pdf,text/plain"]).passes("x.txt"));
    }

    #[test]
    fn no_word_or_a_star_accepts_everything() {
        for words in [&[][..], &[""], &["*/*"], &["*"]] {
            assert!(Accept::new(words.iter().copied()).passes("no-ending"));
        }
    }

    #[test]
    fn subtitles_come_through_as_the_sdk_asks_for_them() {
        let accept = Accept::new(["application/x-subrip", "application/octet-stream"]);
        assert!(accept.passes("film.srt"));
        assert!(!accept.passes("a.jpg"));
    }
}
