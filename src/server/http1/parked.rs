//! A connection on which nothing happens: a socket, a timer and a small task.

use crate::proxy::visitor::Visitor;
use crate::stream::Stream;
use bytes::Bytes;
use tokio::time::Instant;

/// A connection between requests.
pub struct Parked {
    /// It.
    pub visitor: Visitor,
    /// Whether somebody has looked at what has come, and wants more.
    pub seen: bool,
    /// Since when a head has been coming.
    pub head: Option<Instant>,
    /// When it is closed if nothing comes, or not the rest of a head.
    pub until: Instant,
}

impl Parked {
    /// A connection on which nothing was said.
    pub fn new(stream: Stream, until: Instant) -> Self {
        Self { visitor: Visitor::new(stream, Bytes::new()), seen: true, head: None, until }
    }

    /// One on which this was said, or which has ended.
    pub fn begun(stream: Stream, said: Bytes, until: Instant) -> Self {
        Self { visitor: Visitor::new(stream, said), seen: false, head: None, until }
    }
}
