//! The certificate of whoever connects, and for how long it counts.
//!
//! A connection may outlive the authorities by whose word it was let in, as nobody's is closed when
//! others take their place. So what was shown is held against the newest ones before it is believed
//! again.

use super::listener::Manner;
use crate::tls::{San, Shown};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// What was shown in a handshake.
pub struct Certificate {
    names: Vec<San>,
    shown: Shown,
    state: Mutex<State>,
}

struct State {
    /// The listener's.
    manner: watch::Receiver<Manner>,
    counts: bool,
}

impl Certificate {
    /// One that was good in a handshake in this manner.
    pub fn new(names: Vec<San>, shown: Shown, manner: watch::Receiver<Manner>) -> Self {
        Self { names, shown, state: Mutex::new(State { manner, counts: true }) }
    }

    /// The names in it, as far as it counts.
    pub fn names(&self) -> &[San] {
        if self.names.is_empty() || self.counts() { &self.names } else { &[] }
    }

    fn counts(&self) -> bool {
        // The connection's own, which its worker alone serves.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // An error means that nobody listens any more; what was the newest then still holds.
        if !matches!(state.manner.has_changed(), Ok(false)) {
            let newest = state.manner.borrow_and_update().clone();
            state.counts = newest.vouches_for(&self.shown);
        }
        state.counts
    }
}
