//! Pandium's pages under an address of ours: what a visitor gets of them, and what Pandium gets of a
//! visitor. The stand-in is behind TLS, and both mounts are played.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod kit;
mod pages;
