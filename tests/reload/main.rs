//! A configuration takes the place of another while visitors come.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod adopt;
mod files;
mod kit;
mod load;
mod program;
mod tls;
