//! Instruments: the log, what is counted, and by what a request is found again.

pub mod clock;
pub mod count;
pub mod exposition;
mod id;
mod line;
pub mod log;
mod outlet;

pub use id::{Mark, RequestId, Trace};
