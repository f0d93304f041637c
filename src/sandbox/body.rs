//! Bytes on their way out: files read ahead in large pieces, ranges, and bodies gone wrong.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{
            ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, RANGE,
        },
    },
    rt::{task::JoinHandle, task::spawn_blocking, time::sleep},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{
    call::{Reply, Stream},
    faults::FaultKind,
};

/// What one read takes. Smaller pieces cost a change of threads each, larger ones cost cache.
const PIECE: u64 = 512 * 1024;

/// Bytes to send, with what is said about them.
pub struct Served {
    /// Headers that describe the bytes.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The version, for `ETag`.
    pub etag: Option<String>,
    /// The bytes.
    pub source: Source,
}

/// Where bytes come from.
pub enum Source {
    /// An open file of this length.
    File(File, u64),
    /// Memory.
    Memory(Bytes),
}

impl Served {
    /// Adds a header; a value that is no header is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Served {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// The answer to a request for bytes: all of them, a range, or that they are the same as before.
pub fn serve(request: &HttpRequest, served: Served) -> Reply {
    let length = match &served.source {
        Source::File(_, length) => *length,
        Source::Memory(bytes) => bytes.len() as u64,
    };
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let etag = served.etag.map(|rev| format!("W/\"{rev}\""));
    if etag.is_some() && header(IF_NONE_MATCH) == etag.as_deref() {
        let mut reply = Reply::text(StatusCode::NOT_MODIFIED, String::new());
        reply.headers = served.headers;
        return reply.header(ETAG, etag.as_deref().unwrap_or_default());
    }
    let (status, start, end) = match header(RANGE).and_then(|text| parse_range(text, length)) {
        None => (StatusCode::OK, 0, length),
        Some(Some((start, end))) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(None) => {
            return Reply::text(StatusCode::RANGE_NOT_SATISFIABLE, String::new())
                .header(CONTENT_RANGE, &format!("bytes */{length}"));
        }
    };
    let stream: Stream = match served.source {
        Source::File(file, _) => file_stream(file, start, end),
        Source::Memory(bytes) => {
            let bytes = bytes.slice(start as usize..end as usize);
            Box::pin(stream::iter([Ok(bytes)]))
        }
    };
    let mut reply = Reply {
        status,
        headers: served.headers,
        length: end - start,
        offset: start,
        stream,
    }
    .header(ACCEPT_RANGES, "bytes");
    if let Some(etag) = etag {
        reply = reply.header(ETAG, &etag);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let last = end.saturating_sub(1);
        reply = reply.header(CONTENT_RANGE, &format!("bytes {start}-{last}/{length}"));
    }
    reply
}

/// A single range as first byte and one past the last. `None`: no range that we heed, send all.
/// `Some(None)`: none of these bytes exist.
fn parse_range(text: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    if first.is_empty() {
        let count: u64 = last.parse().ok()?;
        let start = length.saturating_sub(count);
        return Some((start < length).then_some((start, length)));
    }
    let start: u64 = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    if start >= length {
        return Some(None);
    }
    (start < end).then_some(Some((start, end)))
}

/// Reads a file in large pieces, one ahead of the one being sent.
fn file_stream(file: File, start: u64, end: u64) -> Stream {
    let file = Arc::new(file);
    let read = move |position: u64| -> Option<JoinHandle<io::Result<Bytes>>> {
        let length = end
            .checked_sub(position)
            .filter(|rest| *rest > 0)?
            .min(PIECE);
        let file = file.clone();
        Some(spawn_blocking(move || {
            let mut piece = vec![0; length as usize];
            file.read_exact_at(&mut piece, position)?;
            Ok(Bytes::from(piece))
        }))
    };
    let first = read(start);
    Box::pin(stream::unfold(
        (read, first, start),
        |(read, waiting, position)| async move {
            let piece = match waiting?.await {
                Ok(Ok(piece)) => piece,
                // The file became shorter under our hands: the connection is cut, as it must be.
                Ok(Err(error)) => return Some((Err(error), (read, None, position))),
                Err(error) => return Some((Err(io::Error::other(error)), (read, None, position))),
            };
            let position = position + piece.len() as u64;
            let next = read(position);
            Some((Ok(piece), (read, next, position)))
        },
    ))
}

/// The caller's socket, kept so that a fault can reset the connection.
pub struct Connection(pub OwnedFd);

/// Makes an answer go wrong.
pub fn spoil(mut reply: Reply, kind: &FaultKind, request: &HttpRequest) -> Reply {
    let offset = reply.offset;
    let stream = reply.stream;
    reply.stream = match *kind {
        FaultKind::Cut { after_bytes } => at(stream, after_bytes, || async {
            // What was sent so far has to leave before the connection does.
            sleep(Duration::from_millis(50)).await;
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        }),
        FaultKind::Reset { after_bytes } => {
            let socket = request
                .conn_data::<Connection>()
                .and_then(|connection| connection.0.try_clone().ok());
            let mut socket = Some(socket);
            at(stream, after_bytes, move || {
                let socket = socket.take().flatten();
                async move {
                    sleep(Duration::from_millis(50)).await;
                    reset(socket);
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                }
            })
        }
        FaultKind::Stall {
            after_bytes,
            seconds,
        } => at(stream, after_bytes, move || async move {
            sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)).await;
            Ok(())
        }),
        FaultKind::Slow { bytes_per_second } => trickle(stream, bytes_per_second),
        FaultKind::Corrupt { at_byte } => flip(stream, at_byte.saturating_sub(offset)),
        _ => stream,
    };
    reply
}

