//! How long a connection may keep us waiting to be rid of an answer's bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

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

    /// Something went.
    pub fn end(&mut self) {
        self.alarm = None;
    }

    /// Nothing goes: an error, where that has lasted too long.
    pub fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let longest = self.longest;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nobody takes the answer")))
    }
}
