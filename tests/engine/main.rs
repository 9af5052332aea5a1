//! The engine between a visitor and an app, where one of them does not behave: over real sockets,
//! each misdeed with what has to come of it, and with the next request fine.
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
mod broken;
mod chunks;
mod descriptors;
mod early;
mod encrypted;
mod ending;
mod ends;
mod expect;
mod kit;
mod leavers;
mod lines;
mod pool;
mod queues;
mod raw;
mod readers;
mod requests;
mod rest;
mod trailers;
mod tunnels;
mod waits;
