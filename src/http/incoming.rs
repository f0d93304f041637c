//! A body on its way from an actix worker to the runtime on which bytes are stored.

use std::fmt::Display;
use std::io;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt, pin_mut, stream};
use tokio::sync::mpsc;

/// Chunks on their way: so many a fast client is ahead of the storage.
const CHUNKS_AHEAD: usize = 8;

/// Puts chunks in at the worker's end.
pub(super) struct Feeder(mpsc::Sender<io::Result<Option<Bytes>>>);

/// Both ends of a body: the feeder stays with the worker, the stream goes to the storage.
pub(super) fn pipe() -> (Feeder, impl Stream<Item = io::Result<Bytes>> + Send) {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let stream = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver: mpsc::Receiver<io::Result<Option<Bytes>>> = receiver?;
        match receiver.recv().await {
            Some(Ok(Some(chunk))) => Some((Ok(chunk), Some(receiver))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            // Whoever fed has gone without a word: half a file must not pass for a whole one.
            None => Some((Err(broken("the client went away")), None)),
        }
    });
    (Feeder(sender), stream)
}

impl Feeder {
    /// Passes a body on until it ends, fails, or nobody wants more of it.
    pub(super) async fn feed<S, E>(self, body: S)
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Display,
    {
        pin_mut!(body);
        loop {
            let message = match body.next().await {
                Some(Ok(chunk)) => Ok(Some(chunk)),
                Some(Err(error)) => Err(broken(&error.to_string())),
                None => Ok(None),
            };
            let last = !matches!(message, Ok(Some(_)));
            if self.0.send(message).await.is_err() || last {
                return;
            }
        }
    }
}

/// Feeds a body to the work that takes it, until the work is done: a refusal need not wait for the
/// rest of the body.
pub(super) async fn until<T>(work: impl Future<Output = T>, feed: impl Future<Output = ()>) -> T {
    pin_mut!(work, feed);
    match select(work, feed).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), work)) => work.await,
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, why.to_owned())
}
