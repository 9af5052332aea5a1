//! How a connection is getting on, and how long it may keep us waiting.
//!
//! hyper's own timer cannot tell a kept-alive connection from a half-sent head, and it has none for a
//! visitor who takes no answer. So the bytes are watched on their way, and whoever serves the
//! connection looks at its [`Pulse`] once in a while.

use crate::proxy::arriving::Waiting;
use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What a connection has done. Written by its bytes and its requests, read by its clock.
#[derive(Default)]
pub struct Pulse {
    /// Reads that brought something, or the end.
    reads: AtomicU32,
    /// Requests that have begun.
    begun: AtomicU32,
    /// Answers and bodies of requests that have begun and not ended.
    open: AtomicU32,
    /// Whether a body was given up before its end.
    left: AtomicBool,
    /// Whether the last request was of HTTP/1.0, where the end of a connection may end an answer.
    old: AtomicBool,
    /// Whether bytes wait for a reader.
    blocked: AtomicBool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// Reads that brought something, or the end.
    pub reads: u32,
    /// Requests that have begun.
    pub begun: u32,
}

impl Pulse {
    /// How far it has come.
    pub fn beat(&self) -> Beat {
        Beat { reads: self.reads.load(Ordering::Relaxed), begun: self.begun.load(Ordering::Relaxed) }
    }

    /// Whether more of a body may come that nobody wants.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// Whether the end of the connection may be taken for the end of an answer.
    pub fn is_old(&self) -> bool {
        self.old.load(Ordering::Relaxed)
    }

    /// Whether no request is open, and every byte of the answers is gone.
    pub fn is_at_rest(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && !self.blocked.load(Ordering::Relaxed)
    }

    /// A request begins; its answer ends with what is returned.
    pub fn open(self: &Arc<Self>, old: bool) -> Open {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.old.store(old, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// The body of a request begins; it is over when whoever holds this says so.
    pub fn open_body(self: &Arc<Self>) -> Arc<dyn Waiting> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arc::<Self>::clone(self)
    }
}

impl Waiting for Pulse {
    fn over(&self, left: bool) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if left {
            self.left.store(true, Ordering::Relaxed);
        }
    }
}

/// An answer that has not ended.
pub struct Open(Arc<Pulse>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The longest wait to be rid of bytes.
pub struct Stall {
    longest: Duration,
    /// Made at the first wait: most writes never wait.
    alarm: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Stall {
    /// Nothing waits yet.
    pub fn new(longest: Duration) -> Self {
        Self { longest, alarm: None }
    }

    /// Something went; returns whether it had to wait.
    pub fn end(&mut self) -> bool {
        self.alarm.take().is_some()
    }

    /// Nothing goes: an error, where that has lasted too long.
    pub fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let longest = self.longest;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nobody takes the answer")))
    }
}

/// A connection whose pulse is taken, and which does not wait for ever to be rid of its bytes.
pub struct Watched<I> {
    inner: I,
    /// What was read already, and comes first.
    before: Bytes,
    pulse: Arc<Pulse>,
    stall: Stall,
}

impl<I> Watched<I> {
    /// Watches the connection.
    pub fn new(inner: I, before: Bytes, pulse: Arc<Pulse>, stall: Duration) -> Self {
        Self { inner, before, pulse, stall: Stall::new(stall) }
    }

    /// The connection. What came before was the beginning of a head, and has been read with it.
    pub fn into_inner(self) -> I {
        self.inner
    }

    /// What came of a write: an error, where it has waited too long.
    fn timed<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stall.end() {
                self.pulse.blocked.store(false, Ordering::Relaxed);
            }
            return written;
        }
        self.pulse.blocked.store(true, Ordering::Relaxed);
        self.stall.wait(cx)
    }
}

impl<I: Read + Unpin> Read for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let some = self.before.len().min(buf.remaining());
            buf.put_slice(&self.before.split_to(some));
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_ready() {
            self.pulse.reads.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl<I: Write + Unpin> Write for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.timed(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.timed(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.timed(cx, written)
    }
}
