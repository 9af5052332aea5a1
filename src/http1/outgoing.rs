//! What waits to be written: a message's head, and pieces of its body as they come.

use super::encode::{LAST_CHUNK, write_chunk_size, write_fields};
use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// What of a buffer is kept when it is empty.
const KEPT: usize = 8 << 10;

/// How a body is told apart from what follows it on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// In chunks.
    Chunked,
    /// By the end of the connection.
    UntilEnd,
    /// There is none, whatever comes.
    Nothing,
}

impl Framing {
    /// Makes the header fields of a request tell this of its body, and nothing else.
    pub fn tell(self, headers: &mut HeaderMap) {
        if let Self::Chunked = self {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        } else {
            headers.remove(TRANSFER_ENCODING);
        }
        match self {
            Self::Length(length) => drop(headers.insert(CONTENT_LENGTH, HeaderValue::from(length))),
            Self::Nothing if tells_nothing(headers) => {}
            Self::Chunked | Self::UntilEnd | Self::Nothing => drop(headers.remove(CONTENT_LENGTH)),
        }
    }
}

/// Whether they tell a length of nothing, or no length.
fn tells_nothing(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    lengths.next().is_none_or(|length| length == "0" && lengths.next().is_none())
}

/// A body has more bytes or fewer than was said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body of another length than was told")]
pub struct WrongLength;

/// Bytes that wait: text of ours first, then a piece of a body, then what ends it.
#[derive(Debug)]
pub struct Outgoing {
    text: Vec<u8>,
    /// How much of the text is gone.
    gone: usize,
    /// Whether any of the message is gone.
    begun: bool,
    data: Bytes,
    /// Of ours again, where it could not be told before the piece.
    tail: Vec<u8>,
    framing: Framing,
    /// Whether something lies between us and the network.
    unflushed: bool,
    /// Whether something went since somebody asked.
    moved: bool,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            gone: 0,
            begun: false,
            data: Bytes::new(),
            tail: Vec::new(),
            framing: Framing::Nothing,
            unflushed: false,
            moved: false,
        }
    }
}

impl Outgoing {
    /// Begins a message with this kind of body. What is returned is for its head to be written to: it
    /// is empty if all of the message before is gone.
    pub fn begin(&mut self, framing: Framing) -> &mut Vec<u8> {
        self.forget();
        self.framing = framing;
        self.begun = false;
        &mut self.text
    }

    /// The message from its beginning, where all that has gone of it is its head.
    pub fn rewind(&mut self) {
        self.gone = 0;
        self.begun = false;
    }

    /// Forgets text that is gone; the head of a request is kept until then, as it may go once more.
    pub fn forget(&mut self) {
        if self.gone > 0 && self.gone == self.text.len() {
            self.text.clear();
            self.text.shrink_to(KEPT);
            self.gone = 0;
        }
    }

    /// Whether everything is gone.
    pub fn is_empty(&self) -> bool {
        self.is_written() && !self.unflushed
    }

    fn is_written(&self) -> bool {
        self.gone == self.text.len() && self.has_room()
    }

    /// Whether anything went since this was asked last.
    pub fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether nothing at all of the message is gone.
    pub fn is_untouched(&self) -> bool {
        !self.begun
    }

    /// Whether there is a body to wait for.
    pub fn takes_body(&self) -> bool {
        self.framing != Framing::Nothing && self.framing != Framing::Length(0)
    }

