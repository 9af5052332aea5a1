//! Pumping a request's body into its stream.

use super::PIECE;
use super::outgoing::Source;
use crate::proxy::body::BodyError;
use bytes::Bytes;
use h2::SendStream;
use std::task::{Context, Poll, ready};

/// A body on its way into a stream. Dropped before its end, it takes the stream back: nobody takes a half
/// for the whole.
pub struct Pump {
    stream: SendStream<Bytes>,
    source: Source,
    piece: Bytes,
    over: bool,
}

impl Pump {
    /// Nothing has gone.
    pub fn new(stream: SendStream<Bytes>, source: Source) -> Self {
        let over = source.is_over();
        Self { stream, source, piece: Bytes::new(), over }
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The body, for another stream.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// The answer has begun: nothing goes again.
    pub fn settle(&mut self) {
        self.source.forget();
    }

    /// Pumps until all has gone, or the other end wants no more. An error is the visitor's.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while !self.over {
            if self.piece.is_empty() {
                let piece = ready!(self.source.poll(cx)).transpose()?;
                self.take(piece);
            } else {
                ready!(self.pour(cx));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, piece: Option<Bytes>) {
        match piece {
            Some(piece) => self.piece = piece,
            None => self.send(Bytes::new(), true),
        }
    }

    /// Lets go of as much as the other end has room for.
    fn pour(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // No sooner than there is something to send: room is for all streams of the connection.
        self.stream.reserve_capacity(self.piece.len().min(PIECE));
        while self.stream.capacity() == 0 {
            // Why there is no more room, the answer tells.
            if !matches!(ready!(self.stream.poll_capacity(cx)), Some(Ok(_))) {
                self.over = true;
                return Poll::Ready(());
            }
        }
        let some = self.stream.capacity().min(self.piece.len());
        let part = self.piece.split_to(some);
        let last = self.piece.is_empty() && self.source.is_over();
        self.send(part, last);
        Poll::Ready(())
    }

    fn send(&mut self, part: Bytes, last: bool) {
        let sent = self.stream.send_data(part, last);
        self.over = last || sent.is_err();
    }
}
