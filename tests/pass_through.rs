//! What is not ours goes to the app and back as if nobody stood between: over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

#[path = "pass_through/bodies.rs"]
mod bodies;
#[path = "pass_through/failures.rs"]
mod failures;
#[path = "pass_through/heads.rs"]
mod heads;
#[path = "pass_through/life.rs"]
mod life;
#[path = "pass_through/warm.rs"]
mod warm;
