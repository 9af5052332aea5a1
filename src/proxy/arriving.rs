//! A visitor's body as it arrives, by HTTP/1.1 or as a stream of HTTP/2.

use super::http2::{Cut, fields, poll_piece};
use super::line;
use super::visitor::{Fault, Visitor};
use crate::http1::decode::BadBody;
use bytes::Bytes;
use h2::RecvStream;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Whoever wants to know when a visitor's body is over.
pub trait Waiting: Send + Sync {
    /// It has ended, or nobody wants what is left of it.
    fn over(&self);
}

/// A visitor's body as it arrives. While it is held somewhere, its connection is in the middle of it:
/// what comes there is no next request.
pub struct Arriving {
    source: Source,
    ended: bool,
}

enum Source {
    /// Nothing comes.
    Nowhere,
    /// Nobody can tell what does.
    Unknown,
    Connection(Visitor),
    Stream(Inflow),
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// On a connection of HTTP/1.1.
    #[error(transparent)]
    Connection(#[from] Fault),
    /// On a stream of HTTP/2.
    #[error(transparent)]
    Stream(#[from] Cut),
    /// On a connection to the app.
    #[error(transparent)]
    App(Box<line::Fault>),
}

impl Arriving {
    /// No body.
    pub fn nothing() -> Self {
        Self { source: Source::Nowhere, ended: true }
    }

    /// A body of which nobody can tell where it ends.
    pub fn unknown() -> Self {
        Self { source: Source::Unknown, ended: false }
    }

    /// Whether nobody can tell where it ends: then nothing is to be made of it, nor of its request.
    pub fn is_unknown(&self) -> bool {
        matches!(self.source, Source::Unknown)
    }

    /// The body that is to come on a connection.
    pub fn on(visitor: Visitor) -> Self {
        Self { source: Source::Connection(visitor), ended: false }
    }

    /// The body of a request that came as a stream, and who waits for its end. Nobody need wait for one
    /// that is empty.
    pub fn of_stream(
        request: Request<RecvStream>,
        waiting: impl FnOnce() -> Arc<dyn Waiting>,
    ) -> Request<Self> {
        let length = fields::length(request.headers());
        request.map(|stream| {
            let ended = stream.is_end_stream();
            let source = Source::Stream(Inflow { stream, length, waiting: (!ended).then(waiting) });
            Self { source, ended }
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
        // What comes on the connection from then on is no part of it.
        if self.ended {
            return Poll::Ready(None);
        }
        let (polled, ended) = match &mut self.source {
            Source::Nowhere => return Poll::Ready(None),
            Source::Unknown => {
                return Poll::Ready(Some(Err(Broken::Connection(BadBody::Malformed.into()))));
            }
            Source::Connection(visitor) => {
                let mut side = visitor.look();
                let polled = side.poll_piece(cx).map_err(Broken::Connection);
                (polled, side.is_over())
            }
            Source::Stream(inflow) => {
                let polled = poll_piece(&mut inflow.stream, cx).map_err(Broken::Stream);
                (polled, inflow.stream.is_end_stream())
            }
        };
        // Nobody asks for the end of a body whose length was told.
        self.ended |= ended && polled.is_ready() || matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.source {
            Source::Nowhere => Some(0),
            Source::Unknown => None,
            Source::Connection(visitor) => visitor.look().left(),
            Source::Stream(inflow) => inflow.length,
        };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        match &self.source {
            Source::Connection(visitor) if !self.ended => visitor.look().leave(),
            Source::Stream(Inflow { waiting: Some(waiting), .. }) => waiting.over(),
            Source::Nowhere | Source::Unknown | Source::Connection(_) | Source::Stream(_) => {}
        }
    }
}

/// What flows in on a stream.
struct Inflow {
    stream: RecvStream,
    /// What was told of it.
    length: Option<u64>,
    waiting: Option<Arc<dyn Waiting>>,
}
