//! HTTP/2: what passes as it would by HTTP/1.1, what is refused, and what nobody may hold up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod answers;
mod ending;
mod fields;
mod floods;
mod kit;
mod requests;
mod waits;
