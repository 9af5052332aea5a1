//! A visitor's connection that speaks HTTP/1.1: what has come of it and is not read yet.
//!
//! Whoever serves the connection reads heads from it, and whoever holds a request's body the pieces of
//! that: never both at once, but from two tasks where an answer is there before its request has ended.
//! So it is shared, and each holds it only for as long as it takes to look.

use super::incoming::Incoming;
use crate::http1::decode::{BadBody, Decoder};
use crate::http1::framing::Length;
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::AsyncWrite as _;

/// The most that is read at once, from somebody who sends as much.
const LARGEST_READ: usize = 64 << 10;

/// What asks a visitor to go on (RFC 9110 §10.1.1), or says nothing at all.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection, held by whoever serves it and by the body of the request that is being read.
#[derive(Clone)]
pub struct Visitor(Arc<Mutex<Side>>);

/// Why a body does not come.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is none.
    #[error(transparent)]
    Body(#[from] BadBody),
}

/// One end of a connection.
pub struct Side {
    stream: Stream,
    read: Incoming,
    decoder: Decoder,
    /// What is still to be said before the body comes.
    interim: &'static [u8],
    /// Whether some of that may lie between us and the network.
    unflushed: bool,
    /// Nobody wants the rest of the body.
    left: bool,
    /// Nobody gets it.
    cut: bool,
    /// Whoever waits for the body to be over.
    waiting: Option<Waker>,
}

impl Visitor {
    /// A connection of which so much was read already.
    pub fn new(stream: Stream, said: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Side {
            stream,
            read: Incoming::new(said, LARGEST_READ),
            decoder: Decoder::Length(0),
            interim: &[],
            unflushed: false,
            left: false,
            cut: false,
            waiting: None,
        })))
    }

    /// Looks at it.
    pub fn look(&self) -> MutexGuard<'_, Side> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection and what was read, if nobody else holds it.
    pub fn into_parts(self) -> Option<(Stream, Bytes)> {
        let side = Arc::into_inner(self.0)?.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some((side.stream, side.read.bytes.freeze()))
    }
}

impl Side {
    /// What has come and is not read.
    pub fn read(&mut self) -> &mut BytesMut {
        &mut self.read.bytes
    }

    /// Where bytes go out.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Reads more; false at the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let read = ready!(self.read.poll(cx, &mut self.stream, self.decoder.left()))?;
        Poll::Ready(Ok(read > 0))
    }

    /// Gives up the room that nothing is in.
    pub fn shrink(&mut self) {
        self.read.shrink();
    }

    /// A body is to come, for whoever asks; some visitors wait to be asked.
    pub fn begin(&mut self, length: Length, asks: bool) {
        self.decoder = Decoder::new(length);
        self.interim = if asks { CONTINUE } else { &[] };
        self.left = false;
    }

    /// How much of the body is left, where that was told.
    pub fn left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Whether all of the body was read.
    pub fn is_over(&self) -> bool {
        self.decoder.is_over()
    }

    /// Whether nobody wants the rest of it.
    pub fn is_left(&self) -> bool {
        self.left && !self.is_over()
    }

    /// Reads past what has come of a body that nobody wants.
    pub fn skip(&mut self) {
        while let Ok(Some(_)) = self.decoder.decode(&mut self.read.bytes) {}
    }

    /// Takes the word back that asks for the body, or what is unsaid of it: an answer comes instead.
    pub fn hush(&mut self) -> &'static [u8] {
        let begun = self.is_asking();
        let rest = std::mem::take(&mut self.interim);
        if begun { rest } else { &[] }
    }

    /// Ready when the body was read, or is left.
    pub fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.left || self.is_over() {
            return Poll::Ready(());
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next piece of the body.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if self.cut {
                return Poll::Ready(Some(Err(BadBody::CutOff.into())));
            }
            match self.decoder.decode(&mut self.read.bytes) {
                Err(bad) => return Poll::Ready(Some(Err(bad.into()))),
                Ok(Some(piece)) => {
                    // Whoever has begun to send it need not be asked.
                    if !self.is_asking() {
                        self.interim = &[];
                    }
                    self.wake();
                    return Poll::Ready(Some(Ok(piece.into())));
                }
                Ok(None) if self.is_over() => {
                    self.wake();
                    return Poll::Ready(None);
                }
                Ok(None) => {}
            }
            ready!(self.poll_ask(cx))?;
            if !ready!(self.poll_read(cx))? {
                return Poll::Ready(Some(Err(BadBody::CutOff.into())));
            }
        }
    }

    /// Whether the word that asks for the body has begun to go.
    fn is_asking(&self) -> bool {
        self.interim.len() < CONTINUE.len()
    }

    /// Asks for the body, where that is awaited.
    fn poll_ask(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, self.interim))?;
            self.interim = self.interim.get(written..).unwrap_or_default();
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Says a word that whoever still listens does not mind, from its beginning or what is left of it.
    pub fn poll_prod(&mut self, cx: &mut Context<'_>, begins: bool) -> Poll<io::Result<()>> {
        if begins && self.interim.is_empty() {
            self.interim = CONTINUE;
        }
        self.poll_ask(cx)
    }

    /// Whether more may come, or has, that nobody will read.
    pub fn owes_bytes(&self) -> bool {
        self.is_left() || !self.read.bytes.is_empty()
    }

    /// Reads and forgets; false at the end.
    pub fn poll_skip(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.read.bytes.clear();
        self.poll_read(cx)
    }

    /// Nobody can tell what comes from here on, so nobody wants it.
    pub fn abandon(&mut self) {
        self.begin(Length::UntilEnd, false);
        self.leave();
    }

    /// Nobody wants the rest.
    pub fn leave(&mut self) {
        self.left = true;
        self.wake();
    }

    /// Ends it for whoever else holds it: nothing comes any more, not even what has come.
    pub fn cut(&mut self) {
        self.cut = true;
        self.stream.deafen();
    }

    fn wake(&mut self) {
        if self.left || self.is_over() {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }
}
