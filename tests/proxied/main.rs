//! Pandium's pages under an address of ours: what a visitor gets of them, and what Pandium gets of a
//! visitor. The stand-in is behind TLS, and both mounts are played.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![allow(clippy::unnecessary_wraps, reason = "what a stand-in says is one `Answer` of many")]

#[path = "../harness/mod.rs"]
mod harness;

mod flows;
mod kit;
mod leaks;
mod malformed;
mod misdeeds;
mod pages;
mod sessions;
mod shared;
mod standin;
mod streams;
