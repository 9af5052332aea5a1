//! `session.from: jwt`: tokens of others that say who a visitor is, true ones and forged ones.
//!
//! Keys are made anew in each run, and tokens are put together by hand: a library that makes them
//! would not make the wrong ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod examples;
mod fetched;
mod file;
mod issuer;
mod keys;
mod requests;
mod verifier;
