//! How long a client may take to send a body.
//!
//! A body that trickles holds a connection, a handler and perhaps an upload. Only time spent
//! waiting for the client counts: while what came is being stored nobody waits for it, so a slow
//! store makes no client late.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::rt::time::{Instant, timeout};
use actix_web::{HttpMessage, ResponseError, web};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};

use super::Edge;
use super::cors::is_management;
use super::problem::{Problem, Refusal};
use super::settings::Settings;

/// How slow a body may be.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How long nothing may come; also a grace for the whole.
    silence: Duration,
    /// Bytes in a second of waiting at least.
    rate: u64,
}

impl Pace {
    fn of(settings: &Settings) -> Self {
        Self {
            silence: settings.body_silence,
            rate: settings.body_min_rate.as_u64(),
        }
    }

    /// How much longer to wait for a client that was waited for this long and sent so much.
    fn patience(self, waited: Duration, came: u64) -> Duration {
        let earned = match came.saturating_mul(1000).checked_div(self.rate) {
            Some(ms) => Duration::from_millis(ms),
            None => return self.silence,
        };
        let left = earned.saturating_add(self.silence).saturating_sub(waited);
        left.min(self.silence)
    }
}

/// Ends a body that comes too slowly, and tells the client so.
pub(super) async fn keep<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let pace = request
        .app_data::<web::Data<Edge>>()
        .map(|edge| Pace::of(&edge.settings));
    let late = Rc::new(Cell::new(false));
    match (request.take_payload(), pace) {
        (Payload::None, _) => {}
        (payload, None) => request.set_payload(payload),
        (payload, Some(pace)) => {
            let paced = paced(payload, pace, late.clone());
            request.set_payload(Payload::Stream {
                payload: Box::pin(paced),
            });
        }
    }
    let response = next.call(request).await?;
    // What a handler makes of a body that ended early is not what the client has to know.
    if !late.get() || response.status().is_success() {
        return Ok(response.map_into_left_body());
    }
    let told = match is_management(response.request().path()) {
        true => too_slow().error_response(),
        false => Refusal(too_slow()).error_response(),
    };
    Ok(response.into_response(told).map_into_right_body())
}

fn too_slow() -> Problem {
    let message = "the request body came too slowly";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message)
}

/// The body, or an error in its place once the client has used up the patience.
fn paced<S>(
    body: S,
    pace: Pace,
    late: Rc<Cell<bool>>,
) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let begin = (Some(body), 0_u64, Duration::ZERO);
    stream::unfold(begin, move |(body, came, waited)| {
        let late = late.clone();
        async move {
            let mut body = body?;
            let since = Instant::now();
            match timeout(pace.patience(waited, came), body.next()).await {
                Err(_) => {
                    late.set(true);
                    let why = io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly");
                    Some((Err(PayloadError::Io(why)), (None, came, waited)))
                }
                Ok(None) => None,
                Ok(Some(chunk)) => {
                    let length = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
                    let state = (Some(body), came + length, waited + since.elapsed());
                    Some((chunk, state))
                }
            }
        }
    })
    // An actix extractor may look once more behind the end.
    .fuse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        silence: Duration::from_millis(400),
        rate: 100,
    };

    /// One byte now and then.
    fn drip(every: Duration) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        Box::pin(stream::repeat(()).then(move |()| async move {
            actix_web::rt::time::sleep(every).await;
            Ok(Bytes::from_static(b"x"))
        }))
    }

    /// Whether the body is ended for its slowness before so many chunks came.
    async fn is_ended(
        body: impl Stream<Item = Result<Bytes, PayloadError>>,
        within: usize,
    ) -> bool {
        let chunks: Vec<_> = body.take(within).collect().await;
        chunks.iter().any(Result::is_err)
    }

    #[actix_web::test]
    async fn a_body_that_trickles_is_ended() {
        let late = Rc::new(Cell::new(false));
        let body = paced(drip(Duration::from_millis(50)), PACE, late.clone());
        assert!(is_ended(body, 100).await);
        assert!(late.get());
    }

    #[actix_web::test]
    async fn a_body_that_falls_silent_is_ended() {
        let never = Box::pin(stream::pending());
        assert!(is_ended(paced(never, PACE, Rc::default()), 1).await);
    }

    #[actix_web::test]
    async fn a_body_that_waits_for_us_is_not_slow() {
        let quick = drip(Duration::from_millis(1)).take(10);
        let slowly_stored = paced(quick, PACE, Rc::default()).then(|chunk| async move {
            actix_web::rt::time::sleep(Duration::from_millis(150)).await;
            chunk
        });
        assert!(!is_ended(slowly_stored, 100).await);
    }

    #[test]
    fn patience_is_earned_by_what_came_and_never_more_than_the_silence() {
        let ms = Duration::from_millis;
        assert_eq!(PACE.patience(ms(0), 0), ms(400));
        assert_eq!(PACE.patience(ms(300), 0), ms(100));
        assert_eq!(PACE.patience(ms(300), 10), ms(200));
        assert_eq!(PACE.patience(ms(300), 1_000_000), ms(400));
        assert_eq!(PACE.patience(ms(900), 10), ms(0));
        let no_rate = Pace { rate: 0, ..PACE };
        assert_eq!(no_rate.patience(ms(90_000), 0), ms(400));
    }
}
