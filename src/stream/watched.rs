//! A connection, and somebody beside it who sees what is read and written.

use super::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Somebody beside a connection.
pub trait Watch: Unpin {
    /// Reads from it.
    fn poll_read(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;

    /// What is made of having written to it, or tried to.
    fn written<T>(&mut self, _: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        written
    }
}

/// A connection that is watched.
pub struct Watched<W> {
    stream: Stream,
    watch: W,
}

impl<W: Watch> Watched<W> {
    /// Has somebody watch it.
    pub fn new(stream: Stream, watch: W) -> Self {
        Self { stream, watch }
    }

    fn write<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Self { stream, watch } = self.get_mut();
        let written = write(Pin::new(stream), cx);
        watch.written(cx, written)
    }
}

impl<W: Watch> AsyncRead for Watched<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, watch } = self.get_mut();
        watch.poll_read(Pin::new(stream), cx, buf)
    }
}

impl<W: Watch> AsyncWrite for Watched<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_shutdown)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
