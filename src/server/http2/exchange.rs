//! One stream: a request, and its answer piece by piece.

use super::clock::{Live, Open};
use super::request::{Unfit, translate};
use crate::http1::head::BadHead;
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use crate::server::connection::{Bounds, Origin};
use crate::server::handler::Handler;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue};
use http::response::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// The most of an answer that is handed over at once.
const PIECE: usize = 16 << 10;

/// How the streams of a connection are answered.
#[derive(Clone)]
pub struct Exchange<H> {
    /// All of them.
    pub live: Arc<Live>,
    /// Where they come from.
    pub origin: Arc<Origin>,
    /// Bounds on what is read, and on waits.
    pub bounds: Bounds,
    /// What answers.
    pub handler: H,
}

/// The peer wants no answer, or no longer takes it.
struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

impl<H> Exchange<H>
where
    H: Handler,
{
    /// Answers a request.
    pub async fn run(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>, open: Open) {
        let bare = request.method() == Method::HEAD;
        let mut request = Arriving::of_stream(request, || self.live.open_body());
        let answer = match translate(&mut request, self.bounds.limits.headers) {
            Err(Unfit::Malformed) => return respond.send_reset(Reason::PROTOCOL_ERROR),
            Err(Unfit::TooManyHeaders) => self.handler.refuse(BadHead::TooLarge),
            Ok(()) => tokio::select! {
                biased;
                answer = self.handler.answer(Arc::clone(&self.origin), request) => answer,
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return open.taken_back(),
            },
        };
        if send(answer, respond, bare, self.bounds.timeouts.stall).await.is_ok() {
            open.completed();
        }
    }
}

/// Sends an answer; a `bare` one without its body.
async fn send(
    answer: Response<Body>,
    mut respond: SendResponse<Bytes>,
    bare: bool,
    stall: Duration,
) -> Result<(), Gone> {
    let (mut parts, mut body) = answer.into_parts();
    dress(&mut parts, &body);
    let empty = bare || body.is_end_stream();
    let mut stream = respond.send_response(Response::from_parts(parts, ()), empty)?;
    if empty {
        return Ok(());
    }
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(Gone),
        };
        match frame.transpose() {
            // Nobody takes it for whole.
            Err(_) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Gone);
            }
            Ok(None) => return Ok(stream.send_data(Bytes::new(), true)?),
            Ok(Some(frame)) => match frame.into_data() {
                Ok(data) => {
                    let last = body.is_end_stream();
                    pour(&mut stream, data, last, stall).await?;
                    if last {
                        return Ok(());
                    }
                }
                Err(frame) => return Ok(stream.send_trailers(frame.into_trailers().unwrap_or_default())?),
            },
        }
    }
}

/// What an answer says of itself, as HTTP/2 has it. The app's own has lost what is for one connection
/// already.
fn dress(parts: &mut Parts, body: &Body) {
    let headers = &mut parts.headers;
    headers.remove(CONNECTION);
    if parts.status == StatusCode::NO_CONTENT {
        // It may have none (RFC 9110 §8.6), and in HTTP/2 one that the frames do not bear out is an error.
        headers.remove(CONTENT_LENGTH);
    } else if let (false, Some(length)) = (body.is_end_stream(), body.size_hint().exact()) {
        headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    if !headers.contains_key(DATE)
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()))
    {
        headers.insert(DATE, date);
    }
}

/// Hands a piece over as the peer makes room for it. Whoever makes none for too long is left.
async fn pour(
    stream: &mut SendStream<Bytes>,
    mut data: Bytes,
    last: bool,
    stall: Duration,
) -> Result<(), Gone> {
    if data.is_empty() {
        return Ok(stream.send_data(data, last)?);
    }
    while !data.is_empty() {
        // No sooner than there is something to send: room is for all streams of the connection.
        stream.reserve_capacity(data.len().min(PIECE));
        while stream.capacity() == 0 {
            let Ok(room) = timeout(stall, poll_fn(|cx| stream.poll_capacity(cx))).await else {
                stream.send_reset(Reason::CANCEL);
                return Err(Gone);
            };
            room.ok_or(Gone)??;
        }
        let piece = data.split_to(stream.capacity().min(data.len()));
        stream.send_data(piece, last && data.is_empty())?;
    }
    Ok(())
}
