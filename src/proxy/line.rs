//! One connection to the app, driven by whoever uses it.
//!
//! It has no task of its own, and nobody is woken to wake somebody else: the request's own task moves the
//! bytes, while the answer's head is awaited, and then with every piece of the answer's body. So an idle
//! connection costs nothing but itself.
//!
//! ```text
//! begin ──▶ poll_head ──▶ poll_piece … ──▶ is_idle ──▶ begin
//!              └ moves the request's body meanwhile, as poll_upload does for one that an answer overtook
//! ```
//!
//! What was sent is kept until an answer begins, in case the connection was dead already.

use super::alarm::Alarm;
use super::body::{Body, BodyError};
use super::incoming::Incoming;
use super::onward::{Plain, Seen};
use crate::http1::decode::{BadBody, Decoder};
use crate::http1::encode::write_request;
use crate::http1::framing::{BadFraming, Length, keeps_alive, of_response};
use crate::http1::head::{self, BadHead, Bounds, Looked};
use crate::http1::outgoing::{Framing, Outgoing, WrongLength};
use crate::stream::Stream;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body as _, Frame};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::task::unconstrained;

/// The most that is read at once, and so what an answer holds whose visitor takes none of it. It is
/// enough that larger ones are no faster.
const LARGEST_READ: usize = 128 << 10;
/// What the head of an answer may come to.
const BOUNDS: Bounds = Bounds { bytes: 128 << 10, fields: 100 };

/// A connection to the app.
pub struct Line {
    /// For whoever waits here.
    pub alarm: Alarm,
    stream: Stream,
    /// What has come and is not read yet.
    read: Incoming,
    out: Outgoing,
    /// What is still to come of the request's body.
    upload: Option<Body>,
    /// Why the app takes no more of the request.
    deaf: Option<io::Error>,
    /// What was asked.
    method: Method,
    /// Whether any of an answer has come.
    heard: bool,
    looked: Looked,
    /// Of the body of the answer that is being read.
    decoder: Decoder,
    /// Whether another request may follow.
    lasting: bool,
}

