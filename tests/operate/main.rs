//! What an operator sees of the program, and what they can do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "a test may panic, and what is counted is whole"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod again;
mod ask;
mod counted;
mod decided;
mod ledgers;
mod named;
mod outputs;
mod started;
mod unanswered;
mod watched;