    /// Whether nothing but the end of the connection will end the body.
    pub fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilEnd
    }

    /// Whether another piece may be added: there is place for one.
    pub fn has_room(&self) -> bool {
        self.data.is_empty() && self.tail.is_empty()
    }

    /// Adds a piece of the body, when there is room for it.
    pub fn push(&mut self, data: Bytes) -> Result<(), WrongLength> {
        if data.is_empty() {
            return Ok(());
        }
        self.forget();
        match &mut self.framing {
            Framing::Nothing => return Ok(()),
            Framing::UntilEnd => {}
            Framing::Length(left) => *left = left.checked_sub(data.len() as u64).ok_or(WrongLength)?,
            Framing::Chunked => {
                write_chunk_size(&mut self.text, data.len());
                // At once, as some readers give a chunk to nobody before its line has ended.
                self.tail.extend_from_slice(b"\r\n");
            }
        }
        self.data = data;
        Ok(())
    }

    /// Ends the body, with these trailers where it can have any.
    pub fn finish(&mut self, trailers: Option<&HeaderMap>) -> Result<(), WrongLength> {
        self.forget();
        match std::mem::replace(&mut self.framing, Framing::Nothing) {
            Framing::Length(1..) => return Err(WrongLength),
            Framing::Length(0) | Framing::UntilEnd | Framing::Nothing => {}
            Framing::Chunked => {
                let out = if self.has_room() { &mut self.text } else { &mut self.tail };
                match trailers {
                    None => out.extend_from_slice(LAST_CHUNK),
                    Some(trailers) => {
                        out.extend_from_slice(b"0\r\n");
                        write_fields(out, trailers, None);
                        out.extend_from_slice(b"\r\n");
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes until all is gone, from what lies between us and the network, too.
    pub fn poll_write<W>(&mut self, cx: &mut Context<'_>, io: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.is_written() {
            let text = self.text.get(self.gone..).unwrap_or_default();
            let written = if self.has_room() {
                ready!(Pin::new(&mut *io).poll_write(cx, text))?
            } else {
                let pieces = [text, &*self.data, &*self.tail].map(IoSlice::new);
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &pieces))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.begun, self.unflushed, self.moved) = (true, true, true);
            let of_text = written.min(text.len());
            let of_data = (written - of_text).min(self.data.len());
            self.gone += of_text;
            self.data.advance(of_data);
            self.tail.drain(..written - of_text - of_data);
        }
        ready!(Pin::new(io).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, Outgoing, WrongLength};
    use bytes::Bytes;
    use http::HeaderMap;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use tokio::io::AsyncWrite;

    /// Takes so many bytes of each write, and lets everybody wait in between.
    struct Slow {
        most: usize,
        waits: bool,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.waits = !self.waits;
            if self.waits {
                return Poll::Pending;
            }
            let taken = &bytes[..bytes.len().min(self.most)];
            self.taken.extend_from_slice(taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn write(out: &mut Outgoing, slow: &mut Slow) {
        let mut cx = Context::from_waker(Waker::noop());
        while out.poll_write(&mut cx, slow).is_pending() {}
    }

    /// Two messages of two pieces each; the pieces are pushed when there is room, the end at once.
    fn written(framing: Framing, most: usize, trailers: Option<&HeaderMap>) -> String {
        let (mut out, mut slow) = (Outgoing::default(), Slow { most, waits: false, taken: Vec::new() });
        for _ in 0..2 {
            out.begin(framing).extend_from_slice(b"[head]");
            assert!(out.is_untouched());
            out.push(Bytes::from_static(b"hello")).unwrap();
            assert!(!out.has_room() || framing == Framing::Nothing);
            write(&mut out, &mut slow);
            out.push(Bytes::new()).unwrap();
            out.push(Bytes::from_static(b"!")).unwrap();
            out.finish(trailers).unwrap();
            write(&mut out, &mut slow);
            assert!(out.is_empty());
        }
        String::from_utf8(slow.taken).unwrap()
    }

    #[test]
    fn what_waits_goes_in_its_order() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        for most in [1, 2, 3, 7, 1000] {
            let twice = |message: &str| message.repeat(2);
            assert_eq!(written(Framing::Length(6), most, None), twice("[head]hello!"));
            assert_eq!(written(Framing::UntilEnd, most, Some(&trailers)), twice("[head]hello!"));
            assert_eq!(written(Framing::Nothing, most, None), twice("[head]"));
            let chunks = "[head]5\r\nhello\r\n1\r\n!\r\n0\r\n";
            assert_eq!(written(Framing::Chunked, most, None), twice(&format!("{chunks}\r\n")));
            assert_eq!(
                written(Framing::Chunked, most, Some(&trailers)),
                twice(&format!("{chunks}X-Sum: 7\r\n\r\n"))
            );
        }
    }

    #[test]
    fn the_end_comes_behind_what_is_left_of_the_last_chunk() {
        let (mut out, mut slow) = (Outgoing::default(), Slow { most: 1, waits: false, taken: Vec::new() });
        out.begin(Framing::Chunked);
        out.push(Bytes::from_static(b"x")).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        while slow.taken.len() < 4 {
            assert!(out.poll_write(&mut cx, &mut slow).is_pending());
        }
        out.finish(None).unwrap();
        write(&mut out, &mut slow);
        assert_eq!(slow.taken, b"1\r\nx\r\n0\r\n\r\n");
    }

    #[test]
    fn the_head_goes_again_as_it_was() {
        let (mut out, mut slow) = (Outgoing::default(), Slow { most: 2, waits: false, taken: Vec::new() });
        out.begin(Framing::Nothing).extend_from_slice(b"[head]");
        write(&mut out, &mut slow);
        assert!(!out.is_untouched());
        out.rewind();
        assert!(out.is_untouched() && !out.is_empty());
        write(&mut out, &mut slow);
        assert_eq!(slow.taken, b"[head][head]");
        // A piece alone does not make the message a new one.
        out.begin(Framing::Length(2)).extend_from_slice(b"[head]");
        write(&mut out, &mut slow);
        out.push(Bytes::from_static(b"ab")).unwrap();
        assert!(!out.is_untouched());
    }

    #[test]
    fn the_fields_of_a_request_tell_of_its_body_in_one_way() {
        let told = |framing: Framing, lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            framing.tell(&mut headers);
            let mut told: Vec<_> =
                headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            told.sort();
            told.join(", ")
        };
        let (length, chunked) = (("content-length", "5"), ("transfer-encoding", "chunked"));
        for (lines, nothing) in [
            (&[][..], ""),
            (&[("content-length", "0")][..], "content-length: 0"),
            (&[("content-length", "0"), ("content-length", "0")], ""),
            (&[length], ""),
            (&[chunked], ""),
            (&[length, chunked], ""),
            (&[length, ("content-length", "6"), ("transfer-encoding", "gzip")], ""),
        ] {
            assert_eq!(told(Framing::Nothing, lines), nothing, "{lines:?}");
            assert_eq!(told(Framing::Length(5), lines), "content-length: 5", "{lines:?}");
            assert_eq!(told(Framing::Chunked, lines), "transfer-encoding: chunked", "{lines:?}");
        }
    }

    #[test]
    fn a_body_is_as_long_as_was_told() {
        let mut out = Outgoing::default();
        out.begin(Framing::Length(3));
        assert_eq!(out.push(Bytes::from_static(b"four")), Err(WrongLength));
        out.begin(Framing::Length(3));
        out.push(Bytes::from_static(b"2.")).unwrap();
        assert_eq!(out.finish(None), Err(WrongLength));
    }
}
