//! What the streams of a connection have in common: when the last one ended, and how many were in vain.

use super::wire::Unfinished;
use crate::config::model::Timeouts;
use crate::proxy::arriving::Waiting;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How many streams a peer may take back at once as soon as they were begun. Each costs the app a
/// request and us a connection to it, and the peer next to nothing (CVE-2023-44487).
const IN_VAIN: u32 = 200;
/// What counts as soon.
const SOON: Duration = Duration::from_secs(1);
/// How long a peer that was told to leave may stay without a stream.
const FAREWELL: Duration = Duration::from_secs(1);

/// The streams of a connection.
pub struct Live {
    /// Those that are open, and the bodies of requests that are held beyond their stream's end.
    open: AtomicU32,
    /// Whether there was one at all.
    begun: AtomicBool,
    /// Since when there is none.
    rested: Mutex<Instant>,
    /// Those in vain that no other has made up for.
    vain: AtomicU32,
}

impl Live {
    /// None yet.
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            open: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            rested: Mutex::new(Instant::now()),
            vain: AtomicU32::new(0),
        })
    }

    /// The body of a request begins, which may be held for longer than its stream.
    pub fn open_body(self: &Arc<Self>) -> Arc<dyn Waiting> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arc::<Self>::clone(self)
    }

    fn close(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.rested.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    fn rested(&self) -> Option<Instant> {
        let open = self.open.load(Ordering::Relaxed) > 0;
        (!open).then(|| *self.rested.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting for Live {
    fn over(&self) {
        self.close();
    }
}

/// A stream that is open.
pub struct Open {
    live: Arc<Live>,
    since: Instant,
}

impl Open {
    /// It has come to its end.
    pub fn completed(self) {
        let less = |vain: u32| Some(vain.saturating_sub(1));
        // An error means that there was nothing to change.
        let _ = self.live.vain.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Its peer has taken it back before there was an answer.
    pub fn taken_back(self) {
        if self.since.elapsed() < SOON {
            self.live.vain.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.live.close();
    }
}

/// Why a connection has to end.
pub enum Over {
    /// No stream has been open for too long.
    Rest,
    /// A head is taking too long.
    Late,
}

/// Tells when a connection is at rest, and when a head is late.
pub struct Clock {
    live: Arc<Live>,
    unfinished: Arc<Unfinished>,
    timeouts: Timeouts,
    /// Since when the peer is to leave.
    leaving: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl Clock {
    /// Counts from now.
    pub fn new(live: Arc<Live>, unfinished: Arc<Unfinished>, timeouts: Timeouts) -> Self {
        let alarm = Box::pin(tokio::time::sleep(timeouts.header));
        Self { live, unfinished, timeouts, leaving: None, alarm }
    }

    /// A stream begins; it is open as long as what is returned.
    pub fn open(&self) -> Open {
        self.live.open.fetch_add(1, Ordering::Relaxed);
        self.live.begun.store(true, Ordering::Relaxed);
        Open { live: Arc::clone(&self.live), since: Instant::now() }
    }

    /// Whether too many streams were in vain.
    pub fn is_tired(&self) -> bool {
        self.live.vain.load(Ordering::Relaxed) > IN_VAIN
    }

    /// The peer was told to leave: from now on rest is short.
    pub fn hurry(&mut self) {
        self.leaving = Some(Instant::now());
    }

    /// Ready when the connection has to end.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let next = match self.look(Instant::now()) {
                Ok(next) => next,
                Err(over) => return Poll::Ready(over),
            };
            // A later time is found out when the alarm rings; most streams never see it ring.
            if next < self.alarm.deadline() || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(next);
            }
            ready!(self.alarm.as_mut().poll(cx));
        }
    }

    /// When to look again, while it goes on.
    fn look(&self, now: Instant) -> Result<Instant, Over> {
        let late = self.unfinished.since().map(|since| since + self.timeouts.header);
        let rest = self.live.rested().map(|since| match self.leaving {
            Some(leaving) => since.max(leaving) + FAREWELL,
            None if self.live.begun.load(Ordering::Relaxed) => since + self.timeouts.idle,
            None => since + self.timeouts.header,
        });
        let has_come = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        match () {
            () if has_come(late) => Err(Over::Late),
            () if has_come(rest) => Err(Over::Rest),
            // Nobody wakes us when the last stream ends while the peer is to leave.
            () if self.leaving.is_some() => Ok(now + FAREWELL),
            () => Ok(late.into_iter().chain(rest).min().unwrap_or(now + self.timeouts.idle)),
        }
    }
}
