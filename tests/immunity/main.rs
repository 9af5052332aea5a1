//! What went wrong in systems like this one, and must not here: one module for each class.
//!
//! Each test tries the whole class over real sockets: every character, position, spelling or method,
//! and not the one example that made the news. The names refer to published advisories.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod accounts;
mod believed;
mod confused;
mod edge;
mod hop;
mod identity;
mod invariants;
mod paths;
mod redirects;
mod short;
mod spelling;
mod values;
