//! How many connections there is room for, over all listeners and workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many.
#[derive(Clone)]
pub struct Room {
    /// One for each that may yet come.
    permits: Arc<Semaphore>,
    limit: usize,
    turned_away: Arc<AtomicU64>,
}

impl Room {
    /// Nobody has come yet.
    pub fn new(limit: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)), limit, turned_away: Arc::default() }
    }

    /// Lets one in, unless there are too many.
    pub fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        if permit.is_none() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        permit
    }

    /// The most at one time.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.limit.saturating_sub(self.permits.available_permits())
    }

    /// How many were turned away.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}
