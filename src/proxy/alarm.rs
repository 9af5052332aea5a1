//! A timer that is set again and again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

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

    /// Ready once it rings, also where the task has used up its share of the runtime: an app that never
    /// stops talking would put off the end of the wait for it for ever.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx)
    }
}
