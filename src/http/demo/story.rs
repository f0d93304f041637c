//! What the subscriber received, kept for a while and streamed to open pages as it comes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Demo;
use crate::http::{Edge, Problem};

/// Entries kept; older ones are forgotten.
const KEPT: usize = 200;
/// A stream that says nothing for longer may be cut by what lies between.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The last entries, by number.
pub(super) struct Story {
    entries: Mutex<Entries>,
    /// Moves with every change, so that streams look again.
    changed: watch::Sender<u64>,
    closing: CancellationToken,
}

#[derive(Default)]
struct Entries {
    told: u64,
    kept: VecDeque<(u64, String)>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            changed: watch::Sender::new(0),
            closing: CancellationToken::new(),
        }
    }
}

impl Story {
    /// Adds an entry.
    pub fn tell(&self, entry: &Value) {
        {
            let mut entries = self.entries();
            entries.told += 1;
            let number = entries.told;
            entries.kept.push_back((number, entry.to_string()));
            if entries.kept.len() > KEPT {
                entries.kept.pop_front();
            }
        }
        self.nudge();
    }

    /// Makes streams look again.
    pub fn nudge(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub fn close(&self) {
        self.closing.cancel();
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries after a number, as server-sent events, and the last number.
    fn after(&self, last: u64) -> (String, u64) {
        let entries = self.entries();
        let news = entries.kept.iter().filter(|(number, _)| *number > last);
        let text = news.map(|(number, entry)| format!("id: {number}\ndata: {entry}\n\n"));
        (text.collect(), entries.told)
    }
}

/// `GET /demo/events`: the story so far and as it goes on.
pub(super) async fn stream(
    edge: web::Data<Edge>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let demo = super::subscriber::of(&edge)?;
    let seen = request
        .headers()
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    let reader = Reader {
        changes: demo.story.changed.subscribe(),
        demo,
        seen,
        begun: false,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Compressing would hold entries back until there are enough of them.
        .insert_header((CONTENT_ENCODING, HeaderValue::from_static("identity")))
        .streaming(stream::unfold(reader, Reader::next)))
}

/// One open page.
struct Reader {
    demo: Arc<Demo>,
    changes: watch::Receiver<u64>,
    seen: u64,
    begun: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let closing = self.demo.story.closing.clone();
        if self.begun {
            tokio::select! {
                () = closing.cancelled() => return None,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    return Some((Ok(Bytes::from_static(b": here\n\n")), self));
                }
                changed = self.changes.changed() => changed.ok()?,
            }
        } else if closing.is_cancelled() {
            return None;
        } else {
            self.begun = true;
            self.changes.mark_unchanged();
        }
        let (news, told) = self.demo.story.after(self.seen);
        // After a restart the numbers begin anew, and a page may know a higher one.
        self.seen = told;
        let state = json!({ "failing": self.demo.is_failing() });
        let chunk = format!("retry: 1000\nevent: subscriber\ndata: {state}\n\n{news}");
        Some((Ok(Bytes::from(chunk)), self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_entries_are_kept_and_a_page_goes_on_where_it_was() {
        let story = Story::default();
        for n in 0..KEPT + 5 {
            story.tell(&json!({ "n": n }));
        }
        let (text, told) = story.after(0);
        assert_eq!(text.matches("data: ").count(), KEPT);
        assert_eq!(told, 205);
        let (text, _) = story.after(204);
        assert_eq!(text, "id: 205\ndata: {\"n\":204}\n\n");
    }

    #[tokio::test]
    async fn an_open_stream_ends_when_the_server_stops() {
        let demo = Arc::new(Demo::new("A".into(), "whsec_".into(), Vec::new(), || {
            Ok(Vec::new())
        }));
        let reader = Reader {
            changes: demo.story.changed.subscribe(),
            demo: demo.clone(),
            seen: 0,
            begun: false,
        };
        let (first, reader) = reader.next().await.unwrap();
        assert!(first.unwrap().starts_with(b"retry: 1000"));
        demo.close();
        assert!(reader.next().await.is_none());
    }
}