/// What went wrong on a connection to the app.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not a byte of the request could be sent.
    #[error("nothing could be sent: {0}")]
    Unsent(#[source] io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[source] io::Error),
    /// It ended.
    #[error("the connection was closed before the answer had ended")]
    Closed,
    /// What came is no head of an answer.
    #[error("no answer of HTTP/1.1: {0}")]
    Head(#[from] BadHead),
    /// The end of the answer cannot be told.
    #[error("no answer that can be passed on: {0}")]
    Framing(#[from] BadFraming),
    /// What came is no body, or not all of one.
    #[error("the answer's body: {0}")]
    Body(#[from] BadBody),
    /// The request's body is not as long as it was to be.
    #[error("the request's body: {0}")]
    Length(#[from] WrongLength),
    /// The request's body broke off.
    #[error("the request's body: {0}")]
    Visitor(#[from] BodyError),
}

impl Line {
    /// Speaks HTTP over a stream.
    pub fn open(stream: Stream) -> Box<Self> {
        Box::new(Self {
            alarm: Alarm::default(),
            stream,
            read: Incoming::new(Bytes::new(), LARGEST_READ),
            out: Outgoing::default(),
            upload: None,
            deaf: None,
            method: Method::GET,
            heard: false,
            looked: Looked::default(),
            decoder: Decoder::Length(0),
            lasting: true,
        })
    }

    /// Begins to send a request. It goes, and its answer comes, with `poll_head`.
    pub fn begin(&mut self, mut request: Request<Body>) {
        let framing = match request.body() {
            body if body.is_end_stream() => Framing::Nothing,
            body => body.size_hint().exact().map_or(Framing::Chunked, Framing::Length),
        };
        framing.tell(request.headers_mut());
        write_request(self.out.begin(framing), &request);
        self.method = request.method().clone();
        self.heard = false;
        self.upload = (framing != Framing::Nothing).then(|| request.into_body());
    }

    /// Begins to send a plain request, which has no body.
    pub fn begin_plain(&mut self, plain: Plain<'_>, seen: &Seen<'_>) {
        plain.write(self.out.begin(Framing::Nothing), seen);
        self.method = plain.method().clone();
        self.heard = false;
        self.upload = None;
    }

    /// Begins with what another connection did not get across.
    pub fn begin_again(&mut self, dead: Self) {
        (self.alarm, self.out, self.upload, self.method) = (dead.alarm, dead.out, dead.upload, dead.method);
        self.out.rewind();
    }

    /// Whether what failed so may go once more, `repeatable` or not.
    pub fn may_go_again(&self, fault: &Fault, repeatable: bool) -> bool {
        match fault {
            Fault::Unsent(_) => true,
            Fault::Io(_) | Fault::Closed => repeatable && !self.heard,
            _ => false,
        }
    }

    /// The head of the answer. What the app has said before it took offence at the request counts.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, Fault>> {
        if let Poll::Ready(Err(fault)) = self.poll_upload(cx) {
            return Poll::Ready(Err(fault));
        }
        loop {
            let came = ready!(self.poll_fill(cx));
            // Whatever comes before we have said anything is no answer.
            if self.out.is_untouched() && self.deaf.is_none() {
                let error = came.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into());
                return Poll::Ready(Err(Fault::Unsent(error)));
            }
            match came {
                Ok(0) => return Poll::Ready(Err(self.deaf.take().map_or(Fault::Closed, Fault::Io))),
                Err(error) => return Poll::Ready(Err(Fault::Io(self.deaf.take().unwrap_or(error)))),
                Ok(_) => self.heard = true,
            }
            if let Some(answer) = self.take_head()? {
                return Poll::Ready(Ok(answer));
            }
        }
    }

    /// The next head that has come, and is an answer: what is said on the way to one is passed over.
    fn take_head(&mut self) -> Result<Option<Response<()>>, Fault> {
        while !self.read.bytes.is_empty() && self.looked.is_worth_another(&self.read.bytes, BOUNDS) {
            let Some(mut answer) = head::response(&mut self.read.bytes, BOUNDS)? else {
                self.looked = Looked::at(&self.read.bytes);
                break;
            };
            self.looked = Looked::default();
            let status = answer.status().as_u16();
            if matches!(status, 100..=199) && status != 101 {
                continue;
            }
            // Nobody switches in the middle of a request.
            if status == 101 && self.is_uploading() {
                return Err(BadHead::Malformed.into());
            }
            let length = of_response(&self.method, &mut answer)?;
            let ends = length == Length::UntilEnd || status == 101;
            self.lasting = !ends && keeps_alive(answer.version(), answer.headers());
            self.decoder = Decoder::new(length);
            return Ok(Some(answer));
        }
        Ok(None)
    }

    /// The next piece of the answer's body.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if let Some(piece) = self.decoder.decode(&mut self.read.bytes)? {
                return Poll::Ready(Some(Ok(piece.into())));
            }
            if self.decoder.is_over() {
                return Poll::Ready(None);
            }
            if ready!(self.poll_fill(cx)).map_err(Fault::Io)? == 0 {
                self.decoder.end()?;
            }
        }
    }

    /// Whether all of the answer's body was read.
    pub fn is_over(&self) -> bool {
        self.decoder.is_over()
    }

    /// How much is left of it, where that was told.
    pub fn left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Whether there is still something to send.
    pub fn is_uploading(&self) -> bool {
        self.deaf.is_none() && (self.upload.is_some() || !self.out.is_empty())
    }

    /// Sends the request as far as it goes now: ready when all of it is gone, or the app takes no more.
    pub fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while self.is_uploading() {
            // First, so that the head and what came with it go together.
            let added = self.poll_add(cx)?;
            match self.out.poll_write(cx, &mut self.stream) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => ready!(added),
                // What is encrypted goes in parts, of which the first may have gone.
                Poll::Ready(Err(error)) if self.out.is_untouched() && !self.stream.is_encrypted() => {
                    return Poll::Ready(Err(Fault::Unsent(error)));
                }
                Poll::Ready(Err(error)) => self.deafen(error),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends no more of the request, as it does not move. The app's answer still counts.
    pub fn hold_back(&mut self) {
        self.deafen(io::ErrorKind::TimedOut.into());
    }

    fn deafen(&mut self, why: io::Error) {
        self.deaf = Some(why);
        self.upload = None;
    }

    /// Adds a piece of the request's body to what is to go, where there is room for it.
    fn poll_add(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        let Some(body) = self.upload.as_mut().filter(|_| self.out.has_room()) else {
            return Ok(Poll::Ready(()));
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else { return Ok(Poll::Pending) };
        let ended = match frame.transpose()? {
            Some(frame) => {
                if let Ok(data) = frame.into_data() {
                    self.out.push(data)?;
                }
                body.is_end_stream()
            }
            None => true,
        };
        if ended {
            self.out.finish(None)?;
            self.upload = None;
        }
        Ok(Poll::Ready(()))
    }

    /// Ready when the app says anything beyond its answer, if only that it has ended.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.read.bytes.is_empty() {
            return Poll::Ready(());
        }
        let mut room = [0];
        Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut room)).map(drop)
    }

    /// Whether it could take the next request now: the last answer has ended, and neither the app's
    /// end nor a byte too many has come since.
    pub fn is_idle(&mut self) -> bool {
        let done = self.lasting && self.is_over() && self.deaf.is_none() && !self.is_uploading();
        // Also where the task has used up its share of the runtime, which would hide what has come.
        let mut end = unconstrained(poll_fn(|cx| self.poll_end(cx)));
        let mut nobody = Context::from_waker(Waker::noop());
        done && Pin::new(&mut end).poll(&mut nobody).is_pending()
    }

    /// Gives up the room that the last request and its answer took, if that was much.
    pub fn rest(&mut self) {
        self.out.forget();
        self.read.rest();
    }

    /// What is below HTTP, once the app has switched protocols, and what it has said already.
    pub fn switched(self) -> (Stream, Bytes) {
        (self.stream, self.read.bytes.freeze())
    }

    /// Reads more; nothing at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.poll(cx, &mut self.stream, self.decoder.left())
    }
}

#[cfg(test)]
mod tests;
