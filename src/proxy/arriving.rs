//! A visitor's body as it arrives, by HTTP/1.1 or as a stream of HTTP/2.

use super::http2::{Cut, fields, poll_piece};
use bytes::Bytes;
use h2::RecvStream;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Whoever wants to know when a visitor's body is over.
pub trait Waiting: Send + Sync {
    /// It has ended, or what is `left` of it nobody wants.
    fn over(&self, left: bool);
}

/// A visitor's body as it arrives. While it is held somewhere, its connection is in the middle of it:
/// what comes there is no next request.
pub struct Arriving {
    source: Source,
    ended: bool,
    waiting: Option<Arc<dyn Waiting>>,
}

enum Source {
    Connection(Incoming),
    /// With the length that was told.
    Stream(RecvStream, Option<u64>),
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// On a connection of HTTP/1.1.
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    /// On a stream of HTTP/2.
    #[error(transparent)]
    Stream(#[from] Cut),
}

impl Arriving {
    /// The body of a request, and who waits for its end. Nobody need wait for one that is empty.
    pub fn new(incoming: Incoming, waiting: impl FnOnce() -> Arc<dyn Waiting>) -> Self {
        let ended = incoming.is_end_stream();
        Self { source: Source::Connection(incoming), ended, waiting: (!ended).then(waiting) }
    }

    /// The same of a request that came as a stream.
    pub fn of_stream(
        request: Request<RecvStream>,
        waiting: impl FnOnce() -> Arc<dyn Waiting>,
    ) -> Request<Self> {
        let length = fields::length(request.headers());
        request.map(|stream| {
            let ended = stream.is_end_stream();
            let source = Source::Stream(stream, length);
            Self { source, ended, waiting: (!ended).then(waiting) }
        })
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = match &mut self.source {
            Source::Connection(incoming) => Pin::new(incoming).poll_frame(cx).map_err(Broken::Connection),
            Source::Stream(stream, _) => poll_piece(stream, cx).map_err(Broken::Stream),
        };
        // Nobody asks for the end of a body whose length was told.
        self.ended |= match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(_)) => match &self.source {
                Source::Connection(incoming) => incoming.is_end_stream(),
                Source::Stream(stream, _) => stream.is_end_stream(),
            },
            Poll::Pending => false,
        };
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Connection(incoming) => incoming.size_hint(),
            Source::Stream(_, length) => length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            waiting.over(!self.ended);
        }
    }
}
