//! Idle connections to the app: last in, first out, so that few stay warm and the rest grow old.

use super::line::Line;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most that are kept.
const MOST: usize = 256;
/// A connection that was idle for longer is looked at more closely before it gets a request that
/// cannot be sent again.
const FRESH: Duration = Duration::from_millis(5);

/// The idle connections to one place. Each worker has its own: nobody contends for it.
pub struct Pool {
    idle: Mutex<Idle>,
    keepalive: Duration,
}

#[derive(Default)]
struct Idle {
    /// The oldest first, with the time since which each is idle.
    lines: VecDeque<(Instant, Box<Line>)>,
    /// Whether somebody sees to those that grow old.
    tended: bool,
}

impl Pool {
    /// Keeps connections for so long.
    pub fn new(keepalive: Duration) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), keepalive })
    }

    /// For a request that cannot be sent twice: lets the system first tell its news of connections
    /// that have been idle for a while.
    pub async fn settle(&self) {
        let stale = |since: Instant| since.elapsed() > FRESH;
        if self.idle().lines.back().is_some_and(|(since, _)| stale(*since)) {
            // The runtime polls its sockets before it comes back to us.
            tokio::task::yield_now().await;
        }
    }

    /// Whether none is idle.
    pub fn is_empty(&self) -> bool {
        self.idle().lines.is_empty()
    }

    /// A connection that can take a request now.
    pub fn take(&self) -> Option<Box<Line>> {
        let mut idle = self.idle();
        while let Some((since, mut line)) = idle.lines.pop_back() {
            if since.elapsed() >= self.keepalive {
                // All others are older still.
                idle.lines.clear();
                return None;
            }
            if line.is_idle() {
                return Some(line);
            }
        }
        None
    }

    /// Takes back a connection whose answer has ended, if it can be used again.
    pub fn give_back(self: &Arc<Self>, mut line: Box<Line>) {
        if line.is_idle() {
            line.rest();
            self.keep(line);
        }
    }

    /// Keeps a connection that can be used again.
    pub fn keep(self: &Arc<Self>, line: Box<Line>) {
        if self.keepalive.is_zero() {
            return;
        }
        let mut idle = self.idle();
        if idle.lines.len() >= MOST {
            idle.lines.pop_front();
        }
        idle.lines.push_back((Instant::now(), line));
        if !std::mem::replace(&mut idle.tended, true) {
            tokio::spawn(Arc::clone(self).tend());
        }
    }

    /// Closes what has been idle for too long, until nothing is left to see to.
    async fn tend(self: Arc<Self>) {
        while let Some(oldest) = self.close_old() {
            tokio::time::sleep_until(oldest + self.keepalive).await;
        }
    }

    /// Since when the oldest is idle that may stay.
    fn close_old(&self) -> Option<Instant> {
        let mut idle = self.idle();
        while idle.lines.front().is_some_and(|(since, _)| since.elapsed() >= self.keepalive) {
            idle.lines.pop_front();
        }
        let oldest = idle.lines.front().map(|(since, _)| *since);
        idle.tended = oldest.is_some();
        oldest
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