/// Does something before the byte at a place of the body is sent.
fn at<F, D>(stream: Stream, place: u64, mut deed: D) -> Stream
where
    F: Future<Output = io::Result<()>> + 'static,
    D: FnMut() -> F + 'static,
{
    let mut position = 0_u64;
    let pieces = stream.flat_map(move |piece| {
        let mut parts = Vec::with_capacity(2);
        match piece {
            Ok(mut piece) => {
                let length = piece.len() as u64;
                if position < place && place < position + length {
                    parts.push((position, Ok(piece.split_to((place - position) as usize))));
                    parts.push((place, Ok(piece)));
                } else {
                    parts.push((position, Ok(piece)));
                }
                position += length;
            }
            Err(error) => parts.push((position, Err(error))),
        }
        stream::iter(parts)
    });
    Box::pin(pieces.then(move |(position, piece)| {
        let waiting = (position == place).then(&mut deed);
        async move {
            if let Some(waiting) = waiting {
                waiting.await?;
            }
            piece
        }
    }))
}

fn trickle(stream: Stream, bytes_per_second: u64) -> Stream {
    let step = (bytes_per_second / 10).clamp(1, PIECE) as usize;
    let pieces = stream.flat_map(move |piece| {
        let mut parts = Vec::new();
        match piece {
            Ok(mut piece) => {
                while piece.len() > step {
                    parts.push(Ok(piece.split_to(step)));
                }
                parts.push(Ok(piece));
            }
            Err(error) => parts.push(Err(error)),
        }
        stream::iter(parts)
    });
    Box::pin(pieces.then(move |piece| async move {
        let length = piece.as_ref().map_or(0, Bytes::len);
        sleep(Duration::from_secs_f64(
            length as f64 / bytes_per_second.max(1) as f64,
        ))
        .await;
        piece
    }))
}

fn flip(stream: Stream, place: u64) -> Stream {
    let mut position = 0_u64;
    Box::pin(stream.map(move |piece| {
        let piece = piece?;
        let index = place.wrapping_sub(position) as usize;
        position += piece.len() as u64;
        if index >= piece.len() {
            return Ok(piece);
        }
        let mut wrong = piece.to_vec();
        wrong[index] ^= 1;
        Ok(wrong.into())
    }))
}

/// Makes the coming close of the connection a reset.
fn reset(socket: Option<OwnedFd>) {
    let outcome = socket
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
        .and_then(|socket| tokio::net::TcpStream::from_std(socket.into()))
        .and_then(|socket| socket.set_zero_linger());
    if let Err(error) = outcome {
        log::debug!("sandbox: the connection ends without a reset: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_are_read_as_http_says() {
        assert_eq!(parse_range("bytes=0-0", 10), Some(Some((0, 1))));
        assert_eq!(parse_range("bytes=4-", 10), Some(Some((4, 10))));
        assert_eq!(parse_range("bytes=-3", 10), Some(Some((7, 10))));
        assert_eq!(parse_range("bytes=5-99", 10), Some(Some((5, 10))));
        assert_eq!(parse_range("bytes=10-", 10), Some(None));
        assert_eq!(parse_range("bytes=0-", 0), Some(None));
        assert_eq!(parse_range("pages=1-2", 10), None);
        assert_eq!(parse_range("bytes=7-3", 10), None);
    }
}
