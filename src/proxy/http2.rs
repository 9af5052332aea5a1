//! HTTP/2 to a place that wants it.
//!
//! ```text
//! request ──▶ a seat in the depot ──▶ a stream on a trunk ──▶ head ──▶ flow
//! ```
//!
//! A `trunk` is a connection that many requests share, each as a stream; a task of its own drives it.
//! The `depot` has those of a worker, and a request takes a seat on one of them. Where all seats are
//! taken another trunk is opened, rather than waiting for one to be free: an event stream keeps its seat
//! for hours. While one is being opened, as many wait for it as are likely to find a seat there.
//!
//! In `exchange` a request becomes one of HTTP/2, and its body is pumped; the answer's body is a `flow`.
//! Every stream has its window, and a connection the sum of all of them: whoever takes nothing of an
//! answer keeps nobody else from theirs, and holds no more than the one window.

mod cut;
mod depot;
mod exchange;
pub mod fields;
mod flow;
mod outgoing;
mod pump;
mod trunk;

pub use cut::Cut;
pub use depot::Depot;
pub use exchange::{Fault, ask};
pub use flow::{Flow, poll_piece};
pub use outgoing::Outgoing;

/// The most requests that share a connection, whatever the other end allows.
const STREAMS: u32 = 100;
/// How much of an answer may come before the visitor has taken it.
const WINDOW: u32 = 256 << 10;
/// How much of a request's body the library may hold, and how much it is given at once.
const SEND_BUFFER: usize = 32 << 10;
const PIECE: usize = 16 << 10;
/// How much of a request's body is kept until there is an answer, in case it has to go once more.
const KEPT: usize = 64 << 10;
