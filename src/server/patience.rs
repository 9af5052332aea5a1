//! How long a visitor's connection may keep us waiting.
//!
//! hyper has one timeout for the head of a request, which runs while a kept-alive connection is idle
//! as well. Idle connections deserve more patience than half-sent heads, so hyper is given the long
//! wait and this timer, which shortens it as soon as a byte has arrived.
//!
//! hyper has none for a visitor who takes no answer: it stops asking for more of it, and waits. So
//! the connection itself ends a write that makes no progress.

use hyper::rt::{Read, ReadBufCursor, Sleep, Timer, Write};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Counts the reads that brought something.
#[derive(Clone, Default)]
pub struct Arrivals(Arc<AtomicU32>);

impl Arrivals {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection that counts its arrivals, and does not wait for ever to be rid of its bytes.
pub struct Watched<I> {
    inner: I,
    arrivals: Arrivals,
    stall: Duration,
    /// Made at the first wait: most writes never wait.
    alarm: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<I> Watched<I> {
    /// Watches the connection.
    pub fn new(inner: I, arrivals: Arrivals, stall: Duration) -> Self {
        Self { inner, arrivals, stall, alarm: None }
    }

    /// What came of a write: an error, where it has waited too long.
    fn timed<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.alarm = None;
            return written;
        }
        let stall = self.stall;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nobody takes the answer")))
    }
}

impl<I: Read + Unpin> Read for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_ready() {
            self.arrivals.0.fetch_add(1, Ordering::Relaxed);
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

/// The timer of one connection.
pub struct HeadTimer {
    /// For a head that has begun, and for the first one.
    pub head: Duration,
    /// The connection's arrivals.
    pub arrivals: Arrivals,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let begun = self.arrivals.count();
        let deadline = if begun == 0 { deadline.min(Instant::now() + self.head) } else { deadline };
        let alarm = Box::pin(tokio::time::sleep_until(deadline.into()));
        Box::pin(HeadSleep {
            alarm,
            head: self.head,
            arrivals: self.arrivals.clone(),
            begun,
            cut: begun == 0,
        })
    }
}

struct HeadSleep {
    alarm: Pin<Box<tokio::time::Sleep>>,
    head: Duration,
    arrivals: Arrivals,
    begun: u32,
    cut: bool,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls this after every read that did not complete a head.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.cut && self.arrivals.count() != self.begun {
            self.cut = true;
            let deadline = tokio::time::Instant::now() + self.head;
            let sooner = deadline.min(self.alarm.deadline());
            self.alarm.as_mut().reset(sooner);
        }
        self.alarm.as_mut().poll(cx)
    }
}
