//! Timers: one that is set again and again, and one for waits that hardly ever come.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// A timer for one wait after the other. To put off one that has not run out costs next to nothing,
/// where a new one for each request has to be entered in the runtime's wheel and taken out again.
#[derive(Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Rings then, and not before.
    pub fn set(&mut self, at: Instant) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.0 = Some(Box::pin(sleep_until(at))),
        }
    }

    /// Whether it has rung, whoever has heard it.
    pub fn has_rung(&self) -> bool {
        self.0.as_ref().is_some_and(|sleep| sleep.is_elapsed())
    }

    /// Ready once it rings, also where the task has used up its share of the runtime: an app that never
    /// stops talking would put off the end of the wait for it for ever.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx)
    }
}

/// The longest wait for the next thing to move.
pub struct Patience {
    longest: Duration,
    /// Made at the first wait: most of what moves never waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// Nothing has moved for so long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nothing moved for {0:?}")]
pub struct Stalled(Duration);

impl From<Stalled> for io::Error {
    fn from(stalled: Stalled) -> Self {
        Self::new(io::ErrorKind::TimedOut, stalled)
    }
}

impl Patience {
    /// Nothing waits yet.
    pub fn new(longest: Duration) -> Self {
        Self { longest, alarm: None }
    }

    /// Something moved.
    pub fn restore(&mut self) {
        self.alarm = None;
    }

    /// Nothing moves: ready, where that has lasted too long.
    pub fn lose(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let longest = self.longest;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(longest)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Stalled(longest))
    }
}
