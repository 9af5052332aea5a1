//! Numbers that only go up, each written by one thread and read by any.
//!
//! To count costs a load, an addition and a store, without a lock, an atomic read-modify-write or a
//! cache line that another thread writes to: whoever counts has cells of their own, and whoever
//! reads sums them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One number.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Adds to it. Two threads that did so at once would lose one of the two: a cell has one writer.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// What it has come to.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// So many cells in one piece of memory, which no other writer's share a cache line with.
pub fn cells(count: usize) -> Box<[Cell]> {
    // Whole cache lines: the allocator keeps those of one size apart by whole multiples of it.
    const LINE: usize = 64 / size_of::<Cell>();
    std::iter::repeat_with(Cell::default).take(count.next_multiple_of(LINE)).collect()
}

/// The upper bound of one bucket of a histogram.
#[derive(Debug)]
pub struct Bound {
    /// In seconds, as it is written in a label.
    pub le: &'static str,
    nanos: u64,
}

impl Bound {
    /// A bound at so many microseconds, which `le` says in seconds.
    pub const fn at(micros: u64, le: &'static str) -> Self {
        Self { le, nanos: micros * 1000 }
    }
}

/// How many cells a histogram with these bounds takes: its buckets, all above them, and the sum.
pub const fn width(bounds: &[Bound]) -> usize {
    bounds.len() + 2
}

/// Notes how long something took, in the cells of a histogram with these bounds.
pub fn observe(cells: &[Cell], bounds: &[Bound], took: Duration) {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    let bucket = bounds.iter().position(|bound| nanos <= bound.nanos).unwrap_or(bounds.len());
    for (at, more) in [(bucket, 1), (bounds.len() + 1, nanos)] {
        if let Some(cell) = cells.get(at) {
            cell.add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, cells, observe, width};
    use std::time::Duration;

    const BOUNDS: &[Bound] = &[Bound::at(10, "1e-05"), Bound::at(1000, "0.001")];

    #[test]
    fn what_took_as_long_as_a_bound_is_within_it() {
        let row = cells(width(BOUNDS));
        for nanos in [1, 10_000, 10_001, 1_000_000, 1_000_001] {
            observe(&row, BOUNDS, Duration::from_nanos(nanos));
        }
        let read: Vec<u64> = row.iter().take(4).map(super::Cell::get).collect();
        assert_eq!(read, [2, 2, 1, 2_020_003]);
    }

    #[test]
    fn a_row_fills_whole_cache_lines() {
        assert_eq!([1, 8, 9].map(|count| cells(count).len()), [8, 8, 16]);
    }
}
