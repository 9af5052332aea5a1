//! Connections over TCP and over unix sockets, encrypted or not, as one type.

mod watched;

pub use watched::{Watch, Watched};

use crate::tls::{self, Encrypted};
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};

/// A connection, whatever carries it.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// TLS over one of the others.
    Tls(Box<Encrypted<Stream>>),
}

impl Stream {
    /// Whether HTTP/2 was agreed on for it.
    pub fn is_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if tls::is_http2(stream))
    }

    /// Whether it is TLS.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Says how it ends if nobody ends it in order, be it with the program: as if in order, or in a way
    /// that nobody takes for that. On a unix socket it cannot be told.
    pub fn set_abrupt(&self, abrupt: bool) {
        match self {
            Self::Tcp(stream) => {
                let _ = SockRef::from(stream).set_linger(abrupt.then_some(Duration::ZERO));
            }
            Self::Unix(_) => {}
            // It has a word of its own for an orderly end, which not everybody waits for.
            Self::Tls(stream) => stream.get_ref().0.set_abrupt(abrupt),
        }
    }

    /// Hears no more; whoever waits to is told that it has ended.
    pub fn deafen(&self) {
        // Failing, it has ended already.
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Read),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Read),
            Self::Tls(stream) => return stream.get_ref().0.deafen(),
        };
    }

    /// Whether the other end is known to have gone, and not only to say no more.
    pub fn is_gone(&self) -> bool {
        let both = Interest::READABLE | Interest::WRITABLE;
        let known = match self {
            Self::Tcp(stream) => now(stream.ready(both)),
            Self::Unix(stream) => now(stream.ready(both)),
            Self::Tls(stream) => return stream.get_ref().0.is_gone(),
        };
        known.is_some_and(|ready| ready.is_ok_and(Ready::is_write_closed))
    }

    /// Ready when there is something to read, or the other end has gone.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Tls(stream) if tls::has_more(stream) => Poll::Ready(Ok(())),
            Self::Tls(stream) => stream.get_ref().0.poll_readable(cx),
        }
    }
}

/// What a future comes to, if it is ready.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What is copied rather than handed to the kernel in pieces: for a message of this size the copy costs
/// less than the kernel's look at a list of pieces.
const SMALL: usize = 2048;

/// Puts all pieces together, where there is room for them.
fn gather<'b>(pieces: &[io::IoSlice<'_>], room: &'b mut [u8; SMALL]) -> Option<&'b [u8]> {
    let mut end = 0;
    for piece in pieces {
        room.get_mut(end..end + piece.len())?.copy_from_slice(piece);
        end += piece.len();
    }
    room.get(..end)
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
        if let Some(all) = gather(bufs, &mut [0; SMALL]) {
            return self.poll_write(cx, all);
        }
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{SMALL, gather};
    use std::io::IoSlice;

    #[test]
    fn what_fits_is_put_together_in_its_order() {
        let (head, body, rest) = (vec![b'h'; 100], vec![b'b'; SMALL - 100], [b'r'; 1]);
        let mut room = [0; SMALL];
        let whole = [head.as_slice(), &body].concat();
        assert_eq!(gather(&[IoSlice::new(&head), IoSlice::new(&body)], &mut room), Some(whole.as_slice()));
        let over = [IoSlice::new(&head), IoSlice::new(&body), IoSlice::new(&rest)];
        assert_eq!(gather(&over, &mut room), None);
        assert_eq!(gather(&[], &mut room), Some([].as_slice()));
    }
}
