//! The bytes of an HTTP/2 connection on their way: how far its frames have come, and whether they go.
//!
//! The library waits for the rest of a frame for ever, and tells nobody that it does. So the frames'
//! own headers are read as they pass, which is enough to know that a head is unfinished.

use crate::proxy::alarm::Patience;
use crate::stream::{Stream, Watch};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::time::Instant;

use super::PREFACE;

/// Since when a head is under way that has not come to its end.
#[derive(Default)]
pub struct Unfinished(Mutex<Option<Instant>>);

impl Unfinished {
    /// None where no head is under way.
    pub fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, amid: bool, anew: bool) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !amid {
            *since = None;
        } else if anew || since.is_none() {
            *since = Some(Instant::now());
        }
    }
}

/// Looks at a connection's frames, and does not wait for ever to be rid of its bytes.
pub struct Wire {
    /// What was read already, and comes first.
    before: Bytes,
    frames: Frames,
    unfinished: Arc<Unfinished>,
    stall: Patience,
}

impl Wire {
    /// Where the preface was read before, it is handed in.
    pub fn new(before: Bytes, stall: Duration) -> Self {
        let frames = Frames { payload: PREFACE.len() - before.len().min(PREFACE.len()), ..Frames::default() };
        Self { before, frames, unfinished: Arc::default(), stall: Patience::new(stall) }
    }

    /// Where it is told of heads that do not come to their end.
    pub fn unfinished(&self) -> Arc<Unfinished> {
        Arc::clone(&self.unfinished)
    }
}

impl Watch for Wire {
    fn poll_read(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let some = self.before.len().min(buf.remaining());
            buf.put_slice(&self.before.split_to(some));
            return Poll::Ready(Ok(()));
        }
        let filled = buf.filled().len();
        let read = stream.poll_read(cx, buf);
        let begun = self.frames.begun;
        self.frames.pass(buf.filled().get(filled..).unwrap_or_default());
        self.unfinished.note(self.frames.are_amid_head(), self.frames.begun != begun);
        read
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall.restore();
            return written;
        }
        self.stall.lose(cx).map(|stalled| Err(stalled.into()))
    }
}

/// How long a frame's header is (RFC 9113 §4.1).
const HEADER: u8 = 9;
/// The types of frames that a head is made of.
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// The flag of the last of them.
const END_HEADERS: u8 = 4;

/// Frames, as far as their own headers tell.
#[derive(Default)]
struct Frames {
    /// How much of the header has come.
    come: u8,
    length: usize,
    kind: u8,
    flags: u8,
    /// How much of the payload has not come.
    payload: usize,
    /// Whether that is a piece of a head.
    piece: bool,
    /// Whether another piece has to follow.
    more: bool,
    /// How many frames have begun that are no later piece of a head.
    begun: u32,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8]) {
        loop {
            let some = self.payload.min(bytes.len());
            self.payload -= some;
            let Some((&byte, rest)) = bytes.get(some..).and_then(<[u8]>::split_first) else { return };
            self.take(byte);
            bytes = rest;
        }
    }

    /// Takes a byte of a header.
    fn take(&mut self, byte: u8) {
        match self.come {
            0 => {
                self.length = usize::from(byte);
                self.begun = self.begun.wrapping_add(u32::from(!self.more));
            }
            1 | 2 => self.length = self.length << 8 | usize::from(byte),
            3 => self.kind = byte,
            4 => self.flags = byte,
            _ => {}
        }
        self.come += 1;
        if self.come == HEADER {
            self.come = 0;
            self.payload = self.length;
            self.piece = matches!(self.kind, HEADERS | CONTINUATION);
            self.more = self.piece && self.flags & END_HEADERS == 0;
        }
    }

    /// Whether what comes next belongs to a head, or may do so.
    fn are_amid_head(&self) -> bool {
        self.come > 0 || self.more || (self.piece && self.payload > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn a_head_is_unfinished_until_its_last_byte_has_come() {
        for (what, bytes) in [
            ("one frame", frame(1, 5, b"head")),
            ("two", [frame(1, 1, b"he"), frame(9, 4, b"ad")].concat()),
            ("an empty one in between", [frame(1, 1, b"he"), frame(9, 0, b""), frame(9, 4, b"ad")].concat()),
        ] {
            for end in 1..bytes.len() {
                let mut frames = Frames::default();
                // In two pieces, cut anywhere.
                frames.pass(&bytes[..end / 2]);
                frames.pass(&bytes[end / 2..end]);
                assert!(frames.are_amid_head(), "{what} {end}");
                frames.pass(&bytes[end..]);
                assert!(!frames.are_amid_head(), "{what} {end}");
                assert_eq!(frames.begun, 1, "{what} {end}");
            }
        }
    }

    #[test]
    fn an_unfinished_body_is_no_unfinished_head() {
        let mut frames = Frames::default();
        frames.pass(&frame(0, 0, b"a body")[..12]);
        assert!(!frames.are_amid_head());
        frames.pass(b"ody");
        frames.pass(&frame(6, 0, &[0; 8]));
        assert!(!frames.are_amid_head());
        assert_eq!(frames.begun, 2);
    }
}
