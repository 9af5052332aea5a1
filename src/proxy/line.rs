//! One connection to the app, driven by whoever uses it.
//!
//! hyper splits a client connection in two: a sender for requests, and a future that moves the bytes.
//! Usually that future gets a task of its own, and each request pays for waking it and being woken.
//! Here the request's own task polls it: while the answer's head is awaited, and then with every
//! piece of the answer's body. So the two halves stay together, and an idle connection costs nothing.

use super::alarm::Alarm;
use super::body::Body;
use crate::stream::Stream;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What comes of a request.
pub type Asked = Result<Response<Incoming>, TrySendError<Request<Body>>>;

/// The most that is read at once, and so what an answer holds whose visitor takes none of it; a head
/// has to fit. It is enough that larger ones are no faster.
const LARGEST_READ: usize = 128 << 10;

/// A connection to the app.
pub struct Line {
    /// For whoever waits here.
    pub alarm: Alarm,
    /// For whoever needs some room here.
    pub buffer: Vec<u8>,
    sender: SendRequest<Body>,
    connection: Box<Connection<TokioIo<Stream>, Body>>,
    ended: bool,
}

impl Line {
    /// Speaks HTTP over a stream.
    pub async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let mut builder = Builder::new();
        // As the visitor spelled them; ours, and those of a request that goes once more, As-Is-Usual.
        builder.preserve_header_case(true).title_case_headers(true).max_buf_size(LARGEST_READ);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            alarm: Alarm::default(),
            buffer: Vec::new(),
            sender,
            connection: Box::new(connection),
            ended: false,
        })
    }

    /// Begins to send a request. What comes of it is the head of its answer, for whoever drives the
    /// connection meanwhile. What was not sent at all comes back with the error.
    pub fn begin(&mut self, request: Request<Body>) -> impl Future<Output = Asked> + use<> {
        self.sender.try_send_request(request)
    }

    /// Moves bytes, as far as they go now.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        // What went wrong reaches whoever waits for the head or the body; here it only is the end.
        self.ended = self.ended || Pin::new(&mut *self.connection).poll(cx).is_ready();
    }

    /// Whether it could take the next request now: the last answer has ended, and neither the app's
    /// end nor a byte too many has come since.
    pub fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        !self.ended && self.sender.is_ready()
    }

    /// Goes on until it could take the next request, or has ended; tells whether it could.
    pub fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.is_idle(cx) {
            false if !self.ended => Poll::Pending,
            idle => Poll::Ready(idle),
        }
    }

    /// What is below HTTP, once the app has switched protocols, and what it has said already.
    pub async fn switched(mut self) -> (Stream, Bytes) {
        poll_fn(|cx| {
            self.drive(cx);
            if self.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }
}
