//! Instruments: the log, what is counted, and by what a request is found again.

pub mod count;
pub mod exposition;
mod id;
pub mod log;
mod outlet;

pub use id::{Mark, RequestId, Trace};
