//! TLS: to the app and to those that we ask, over real sockets, with certificates of every kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod asked;
mod file;
mod listen;
mod refused;
mod served;
mod server;
mod upstream;
