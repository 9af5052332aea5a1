//! When a connection of HTTP/1.1 is at rest, and when a head is late.

use crate::config::model::Timeouts;
use crate::proxy::alarm::Alarm;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// How often a connection is looked at, at most.
const TICK: Duration = Duration::from_secs(1);
/// The same while all that has come is a piece of a head: who sends no more of it costs little soon.
const GLANCE: Duration = Duration::from_millis(20);

/// Why a connection is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing happens.
    Rest,
    /// A head is taking too long.
    Late,
}

/// Looks at a connection once in a while. A request costs it nothing but a count: the alarm is not set
/// anew for each.
pub struct Clock {
    header: Duration,
    tick: Duration,
    alarm: Alarm,
    /// Whether whoever waits is known to the alarm: always the same task.
    waiting: bool,
    /// Requests that have begun, and how many of them when it was last looked at.
    begun: u32,
    counted: u32,
    /// Since when a head has been coming.
    head: Option<Instant>,
    /// How much of it was there when it was last looked at.
    came: usize,
}

impl Clock {
    /// Begins to wait; a head may have been coming for a while.
    pub fn new(timeouts: Timeouts, head: Option<Instant>) -> Self {
        let tick = TICK.min(timeouts.idle / 4).min(timeouts.header / 4);
        let mut alarm = Alarm::default();
        alarm.set(Instant::now() + if head.is_some() { tick.min(GLANCE) } else { tick });
        Self { header: timeouts.header, tick, alarm, waiting: false, begun: 0, counted: 0, head, came: 0 }
    }

    /// A head has come.
    pub fn begin(&mut self) {
        self.begun = self.begun.wrapping_add(1);
        self.head = None;
    }

    /// Whether whoever waits for so much of a head has asked before, and need not again: it is woken.
    pub fn is_waiting(&self, came: usize) -> bool {
        self.waiting && came == 0 && self.head.is_none() && !self.alarm.has_rung()
    }

    /// Waits on, while so much of a head is there.
    pub fn poll(&mut self, cx: &mut Context<'_>, came: usize) -> Poll<Pause> {
        if came == 0 {
            self.head = None;
        } else if self.head.is_none() {
            let now = Instant::now();
            (self.head, self.came) = (Some(now), 0);
            self.alarm.set(now + self.tick.min(GLANCE));
        }
        loop {
            self.waiting = true;
            ready!(self.alarm.poll(cx));
            let now = Instant::now();
            let more = match self.head {
                Some(since) if now >= since + self.header => return Poll::Ready(Pause::Late),
                Some(_) => std::mem::replace(&mut self.came, came) != came,
                None => std::mem::replace(&mut self.counted, self.begun) != self.begun,
            };
            if !more {
                return Poll::Ready(Pause::Rest);
            }
            self.alarm.set(now + if self.head.is_some() { self.tick.min(GLANCE) } else { self.tick });
        }
    }

    /// Since when a head has been coming on a connection that is at rest, and when that is closed. What
    /// made no request wins no time: empty lines are none, and a piece of a TLS record is none of HTTP's.
    pub fn rest(&self, until: Instant, timeouts: Timeouts) -> (Option<Instant>, Instant) {
        match self.head {
            Some(since) => (Some(since), since + timeouts.header),
            None if self.begun > 0 => (None, Instant::now() + timeouts.idle.saturating_sub(self.tick)),
            None => (None, until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use crate::config::model::Timeouts;
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::time::Instant;

    /// Whether there is something to wait for.
    async fn ask(clock: &mut Clock, came: usize) -> bool {
        poll_fn(|cx| Poll::Ready(clock.poll(cx, came).is_pending())).await
    }

    fn timeouts() -> Timeouts {
        let [header, body, idle, connect, response, stall, tunnel, tls] = [Duration::from_hours(1); 8];
        Timeouts { header, body, idle, connect, response, stall, tunnel, tls }
    }

    /// Empty lines, say.
    #[tokio::test]
    async fn what_makes_no_request_wins_no_time() {
        let (mut clock, began) = (Clock::new(timeouts(), None), Instant::now());
        assert!(ask(&mut clock, 2).await && ask(&mut clock, 0).await);
        assert_eq!(clock.rest(began, timeouts()), (None, began));
        clock.begin();
        let (head, until) = clock.rest(began, timeouts());
        assert!(head.is_none() && until > began);
    }

    #[tokio::test]
    async fn whoever_waits_for_nothing_asks_once() {
        let mut clock = Clock::new(timeouts(), None);
        assert!(!clock.is_waiting(0), "nobody has asked");
        assert!(ask(&mut clock, 0).await);
        assert!(clock.is_waiting(0) && !clock.is_waiting(1), "a piece of a head is something new");
        assert!(ask(&mut clock, 1).await);
        assert!(!clock.is_waiting(0) && !clock.is_waiting(1), "a head that is coming is looked at");
        clock.begin();
        assert!(clock.is_waiting(0));
    }
}
