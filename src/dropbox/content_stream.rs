//! The bytes of a download as they come.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;
use tokio::time::{Instant, Sleep, sleep};

use super::{DropboxError, Refusal, wire};

/// Which of an answer's bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes to pass over first.
    pub skip: u64,
    /// How many follow, where that is known: a connection that just ends says nothing of whether
    /// it ended too early.
    pub length: Option<u64>,
    /// Whether the answer may go on behind them.
    pub more_follows: bool,
}

impl Window {
    /// All that comes.
    pub fn whole(length: Option<u64>) -> Self {
        Self {
            skip: 0,
            length,
            more_follows: false,
        }
    }
}

/// The bytes of a download.
///
/// It ends with an error, if nothing comes for the stall timeout ([`DropboxError::Stalled`]) or if
/// it ends before its time ([`DropboxError::Cut`]); what came before is good, and a range gets the
/// rest.
pub struct ContentStream {
    inner: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    window: Window,
    received: u64,
    stall_timeout: Duration,
    alarm: Pin<Box<Sleep>>,
    waiting: bool,
    ended: bool,
}

impl ContentStream {
    pub(super) fn new(response: Response, window: Window, stall_timeout: Duration) -> Self {
        Self {
            window,
            inner: Box::pin(response.bytes_stream()),
            received: 0,
            stall_timeout,
            alarm: Box::pin(sleep(stall_timeout)),
            waiting: false,
            ended: false,
        }
    }

    /// How many bytes have come so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Waits for bytes, but not longer than the stall timeout.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, DropboxError>> {
        if let Poll::Ready(chunk) = self.inner.as_mut().poll_next(cx) {
            self.waiting = false;
            return Poll::Ready(chunk.transpose().map_err(|fault| DropboxError::Cut {
                cause: wire::words(fault),
            }));
        }
        // The alarm is set only when there is something to wait for: a fast download never
        // touches the timer.
        if !self.waiting {
            self.waiting = true;
            let at = Instant::now() + self.stall_timeout;
            self.alarm.as_mut().reset(at);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(Err(DropboxError::Stalled {
            silence: self.stall_timeout,
        }))
    }

    /// How many of the wanted bytes are still to come, where that is known.
    fn missing(&self) -> Option<u64> {
        let length = self.window.length?;
        Some(length.saturating_sub(self.received))
    }

    /// The wanted part of what has come; none, if it lies before the window.
    fn wanted(&mut self, mut chunk: Bytes) -> Result<Bytes, DropboxError> {
        let before = usize::try_from(self.window.skip).unwrap_or(usize::MAX);
        let passed = chunk.split_to(before.min(chunk.len()));
        self.window.skip -= passed.len() as u64;
        let missing = self.missing().unwrap_or(u64::MAX);
        if chunk.len() as u64 > missing {
            if !self.window.more_follows {
                return Err(DropboxError::Unexpected(Refusal {
                    status: 200,
                    summary: "more bytes came than were announced".to_owned(),
                    ..Refusal::default()
                }));
            }
            chunk.truncate(usize::try_from(missing).unwrap_or(usize::MAX));
        }
        self.received += chunk.len() as u64;
        Ok(chunk)
    }
}

impl Stream for ContentStream {
    type Item = Result<Bytes, DropboxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // What follows behind the window is not waited for.
            if self.ended || (self.window.more_follows && self.missing() == Some(0)) {
                return Poll::Ready(None);
            }
            let came = match ready!(self.poll_inner(cx)) {
                Ok(Some(chunk)) => self.wanted(chunk),
                Ok(None) => {
                    self.ended = true;
                    let missing = self.missing().unwrap_or(0);
                    return Poll::Ready((missing > 0).then(|| {
                        Err(DropboxError::Cut {
                            cause: format!("{missing} bytes are missing"),
                        })
                    }));
                }
                Err(error) => Err(error),
            };
            match came {
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => return Poll::Ready(Some(Ok(chunk))),
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl fmt::Debug for ContentStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ContentStream")
            .field("window", &self.window)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
