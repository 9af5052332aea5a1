//! How many connections there is room for, over all listeners and workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most who are told at one time that there is no room: whoever takes long to hear it must not cost
/// more than those for whom there is.
const FAREWELLS: usize = 256;

/// Room for so many.
#[derive(Clone)]
pub struct Room {
    /// One for each that may yet come.
    permits: Arc<Semaphore>,
    /// One for each that may yet be told that there is none.
    farewells: Arc<Semaphore>,
    limit: usize,
    turned_away: Arc<AtomicU64>,
}

/// What becomes of a connection, and what it holds for as long.
pub enum Admission {
    /// It is served.
    Served(OwnedSemaphorePermit),
    /// There is no room, and it is told so.
    Told(OwnedSemaphorePermit),
    /// There is not even room for that.
    Dropped,
}

impl Room {
    /// Nobody has come yet.
    pub fn new(limit: usize) -> Self {
        let [permits, farewells] = [limit, FAREWELLS].map(|many| Arc::new(Semaphore::new(many)));
        Self { permits, farewells, limit, turned_away: Arc::default() }
    }

    /// Lets one in, unless there are too many.
    pub fn admit(&self) -> Admission {
        let take = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().ok();
        if let Some(permit) = take(&self.permits) {
            return Admission::Served(permit);
        }
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        take(&self.farewells).map_or(Admission::Dropped, Admission::Told)
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

#[cfg(test)]
mod tests {
    use super::{Admission, FAREWELLS, Room};

    #[test]
    fn who_is_turned_away_takes_up_no_more_room_than_that() {
        let room = Room::new(1);
        let Admission::Served(served) = room.admit() else { panic!("there is room") };
        let told: Vec<_> = (0..FAREWELLS).map(|_| room.admit()).collect();
        assert!(told.iter().all(|admission| matches!(admission, Admission::Told(_))));
        assert!(matches!(room.admit(), Admission::Dropped));
        assert_eq!((room.open(), room.turned_away()), (1, FAREWELLS as u64 + 1));
        drop(told);
        assert!(matches!(room.admit(), Admission::Told(_)));
        drop(served);
        assert!(matches!(room.admit(), Admission::Served(_)));
    }
}
